/* Fields that the operations about the recovery key share. */
#ifndef COFFER_OPS_RECOVERY_FIELDS_H
#define COFFER_OPS_RECOVERY_FIELDS_H

#include "ops/op.h"
#include "ops/recovery_change.h"

#define RECOVERY_PROOFS_MAX 255u

/* Shares, or a passphrase, or nothing; views borrow the request. */
struct recovery_proofs {
	struct view views[RECOVERY_PROOFS_MAX];
	unsigned count;
	bool is_passphrase; /* then count is 1 */
};

/* To the end of the payload. ERR_LIMIT, ERR_FIELD. */
enum coffer_err recovery_proofs_take(struct op_ctx *ctx, struct ttlv_cursor *payload, struct recovery_proofs *out) MUST_USE;
/* Recovery Mode, Share Count and Share Threshold of a stanza. */
void recovery_mode_put(struct writer *out, const struct stanza *stanza);

#endif
