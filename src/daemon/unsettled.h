/* Changes whose outcome nobody could be told: each client asks again under its request id, and for people the log and the audit log list them, when it is known what became of them.
 * Of the store thread. */
#ifndef COFFER_DAEMON_UNSETTLED_H
#define COFFER_DAEMON_UNSETTLED_H

#include "audit/chain.h"
#include "ops/dispatch.h"

#define UNSETTLED_MAX 64u      /* what comes while there are so many is only counted */
#define UNSETTLED_WHO 64u      /* bytes of a principal's name that are kept */

struct unsettled_change {
	uint64_t seq;              /* of the newest audit row of its request */
	uint32_t operation;
	bool has_request_id;
	bool known, made;          /* what became of it was read; and that */
	uint8_t request_id[16];
	char principal[UNSETTLED_WHO + 1];
};

/* All zeros: there are none. */
struct unsettled {
	struct unsettled_change changes[UNSETTLED_MAX];
	size_t count;
	uint64_t more;             /* that are not in the list */
};

/* A request that was just answered as of unknown outcome; each change in it is listed, and logged. One that changes nothing is left out. */
void unsettled_note(struct unsettled *u, const struct request *r);
/* The store is open again, and nothing was written since: this node's audit log has `durable` records. */
void unsettled_know(struct unsettled *u, uint64_t durable);
/* An audit record for each that is known, and one for those that were only counted; of a transaction of the caller's. Errors: those of audit_append. */
enum coffer_err unsettled_append(const struct unsettled *u, struct audit_chain *audit, struct txn *txn) MUST_USE;
/* That transaction is durable: they are logged, and forgotten. */
void unsettled_told(struct unsettled *u);

#endif
