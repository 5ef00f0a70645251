/* Backup Begin: a snapshot of the store as it is now, to be read with Backup Read. */
#include <stdio.h>

#include "kmip/tags.h"
#include "ops/backup.h"
#include "ops/backup_ops.h"
#include "ops/tables.h"

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct archive_header header;
	char id[2 * ARCHIVE_ID_LEN + 1];
	TRY(ttlv_done(payload));
	TRY(backup_begin(ctx->engine, ctx->principal, &header, &ctx->reason));
	text_hex(view_of(header.archive_id, ARCHIVE_ID_LEN), id);
	snprintf(ctx->detail, sizeof ctx->detail, "backup begins: archive %s", id);
	ttlv_put_bytes(out, TAG_COFFER_ARCHIVE_ID, view_of(header.archive_id, ARCHIVE_ID_LEN));
	return ERR_OK;
}

enum coffer_err op_backup_begin(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
