/* The anchor's record as bytes and as a row. */
#include "keyring/anchor_record.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "base/writer.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "keyring/domain_record.h"
#include "keyring/label.h"

#define SCHEMA 1u
#define ID_PREFIX "anchor-"
#define BODY_MAX 512u

static const uint8_t header[] = { SCHEMA };

void anchor_record_clear(struct anchor_record *record)
{
	secret_free(record->auth);
	*record = ANCHOR_RECORD_NONE;
}

/* A TSS of 2022 fails with values that end in a zero. */
enum coffer_err anchor_record_new_auth(struct anchor_record *record)
{
	AUTO_SECRET struct secret *auth = secret_new(TOKEN_COUNTER_AUTH_LEN);
	ENSURE(auth, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(auth), TOKEN_COUNTER_AUTH_LEN));
	secret_mut(auth)[TOKEN_COUNTER_AUTH_LEN - 1] |= 1;
	secret_free(record->auth);
	record->auth = TAKE(auth);
	return ERR_OK;
}

static enum coffer_err read_auth(struct reader *r, struct anchor_record *out)
{
	struct view auth;
	TRY(reader_view(r, TOKEN_COUNTER_AUTH_LEN, &auth));
	out->auth = secret_copy(auth.ptr, auth.len);
	return out->auth ? ERR_OK : ERR_MEMORY;
}

static enum coffer_err read_ref(struct reader *r, struct token_counter_ref *out)
{
	struct view data, place;
	TRY(reader_view_u32(r, sizeof out->data, &data));
	TRY(reader_view_u32(r, sizeof out->place - 1, &place));
	if (data.len) memcpy(out->data, data.ptr, data.len);
	out->len = data.len;
	text_printable(place, out->place, sizeof out->place);
	ENSURE(view_equal_str(place, out->place), ERR_CORRUPT);
	return ERR_OK;
}

enum coffer_err anchor_record_read_name(struct reader *r, struct anchor_record *out)
{
	TRY(read_auth(r, out));
	return read_ref(r, &out->ref);
}

static enum coffer_err read_body(struct view body, struct anchor_record *out)
{
	struct reader r;
	uint8_t stage;
	reader_init(&r, body);
	TRY(reader_u8(&r, &stage));
	ENSURE(stage >= ANCHOR_MAKING && stage <= ANCHOR_LEFT, ERR_CORRUPT);
	out->stage = (enum anchor_stage)stage;
	TRY(anchor_record_read_name(&r, out));
	TRY(reader_u64(&r, &out->first));
	TRY(reader_u64(&r, &out->made_ms));
	TRY(reader_u64(&r, &out->counter));
	TRY(reader_u64(&r, &out->root_version));
	TRY(reader_u64(&r, &out->time_ms));
	TRY(reader_u32(&r, &out->overridden));
	TRY(reader_u64(&r, &out->overridden_ms));
	TRY(reader_u64(&r, &out->overridden_from));
	TRY(reader_u64(&r, &out->overridden_to));
	TRY(reader_end(&r));
	bool made = stage == ANCHOR_MADE || stage == ANCHOR_LEFT;
	ENSURE(made == (out->ref.len != 0) && made == (out->counter != 0) && out->first <= out->counter, ERR_CORRUPT);
	return ERR_OK;
}

bool anchor_record_is(const struct domain_id *domain, const struct store_row *row)
{
	struct store_row wanted = { .id_len = 0 };
	domain_record_node_id(ID_PREFIX, domain, &wanted);
	return view_equal(view_of(row->id, row->id_len), view_of(wanted.id, wanted.id_len));
}

enum coffer_err anchor_record_open(struct ring *ring, const struct store_row *row, struct anchor_record *out)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct anchor_record record = ANCHOR_RECORD_NONE;
	ENSURE(row->header.len == 1 && row->state == 0, ERR_CORRUPT);
	ENSURE(row->header.ptr[0] == SCHEMA, ERR_VERSION);
	record.row_version = row->version;
	TRY(record_open(ring, STORE_DOMAIN, row, &plain));
	enum coffer_err err = read_body(buf_view(&plain), &record);
	if (err) {
		anchor_record_clear(&record);
		return err == ERR_MEMORY ? err : ERR_CORRUPT;
	}
	*out = record;
	return ERR_OK;
}

enum coffer_err anchor_record_read(struct store *store, struct ring *ring, struct anchor_record *out)
{
	struct store_row wanted = { .id_len = 0 }, row;
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &wanted);
	TRY(store_get(store, STORE_DOMAIN, view_of(wanted.id, wanted.id_len), &row));
	return anchor_record_open(ring, &row, out);
}

void anchor_record_write_name(struct writer *w, const struct anchor_record *record)
{
	writer_bytes(w, secret_view(record->auth));
	writer_view_u32(w, view_of(record->ref.data, record->ref.len));
	writer_view_u32(w, view_str(record->ref.place));
}

static enum coffer_err write_body(const struct anchor_record *record, struct buf *out)
{
	struct writer w;
	writer_init_buf(&w, out, BODY_MAX);
	writer_u8(&w, (uint8_t)record->stage);
	anchor_record_write_name(&w, record);
	writer_u64(&w, record->first);
	writer_u64(&w, record->made_ms);
	writer_u64(&w, record->counter);
	writer_u64(&w, record->root_version);
	writer_u64(&w, record->time_ms);
	writer_u32(&w, record->overridden);
	writer_u64(&w, record->overridden_ms);
	writer_u64(&w, record->overridden_from);
	writer_u64(&w, record->overridden_to);
	return writer_done(&w);
}

enum coffer_err anchor_record_put(struct store *store, struct ring *ring, struct anchor_record *record)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	ENSURE(record->row_version < UINT32_MAX - 1, ERR_LIMIT);
	struct store_row row = { .version = record->row_version + 1, .header = view_of(header, sizeof header) };
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &row);
	TRY(write_body(record, &plain));
	TRY(record_seal(ring, STORE_DOMAIN, buf_view(&plain), &row, &body));
	TRY(store_put(store, STORE_DOMAIN, &row, record->row_version != 0));
	record->row_version++;
	return ERR_OK;
}

enum coffer_err anchor_record_erase(struct store *store, struct ring *ring)
{
	struct store_row row = { .id_len = 0 };
	domain_record_node_id(ID_PREFIX, ring_domain(ring), &row);
	enum coffer_err err = store_erase(store, STORE_DOMAIN, view_of(row.id, row.id_len));
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

enum coffer_err anchor_owner(const struct domain_id *domain, uint8_t out[static TOKEN_COUNTER_OWNER_LEN])
{
	return domain_owner(domain, "anchor-owner", out);
}

enum coffer_err anchor_wish(const struct domain_id *domain, const struct anchor_record *record, struct token_counter_wish *out)
{
	*out = (struct token_counter_wish){ .auth = secret_view(record->auth), .ref = record->ref, .from = record->counter };
	return anchor_owner(domain, out->owner);
}
