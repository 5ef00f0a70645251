/* The lease as a row. */
#include "domain/lease_row.h"

#include <string.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "domain/row_mac.h"

#define SCHEMA 1u
#define FORMAT 1u
#define STATE_HELD 1u
#define STATE_FREE 2u
#define FIELDS_LEN (LEASE_BODY_LEN - MAC_LEN)

static const uint8_t header[] = { SCHEMA };
static const uint8_t no_entries[] = { 0, 0 };

static bool is_sound(const struct lease *l)
{
	return l->version != 0 && l->epoch != 0 && l->holds_ms >= LEASE_HOLDS_MIN && l->holds_ms <= LEASE_HOLDS_MAX;
}

enum coffer_err lease_to_row(struct ring *ring, struct lease *lease, struct store_row *row, uint8_t body[static LEASE_BODY_LEN])
{
	uint32_t generation = ring_newest(ring);
	struct store_row made = { .id_len = sizeof LEASE_ID - 1, .version = lease->version, .state = lease->held ? STATE_HELD : STATE_FREE,
		.generation = generation, .header = view_of(header, sizeof header), .index = view_of(no_entries, sizeof no_entries),
		.body = view_of(body, LEASE_BODY_LEN) };
	struct writer w;
	ENSURE(generation != 0, ERR_SEALED);
	ENSURE(is_sound(lease), ERR_FIELD);
	memcpy(made.id, LEASE_ID, made.id_len);
	writer_init(&w, body, FIELDS_LEN);
	writer_u8(&w, FORMAT);
	writer_bytes(&w, view_of(lease->holder, UUID_LEN));
	writer_u64(&w, lease->epoch);
	writer_bytes(&w, view_of(lease->life, LEASE_LIFE_LEN));
	writer_u64(&w, lease->taken_ms);
	writer_u32(&w, lease->holds_ms);
	TRY(writer_done(&w));
	TRY(row_mac(ring, &made, "lease-mac", writer_view(&w), body + FIELDS_LEN));
	lease->generation = generation;
	*row = made;
	return ERR_OK;
}

static enum coffer_err read_fields(struct view body, struct lease *l)
{
	struct reader r;
	uint8_t format;
	reader_init(&r, body);
	TRY(reader_u8(&r, &format));
	ENSURE(format == FORMAT, ERR_VERSION);
	TRY(reader_bytes(&r, l->holder, UUID_LEN));
	TRY(reader_u64(&r, &l->epoch));
	TRY(reader_bytes(&r, l->life, LEASE_LIFE_LEN));
	TRY(reader_u64(&r, &l->taken_ms));
	TRY(reader_u32(&r, &l->holds_ms));
	TRY(reader_skip(&r, MAC_LEN));
	TRY(reader_end(&r));
	return is_sound(l) ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err read_row(struct ring *ring, const struct store_row *row, struct lease *l)
{
	uint8_t mac[MAC_LEN];
	ENSURE(view_equal_str(view_of(row->id, row->id_len), LEASE_ID), ERR_CORRUPT);
	ENSURE(row->header.len == sizeof header, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	ENSURE(row->index.len == 0 || view_equal(row->index, view_of(no_entries, sizeof no_entries)), ERR_CORRUPT);
	ENSURE(row->state == STATE_HELD || row->state == STATE_FREE, ERR_CORRUPT);
	TRY(read_fields(row->body, l));
	TRY(row_mac(ring, row, "lease-mac", view_of(row->body.ptr, FIELDS_LEN), mac));
	return ct_equal(mac, row->body.ptr + FIELDS_LEN, MAC_LEN) ? ERR_OK : ERR_CORRUPT;
}

enum coffer_err lease_from_row(struct ring *ring, const struct store_row *row, struct lease *out)
{
	struct lease l = { .version = row->version, .generation = row->generation, .held = row->state == STATE_HELD };
	enum coffer_err err = read_row(ring, row, &l);
	if (err == ERR_TRUNCATED || err == ERR_INPUT || err == ERR_FIELD) err = ERR_CORRUPT;
	TRY(err);
	*out = l;
	return ERR_OK;
}

bool lease_is_same(const struct lease *a, const struct lease *b)
{
	return a->version == b->version && a->generation == b->generation && a->held == b->held && a->epoch == b->epoch &&
		memcmp(a->holder, b->holder, UUID_LEN) == 0 && memcmp(a->life, b->life, LEASE_LIFE_LEN) == 0;
}
