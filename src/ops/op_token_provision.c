/* Token Provision: makes or adopts a master secret before init, and shows what init would use. */
#include "ops/init_flow.h"
#include "ops/tables.h"
#include "ops/token_of.h"

static void free_proxy(struct token_proxy **proxy)
{
	token_proxy_free(*proxy);
}

static enum coffer_err provision(struct engine *engine, const char *uri, struct token_info *out, struct reason *reason)
{
	struct token_binding binding;
	__attribute__((cleanup(free_proxy))) struct token_proxy *proxy = NULL;
	struct token_proxy_config config = {
		.uri = uri, .spawner = engine->spawner, .deadline_ms = engine->config->token_deadline_ms,
		.probe_interval_ms = engine->config->token_probe_interval_ms,
	};
	TRY(token_proxy_new(&config, &proxy, reason));
	TRY(token_proxy_provision(proxy, &binding, reason));
	return token_proxy_describe(proxy, out, reason);
}

/* Not beside an init that waits for its proof: it has the token open. */
enum coffer_err op_token_provision(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char uri[TOKEN_URI_MAX + 1];
	struct token_info info;
	TRY(token_uri_take(ctx, payload, uri));
	TRY(ttlv_done(payload));
	TRY(init_check_new(ctx->engine, &ctx->reason));
	if (ctx->engine->pending) return reason_fail(&ctx->reason, ERR_BUSY, "an init waits for its proof; finish it first");
	TRY(provision(ctx->engine, uri, &info, &ctx->reason));
	token_line_put(out, &info);
	return ERR_OK;
}
