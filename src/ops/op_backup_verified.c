/* Backup Verified: an archive of this domain was read whole and found good, and perhaps opened with shares or passphrase. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kmip/tags.h"
#include "ops/backup_record.h"
#include "ops/tables.h"

enum coffer_err op_backup_verified(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct view id, sha256;
	struct backup_record record;
	char hex[2 * ARCHIVE_ID_LEN + 1];
	bool opened;
	(void)out;
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_ID, &id));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_ARCHIVE_DIGEST, &sha256));
	TRY(ttlv_take_bool(payload, TAG_COFFER_ARCHIVE_OPENED, &opened));
	TRY(ttlv_done(payload));
	ENSURE(id.len == ARCHIVE_ID_LEN && sha256.len == sizeof record.sha256, ERR_FIELD);
	enum coffer_err err = backup_record_get(ctx->txn, id.ptr, &record);
	if (err == ERR_NOT_FOUND) return reason_fail(&ctx->reason, err, "no backup with this archive id is on record here");
	TRY(err);
	if (!view_equal(sha256, view_of(record.sha256, sizeof record.sha256)))
		return reason_fail(&ctx->reason, ERR_CORRUPT, "the archive's SHA-256 is not the one on record: it is another file than the one that was made");
	record.verified_ms = clock_wall_s() * 1000;
	record.opened = record.opened || opened; /* it did open, also when it was read without shares later */
	TRY(backup_record_put(ctx->txn, &record));
	text_hex(id, hex);
	snprintf(ctx->detail, sizeof ctx->detail, "archive %s verified%s", hex, opened ? ", opened with shares or passphrase" : "");
	return ERR_OK;
}
