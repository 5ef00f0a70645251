/* Init: makes a domain in memory and hands out its recovery shares. */

#include "kmip/tags.h"
#include "ops/init_flow.h"
#include "ops/tables.h"
#include "ops/token_of.h"

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

static void put_answer(struct writer *out, const struct init_pending *p)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	domain_fingerprint_text(&p->identity.domain, fingerprint);
	ttlv_put_bytes(out, TAG_COFFER_INIT_ID, view_of(p->init_id, sizeof p->init_id));
	ttlv_put_str(out, TAG_COFFER_FINGERPRINT, fingerprint);
	token_line_put(out, &p->info);
	ttlv_put_bytes(out, TAG_COFFER_DOMAIN_ID, view_of(p->identity.domain.id, UUID_LEN));
	ttlv_put_bytes(out, TAG_COFFER_NODE_ID, view_of(p->identity.domain.node_id, UUID_LEN));
	for (unsigned i = 0; i < p->shares; i++) ttlv_put_text(out, TAG_COFFER_SHARE, buf_view(&p->texts[i]));
}

enum coffer_err op_init(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct init_wish wish = { .shares = 0 };
	TRY(init_check_new(ctx->engine, &ctx->reason));
	TRY(token_uri_take(ctx, payload, wish.token_uri));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_TOKEN_PIN, &wish.pin, NULL));
	TRY(read_recovery(ctx, payload, &wish));
	TRY(init_begin(ctx->engine, ctx->principal, &wish, &ctx->reason));
	put_answer(out, ctx->engine->pending);
	init_forget_texts(ctx->engine->pending);
	return ERR_OK;
}
