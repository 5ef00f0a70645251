/* Restore Write: the next piece of the archive that is sent. */
#include "kmip/tags.h"
#include "ops/backup_ops.h"
#include "ops/restore.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view id, bytes;
	int64_t offset;
	(void)out;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_RESTORE_ID, &id));
	TRY(ttlv_take_i64(payload, TAG_COFFER_ARCHIVE_OFFSET, &offset));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_BYTES, &bytes));
	TRY(ttlv_done(payload));
	ENSURE(offset >= 0, ERR_FIELD);
	return restore_write(ctx->engine, ctx->principal, id, (uint64_t)offset, bytes, &ctx->reason);
}

enum coffer_err op_restore_write(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
