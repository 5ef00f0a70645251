/* What is done while calls fail. */
#ifndef COFFER_TESTS_FAULT_SCENARIO_H
#define COFFER_TESTS_FAULT_SCENARIO_H

#include "fault/fault.h"
#include "fault/house.h"

#define AT(place) (1u << FAULT_AT_##place)
/* Whatever the store thread and the workers do. */
#define AT_HOUSE (AT(HEAP) | AT(ARENA) | AT(OPENSSL) | AT(SQLITE) | AT(DISK) | AT(EINTR) | AT(SHORT) | AT(RANDOM))

/* All functions run aside; what they call steps back into the faults' way (house_send does). k is another number for every round of a place.
 * A round is: prepare, arm, run, disarm; when the run failed, run again, which must succeed; judge; clean. */
struct scenario {
	const char *name;
	unsigned places;                             /* AT(…) that it can meet */
	unsigned stride;                             /* behind the first: every so manieth n, where a round takes long; 0: each. COFFER_FAULT_ALL=1: each */
	unsigned each;                               /* how many of the first; 0: 40 */
	unsigned rounds;                             /* of one place; then it is closed and a new one opened */
	void *(*open)(void);
	void (*prepare)(void *place, unsigned k);    /* may be NULL */
	enum coffer_err (*run)(void *place, unsigned k);
	void (*judge)(void *place, unsigned k);      /* after success; may be NULL */
	void (*end)(void *place);                    /* before close: what a round may not leave behind */
	void (*close)(void *place);
};

extern const struct scenario house_scenarios[];  /* each ends with a NULL name */
extern const struct scenario crypt_scenarios[];
extern const struct scenario other_scenarios[];
extern const struct scenario init_scenarios[];
extern const struct scenario backup_scenarios[];
extern const struct scenario token_scenarios[];
extern const struct scenario quorum_scenarios[];
extern const struct scenario recovery_scenarios[];
extern const struct scenario audit_scenarios[];
extern const struct scenario rotation_scenarios[];
extern const struct scenario master_scenarios[];
extern const struct scenario open_scenarios[];
extern const struct scenario end_scenarios[];

#endif
