/* Revoking enrolment tokens together. */
#include "ops/enrol_revoke.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "domain/enrolment.h"

enum coffer_err enrol_revoke(struct txn *txn, const char *maker, unsigned *out, struct reason *reason)
{
	enum coffer_err err = enrolment_revoke_open(txn_store(txn), txn_ring(txn), maker, clock_date_s() * 1000, out);
	return err ? reason_default(reason, err, "the records of the enrolment tokens, which end with this, cannot be changed: %s", err_text(err)) : ERR_OK;
}

enum coffer_err enrol_revoke_with(struct op_ctx *ctx, const char *maker)
{
	unsigned count;
	size_t len = strlen(ctx->detail);
	TRY(enrol_revoke(ctx->txn, maker, &count, &ctx->reason));
	if (count) snprintf(ctx->detail + len, sizeof ctx->detail - len, "; %u enrolment token(s) revoked with it", count);
	return ERR_OK;
}
