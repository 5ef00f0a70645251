/* Token Test: a fresh canary through the token, timed. */
#include "base/clock.h"
#include "kmip/tags.h"
#include "ops/tables.h"
#include "ops/token_of.h"

#define WAIT_MS 15000u

enum coffer_err op_token_test(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(ttlv_done(payload));
	struct token_proxy *proxy = token_of(ctx->engine);
	if (!proxy) return reason_fail(&ctx->reason, ERR_UNINITIALISED, "there is no token yet; 'coffer init' chooses one");
	uint64_t start_ms = clock_mono_ms();
	TRY(token_proxy_probe_now(proxy, WAIT_MS, &ctx->reason));
	ttlv_put_i32(out, TAG_COFFER_ELAPSED_MS, (int32_t)(clock_mono_ms() - start_ms + 1));
	return ERR_OK;
}
