/* Records of backups and of a restore. */
#include "ops/backup_record.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "keyring/record.h"

#define SCHEMA 1u
#define BACKUP_PREFIX "backup-"
#define RESTORE_NAME "restore"
#define BODY_MAX (PRINCIPAL_MAX + 256u)

static const uint8_t record_header[] = { SCHEMA };

static struct view name_of(const uint8_t archive_id[static ARCHIVE_ID_LEN], char out[static STORE_ID_MAX])
{
	memcpy(out, BACKUP_PREFIX, sizeof BACKUP_PREFIX - 1);
	text_hex(view_of(archive_id, ARCHIVE_ID_LEN), out + sizeof BACKUP_PREFIX - 1);
	return view_of(out, sizeof BACKUP_PREFIX - 1 + 2 * ARCHIVE_ID_LEN);
}

/* The row under a name with the next write count. */
static enum coffer_err put(struct txn *txn, struct view name, struct view plain)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store *store = txn_store(txn);
	struct store_row row, before;
	enum coffer_err err = store_get(store, STORE_DOMAIN, name, &before);
	if (err && err != ERR_NOT_FOUND) return err;
	row = (struct store_row){ .id_len = name.len, .version = err ? 1 : before.version + 1, .header = view_of(record_header, sizeof record_header) };
	memcpy(row.id, name.ptr, name.len);
	TRY(record_seal(txn_ring(txn), STORE_DOMAIN, plain, &row, &body));
	return store_put(store, STORE_DOMAIN, &row, true);
}

static enum coffer_err open_row(struct txn *txn, const struct store_row *row, struct buf *plain)
{
	ENSURE(row->state == 0 && row->header.len == 1 && row->header.ptr[0] == SCHEMA, ERR_CORRUPT);
	return record_open(txn_ring(txn), STORE_DOMAIN, row, plain);
}

static enum coffer_err read_principal(struct reader *r, char out[static PRINCIPAL_MAX + 1])
{
	struct view text;
	TRY(reader_view_u32(r, PRINCIPAL_MAX, &text));
	memcpy(out, text.ptr, text.len);
	out[text.len] = '\0';
	return reader_end(r);
}

static enum coffer_err read_backup(struct view body, struct backup_record *out)
{
	struct reader r;
	uint8_t opened;
	reader_init(&r, body);
	TRY(reader_u64(&r, &out->created_ms));
	TRY(reader_u64(&r, &out->root_version));
	TRY(reader_u64(&r, &out->size));
	TRY(reader_bytes(&r, out->sha256, sizeof out->sha256));
	TRY(reader_u64(&r, &out->verified_ms));
	TRY(reader_u8(&r, &opened));
	out->opened = opened != 0;
	return read_principal(&r, out->principal);
}

