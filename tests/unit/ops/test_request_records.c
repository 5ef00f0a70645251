/* Where the records of requests stand in the store, and how they leave it. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "crypto/hash.h"
#include "keyring/label.h"
#include "keyring/record.h"
#include "ops/request_record.h"
#include "unit/ops/fixture.h"
#include "unit/ops/nodes_world.h"
#include "unit/store/counting_store.h"

#define DAY 300u /* requests */

static const struct principal who = { .text = "unix:1000" };
static const uint8_t id_one[KMIP_REQUEST_ID_LEN] = { 0x01, 0x9a, 0xb2, 0xc3, 0xd4, 0xe5, 0x70, 1, 0x80, 2, 3, 4, 5, 6, 7, 8 };
static const uint8_t digest[32] = { 7 };

static void put_answer(struct engine *e, const uint8_t id[static KMIP_REQUEST_ID_LEN], struct view answer)
{
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(request_record_put(e->txn, &e->request_records, &who, id, digest, answer), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
}

static void put(struct engine *e, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	put_answer(e, id, view_str("answer"));
}

static bool is_found(struct engine *e, const struct principal *by, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	AUTO_BUF struct buf answer = BUF_EMPTY;
	struct reason reason = { "" };
	bool found = false;
	assert_int_equal(request_record_find(e->txn, &e->request_records, by, id, digest, &answer, &found, &reason), ERR_OK);
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

static void timed_of(struct ring *ring, const uint8_t id[static KMIP_REQUEST_ID_LEN], uint8_t out[static 32])
{
	uint8_t plain[32];
	digest_of(ring, id, plain);
	memcpy(out, id, UUID_TIME_LEN);
	memcpy(out + UUID_TIME_LEN, plain, 32 - UUID_TIME_LEN);
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

/* "request-id" and "request-row" of tests/vectors/formats-v1.json, which docs/formats.md prints. */
static void rows_have_the_known_answers(void **state)
{
	static const uint8_t known[] = { 0x1b, 0xda, 0xd6, 0x52, 0xff, 0x02, 0x2a, 0xf5, 0x9a, 0xfa, 0x70, 0x6c, 0x38, 0x2d, 0x46, 0x5f, 0xc2, 0xe2, 0xc4, 0x13, 0x69, 0x17,
		0xa0, 0x4d, 0xfe, 0x71, 0xd5, 0x5f, 0xcf, 0x2d, 0x19, 0x93 };
	struct fix *f = *state;
	struct copy c;
	uint8_t id[KMIP_REQUEST_ID_LEN], plain[32];
	for (size_t i = 0; i < sizeof id; i++) id[i] = (uint8_t)(0x30 + i);
	digest_of(f->ring, id, plain);
	assert_memory_equal(plain, known, sizeof known);
	put(&f->engine, id);
	copy_only_row(&f->engine, &c);
	assert_memory_equal(c.row.id, id, 6);
	assert_memory_equal(c.row.id + 6, known, 26);
}

static void a_record_stands_where_its_request_says_when(void **state)
{
	struct fix *f = *state;
	static const struct principal another = { .text = "unix:1001" };
	struct copy c;
	uint8_t timed[32];
	put(&f->engine, id_one);
	copy_only_row(&f->engine, &c);
	timed_of(f->ring, id_one, timed);
	assert_memory_equal(c.row.id, timed, 32);
	assert_true(is_found(&f->engine, &who, id_one));
	assert_false(is_found(&f->engine, &another, id_one));
}

/* The only row, under another id. */
static void move_row(struct engine *e, struct ring *ring, const uint8_t id[static 32])
{
	AUTO_BUF struct buf opened = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct copy c;
	copy_only_row(e, &c);
	assert_int_equal(record_open(ring, STORE_REQUEST, &c.row, &opened), ERR_OK);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(store_erase(e->store, STORE_REQUEST, view_of(c.row.id, c.row.id_len)), ERR_OK);
	memcpy(c.row.id, id, 32);
	assert_int_equal(record_seal(ring, STORE_REQUEST, buf_view(&opened), &c.row, &body), ERR_OK);
	assert_int_equal(store_put(e->store, STORE_REQUEST, &c.row, false), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
}

/* The programs before this one wrote it under the digest alone. */
static void what_an_older_program_recorded_is_found(void **state)
{
	struct fix *f = *state;
	uint8_t plain[32];
	put(&f->engine, id_one);
	digest_of(f->ring, id_one, plain);
	move_row(&f->engine, f->ring, plain);
	assert_true(is_found(&f->engine, &who, id_one));
	f->now_s += REQUEST_RECORD_LIFE_S;
	assert_false(is_found(&f->engine, &who, id_one));
}

static struct engine *shared(void)
{
	w.a.engine.request_records = (struct request_records){ .shared_since_ms = 0 };
	return &w.a.engine;
}

/* Nodes with an older program look for digests alone. */
static void among_several_nodes_a_record_stands_under_its_digest(void **state)
{
	struct copy c;
	uint8_t plain[32];
	(void)state;
	put(shared(), id_one);
	copy_only_row(&w.a.engine, &c);
	digest_of(w.a.ring, id_one, plain);
	assert_memory_equal(c.row.id, plain, 32);
	assert_true(is_found(&w.b.engine, &who, id_one));
}

/* The store was one node's until now. */
static void what_was_recorded_before_a_store_was_shared_is_found(void **state)
{
	struct engine *e = shared();
	uint8_t id[KMIP_REQUEST_ID_LEN] = { 0 }, timed[32];
	(void)state;
	uuid_of_time(id, clock_date_ms() - 5000);
	put(e, id);
	timed_of(w.a.ring, id, timed);
	move_row(e, w.a.ring, timed);
	assert_true(is_found(e, &who, id));
}

/* One way to the database for each change, once the store has been shared for an hour; ids that do not say when are looked for everywhere. */
static void a_request_of_the_time_since_is_looked_for_under_its_digest_alone(void **state)
{
	struct engine *e = shared();
	uint8_t id[KMIP_REQUEST_ID_LEN] = { 0 };
	(void)state;
	counting_store_begin(w.inner);
	uuid_of_time(id, clock_date_ms());
	assert_false(is_found(e, &who, id));
	assert_int_equal(counting_store_rows(), 2);
	e->request_records.shared_since_ms = clock_date_ms() - 4000000;
	assert_false(is_found(e, &who, id));
	assert_int_equal(counting_store_rows(), 1);
	id[6] = 0x40;
	assert_false(is_found(e, &who, id));
	assert_int_equal(counting_store_rows(), 2);
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

/* A process for each day, that hardly does anything. */
static void records_leave_also_where_a_process_makes_a_few_only(void **state)
{
	struct fix *f = *state;
	for (unsigned day = 0; day < 300; day++) {
		f->engine.request_records = (struct request_records){ .shared_since_ms = 0 };
		for (unsigned n = 0; n < 5; n++) {
			uint8_t id[KMIP_REQUEST_ID_LEN];
			id_of_time(f, n, id);
			put(&f->engine, id);
		}
		f->now_s += REQUEST_RECORD_LIFE_S;
	}
	assert_in_range(records(f), 5, 200); /* 1500 were made */
}

static void spoil(struct fix *f, const uint8_t id[static KMIP_REQUEST_ID_LEN])
{
	uint8_t timed[32];
	timed_of(f->ring, id, timed);
	counting_store_begin(f->engine.store);
	counting_store_spoil(view_of(timed, sizeof timed));
}

/* Somebody with the database cut a row: it stays, the others leave. */
static void a_row_that_cannot_be_read_keeps_none_of_the_others(void **state)
{
	struct fix *f = *state;
	uint8_t id[KMIP_REQUEST_ID_LEN];
	for (unsigned day = 0; day < 6; day++) {
		for (unsigned n = 0; n < DAY; n++) {
			id_of_time(f, n, id);
			put(&f->engine, id);
			if (day == 0 && n == 50) spoil(f, id);
		}
		f->now_s += REQUEST_RECORD_LIFE_S;
	}
	assert_in_range(records(f), DAY, 3 * DAY + REQUEST_RECORD_SWEEP);
}

/* Who has large answers kept side by side does not have them all erased in another's commit. */
static void a_sweep_erases_a_bounded_number_of_bytes(void **state)
{
	static uint8_t large[REQUEST_RECORD_ANSWER_MAX / 2];
	struct fix *f = *state;
	uint8_t id[KMIP_REQUEST_ID_LEN];
	unsigned gone = 0;
	for (unsigned n = 0; n < 30; n++) {
		id_of_time(f, n, id);
		put_answer(&f->engine, id, view_of(large, sizeof large));
	}
	f->now_s += REQUEST_RECORD_LIFE_S;
	for (unsigned n = 0; n < 2 * DAY; n++) {
		uint64_t before = records(f);
		id_of_time(f, n % 256, id);
		be64_put(id + 8, n);
		put(&f->engine, id);
		unsigned went = (unsigned)(before + 1 - records(f));
		assert_true(went <= 3);
		gone += went;
	}
	assert_int_equal(gone, 30);
}

/* Each pays for its own, however many come. */
static void large_records_leave_as_fast_as_they_come(void **state)
{
	static uint8_t large[REQUEST_RECORD_ANSWER_MAX / 2];
	static const size_t lens[] = { 1000, 60000, 70000, sizeof large };
	for (size_t i = 0; i < sizeof lens / sizeof lens[0]; i++) {
		struct fix *f = *state;
		for (unsigned day = 0; day < 8; day++) {
			for (unsigned n = 0; n < 60; n++) {
				uint8_t id[KMIP_REQUEST_ID_LEN];
				id_of_time(f, n, id);
				put_answer(&f->engine, id, view_of(large, lens[i]));
			}
			assert_in_range(records(f), 60, 3 * 60 + 2 * REQUEST_RECORD_SWEEP);
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
		T(rows_have_the_known_answers),
		T(a_record_stands_where_its_request_says_when),
		T(what_an_older_program_recorded_is_found),
		T(records_of_other_days_leave_however_ids_are_made),
		T(records_leave_also_where_a_process_makes_a_few_only),
		T(a_row_that_cannot_be_read_keeps_none_of_the_others),
		T(a_sweep_erases_a_bounded_number_of_bytes),
		T(large_records_leave_as_fast_as_they_come),
		cmocka_unit_test_setup_teardown(among_several_nodes_a_record_stands_under_its_digest, world_open, world_close),
		cmocka_unit_test_setup_teardown(what_was_recorded_before_a_store_was_shared_is_found, world_open, world_close),
		cmocka_unit_test_setup_teardown(a_request_of_the_time_since_is_looked_for_under_its_digest_alone, world_open, world_close),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
