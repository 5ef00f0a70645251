/* Backup End: the client has the archive on its disk, or gave up. */
#include "kmip/tags.h"
#include "ops/backup.h"
#include "ops/backup_ops.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view id;
	bool kept;
	(void)out;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_ID, &id));
	TRY(ttlv_take_bool(payload, TAG_COFFER_ARCHIVE_KEPT, &kept));
	TRY(ttlv_done(payload));
	return backup_end(ctx->engine, ctx->principal, id, kept, &ctx->reason);
}

enum coffer_err op_backup_end(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
