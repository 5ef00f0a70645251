/* Stored answers of the store lane. */
#include "ops/request_record.h"

#include <string.h>

#include "base/clock.h"
#include "base/ct.h"
#include "base/reader.h"
#include "base/uuid.h"
#include "crypto/hash.h"
#include "crypto/rng.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "keyring/rooted_store.h"

#define SCHEMA 1u
#define HEADER_LEN 9u /* schema u8, expires u64 */
#define SWEEP_EVERY 16u /* records, and up to a quarter more or less */
#define SWEEP_FIRST 24u /* rows, more than come meanwhile, so that the end is reached; more when one of them has expired */
#define SWEEP_FIRST_LARGE 2u /* likewise, with each large record */
#define SWEEP_BYTES (1024u * 1024u) /* of bodies that are erased: they are written over, and that to the log */
#define CLOCKS_APART_MS 3600000u /* of clients and nodes */

enum coffer_err request_record_digest(const struct kmip_request *request, uint8_t out[static 32])
{
	AUTO(auto_hash_free) struct hash *h = NULL;
	TRY(hash_new(HASH_SHA256, &h));
	for (size_t i = 0; i < request->count; i++) {
		uint8_t head[12];
		struct writer w;
		writer_init(&w, head, sizeof head);
		writer_u32(&w, request->items[i].id.operation);
		writer_u64(&w, request->items[i].payload.rest.len);
		TRY(writer_done(&w));
		TRY(hash_update(h, writer_view(&w)));
		TRY(hash_update(h, request->items[i].payload.rest));
	}
	return hash_final(h, out);
}

/* SHA-256(T("request") || domain id || LP(principal) || LP(request id)) */
static enum coffer_err plain_id(struct txn *txn, const struct principal *principal, const uint8_t id[static KMIP_REQUEST_ID_LEN],
	uint8_t out[static 32])
{
	uint8_t bytes[64 + UUID_LEN + PRINCIPAL_MAX + 8 + KMIP_REQUEST_ID_LEN];
	struct writer w;
	ENSURE(txn_ring(txn), ERR_SEALED);
	writer_init(&w, bytes, sizeof bytes);
	label_write(&w, "request");
	writer_bytes(&w, view_of(ring_domain(txn_ring(txn))->id, UUID_LEN));
	writer_view_u32(&w, view_str(principal->text));
	writer_view_u32(&w, view_of(id, KMIP_REQUEST_ID_LEN));
	TRY(writer_done(&w));
	return hash_sha256(writer_view(&w), out);
}

/* The request id's first bytes, which is its time where it is a version 7 UUID, in front of as much of the digest: records of requests that come together stand together. */
static void timed_id(const uint8_t plain[static 32], const uint8_t id[static KMIP_REQUEST_ID_LEN], uint8_t out[static 32])
{
	memcpy(out, id, UUID_TIME_LEN);
	memcpy(out + UUID_TIME_LEN, plain, 32 - UUID_TIME_LEN);
}

static enum coffer_err expiry(struct view header, uint64_t *out)
{
	struct reader r;
	uint8_t schema;
	reader_init(&r, header);
	bool whole = reader_u8(&r, &schema) == ERR_OK && schema == SCHEMA && reader_u64(&r, out) == ERR_OK && reader_end(&r) == ERR_OK;
	return whole ? ERR_OK : ERR_CORRUPT;
}

static enum coffer_err read_body(struct view body, const uint8_t digest[static 32], struct buf *answer, struct reason *reason)
{
	uint8_t stored[32];
	uint64_t answered_ms;
	struct view response;
	struct reader r;
	reader_init(&r, body);
	bool whole = reader_bytes(&r, stored, sizeof stored) == ERR_OK && reader_u64(&r, &answered_ms) == ERR_OK &&
		reader_view_u32(&r, REQUEST_RECORD_ANSWER_MAX, &response) == ERR_OK && reader_end(&r) == ERR_OK;
	ENSURE(whole, ERR_CORRUPT);
	if (!ct_equal(stored, digest, sizeof stored))
		return reason_fail(reason, ERR_EXISTS, "this request id was used for another request; take a new one");
	if (response.len == 0)
		return reason_fail(reason, ERR_EXISTS,
			"this request was carried out already and its answer was not kept; read the object to see its state");
	return buf_append(answer, response);
}

