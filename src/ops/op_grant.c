/* Grant: gives a role to a principal. */
#include "ops/grant_change.h"
#include "ops/tables.h"

enum coffer_err op_grant(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct grant grant;
	struct grants *next = NULL;
	(void)out;
	TRY(grant_change_read(ctx, payload, &grant));
	grant_change_describe(ctx, &grant, "to");
	TRY(grant_change_quorum(ctx, &grant, "give"));
	struct grants *now = grant_change_current(ctx->engine);
	enum coffer_err err = grants_add(ctx->txn, now, &grant, &next, &ctx->reason);
	grants_unref(now);
	TRY(err);
	return grant_change_stage(ctx, next);
}
