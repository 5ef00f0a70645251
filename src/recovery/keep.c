/* Recovery in the store: the stanza's row, and the sealed domain record that pins it. */
#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "keyring/record.h"
#include "recovery/recovery_internal.h"

#define RECORD_NAME "recovery"
#define RECORD_SCHEMA 1u
#define RECORD_LEN (RECOVERY_KEY_ID_LEN + 4u)
#define DRILL_NAME "recovery-drill"
#define DRILL_LEN (8u + RECOVERY_KEY_ID_LEN)

/* A sealed domain record of this layer: its plaintext, and its row's write count. */
static enum coffer_err open_record(struct store *store, struct ring *ring, const char *name, struct buf *plain, uint32_t *out_row_version)
{
	struct store_row row;
	TRY(store_get(store, STORE_DOMAIN, view_str(name), &row));
	ENSURE(row.state == 0 && row.header.len == 1 && row.header.ptr[0] == RECORD_SCHEMA, ERR_CORRUPT);
	*out_row_version = row.version;
	return record_open(ring, STORE_DOMAIN, &row, plain);
}

static enum coffer_err read_record(struct store *store, struct ring *ring, struct recovery_record *out, uint32_t *out_row_version)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct reader r;
	struct recovery_record record;
	uint32_t row_version = 0;
	TRY(open_record(store, ring, RECORD_NAME, &plain, &row_version));
	reader_init(&r, buf_view(&plain));
	ENSURE(reader_bytes(&r, record.key_id, sizeof record.key_id) == ERR_OK, ERR_CORRUPT);
	ENSURE(reader_u32(&r, &record.version) == ERR_OK && reader_end(&r) == ERR_OK, ERR_CORRUPT);
	ENSURE((record.version == 0) == ct_is_zero(record.key_id, sizeof record.key_id), ERR_CORRUPT);
	*out = record;
	*out_row_version = row_version;
	return ERR_OK;
}

enum coffer_err recovery_get(struct store *store, struct ring *ring, struct recovery_record *out)
{
	uint32_t row_version;
	return read_record(store, ring, out, &row_version);
}

static enum coffer_err seal_record(struct store *store, struct ring *ring, const char *name, struct view plain, uint32_t row_version)
{
	static const uint8_t header[] = { RECORD_SCHEMA };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = strlen(name), .version = row_version, .header = view_of(header, sizeof header) };
	memcpy(row.id, name, row.id_len);
	TRY(record_seal(ring, STORE_DOMAIN, plain, &row, &body));
	return store_put(store, STORE_DOMAIN, &row, true);
}

static enum coffer_err put_record(struct store *store, struct ring *ring, const struct recovery_record *record,
	uint32_t row_version)
{
	uint8_t plain[RECORD_LEN];
	struct writer w;
	writer_init(&w, plain, sizeof plain);
	writer_bytes(&w, view_of(record->key_id, sizeof record->key_id));
	writer_u32(&w, record->version);
	TRY(writer_done(&w));
	return seal_record(store, ring, RECORD_NAME, writer_view(&w), row_version);
}

/* The record there is, or a zero one when there is none. */
static enum coffer_err current_record(struct store *store, struct ring *ring, struct recovery_record *out,
	uint32_t *out_row_version)
{
	enum coffer_err err = read_record(store, ring, out, out_row_version);
	if (err == ERR_NOT_FOUND) {
		*out = (struct recovery_record){ .version = 0 };
		*out_row_version = 0;
		return ERR_OK;
	}
	return err;
}

enum coffer_err recovery_put_none(struct store *store, struct ring *ring)
{
	struct recovery_record record;
	uint32_t row_version;
	TRY(current_record(store, ring, &record, &row_version));
	ENSURE(record.version == 0, ERR_EXISTS);
	return put_record(store, ring, &record, row_version + 1);
}

/* Copies the row out of the store's hands, so that later calls leave it alone. */
static enum coffer_err copy_row(const struct store_row *row, struct store_row *out, struct buf *to)
{
	size_t start = to->len, header_len = row->header.len, body_len = row->body.len;
	TRY(buf_append(to, row->header));
	TRY(buf_append(to, row->body));
	*out = *row;
	out->header = view_of(to->ptr + start, header_len);
	out->body = view_of(to->ptr + start + header_len, body_len);
	out->index = view_of(NULL, 0);
	return ERR_OK;
}

static enum coffer_err get_stanza_row(struct store *store, const struct recovery_record *record, struct store_row *out,
	struct buf *to, struct reason *reason)
{
	struct store_row row;
	static const uint8_t none[] = { 0, 0 };
	enum coffer_err err = store_get(store, STORE_RECOVERY, view_of(record->key_id, RECOVERY_KEY_ID_LEN), &row);
	if (err == ERR_NOT_FOUND)
		return reason_fail(reason, ERR_CORRUPT, "the recovery record is gone from the store; restore the store from a backup");
	TRY(err);
	if (row.version != record->version || row.state != STANZA_CURRENT || row.id_len != RECOVERY_KEY_ID_LEN ||
		(row.index.len != 0 && !view_equal(row.index, view_of(none, sizeof none))))
		return reason_fail(reason, ERR_CORRUPT,
			"the recovery record is not the newest one; the store was edited or is an old copy in part");
	return copy_row(&row, out, to);
}

enum coffer_err recovery_load(struct store *store, struct ring *ring, struct store_row *out_row, struct stanza *out,
	struct buf *body, struct reason *reason)
{
	struct recovery_record record;
	struct store_row row = { .version = 0 };
	TRY(recovery_get(store, ring, &record));
	if (record.version == 0) return reason_fail(reason, ERR_NOT_FOUND, "this domain was made without recovery");
	TRY(get_stanza_row(store, &record, &row, body, reason));
	struct stanza stanza;
	TRY(stanza_parse(&row, &stanza, reason));
	TRY(stanza_verify(ring_domain(ring), &row, &stanza, reason));
	*out_row = row;
	*out = stanza;
	return ERR_OK;
}

