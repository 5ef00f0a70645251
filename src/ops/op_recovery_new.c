/* Recovery New: makes a new recovery key in memory and hands out its shares. */
#include <stdio.h>
#include <string.h>

#include "kmip/tags.h"
#include "ops/quorum_ask.h"
#include "ops/recovery_change.h"
#include "ops/tables.h"

static enum coffer_err read_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct recovery_wish *wish)
{
	int32_t mode, count = 0, threshold = 0;
	bool has_count = false, has_passphrase = false;
	TRY(ttlv_take_i32(payload, TAG_COFFER_RECOVERY_MODE, &mode));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_SHARE_COUNT, &count, &has_count));
	if (has_count) TRY(ttlv_take_i32(payload, TAG_COFFER_SHARE_THRESHOLD, &threshold));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_PASSPHRASE, &wish->passphrase, &has_passphrase));
	TRY(ttlv_done(payload));
	if (mode != STANZA_SHARES && mode != STANZA_PASSPHRASE)
		return reason_fail(&ctx->reason, ERR_FIELD, "choose a way of recovery: shares or a passphrase");
	if (has_count != (mode == STANZA_SHARES) || has_passphrase != (mode == STANZA_PASSPHRASE))
		return reason_fail(&ctx->reason, ERR_FIELD, "number of shares and passphrase go with their own way of recovery");
	if (has_count && (threshold < 1 || count < threshold || count > (int32_t)SHAMIR_SHARES_MAX))
		return reason_fail(&ctx->reason, ERR_FIELD, "take 1 to 255 shares and a threshold from 1 to their number");
	wish->mode = (enum stanza_mode)mode;
	wish->shares = (unsigned)count;
	wish->threshold = (unsigned)threshold;
	return ERR_OK;
}

static void put_answer(struct op_ctx *ctx, const struct recovery_change *c, struct writer *out)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	domain_fingerprint_text(&ctx->engine->domain, fingerprint);
	ttlv_put_bytes(out, TAG_COFFER_RECOVERY_CHANGE_ID, view_of(c->id, sizeof c->id));
	ttlv_put_str(out, TAG_COFFER_FINGERPRINT, fingerprint);
	ttlv_put_str(out, TAG_COFFER_RECOVERY_SET, c->set);
	for (unsigned i = 0; c->texts && i < c->wish.shares; i++) ttlv_put_text(out, TAG_COFFER_SHARE, buf_view(&c->texts[i]));
	size_t len = strlen(ctx->detail); /* who approved it */
	snprintf(ctx->detail + len, sizeof ctx->detail - len, "%sset %s, not in force before it is confirmed", len ? "; " : "", c->set);
}

static enum coffer_err ask(struct op_ctx *ctx, const struct recovery_wish *wish)
{
	char act[96];
	if (wish->mode == STANZA_PASSPHRASE) return quorum_ask(ctx, "make a new recovery key, under a passphrase");
	snprintf(act, sizeof act, "make a new recovery key: any %u of %u shares", wish->threshold, wish->shares);
	return quorum_ask(ctx, act);
}

enum coffer_err op_recovery_new(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct recovery_wish wish = { .shares = 0 };
	TRY(read_wish(ctx, payload, &wish));
	wish.administrators = quorum_needed(ctx->engine->quorum); /* before it is asked for: more may be needed by then, never fewer than it was asked for */
	TRY(ask(ctx, &wish));
	TRY(recovery_change_begin(ctx->engine, ctx->principal, &wish, &ctx->reason));
	quorum_done(ctx);
	put_answer(ctx, ctx->engine->recovery_change, out);
	recovery_change_forget_texts(ctx->engine->recovery_change);
	return ERR_OK;
}
