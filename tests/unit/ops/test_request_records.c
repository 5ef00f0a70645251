/* Where the records of requests stand in the store, and how they leave it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/uuid.h"
#include "crypto/hash.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "ops/request_record.h"
#include "unit/ops/fixture.h"
#include "unit/ops/nodes_world.h"

#define DAY 300u /* requests */

static const struct principal who = { .text = "unix:1000" };
static const uint8_t id_one[KMIP_REQUEST_ID_LEN] = { 0x01, 0x9a, 0xb2, 0xc3, 0xd4, 0xe5, 0x70, 1, 0x80, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t digest[32] = { 7 };

static void put(struct engine *e, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(request_record_put(e->txn, &who, id, digest, view_str("answer"), &e->request_sweep), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
}

static bool is_found(struct engine *e, const struct principal *by, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	AUTO_BUF struct buf answer = BUF_EMPTY;
	struct reason reason = { "" };
	bool found = false;
	assert_int_equal(request_record_find(e->txn, by, id, digest, &answer, &found, &reason), ERR_OK);
	if (found) assert_true(view_equal_str(buf_view(&answer), "answer"));
	return found;
}

/* docs/formats.md section 6: SHA-256(T("request") || domain id || LP(principal) || LP(request id)). */
static void digest_of(struct ring *ring, const uint8_t id[static KMIP_REQUEST_ID_LEN], uint8_t out[static 32])
{
	uint8_t bytes[256];
	struct writer wr;
	writer_init(&wr, bytes, sizeof bytes);
	label_write(&wr, "request");
	writer_bytes(&wr, view_of(ring_domain(ring)->id, UUID_LEN));
	writer_view_u32(&wr, view_str(who.text));
	writer_view_u32(&wr, view_of(id, KMIP_REQUEST_ID_LEN));
	assert_int_equal(writer_done(&wr), ERR_OK);
	assert_int_equal(hash_sha256(writer_view(&wr), out), ERR_OK);
}

struct copy {
	struct store_row row;
	size_t count;
	uint8_t header[STORE_HEADER_MAX], index[2], body[1024];
};

static enum coffer_err copy_row(void *arg, const struct store_row *row)
{
	struct copy *c = arg;
	c->row = *row;
	c->count++;
	assert_true(row->body.len <= sizeof c->body && row->index.len <= sizeof c->index);
	memcpy(c->header, row->header.ptr, row->header.len);
	memcpy(c->index, row->index.ptr, row->index.len);
	memcpy(c->body, row->body.ptr, row->body.len);
	c->row.header.ptr = c->header;
	c->row.index.ptr = c->index;
	c->row.body.ptr = c->body;
	return ERR_OK;
}

static void copy_only_row(struct engine *e, struct copy *out)
{
	*out = (struct copy){ .count = 0 };
	assert_int_equal(store_scan(e->store, STORE_REQUEST, view_of(NULL, 0), false, 10, copy_row, out), ERR_OK);
	assert_int_equal(out->count, 1);
	assert_int_equal(out->row.id_len, 32);
}

static void a_record_stands_where_its_request_says_when(void **state)
{
	struct fix *f = *state;
	static const struct principal another = { .text = "unix:1001" };
	struct copy c;
	uint8_t plain[32];
	put(&f->engine, id_one);
	copy_only_row(&f->engine, &c);
	digest_of(f->ring, id_one, plain);
	assert_memory_equal(c.row.id, id_one, UUID_TIME_LEN);
	assert_memory_equal(c.row.id + UUID_TIME_LEN, plain, 32 - UUID_TIME_LEN);
	assert_true(is_found(&f->engine, &who, id_one));
	assert_false(is_found(&f->engine, &another, id_one));
}

/* The programs before this one wrote it under the digest alone. */
static void what_an_older_program_recorded_is_found(void **state)
{
	struct fix *f = *state;
	AUTO_BUF struct buf opened = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct copy c;
	put(&f->engine, id_one);
	copy_only_row(&f->engine, &c);
	assert_int_equal(record_open(f->ring, STORE_REQUEST, &c.row, &opened), ERR_OK);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(store_erase(f->engine.store, STORE_REQUEST, view_of(c.row.id, c.row.id_len)), ERR_OK);
	digest_of(f->ring, id_one, c.row.id);
	assert_int_equal(record_seal(f->ring, STORE_REQUEST, buf_view(&opened), &c.row, &body), ERR_OK);
	assert_int_equal(store_put(f->engine.store, STORE_REQUEST, &c.row, false), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	assert_true(is_found(&f->engine, &who, id_one));
	f->now_s += REQUEST_RECORD_LIFE_S;
	assert_false(is_found(&f->engine, &who, id_one));
}

/* Nodes with an older program look for digests alone. */
static void among_several_nodes_a_record_stands_under_its_digest(void **state)
{
	struct copy c;
	uint8_t plain[32];
	(void)state;
	put(&w.a.engine, id_one);
	copy_only_row(&w.a.engine, &c);
	digest_of(w.a.ring, id_one, plain);
	assert_memory_equal(c.row.id, plain, 32);
	assert_true(is_found(&w.b.engine, &who, id_one));
}

/* ---- how they leave ---- */

static void id_of_time(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	memset(out, (int)n, KMIP_REQUEST_ID_LEN);
	uuid_of_time(out, f->now_s * 1000 + n);
}

static void id_at_random(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	uint64_t seed[] = { f->now_s, n };
	uint8_t hash[32];
	assert_int_equal(hash_sha256(view_of(seed, sizeof seed), hash), ERR_OK);
	memcpy(out, hash, KMIP_REQUEST_ID_LEN);
}

static void id_counted_up(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	memset(out, 0, KMIP_REQUEST_ID_LEN);
	be64_put(out, (f->now_s << 10) + n);
}

static void id_counted_down(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	memset(out, 0, KMIP_REQUEST_ID_LEN);
	be64_put(out, UINT64_MAX - ((f->now_s << 10) + n));
}

static void id_alike_in_front(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN])
{
	memset(out, 9, KMIP_REQUEST_ID_LEN);
	be64_put(out + 8, (f->now_s << 10) + n);
}

static uint64_t records(struct fix *f)
{
	uint64_t count;
	assert_int_equal(store_count(f->engine.store, STORE_REQUEST, &count), ERR_OK);
	return count;
}

/* Whatever clients take for ids: those of the day before are looked at while as many again come, twice at most. */
static void records_of_other_days_leave_however_ids_are_made(void **state)
{
	static void (*const ways[])(struct fix *f, unsigned n, uint8_t out[static KMIP_REQUEST_ID_LEN]) = { id_of_time, id_at_random, id_counted_up,
		id_counted_down, id_alike_in_front };
	for (size_t way = 0; way < sizeof ways / sizeof ways[0]; way++) {
		struct fix *f = *state;
		for (unsigned day = 0; day < 9; day++) {
			for (unsigned n = 0; n < DAY; n++) {
				uint8_t id[KMIP_REQUEST_ID_LEN];
				ways[way](f, n, id);
				put(&f->engine, id);
			}
			assert_in_range(records(f), DAY, 3 * DAY + REQUEST_RECORD_SWEEP);
			f->now_s += REQUEST_RECORD_LIFE_S;
		}
		fix_stop(state);
		assert_int_equal(fix_start(state), 0);
	}
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(a_record_stands_where_its_request_says_when),
		T(what_an_older_program_recorded_is_found),
		T(records_of_other_days_leave_however_ids_are_made),
		cmocka_unit_test_setup_teardown(among_several_nodes_a_record_stands_under_its_digest, world_open, world_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
