/* RNG Retrieve (KMIP 1.4 section 4.35): random bytes of the domain's generator. */
#include "kmip/tags.h"
#include "ops/tables.h"

#define RANDOM_MAX 65536

enum coffer_err op_rng_retrieve(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	int32_t len;
	TRY(ttlv_take_i32(payload, TAG_DATA_LENGTH, &len));
	TRY(ttlv_done(payload));
	if (len < 1 || len > RANDOM_MAX)
		return reason_fail(&ctx->reason, ERR_FIELD, "ask for 1 to %d random bytes at a time", RANDOM_MAX);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_DATA, (size_t)len);
	TRY(writer_done(out));
	TRY(rng_pool_bytes(op_local_rng(ctx->local), space.ptr, (size_t)len));
	ttlv_commit_bytes(out, space, (size_t)len);
	return ERR_OK;
}
