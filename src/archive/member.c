/* Members of an archive as bytes. */
#include "archive/archive_internal.h"

#include <string.h>

#include "base/reader.h"
#include "base/writer.h"
#include "keyring/label.h"

#define CANARY_SCHEMA 1u
#define ROW_FRONT_MAX (1u + 4u + STORE_ID_MAX + 12u + 4u)

static const uint8_t no_entries[] = { 0, 0 };

void archive_domain(const struct archive_header *header, struct domain_id *out)
{
	memcpy(out->id, header->domain_id, UUID_LEN);
	memcpy(out->node_id, header->node_id, UUID_LEN);
	memcpy(out->public_key, header->public_key, DOMAIN_PUBLIC_LEN);
}

void member_preamble(uint8_t out[static PREAMBLE_LEN])
{
	memset(out, 0, PREAMBLE_LEN);
	memcpy(out, ARCHIVE_MAGIC, 4);
	out[4] = ARCHIVE_FORMAT;
}

void member_header_write(const struct archive_header *h, uint8_t out[static HEADER_LEN])
{
	struct writer w;
	writer_init(&w, out, HEADER_LEN);
	writer_bytes(&w, view_of(h->domain_id, UUID_LEN));
	writer_bytes(&w, view_of(h->public_key, DOMAIN_PUBLIC_LEN));
	writer_bytes(&w, view_of(h->fingerprint, DOMAIN_FINGERPRINT_LEN));
	writer_bytes(&w, view_of(h->node_id, UUID_LEN));
	writer_bytes(&w, view_of(h->archive_id, ARCHIVE_ID_LEN));
	writer_u64(&w, h->created_ms);
	writer_u64(&w, h->root_version);
	writer_u32(&w, h->generation);
	writer_bytes(&w, view_of(h->recovery_key_id, RECOVERY_KEY_ID_LEN));
	POST(writer_done(&w) == ERR_OK && w.len == HEADER_LEN);
}

static enum coffer_err read_fields(struct reader *r, struct archive_header *h)
{
	TRY(reader_bytes(r, h->domain_id, UUID_LEN));
	TRY(reader_bytes(r, h->public_key, DOMAIN_PUBLIC_LEN));
	TRY(reader_bytes(r, h->fingerprint, DOMAIN_FINGERPRINT_LEN));
	TRY(reader_bytes(r, h->node_id, UUID_LEN));
	TRY(reader_bytes(r, h->archive_id, ARCHIVE_ID_LEN));
	TRY(reader_u64(r, &h->created_ms));
	TRY(reader_u64(r, &h->root_version));
	TRY(reader_u32(r, &h->generation));
	TRY(reader_bytes(r, h->recovery_key_id, RECOVERY_KEY_ID_LEN));
	return reader_end(r);
}

enum coffer_err member_header_read(struct view content, struct archive_header *out)
{
	struct reader r;
	struct archive_header h;
	struct domain_id domain;
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	reader_init(&r, content);
	ENSURE(read_fields(&r, &h) == ERR_OK, ERR_CORRUPT);
	archive_domain(&h, &domain);
	TRY(domain_fingerprint(&domain, fingerprint));
	ENSURE(memcmp(fingerprint, h.fingerprint, sizeof fingerprint) == 0, ERR_CORRUPT);
	ENSURE(h.root_version != 0 && h.generation != 0, ERR_CORRUPT);
	*out = h;
	return ERR_OK;
}

static enum coffer_err append_front(enum member_type type, size_t len, struct bytes *out)
{
	uint8_t front[MEMBER_FRONT];
	struct writer w;
	writer_init(&w, front, sizeof front);
	writer_u8(&w, (uint8_t)type);
	writer_u32(&w, (uint32_t)len);
	TRY(writer_done(&w));
	TRY(bytes_reserve(out, sizeof front + len));
	return bytes_append(out, writer_view(&w));
}

enum coffer_err member_append(enum member_type type, struct view content, struct bytes *out)
{
	TRY(append_front(type, content.len, out));
	return bytes_append(out, content);
}

static enum coffer_err append_lp(struct view part, struct bytes *out)
{
	uint8_t len[4];
	struct writer w;
	writer_init(&w, len, sizeof len);
	writer_u32(&w, (uint32_t)part.len);
	TRY(writer_done(&w));
	TRY(bytes_append(out, writer_view(&w)));
	return bytes_append(out, part);
}

enum coffer_err member_row_append(enum member_type type, enum store_table table, const struct store_row *row, struct bytes *out)
{
	uint8_t front[ROW_FRONT_MAX];
	struct writer w;
	writer_init(&w, front, sizeof front);
	writer_u8(&w, (uint8_t)table);
	writer_view_u32(&w, view_of(row->id, row->id_len));
	writer_u32(&w, row->version);
	writer_u32(&w, row->state);
	writer_u32(&w, row->generation);
	TRY(writer_done(&w));
	TRY(append_front(type, w.len + 12 + row->header.len + row->index.len + row->body.len, out));
	TRY(bytes_append(out, writer_view(&w)));
	TRY(append_lp(row->header, out));
	TRY(append_lp(row->index, out));
	return append_lp(row->body, out);
}