enum coffer_err recovery_put(struct store *store, struct ring *ring, const struct secret *domain_seed, const struct store_row *row,
	struct reason *reason)
{
	(void)domain_seed;
	struct recovery_record record;
	uint32_t row_version;
	TRY(current_record(store, ring, &record, &row_version));
	enum coffer_err err = record.version == 0 ? ERR_OK : store_erase(store, STORE_RECOVERY, view_of(record.key_id, RECOVERY_KEY_ID_LEN));
	if (err && err != ERR_NOT_FOUND) return reason_default(reason, err, "the recovery record in force cannot be taken out: %s", err_text(err));
	ENSURE(row->id_len == RECOVERY_KEY_ID_LEN && row->version != 0 && row->state == STANZA_CURRENT, ERR_FIELD);
	memcpy(record.key_id, row->id, RECOVERY_KEY_ID_LEN);
	record.version = row->version;
	TRY(store_put(store, STORE_RECOVERY, row, false));
	return put_record(store, ring, &record, row_version + 1);
}

/* The stanza in force with other wraps, one version on, and the record that names it. */
static enum coffer_err put_again(struct store *store, struct ring *ring, const struct secret *domain_seed, struct stanza *stanza,
	const struct store_row *before)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct recovery_record record;
	struct store_row row;
	uint32_t row_version;
	ENSURE(before->version < UINT32_MAX - 1, ERR_LIMIT);
	TRY(stanza_sign(ring_domain(ring), domain_seed, stanza, before->version + 1, STANZA_CURRENT, &row, &body));
	TRY(store_put(store, STORE_RECOVERY, &row, true));
	TRY(read_record(store, ring, &record, &row_version));
	record.version = row.version;
	return put_record(store, ring, &record, row_version + 1);
}

enum coffer_err recovery_add_generation(struct store *store, struct ring *ring, const struct secret *domain_seed,
	uint32_t generation, struct reason *reason)
{
	AUTO_BUF struct buf old = BUF_EMPTY;
	AUTO_BUF struct buf wraps = BUF_EMPTY;
	struct store_row row;
	struct stanza stanza;
	struct stanza_wrap last;
	TRY(recovery_load(store, ring, &row, &stanza, &old, reason));
	stanza_wrap_at(&stanza, stanza.count - 1, &last);
	if (generation <= last.generation)
		return reason_fail(reason, ERR_EXISTS, "recovery has generation %u already", last.generation);
	ENSURE(stanza.count < STANZA_WRAPS_MAX, ERR_LIMIT);
	TRY(buf_append(&wraps, stanza.wraps));
	TRY(recovery_wrap(ring, domain_seed, &stanza, generation, &wraps));
	stanza.count++;
	stanza.wraps = buf_view(&wraps);
	return put_again(store, ring, domain_seed, &stanza, &row);
}

enum coffer_err recovery_drop_generations(struct store *store, struct ring *ring, const struct secret *domain_seed, uint32_t first,
	struct reason *reason)
{
	AUTO_BUF struct buf old = BUF_EMPTY;
	AUTO_BUF struct buf wraps = BUF_EMPTY;
	struct store_row row;
	struct stanza stanza;
	unsigned kept = 0;
	bool has_first = false;
	TRY(recovery_load(store, ring, &row, &stanza, &old, reason));
	for (unsigned i = 0; i < stanza.count; i++) {
		struct stanza_wrap wrap;
		stanza_wrap_at(&stanza, i, &wrap);
		if (wrap.generation < first) continue;
		has_first = has_first || wrap.generation == first;
		TRY(stanza_wrap_append(&wrap, &wraps));
		kept++;
	}
	if (!has_first) return reason_fail(reason, ERR_CORRUPT, "recovery lacks generation %u, so no older one may go", first);
	if (kept == stanza.count) return ERR_OK;
	stanza.count = kept;
	stanza.wraps = buf_view(&wraps);
	return put_again(store, ring, domain_seed, &stanza, &row);
}

enum coffer_err recovery_get_drill(struct store *store, struct ring *ring, struct recovery_drill *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct reader r;
	struct recovery_drill drill = { .time_ms = 0 };
	TRY(open_record(store, ring, DRILL_NAME, &plain, &drill.row_version));
	reader_init(&r, buf_view(&plain));
	ENSURE(reader_u64(&r, &drill.time_ms) == ERR_OK && reader_bytes(&r, drill.key_id, sizeof drill.key_id) == ERR_OK, ERR_CORRUPT);
	ENSURE(reader_end(&r) == ERR_OK, ERR_CORRUPT);
	*out = drill;
	return ERR_OK;
}

enum coffer_err recovery_put_drill(struct store *store, struct ring *ring, uint64_t time_ms, const uint8_t key_id[static RECOVERY_KEY_ID_LEN])
{
	struct recovery_drill before = { .row_version = 0 };
	uint8_t plain[DRILL_LEN];
	struct writer w;
	enum coffer_err err = recovery_get_drill(store, ring, &before);
	if (err != ERR_NOT_FOUND) TRY(err);
	writer_init(&w, plain, sizeof plain);
	writer_u64(&w, time_ms);
	writer_bytes(&w, view_of(key_id, RECOVERY_KEY_ID_LEN));
	TRY(writer_done(&w));
	return seal_record(store, ring, DRILL_NAME, writer_view(&w), before.row_version + 1);
}
