/* Init: makes a domain in memory and hands out its recovery shares. */
#include <stdio.h>
#include <string.h>

#include "kmip/tags.h"
#include "ops/init_flow.h"
#include "ops/tables.h"

static enum coffer_err read_recovery(struct op_ctx *ctx, struct ttlv_cursor *payload, struct init_wish *wish)
{
	int32_t mode, count = 0, threshold = 0;
	bool has_count = false, has_passphrase = false;
	TRY(ttlv_take_i32(payload, TAG_COFFER_RECOVERY_MODE, &mode));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_SHARE_COUNT, &count, &has_count));
	if (has_count) TRY(ttlv_take_i32(payload, TAG_COFFER_SHARE_THRESHOLD, &threshold));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_PASSPHRASE, &wish->passphrase, &has_passphrase));
	TRY(ttlv_done(payload));
	if (mode < INIT_RECOVERY_SHARES || mode > INIT_RECOVERY_NONE)
		return reason_fail(&ctx->reason, ERR_FIELD, "choose a way of recovery: shares, a passphrase, or none");
	if (has_count != (mode == INIT_RECOVERY_SHARES) || has_passphrase != (mode == INIT_RECOVERY_PASSPHRASE))
		return reason_fail(&ctx->reason, ERR_FIELD, "number of shares and passphrase go with their own way of recovery");
	if (has_count && (count < 1 || threshold < 1))
		return reason_fail(&ctx->reason, ERR_FIELD, "take 1 to 255 shares and a threshold from 1 to their number");
	wish->recovery = (enum init_recovery)mode;
	wish->shares = (unsigned)count;
	wish->threshold = (unsigned)threshold;
	return ERR_OK;
}

/* An empty URI is that of the configuration. */
static enum coffer_err read_uri(struct op_ctx *ctx, struct ttlv_cursor *payload, struct init_wish *wish)
{
	struct view uri;
	TRY(ttlv_take_text(payload, TAG_COFFER_TOKEN_URI, &uri));
	if (uri.len == 0) uri = view_str(ctx->engine->config->token);
	if (uri.len == 0 || uri.len > TOKEN_URI_MAX)
		return reason_fail(&ctx->reason, ERR_USAGE, "a token URI has 1 to %u bytes: tpm2:… or pkcs11:…", TOKEN_URI_MAX);
	memcpy(wish->token_uri, uri.ptr, uri.len);
	return ERR_OK;
}

/* One line for people: which key in which device. */
static void put_token(struct writer *out, const struct token_info *info)
{
	char text[sizeof *info + 64];
	snprintf(text, sizeof text, "%s %s %s %s: %s, wraps with %s, %s%s%s", info->kind, info->manufacturer, info->model, info->serial,
		info->master_secret, info->mechanism, info->made_here ? "made here" : "adopted", info->warning[0] ? "; " : "", info->warning);
	ttlv_put_str(out, TAG_COFFER_TOKEN_KEY_LABEL, text);
}

static void put_answer(struct writer *out, const struct init_pending *p)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	domain_fingerprint_text(&p->identity.domain, fingerprint);
	ttlv_put_bytes(out, TAG_COFFER_INIT_ID, view_of(p->init_id, sizeof p->init_id));
	ttlv_put_str(out, TAG_COFFER_FINGERPRINT, fingerprint);
	put_token(out, &p->info);
	ttlv_put_bytes(out, TAG_COFFER_DOMAIN_ID, view_of(p->identity.domain.id, UUID_LEN));
	ttlv_put_bytes(out, TAG_COFFER_NODE_ID, view_of(p->identity.domain.node_id, UUID_LEN));
	for (unsigned i = 0; i < p->shares; i++) ttlv_put_text(out, TAG_COFFER_SHARE, buf_view(&p->texts[i]));
}

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct init_wish wish = { .shares = 0 };
	TRY(init_check_new(ctx->engine, &ctx->reason));
	TRY(read_uri(ctx, payload, &wish));
	TRY(read_recovery(ctx, payload, &wish));
	TRY(init_begin(ctx->engine, ctx->principal, &wish, &ctx->reason));
	put_answer(out, ctx->engine->pending);
	init_forget_texts(ctx->engine->pending);
	return ERR_OK;
}

enum coffer_err op_init(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	pthread_mutex_lock(&ctx->engine->admin_lock);
	enum coffer_err err = run(ctx, payload, out);
	pthread_mutex_unlock(&ctx->engine->admin_lock);
	return err;
}
