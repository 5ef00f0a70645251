/* Recovery Confirm: the proof that the new recovery is in people's hands; then it is in force, and the one before opens nothing any more. */
#include <stdio.h>

#include "kmip/tags.h"
#include "ops/recovery_fields.h"
#include "ops/tables.h"

enum coffer_err op_recovery_confirm(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct recovery_proofs proofs;
	struct recovery_change *change;
	struct view id;
	char set[RECOVERY_SET_NAME];
	TRY(ttlv_take_bytes(payload, TAG_COFFER_RECOVERY_CHANGE_ID, &id));
	TRY(recovery_change_find(ctx->engine, ctx->principal, id, &change, &ctx->reason));
	TRY(recovery_proofs_take(ctx, payload, &proofs));
	if (proofs.count && proofs.is_passphrase != (change->wish.mode == STANZA_PASSPHRASE))
		return reason_fail(&ctx->reason, ERR_FIELD, "the proof is of another kind than the new recovery key: shares, or a passphrase");
	TRY(recovery_change_prove(ctx->engine, change, proofs.views, proofs.count, &ctx->reason));
	snprintf(set, sizeof set, "%s", change->set);
	TRY(recovery_change_write(ctx->engine, ctx->principal, &ctx->reason));
	ttlv_put_str(out, TAG_COFFER_RECOVERY_SET, set);
	snprintf(ctx->detail, sizeof ctx->detail, "set %s", set);
	return ERR_OK;
}
