/* Revoke Grant: takes a role away from a principal. */
#include "ops/grant_change.h"
#include "ops/tables.h"

enum coffer_err op_revoke_grant(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct grant grant;
	struct grants *next = NULL;
	(void)out;
	TRY(grant_change_read(ctx, payload, &grant));
	grant_change_describe(ctx, &grant, "from");
	struct grants *now = grant_change_current(ctx->engine);
	enum coffer_err err = grants_remove(ctx->txn, now, grant.principal, grant.role, grant.scope, &next, &ctx->reason);
	grants_unref(now);
	TRY(err);
	return grant_change_stage(ctx, next);
}
