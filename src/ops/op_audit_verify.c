/* Audit Verify: every link of the chain from the first record that the store has. */
#include "kmip/tags.h"
#include "ops/tables.h"

enum coffer_err op_audit_verify(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	uint64_t bad;
	TRY(ttlv_done(payload));
	ENSURE(ctx->engine->audit, ERR_SEALED);
	TRY(audit_verify(ctx->engine->audit, ctx->txn, &bad, &ctx->reason));
	ttlv_put_i64(out, TAG_COFFER_AUDIT_FROM, (int64_t)audit_chain_base(ctx->engine->audit)->seq + 1);
	ttlv_put_i64(out, TAG_COFFER_AUDIT_LENGTH, (int64_t)audit_chain_length(ctx->engine->audit));
	return ERR_OK;
}
