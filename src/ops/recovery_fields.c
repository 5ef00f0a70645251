/* Shares and passphrases in payloads. */
#include "ops/recovery_fields.h"

#include "kmip/tags.h"

enum coffer_err recovery_proofs_take(struct op_ctx *ctx, struct ttlv_cursor *payload, struct recovery_proofs *out)
{
	bool has = false;
	out->count = 0;
	while (ttlv_peek_tag(payload) == TAG_COFFER_SHARE) {
		if (out->count == RECOVERY_PROOFS_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "there are at most %u shares", RECOVERY_PROOFS_MAX);
		TRY(ttlv_take_text(payload, TAG_COFFER_SHARE, &out->views[out->count]));
		out->count++;
	}
	struct view passphrase = view_of(NULL, 0);
	TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_PASSPHRASE, &passphrase, &has));
	TRY(ttlv_done(payload));
	out->is_passphrase = has;
	if (!has) return ERR_OK;
	if (out->count) return reason_fail(&ctx->reason, ERR_FIELD, "give shares, or a passphrase, not both");
	out->views[0] = passphrase;
	out->count = 1;
	return ERR_OK;
}

void recovery_mode_put(struct writer *out, const struct stanza *stanza)
{
	ttlv_put_i32(out, TAG_COFFER_RECOVERY_MODE, (int32_t)stanza->mode);
	if (stanza->mode != STANZA_SHARES) return;
	ttlv_put_i32(out, TAG_COFFER_SHARE_COUNT, stanza->shares.n);
	ttlv_put_i32(out, TAG_COFFER_SHARE_THRESHOLD, stanza->shares.k);
}
