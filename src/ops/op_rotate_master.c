/* Rotate Master: another master secret, in this token or another one. */
#include <string.h>

#include "base/log.h"
#include "kmip/tags.h"
#include "ops/rotation_master.h"
#include "ops/tables.h"
#include "ops/token_of.h"
#include "token/login.h"

static enum coffer_err take_wish(struct op_ctx *ctx, struct ttlv_cursor *payload, struct master_wish *wish)
{
	struct ttlv_item item;
	struct view uri = { NULL, 0 };
	bool present = false;
	TRY(ttlv_take_optional(payload, TAG_COFFER_TOKEN_URI, &item, &present));
	if (present) TRY(ttlv_get_text(&item, &uri));
	if (uri.len > TOKEN_URI_MAX || (uri.len && memchr(uri.ptr, 0, uri.len))) return reason_fail(&ctx->reason, ERR_USAGE, "a token URI has at most %u bytes", TOKEN_URI_MAX);
	if (uri.len) memcpy(wish->uri, uri.ptr, uri.len);
	TRY(ttlv_take_optional(payload, TAG_COFFER_FORGET_OLD, &item, &present));
	if (present) TRY(ttlv_get_bool(&item, &wish->forget_old));
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_TOKEN_PIN, &wish->pin, NULL));
	if (wish->pin.len > TOKEN_PIN_MAX) return reason_fail(&ctx->reason, ERR_FIELD, "a PIN has at most %u bytes", TOKEN_PIN_MAX);
	return ttlv_done(payload);
}

static void put_old(struct writer *out, const struct master_change *change)
{
	char text[REASON_MAX];
	master_old_say(change->old, change->old_sentence, text, sizeof text);
	ttlv_put_str(out, TAG_COFFER_OLD_MASTER, text);
}

enum coffer_err op_rotate_master(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct master_wish wish = { .principal = ctx->principal->text };
	struct master_change change;
	TRY(take_wish(ctx, payload, &wish));
	TRY(rotation_master(ctx->engine, &wish, &change, &ctx->reason));
	log_info("the master secret was changed by %s", ctx->principal->text);
	token_line_put(out, &change.info);
	put_old(out, &change);
	return ERR_OK;
}
