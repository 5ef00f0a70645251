/* The token proxy of the node. */
#include "ops/token_of.h"

#include <stdio.h>
#include <string.h>

#include "kmip/tags.h"

struct token_proxy *token_of(struct engine *engine)
{
	enum engine_state state = engine_state_get(engine);
	if (state == ENGINE_UNINITIALISED || state == ENGINE_STARTING) return NULL;
	return __atomic_load_n(&engine->token, __ATOMIC_ACQUIRE); /* from then on it is the same until the process ends */
}

void token_set(struct engine *engine, struct token_proxy *proxy)
{
	__atomic_store_n(&engine->token, proxy, __ATOMIC_RELEASE);
}

static enum coffer_err give_pin(struct token_proxy *proxy, struct view pin, struct reason *reason)
{
	AUTO_SECRET struct secret *secret = secret_copy(pin.ptr, pin.len);
	ENSURE(secret, ERR_MEMORY);
	return token_proxy_unlock(proxy, &secret, reason);
}

enum coffer_err token_begin(struct engine *engine, const char *uri, const struct token_binding *binding, struct view pin, struct token_proxy **out, struct reason *reason)
{
	struct token_proxy *proxy = NULL;
	struct token_proxy_config config = {
		.uri = uri, .binding = binding, .spawner = engine->spawner, .deadline_ms = engine->config->token_deadline_ms,
		.probe_interval_ms = engine->config->token_probe_interval_ms, .on_health = engine->token_changed, .on_health_arg = engine->daemon,
		.attended = pin.len > 0,
	};
	TRY(token_proxy_new(&config, &proxy, reason));
	enum coffer_err err = pin.len ? give_pin(proxy, pin, reason) : ERR_OK;
	if (err) token_proxy_free(proxy);
	else *out = proxy;
	return err;
}

enum coffer_err token_uri_take(struct op_ctx *ctx, struct ttlv_cursor *payload, char out[static TOKEN_URI_MAX + 1])
{
	struct view uri;
	TRY(ttlv_take_text(payload, TAG_COFFER_TOKEN_URI, &uri));
	if (uri.len == 0) uri = view_str(ctx->engine->config->token);
	if (uri.len == 0)
		return reason_fail(&ctx->reason, ERR_USAGE, "no token is named: add --token tpm2:… or --token pkcs11:…, or a line 'token = …' to the configuration");
	if (uri.len > TOKEN_URI_MAX)
		return reason_fail(&ctx->reason, ERR_USAGE, "a token URI has 1 to %u bytes: tpm2:… or pkcs11:…", TOKEN_URI_MAX);
	memcpy(out, uri.ptr, uri.len);
	out[uri.len] = '\0';
	return ERR_OK;
}

void token_line_put(struct writer *out, const struct token_info *info)
{
	char text[sizeof *info + 64];
	snprintf(text, sizeof text, "%s %s %s %s: %s, wraps with %s, %s%s%s", info->kind, info->manufacturer, info->model, info->serial,
		info->master_secret, info->mechanism, info->made_here ? "made here" : "adopted", info->warning[0] ? "; " : "", info->warning);
	ttlv_put_str(out, TAG_COFFER_TOKEN_KEY_LABEL, text);
}
