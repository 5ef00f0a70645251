/* Anchor Accept: the administrator knows that the store is older than the token's counter says, or that the counter is gone, and takes it as it is. */
#include "ops/anchor.h"
#include "ops/open_again.h"
#include "ops/quorum_ask.h"
#include "ops/store_check.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx)
{
	struct engine *e = ctx->engine;
	if (!e->anchor) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this node has no anchor");
	TRY(quorum_ask(ctx, "accept the store against the counter in the token"));
	TRY(anchor_accept(e, ctx->principal, ctx->detail, &ctx->reason));
	quorum_done(ctx);
	TRY(open_again(e, &ctx->reason));
	if (e->want_check) e->want_check(e);
	return ERR_OK;
}

enum coffer_err op_anchor_accept(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	(void)out;
	TRY(ttlv_done(payload));
	return run(ctx);
}
