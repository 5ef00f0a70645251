/* Backup List: what is on record of backups, as JSON. */
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "kmip/tags.h"
#include "ops/backup_record.h"
#include "ops/json_out.h"
#include "ops/tables.h"

#define REPORT_MAX (64u * 1024u)

static void put_record(struct json_out *j, const struct backup_record *r)
{
	char id[2 * ARCHIVE_ID_LEN + 1], sum[65];
	text_hex(view_of(r->archive_id, ARCHIVE_ID_LEN), id);
	text_hex(view_of(r->sha256, sizeof r->sha256), sum);
	json_begin(j, id);
	json_u64(j, "created_at", r->created_ms / 1000);
	json_u64(j, "version", r->root_version);
	json_u64(j, "size", r->size);
	json_str(j, "sha256", sum);
	json_u64(j, "verified_at", r->verified_ms / 1000);
	json_u64(j, "opened", r->opened);
	json_str(j, "by", r->principal);
	json_end(j);
}

enum coffer_err op_backup_list(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	AUTO_FREE struct backup_record *all = calloc(BACKUP_RECORDS_MAX + 1, sizeof *all);
	struct writer w;
	size_t count = 0;
	TRY(ttlv_done(payload));
	ENSURE(all, ERR_MEMORY);
	TRY(backup_record_list(ctx->txn, all, &count));
	writer_init_buf(&w, &text, REPORT_MAX);
	struct json_out j = { &w, false };
	json_begin(&j, NULL);
	json_begin(&j, "backups");
	for (size_t i = 0; i < count; i++) put_record(&j, &all[i]);
	json_end(&j);
	json_end(&j);
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_JSON, buf_view(&text));
	return ERR_OK;
}