static enum coffer_err read_row(struct reader *r, uint8_t *table, struct store_row *row)
{
	struct view id;
	TRY(reader_u8(r, table));
	TRY(reader_view_u32(r, STORE_ID_MAX, &id));
	ENSURE(id.len >= 1, ERR_CORRUPT);
	memcpy(row->id, id.ptr, id.len);
	row->id_len = id.len;
	TRY(reader_u32(r, &row->version));
	TRY(reader_u32(r, &row->state));
	TRY(reader_u32(r, &row->generation));
	TRY(reader_view_u32(r, STORE_HEADER_MAX, &row->header));
	TRY(reader_view_u32(r, INDEX_MAX, &row->index));
	TRY(reader_view_u32(r, STORE_BODY_MAX, &row->body));
	return reader_end(r);
}

enum coffer_err member_row_read(struct view content, enum store_table *out_table, struct store_row *out)
{
	struct reader r;
	struct store_row row = { .id_len = 0 };
	uint8_t table = 0;
	reader_init(&r, content);
	ENSURE(read_row(&r, &table, &row) == ERR_OK, ERR_CORRUPT);
	ENSURE(table >= STORE_OBJECT && table < STORE_TABLE_END, ERR_CORRUPT);
	ENSURE(store_index_is_valid(row.index), ERR_CORRUPT);
	*out_table = (enum store_table)table;
	*out = row;
	return ERR_OK;
}

enum coffer_err member_manifest_append(const struct manifest *m, struct bytes *out)
{
	uint8_t content[MANIFEST_LEN];
	struct writer w;
	writer_init(&w, content, sizeof content);
	writer_u8(&w, m->flags);
	writer_u64(&w, m->rows);
	for (unsigned t = STORE_OBJECT; t < ARCHIVE_TABLES_END; t++) {
		writer_u8(&w, (uint8_t)t);
		writer_u64(&w, m->tables[t].count);
		writer_u64(&w, m->tables[t].bytes);
		writer_bytes(&w, view_of(m->tables[t].digest, sizeof m->tables[t].digest));
		writer_bytes(&w, view_of(m->tables[t].sum.sum, ROOT_SUM_LEN));
	}
	TRY(writer_done(&w));
	return member_append(MEMBER_MANIFEST, writer_view(&w), out);
}

static enum coffer_err read_manifest(struct reader *r, struct manifest *m)
{
	uint8_t table;
	TRY(reader_u8(r, &m->flags));
	ENSURE((m->flags & ~ARCHIVE_FLAG_NOT_WHOLE) == 0, ERR_CORRUPT);
	TRY(reader_u64(r, &m->rows));
	for (unsigned t = STORE_OBJECT; t < ARCHIVE_TABLES_END; t++) {
		TRY(reader_u8(r, &table));
		ENSURE(table == t, ERR_CORRUPT);
		TRY(reader_u64(r, &m->tables[t].count));
		TRY(reader_u64(r, &m->tables[t].bytes));
		TRY(reader_bytes(r, m->tables[t].digest, sizeof m->tables[t].digest));
		TRY(reader_bytes(r, m->tables[t].sum.sum, ROOT_SUM_LEN));
		m->tables[t].sum.count = m->tables[t].count;
	}
	return reader_end(r);
}

enum coffer_err member_manifest_read(struct view content, struct manifest *out)
{
	struct reader r;
	struct manifest m = { .flags = 0 };
	reader_init(&r, content);
	ENSURE(read_manifest(&r, &m) == ERR_OK, ERR_CORRUPT);
	*out = m;
	return ERR_OK;
}

size_t member_len_max(uint8_t type)
{
	switch (type) {
	case MEMBER_HEADER: return HEADER_LEN;
	case MEMBER_STANZA: case MEMBER_ROOT: case MEMBER_ROW: return ROW_LEN_MAX;
	case MEMBER_CANARY: return CANARY_MAX;
	case MEMBER_MANIFEST: return MANIFEST_LEN;
	default: return 0;
	}
}

void canary_row(const struct archive_header *header, uint8_t row_header[static CANARY_HEADER_LEN], struct store_row *out)
{
	row_header[0] = CANARY_SCHEMA;
	memcpy(row_header + 1, header->archive_id, ARCHIVE_ID_LEN);
	*out = (struct store_row){ .id_len = sizeof ARCHIVE_CANARY_ID - 1, .version = 1, .generation = header->generation,
		.header = view_of(row_header, CANARY_HEADER_LEN), .index = view_of(no_entries, sizeof no_entries) };
	memcpy(out->id, ARCHIVE_CANARY_ID, sizeof ARCHIVE_CANARY_ID - 1);
}

enum coffer_err canary_plain(const uint8_t header[static HEADER_LEN], uint8_t out[static CANARY_PLAIN_LEN])
{
	const struct view part = view_of(header, HEADER_LEN);
	uint8_t digest[DIGEST_LEN];
	struct writer w;
	TRY(hash_parts(HASH_SHA512, &part, 1, digest));
	writer_init(&w, out, CANARY_PLAIN_LEN);
	label_write(&w, "archive-canary");
	writer_bytes(&w, view_of(digest, sizeof digest));
	return writer_done(&w);
}

enum coffer_err archive_message(const uint8_t domain_id[static UUID_LEN], const uint8_t digest[static DIGEST_LEN], uint8_t out[static SIGNED_MAX],
	size_t *out_len)
{
	struct writer w;
	writer_init(&w, out, SIGNED_MAX);
	label_write(&w, "archive");
	writer_bytes(&w, view_of(domain_id, UUID_LEN));
	writer_bytes(&w, view_of(digest, DIGEST_LEN));
	TRY(writer_done(&w));
	*out_len = w.len;
	return ERR_OK;
}
