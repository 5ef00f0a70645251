/* Groups of new and changed objects. */
#include "ops/regroup.h"

enum coffer_err op_may_regroup(struct op_ctx *ctx, const struct object *before, const struct object *after)
{
	ctx->groups_asked = true;
	return policy_may_regroup(ctx->grants, ctx->principal, before, after, &ctx->reason);
}

enum coffer_err op_check_groups(struct op_ctx *ctx, const struct op_row *row)
{
	AUTO_OBJECT struct object *after = NULL;
	if (row->permission == PERMISSION_CREATE && !ctx->groups_asked && !policy_everywhere(ctx->grants, ctx->principal, PERMISSION_CREATE))
		return reason_fail(&ctx->reason, ERR_DENIED, "%s may not do this in one group alone; an administrator can give the role without --on",
			ctx->principal->text);
	if (row->permission != PERMISSION_MANAGE || !ctx->object || !ctx->txn) return ERR_OK;
	enum coffer_err err = txn_object(ctx->txn, ctx->object->id, &after);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	return after == ctx->object ? ERR_OK : policy_may_regroup(ctx->grants, ctx->principal, ctx->object, after, &ctx->reason);
}
