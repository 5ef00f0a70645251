/* Revoke Grant: takes a role away from a principal. */
#include "ops/enrol_revoke.h"
#include "ops/grant_change.h"
#include "ops/quorum_ask.h"
#include "ops/tables.h"

/* With one administrator left nothing could be approved any more. */
static enum coffer_err check_enough(struct op_ctx *ctx, const struct grants *next)
{
	if (quorum_needed(ctx->engine->quorum) < 2 || quorum_administrators(next) == 2) return ERR_OK;
	return reason_fail(&ctx->reason, ERR_STATE,
		"one administrator would be left, and the gravest acts need two; make another one first, or run 'coffer quorum set 1'");
}

enum coffer_err op_revoke_grant(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct grant grant;
	struct grants *next = NULL;
	(void)out;
	TRY(grant_change_read(ctx, payload, &grant));
	grant_change_describe(ctx, &grant, "from");
	TRY(grant_change_quorum(ctx, &grant, "take"));
	struct grants *now = grant_change_current(ctx->engine);
	enum coffer_err err = grants_remove(ctx->txn, now, grant.principal, grant.role, grant.scope, &next, &ctx->reason);
	grants_unref(now);
	TRY(err);
	err = check_enough(ctx, next);
	if (!err && grant.role == ROLE_ADMINISTRATOR && !grant.scope[0]) err = enrol_revoke_with(ctx, grant.principal); /* who may not let nodes in any more */
	if (err) {
		grants_unref(next);
		return err;
	}
	return grant_change_stage(ctx, next);
}
