/* Init Confirm: the proof that the recovery is in people's hands; then the domain is written and opens. */
#include "kmip/tags.h"
#include "ops/init_flow.h"
#include "ops/tables.h"

#define PROOFS_MAX 255u

static enum coffer_err read_proofs(struct op_ctx *ctx, struct ttlv_cursor *payload, enum init_recovery recovery, struct view *proofs,
	unsigned *out_count)
{
	unsigned count = 0;
	while (recovery == INIT_RECOVERY_SHARES && ttlv_peek_tag(payload) == TAG_COFFER_SHARE) {
		if (count == PROOFS_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "there are at most %u shares", PROOFS_MAX);
		TRY(ttlv_take_text(payload, TAG_COFFER_SHARE, &proofs[count]));
		count++;
	}
	if (recovery == INIT_RECOVERY_PASSPHRASE && ttlv_peek_tag(payload) == TAG_COFFER_PASSPHRASE) {
		TRY(ttlv_take_bytes(payload, TAG_COFFER_PASSPHRASE, &proofs[0]));
		count = 1;
	}
	TRY(ttlv_done(payload));
	*out_count = count;
	return ERR_OK;
}

enum coffer_err op_init_confirm(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char fingerprint[DOMAIN_FINGERPRINT_TEXT];
	struct view id, proofs[PROOFS_MAX];
	struct init_pending *pending;
	unsigned count = 0;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_INIT_ID, &id));
	TRY(init_find(ctx->engine, ctx->principal, id, &pending, &ctx->reason));
	TRY(read_proofs(ctx, payload, pending->recovery, proofs, &count));
	TRY(init_prove(pending, proofs, count, &ctx->reason));
	domain_fingerprint_text(&pending->identity.domain, fingerprint);
	TRY(init_found(ctx->engine, ctx->principal, &ctx->reason));
	ttlv_put_str(out, TAG_COFFER_FINGERPRINT, fingerprint);
	return ERR_OK;
}
