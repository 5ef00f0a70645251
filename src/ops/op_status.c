/* Status: the node's own account of itself. Who has no role learns state and version alone. */
#include "kmip/tags.h"
#include "ops/status_json.h"
#include "ops/tables.h"

#define STATUS_MAX (60u * 1024u) /* bytes */

/* root and the daemon's own user, or a role that includes it. */
static bool may_read(const struct op_ctx *ctx)
{
	if (principal_is_own(ctx->principal)) return true;
	return policy_check(ctx->grants, ctx->principal, PERMISSION_STATUS, NULL, NULL) == ERR_OK;
}

enum coffer_err op_status(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct writer w;
	TRY(ttlv_done(payload));
	writer_init_buf(&w, &text, STATUS_MAX);
	if (may_read(ctx)) status_json_full(ctx->engine, &w);
	else status_json_brief(ctx->engine, &w);
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_STATUS_JSON, buf_view(&text));
	return ERR_OK;
}
