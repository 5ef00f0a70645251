/* Backup Read: the next piece of the archive. */
#include "kmip/tags.h"
#include "ops/backup.h"
#include "ops/backup_ops.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view id;
	struct backup_piece piece;
	int64_t offset;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_ID, &id));
	TRY(ttlv_take_i64(payload, TAG_COFFER_ARCHIVE_OFFSET, &offset));
	TRY(ttlv_done(payload));
	ENSURE(offset >= 0, ERR_FIELD);
	TRY(backup_read(ctx->engine, ctx->principal, id, (uint64_t)offset, &piece, &ctx->reason));
	ttlv_put_bytes(out, TAG_COFFER_ARCHIVE_BYTES, piece.bytes);
	ttlv_put_bool(out, TAG_COFFER_ARCHIVE_LAST, piece.last);
	if (!piece.last) return ERR_OK;
	ttlv_put_i64(out, TAG_COFFER_ARCHIVE_SIZE, (int64_t)piece.size);
	ttlv_put_bytes(out, TAG_COFFER_ARCHIVE_DIGEST, view_of(piece.sha256, sizeof piece.sha256));
	ttlv_put_bool(out, TAG_COFFER_ARCHIVE_WHOLE, piece.whole);
	return ERR_OK;
}

enum coffer_err op_backup_read(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
