/* Two administrators: acts that wait for the second one's yes (docs/formats.md section 22). In memory alone: what waits is gone when the process ends.
 * Any thread. */
#ifndef COFFER_ACCESS_QUORUM_H
#define COFFER_ACCESS_QUORUM_H

#include <stdbool.h>
#include <stdint.h>

#include "access/principal.h"

#define QUORUM_ID_TEXT 10u                       /* "ABCD-EFGH" with NUL: 40 random bits */
#define QUORUM_ACT_MAX 1536u                     /* bytes of the words that say what is to be done */
#define QUORUM_PENDING_MAX 32u                   /* acts that wait at a time */
#define QUORUM_PENDING_OF_ONE 8u                 /* of one principal */
#define QUORUM_LIFETIME_MS (60u * 60u * 1000u)   /* from the first try to its end, approved or not */

struct quorum;

/* One act that waits. Plain value. */
struct quorum_act {
	char id[QUORUM_ID_TEXT];
	char asker[PRINCIPAL_MAX + 1];
	char act[QUORUM_ACT_MAX + 1];
	char approver[PRINCIPAL_MAX + 1]; /* "" until somebody approved */
	bool in_use;                      /* it is being done: quorum_use */
	uint64_t ends_mono_ms;
};

/* NULL: memory. needed begins as 1. */
struct quorum *quorum_new(void);
void quorum_free(struct quorum *q);

/* How many administrators the acts need: 1 or 2. */
unsigned quorum_needed(struct quorum *q);
void quorum_set_needed(struct quorum *q, unsigned needed); /* NULL: nothing */

/* The act of this asker that is not being done just now, put down when it is new (then and until it is approved: out->approver is ""). ERR_LIMIT: too many wait; ERR_CRYPTO: no
 * random id; ERR_FIELD: act is empty or longer than QUORUM_ACT_MAX. */
enum coffer_err quorum_find(struct quorum *q, const char *asker, const char *act, struct quorum_act *out) MUST_USE;
/* From then on the approval is for nobody else: what uses it ends by quorum_take when it was done, or by quorum_let. ERR_NOT_FOUND: it is not there any more, or in
 * use already. */
enum coffer_err quorum_use(struct quorum *q, const char *id) MUST_USE;
void quorum_let(struct quorum *q, const char *id);
/* The approval is used up. */
void quorum_take(struct quorum *q, const char *id);
/* ERR_NOT_FOUND: no such act, or its hour is over; ERR_DENIED: the asker is no second administrator; ERR_EXISTS: approved already. id in either case, '-' or not. */
enum coffer_err quorum_approve(struct quorum *q, struct view id, const char *approver, struct quorum_act *out) MUST_USE;
/* The act that approve would be about, untouched. ERR_NOT_FOUND. */
enum coffer_err quorum_look(struct quorum *q, struct view id, struct quorum_act *out) MUST_USE;
/* What waits, oldest first: the i-th. False: there are no more, or q is NULL. */
bool quorum_at(struct quorum *q, size_t i, struct quorum_act *out);

#endif
