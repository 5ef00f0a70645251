/* The sign of life as a row. */
#include "domain/sign_row.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "domain/level.h"
#include "domain/row_mac.h"

#define SCHEMA 1u
#define FORMAT 1u
#define FORMAT_DATE 2u /* and a date */
#define FORMAT_VIEW 3u /* and a view of the database */
#define STATE 1u

static const uint8_t header[] = { SCHEMA };
static const uint8_t no_entries[] = { 0, 0 };

void sign_id(const uint8_t node_id[static UUID_LEN], uint8_t out[static SIGN_ID_LEN])
{
	memcpy(out, SIGN_PREFIX, sizeof SIGN_PREFIX - 1);
	memcpy(out + sizeof SIGN_PREFIX - 1, node_id, UUID_LEN);
}

static bool is_printable(const char *text)
{
	size_t len = strnlen(text, SIGN_VERSION_MAX + 1);
	for (size_t i = 0; i < len; i++)
		if (text[i] < 0x21 || text[i] > 0x7e) return false;
	return len >= 1 && len <= SIGN_VERSION_MAX;
}

static bool is_sound(const struct node_sign *s)
{
	bool viewed = !s->has_view || (s->date_ms && s->view.cache <= SIGN_CACHE_READY);
	return s->count != 0 && s->role >= SIGN_MASTER && s->role <= SIGN_MEMBER && viewed && is_printable(s->version);
}

static void put_view(struct writer *w, const struct sign_view *v)
{
	writer_u64(w, v->lag_ms);
	writer_u8(w, (uint8_t)v->cache);
	writer_u64(w, v->rows);
	writer_u64(w, v->bytes);
	writer_u64(w, v->limit);
	writer_u64(w, v->pinned);
}

static enum coffer_err read_view(struct reader *r, struct sign_view *v)
{
	uint8_t cache;
	TRY(reader_u64(r, &v->lag_ms));
	TRY(reader_u8(r, &cache));
	ENSURE(cache <= SIGN_CACHE_READY, ERR_CORRUPT);
	v->cache = (enum sign_cache)cache;
	TRY(reader_u64(r, &v->rows));
	TRY(reader_u64(r, &v->bytes));
	TRY(reader_u64(r, &v->limit));
	return reader_u64(r, &v->pinned);
}

enum coffer_err sign_to_row(struct ring *ring, const struct node_sign *sign, struct store_row *row, uint8_t body[static SIGN_BODY_MAX])
{
	struct store_row made = { .id_len = SIGN_ID_LEN, .version = sign->count, .state = STATE, .generation = ring_newest(ring), .header = view_of(header, sizeof header),
		.index = view_of(no_entries, sizeof no_entries) };
	struct writer w;
	ENSURE(made.generation != 0, ERR_SEALED);
	ENSURE(is_sound(sign), ERR_FIELD);
	sign_id(sign->node_id, made.id);
	writer_init(&w, body, SIGN_BODY_MAX - MAC_LEN);
	writer_u8(&w, sign->has_view ? FORMAT_VIEW : sign->date_ms ? FORMAT_DATE : FORMAT);
	writer_u64(&w, sign->written_ms);
	writer_u32(&w, sign->generation);
	writer_u64(&w, sign->epoch);
	writer_u8(&w, (uint8_t)sign->role);
	writer_u8(&w, sign->token_well);
	writer_u8(&w, (uint8_t)strlen(sign->version));
	writer_bytes(&w, view_str(sign->version));
	if (sign->date_ms) writer_u64(&w, sign->date_ms);
	if (sign->has_view) put_view(&w, &sign->view);
	TRY(writer_done(&w));
	struct view fields = writer_view(&w);
	TRY(row_mac(ring, &made, "sign-mac", fields, body + fields.len));
	made.body = view_of(body, fields.len + MAC_LEN);
	*row = made;
	return ERR_OK;
}

static enum coffer_err read_version(struct reader *r, char out[static SIGN_VERSION_MAX + 1])
{
	uint8_t len;
	TRY(reader_u8(r, &len));
	ENSURE(len <= SIGN_VERSION_MAX, ERR_CORRUPT);
	TRY(reader_bytes(r, (uint8_t *)out, len));
	out[len] = '\0';
	return strlen(out) == len ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err read_fields(struct view fields, struct node_sign *s)
{
	struct reader r;
	uint8_t format, role, well;
	reader_init(&r, fields);
	TRY(reader_u8(&r, &format));
	s->has_view = format == FORMAT_VIEW && level_known() >= LEVEL_SIGN_VIEW;
	bool dated = s->has_view || (format == FORMAT_DATE && level_known() >= LEVEL_SIGN_DATE);
	ENSURE(format == FORMAT || dated, ERR_VERSION);
	TRY(reader_u64(&r, &s->written_ms));
	TRY(reader_u32(&r, &s->generation));
	TRY(reader_u64(&r, &s->epoch));
	TRY(reader_u8(&r, &role));
	TRY(reader_u8(&r, &well));
	TRY(read_version(&r, s->version));
	if (dated) TRY(reader_u64(&r, &s->date_ms));
	if (s->has_view) TRY(read_view(&r, &s->view));
	TRY(reader_end(&r));
	ENSURE(well <= 1 && (!dated || s->date_ms), ERR_CORRUPT);
	s->role = (enum sign_role)role;
	s->token_well = well;
	return is_sound(s) ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err read_row(struct ring *ring, const struct store_row *row, struct node_sign *s)
{
	uint8_t mac[MAC_LEN];
	ENSURE(row->id_len == SIGN_ID_LEN && memcmp(row->id, SIGN_PREFIX, sizeof SIGN_PREFIX - 1) == 0, ERR_CORRUPT);
	ENSURE(row->header.len == sizeof header, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	ENSURE(row->index.len == 0 || view_equal(row->index, view_of(no_entries, sizeof no_entries)), ERR_CORRUPT);
	ENSURE(row->state == STATE && row->body.len > MAC_LEN && row->body.len <= SIGN_BODY_MAX, ERR_CORRUPT);
	struct view fields = view_of(row->body.ptr, row->body.len - MAC_LEN);
	memcpy(s->node_id, row->id + sizeof SIGN_PREFIX - 1, UUID_LEN);
	TRY(read_fields(fields, s));
	TRY(row_mac(ring, row, "sign-mac", fields, mac));
	return ct_equal(mac, row->body.ptr + fields.len, MAC_LEN) ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err sign_from_row(struct ring *ring, const struct store_row *row, struct node_sign *out)
{
	struct node_sign s = { .count = row->version };
	enum coffer_err err = read_row(ring, row, &s);
	if (err == ERR_TRUNCATED || err == ERR_INPUT || err == ERR_FIELD) err = ERR_CORRUPT;
	TRY(err);
	*out = s;
	return ERR_OK;
}