static enum coffer_err row_to_backup(struct txn *txn, const struct store_row *row, struct backup_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	TRY(open_row(txn, row, &plain));
	return read_backup(buf_view(&plain), out) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err backup_record_get(struct txn *txn, const uint8_t archive_id[static ARCHIVE_ID_LEN], struct backup_record *out)
{
	char name[STORE_ID_MAX];
	struct store_row row;
	struct backup_record record = { .created_ms = 0 };
	TRY(store_get(txn_store(txn), STORE_DOMAIN, name_of(archive_id, name), &row));
	memcpy(record.archive_id, archive_id, ARCHIVE_ID_LEN);
	TRY(row_to_backup(txn, &row, &record));
	*out = record;
	return ERR_OK;
}

/* Ids alone: a scan makes no other call. */
struct ids {
	uint8_t ids[BACKUP_RECORDS_MAX + 1][ARCHIVE_ID_LEN];
	size_t count;
};

static enum coffer_err take_id(void *arg, const struct store_row *row)
{
	struct ids *ids = arg;
	const size_t prefix = sizeof BACKUP_PREFIX - 1;
	if (row->id_len != prefix + 2 * ARCHIVE_ID_LEN || memcmp(row->id, BACKUP_PREFIX, prefix) != 0) return ERR_EXISTS;
	if (text_unhex(view_of(row->id + prefix, 2 * ARCHIVE_ID_LEN), ids->ids[ids->count], ARCHIVE_ID_LEN) == ERR_OK) ids->count++;
	return ids->count > BACKUP_RECORDS_MAX ? ERR_EXISTS : ERR_OK;
}

enum coffer_err backup_record_list(struct txn *txn, struct backup_record *out, size_t *out_count)
{
	struct ids ids = { .count = 0 };
	size_t count = 0;
	enum coffer_err err = store_scan(txn_store(txn), STORE_DOMAIN, view_str(BACKUP_PREFIX), false, BACKUP_RECORDS_MAX + 1, take_id, &ids);
	if (err != ERR_EXISTS) TRY(err);
	for (size_t i = 0; i < ids.count; i++) {
		err = backup_record_get(txn, ids.ids[i], &out[count]);
		if (err == ERR_MEMORY) return err;
		if (!err) count++;
	}
	*out_count = count;
	return ERR_OK;
}

/* Status and the daily event go by it: it is not the one that makes room. */
static const struct backup_record *newest_verified(const struct backup_record *all, size_t count)
{
	const struct backup_record *found = NULL;
	for (size_t i = 0; i < count; i++)
		if (all[i].verified_ms && (!found || all[i].created_ms > found->created_ms)) found = &all[i];
	return found;
}

/* By age, so that the list does not grow. */
static enum coffer_err prune(struct txn *txn)
{
	char name[STORE_ID_MAX];
	size_t count = 0;
	const struct backup_record *oldest = NULL, *kept;
	AUTO_FREE struct backup_record *all = calloc(BACKUP_RECORDS_MAX + 1, sizeof *all);
	ENSURE(all, ERR_MEMORY);
	TRY(backup_record_list(txn, all, &count));
	if (count <= BACKUP_RECORDS_MAX) return ERR_OK;
	kept = newest_verified(all, count);
	for (size_t i = 0; i < count; i++)
		if (&all[i] != kept && (!oldest || all[i].created_ms < oldest->created_ms)) oldest = &all[i];
	return store_erase(txn_store(txn), STORE_DOMAIN, name_of(oldest->archive_id, name));
}

enum coffer_err backup_record_put(struct txn *txn, const struct backup_record *record)
{
	uint8_t plain[BODY_MAX];
	char name[STORE_ID_MAX];
	struct writer w;
	writer_init(&w, plain, sizeof plain);
	writer_u64(&w, record->created_ms);
	writer_u64(&w, record->root_version);
	writer_u64(&w, record->size);
	writer_bytes(&w, view_of(record->sha256, sizeof record->sha256));
	writer_u64(&w, record->verified_ms);
	writer_u8(&w, record->opened);
	writer_view_u32(&w, view_str(record->principal));
	TRY(writer_done(&w));
	TRY(put(txn, name_of(record->archive_id, name), writer_view(&w)));
	return prune(txn);
}

enum coffer_err restore_record_put(struct txn *txn, const struct restore_record *record)
{
	uint8_t plain[BODY_MAX];
	struct writer w;
	writer_init(&w, plain, sizeof plain);
	writer_bytes(&w, view_of(record->archive_id, ARCHIVE_ID_LEN));
	writer_u64(&w, record->created_ms);
	writer_u64(&w, record->root_version);
	writer_bytes(&w, view_of(record->node_id, UUID_LEN));
	writer_u64(&w, record->audit_seq);
	writer_bytes(&w, view_of(record->audit_link, sizeof record->audit_link));
	writer_u64(&w, record->restored_ms);
	writer_view_u32(&w, view_str(record->principal));
	TRY(writer_done(&w));
	return put(txn, view_str(RESTORE_NAME), writer_view(&w));
}

static enum coffer_err read_restore(struct view body, struct restore_record *out)
{
	struct reader r;
	reader_init(&r, body);
	TRY(reader_bytes(&r, out->archive_id, ARCHIVE_ID_LEN));
	TRY(reader_u64(&r, &out->created_ms));
	TRY(reader_u64(&r, &out->root_version));
	TRY(reader_bytes(&r, out->node_id, UUID_LEN));
	TRY(reader_u64(&r, &out->audit_seq));
	TRY(reader_bytes(&r, out->audit_link, sizeof out->audit_link));
	TRY(reader_u64(&r, &out->restored_ms));
	return read_principal(&r, out->principal);
}

enum coffer_err restore_record_get(struct txn *txn, struct restore_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct store_row row;
	TRY(store_get(txn_store(txn), STORE_DOMAIN, view_str(RESTORE_NAME), &row));
	TRY(open_row(txn, &row, &plain));
	return read_restore(buf_view(&plain), out) == ERR_OK ? ERR_OK : ERR_CORRUPT;
}