static enum coffer_err find_row(struct txn *txn, const uint8_t key[static 32], const uint8_t digest[static 32], struct buf *answer, bool *out_found,
	struct reason *reason)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	uint64_t expires_ms;
	struct store_row row;
	enum coffer_err err = store_get(txn_store(txn), STORE_REQUEST, view_of(key, 32), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	TRY(expiry(row.header, &expires_ms));
	if (expires_ms <= clock_date_s() * 1000) return ERR_OK;
	TRY(record_open(txn_ring(txn), STORE_REQUEST, &row, &body));
	TRY(read_body(buf_view(&body), digest, answer, reason));
	*out_found = true;
	return ERR_OK;
}

/* Where several nodes write the store, rows with a time in front are of the time before it was shared: none is of a request that was made since. A lookup would be a way to the database. */
static bool may_be_timed(struct txn *txn, struct request_records *of, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	uint64_t now = clock_date_ms(), then = uuid_time(id);
	if (!rooted_store_is_shared(txn_store(txn))) return true;
	if (!of->shared_since_ms) of->shared_since_ms = now;
	return !uuid_has_time(id) || then < of->shared_since_ms + CLOCKS_APART_MS || then > now + CLOCKS_APART_MS;
}

enum coffer_err request_record_find(struct txn *txn, struct request_records *of, const struct principal *principal,
	const uint8_t id[static KMIP_REQUEST_ID_LEN], const uint8_t digest[static 32], struct buf *answer, bool *out_found, struct reason *reason)
{
	uint8_t plain[32], timed[32];
	*out_found = false;
	TRY(plain_id(txn, principal, id, plain));
	timed_id(plain, id, timed);
	if (may_be_timed(txn, of, id)) TRY(find_row(txn, timed, digest, answer, out_found, reason));
	return *out_found ? ERR_OK : find_row(txn, plain, digest, answer, out_found, reason);
}

bool request_record_is_expired(const struct store_row *row)
{
	uint64_t expires_ms;
	return expiry(row->header, &expires_ms) == ERR_OK && expires_ms <= clock_date_s() * 1000;
}

struct sweep {
	uint64_t now_ms;
	uint8_t ids[REQUEST_RECORD_SWEEP][32];
	size_t seen, count, bytes;
	bool end; /* nothing stands behind */
};

/* A damaged row is told when it is asked for, and stops nobody else. */
static enum coffer_err note_expired(void *arg, const struct store_row *row, bool is_whole)
{
	struct sweep *s = arg;
	uint64_t expires_ms;
	s->seen++;
	if (!is_whole || row->id_len != sizeof s->ids[0] || expiry(row->header, &expires_ms) != ERR_OK || expires_ms > s->now_ms) return ERR_OK;
	memcpy(s->ids[s->count++], row->id, sizeof s->ids[0]);
	s->bytes += row->body.len;
	return s->bytes < SWEEP_BYTES ? ERR_OK : ERR_EXISTS; /* enough */
}

static enum coffer_err look(struct txn *txn, struct request_records *of, size_t rows, struct sweep *s)
{
	size_t before = s->seen;
	enum coffer_err err = store_survey(txn_store(txn), STORE_REQUEST, &of->swept, rows, note_expired, s);
	s->end = !err && s->seen - before < rows;
	return err == ERR_EXISTS ? ERR_OK : err;
}

static void begin_behind(struct request_records *of, struct view id)
{
	if (id.len) memcpy(of->swept.at, id.ptr, id.len);
	of->swept.at[id.len] = 0;
	of->swept.len = id.len + 1;
}

