/* RNG Seed (KMIP 1.4 section 4.36): bytes that a client would like to see in the generator. The key rng_seed says what becomes of them. */
#include "crypto/rng.h"
#include "kmip/tags.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

#define SEED_MAX 65536u

static enum coffer_err mix(struct view seed)
{
	for (size_t at = 0; at < seed.len; at += RNG_MIX_MAX) {
		size_t left = seed.len - at;
		TRY(rng_mix(view_of(seed.ptr + at, left < RNG_MIX_MAX ? left : RNG_MIX_MAX)));
	}
	return ERR_OK;
}

enum coffer_err op_rng_seed(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	const struct config *config = ctx->engine->config;
	struct view seed;
	TRY(ttlv_take_bytes(payload, TAG_DATA, &seed));
	TRY(kmip_end(ctx, payload));
	if (seed.len < 1 || seed.len > SEED_MAX) return reason_fail(&ctx->reason, ERR_FIELD, "give 1 to %u bytes of seed at a time", SEED_MAX);
	if (config->rng_seed == CONFIG_SEED_REFUSE)
		return reason_fail(&ctx->reason, ERR_DENIED, "this server takes no seed; its generator needs none (configuration key rng_seed)");
	if (config->rng_seed == CONFIG_SEED_ACCEPT) TRY(mix(seed));
	ttlv_put_i32(out, TAG_DATA_LENGTH, config->rng_seed == CONFIG_SEED_ACCEPT ? (int32_t)seed.len : 0);
	return ERR_OK;
}
