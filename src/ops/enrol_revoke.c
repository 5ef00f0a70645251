/* Revoking enrolment tokens and listed endorsement certificates together. */
#include "ops/enrol_revoke.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "domain/endorsement.h"
#include "domain/enrolment.h"

enum coffer_err enrol_revoke(struct txn *txn, const char *maker, struct enrol_revoked *out, struct reason *reason)
{
	enum coffer_err err = enrolment_revoke_open(txn_store(txn), txn_ring(txn), maker, clock_date_s() * 1000, &out->tokens);
	if (!err) err = endorsement_erase_open(txn_store(txn), txn_ring(txn), maker, &out->certificates);
	return err ? reason_default(reason, err, "the records of the enrolment tokens and endorsement certificates, which end with this, cannot be changed: %s", err_text(err)) : ERR_OK;
}

enum coffer_err enrol_revoke_with(struct op_ctx *ctx, const char *maker)
{
	struct enrol_revoked count;
	TRY(enrol_revoke(ctx->txn, maker, &count, &ctx->reason));
	size_t len = strlen(ctx->detail);
	if (count.tokens) snprintf(ctx->detail + len, sizeof ctx->detail - len, "; %u enrolment token(s) revoked with it", count.tokens);
	len = strlen(ctx->detail);
	if (count.certificates) snprintf(ctx->detail + len, sizeof ctx->detail - len, "; %u endorsement certificate(s) not listed any more", count.certificates);
	return ERR_OK;
}
