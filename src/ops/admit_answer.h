/* What the master server does with a request to join, whoever or whatever approved it (docs/formats.md section 23.3, step 3). Store lane, in a fenced transaction. */
#ifndef COFFER_OPS_ADMIT_ANSWER_H
#define COFFER_OPS_ADMIT_ANSWER_H

#include "domain/admit.h"
#include "ops/engine.h"

/* Judges the row and answers it with all that this node knows: admit(). typed: DOMAIN_FINGERPRINT_LEN bytes, NULL where the evidence decides; principal: NULL with evidence, whose maker it
 * is then. Appends the new row to *out_row, which the caller puts. */
enum coffer_err admit_answer(struct engine *engine, struct txn *txn, struct view row, const uint8_t *typed, const char *principal, struct admitted *out, struct buf *out_row,
	struct reason *reason) MUST_USE;

/* ---- requests that need nobody's yes ---- */

/* The next request that waits for the master server, shows an enrolment token or an endorsement certificate, and stands under its own node id: the first behind node_id, in and out, else the first of all, so that one that has to wait keeps no other. False:
 * there is none. Store thread, outside a transaction; errors of the store. */
enum coffer_err admit_waits(struct store *store, uint8_t node_id[static UUID_LEN], bool *out) MUST_USE;

/* One such request, and what became of it. */
struct admit_one {
	uint8_t node_id[UUID_LEN];         /* in */
	bool refused, done;                /* neither: it is not there any more, or not for this, or its TPM was challenged */
	char said[REASON_MAX];             /* of both, for log and alert */
};
/* Challenges it where that is due, answers it, or writes down why it is refused; an answer and a refusal are audited. For a transaction: arg is a struct admit_one. ERR_STATE: this node is not master server; errors of the store. */
enum coffer_err admit_one(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;

#endif