/* The next few rows: each may be a page from the disk, so a few tell whether it is worth more. */
static enum coffer_err sweep(struct txn *txn, struct request_records *of, const struct store_row *newest, size_t rows)
{
	struct sweep s = { .now_ms = clock_date_s() * 1000 };
	if (!of->swept.len) begin_behind(of, view_of(newest->id, newest->id_len));
	TRY(look(txn, of, rows, &s));
	if (s.end) begin_behind(of, view_of(NULL, 0)); /* from the first row on */
	if (s.end && s.seen == 0) TRY(look(txn, of, rows, &s));
	if (s.count && s.bytes < SWEEP_BYTES && !s.end) TRY(look(txn, of, REQUEST_RECORD_SWEEP - rows, &s));
	for (size_t i = 0; i < s.count; i++) TRY(store_erase(txn_store(txn), STORE_REQUEST, view_of(s.ids[i], sizeof s.ids[i])));
	return ERR_OK;
}

/* Rows to look at now: with the first record and then about each sixteenth, so that no client can be in step. A large one pays for its own, as sixteen of them would be more than a sweep erases. */
static size_t rows_to_sweep(struct request_records *of, size_t body_len)
{
	if (body_len * SWEEP_EVERY >= SWEEP_BYTES) return SWEEP_FIRST_LARGE;
	if (of->until_sweep) {
		of->until_sweep--;
		return 0;
	}
	of->until_sweep = rng_around(SWEEP_EVERY) - 1;
	return SWEEP_FIRST;
}

/* The first record under an id is put without a look whether there is one: hardly ever is there. */
static enum coffer_err put_row(struct txn *txn, struct view plain, struct store_row *row)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row before;
	row->version = 1;
	TRY(record_seal(txn_ring(txn), STORE_REQUEST, plain, row, &body));
	enum coffer_err err = store_put(txn_store(txn), STORE_REQUEST, row, false);
	if (err != ERR_EXISTS) return err;
	TRY(store_get(txn_store(txn), STORE_REQUEST, view_of(row->id, row->id_len), &before));
	ENSURE(before.version < UINT32_MAX - 1, ERR_LIMIT);
	row->version = before.version + 1;
	buf_clear(&body);
	TRY(record_seal(txn_ring(txn), STORE_REQUEST, plain, row, &body));
	return store_put(txn_store(txn), STORE_REQUEST, row, true);
}

/* Among several nodes the older programs look for digests alone. */
static enum coffer_err row_id(struct txn *txn, const struct principal *principal, const uint8_t id[static KMIP_REQUEST_ID_LEN], uint8_t out[static 32])
{
	uint8_t plain[32];
	TRY(plain_id(txn, principal, id, plain));
	if (rooted_store_is_shared(txn_store(txn))) memcpy(out, plain, sizeof plain);
	else timed_id(plain, id, out);
	return ERR_OK;
}

enum coffer_err request_record_put(struct txn *txn, struct request_records *of, const struct principal *principal, const uint8_t id[static KMIP_REQUEST_ID_LEN],
	const uint8_t digest[static 32], struct view answer)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	static const uint8_t no_index[] = { 0, 0 };
	uint8_t header[HEADER_LEN];
	struct store_row row = { .id_len = 32, .index = view_of(no_index, sizeof no_index) };
	struct writer w;
	uint64_t now_ms = clock_date_s() * 1000;

	TRY(row_id(txn, principal, id, row.id));
	writer_init(&w, header, sizeof header);
	writer_u8(&w, SCHEMA);
	writer_u64(&w, now_ms + REQUEST_RECORD_LIFE_S * UINT64_C(1000));
	TRY(writer_done(&w));
	row.header = writer_view(&w);
	writer_init_buf(&w, &plain, REQUEST_RECORD_ANSWER_MAX + 64);
	writer_bytes(&w, view_of(digest, 32));
	writer_u64(&w, now_ms);
	writer_view_u32(&w, answer.len <= REQUEST_RECORD_ANSWER_MAX ? answer : view_of(NULL, 0));
	TRY(writer_done(&w));
	TRY(put_row(txn, buf_view(&plain), &row));
	size_t rows = rows_to_sweep(of, plain.len);
	return rows ? sweep(txn, of, &row, rows) : ERR_OK;
}
