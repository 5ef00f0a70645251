/* Restore Begin: an archive is going to be sent. */
#include "kmip/tags.h"
#include "ops/backup_ops.h"
#include "ops/restore.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	uint8_t id[RESTORE_ID_LEN];
	struct view sha256;
	int64_t size;
	TRY(ttlv_take_i64(payload, TAG_COFFER_ARCHIVE_SIZE, &size));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_DIGEST, &sha256));
	TRY(ttlv_done(payload));
	ENSURE(size >= 0 && sha256.len == 32, ERR_FIELD);
	TRY(restore_begin(ctx->engine, ctx->principal, (uint64_t)size, sha256.ptr, id, &ctx->reason));
	ttlv_put_bytes(out, TAG_COFFER_RESTORE_ID, view_of(id, sizeof id));
	return ERR_OK;
}

enum coffer_err op_restore_begin(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
