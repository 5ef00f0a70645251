/* Repeated request ids, failed commits, unknown outcomes. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "ops/request_record.h"
#include "ops/seat.h"
#include "store/store.h"
#include "unit/ops/fixture.h"
#include "unit/store/counting_store.h"

static const uint8_t id_one[KMIP_REQUEST_ID_LEN] = { 1, 2, 3 };

static void send_create(struct fix *f, unsigned uid, const char *name, const uint8_t *request_id, struct answer *answer)
{
	struct ask a;
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = name }, NOW_S);
	ask_item_end(&a, request_id);
	ask_end(&a);
	fix_send(f, uid, &a, answer);
}

static uint64_t objects(struct fix *f)
{
	uint64_t count;
	assert_int_equal(store_count(f->engine.store, STORE_OBJECT, &count), ERR_OK);
	return count;
}

static void repeated_request_has_one_effect(void **state)
{
	struct fix *f = *state;
	struct answer first, again;
	send_create(f, ADMIN, "k", id_one, &first);
	assert_int_equal(first.response.items[0].err, ERR_OK);
	uint64_t rows = fix_audit_rows(f);
	f->now_s += 60;
	send_create(f, ADMIN, "k", id_one, &again);
	assert_int_equal(objects(f), 1);
	assert_int_equal(fix_audit_rows(f), rows);
	assert_int_equal(first.request.answer.len, again.request.answer.len);
	assert_memory_equal(first.request.answer.ptr, again.request.answer.ptr, first.request.answer.len);
	answer_free(&first);
	answer_free(&again);
}

/* Where several nodes write the store. */
static struct seat *take_seat(struct fix *f)
{
	static char name[] = "a";
	f->config.node_name = name;
	struct seat *seat = seat_new(&f->config);
	assert_non_null(seat);
	seat->seal_until_ms = UINT64_MAX;
	f->engine.seat = seat;
	return seat;
}

static void a_request_is_answered_again_behind_a_record_of_its_own(void **state)
{
	struct fix *f = *state;
	struct answer first, again;
	struct seat *seat = take_seat(f);
	send_create(f, ADMIN, "k", id_one, &first);
	uint64_t rows = fix_audit_rows(f);
	send_create(f, ADMIN, "k", id_one, &again);
	assert_int_equal(objects(f), 1);
	assert_int_equal(fix_audit_rows(f), rows + 1);
	assert_memory_equal(first.request.answer.ptr, again.request.answer.ptr, first.request.answer.len);
	answer_free(&first);
	answer_free(&again);
	seat_free(seat);
}

static void nothing_new_is_sealed_without_a_master_server(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	struct seat *seat = take_seat(f);
	seat->seal_until_ms = clock_mono_ms();
	send_create(f, ADMIN, "k", id_one, &answer);
	assert_int_not_equal(answer.response.items[0].err, ERR_OK);
	assert_int_equal(objects(f), 0);
	answer_free(&answer);
	seat->seal_until_ms = clock_mono_ms() + 60000;
	send_create(f, ADMIN, "k", id_one, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_OK);
	answer_free(&answer);
	seat_free(seat);
}

/* Creates of keys that are named 0, 1, …; the item `taken` asks for the name 0 again, and the batch goes on behind it. */
static void send_batch(struct fix *f, unsigned count, unsigned taken, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .minor = 4, .count = count, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	for (unsigned i = 0; i < count; i++) {
		char name[16];
		snprintf(name, sizeof name, "%u", i == taken ? 0 : i);
		ask_item(&a, OPERATION_CREATE, (uint8_t)(i + 1));
		ask_key(&a, &(struct key_wish){ .name = name }, NOW_S);
		ask_item_end(&a, id_one);
	}
	ask_end(&a);
	fix_send(f, ADMIN, &a, answer);
}

static enum coffer_err note_version(void *arg, const struct store_row *row)
{
	*(uint32_t *)arg = row->version;
	return ERR_OK;
}

/* Its whole answer is kept, whichever item was the last to change something; and its record was not written once for each item. */
static void repeated_batch_has_one_effect(void **state)
{
	struct fix *f = *state;
	static const unsigned taken[] = { 99, 5, 11 };
	for (size_t i = 0; i < sizeof taken / sizeof taken[0]; i++) {
		struct answer first, again;
		uint32_t version = 0;
		send_batch(f, 12, taken[i], &first);
		uint64_t made = objects(f);
		assert_int_equal(made, taken[i] < 12 ? 11 : 12);
		assert_int_equal(first.response.count, 12);
		send_batch(f, 12, taken[i], &again);
		assert_int_equal(objects(f), made);
		assert_int_equal(first.request.answer.len, again.request.answer.len);
		assert_memory_equal(first.request.answer.ptr, again.request.answer.ptr, first.request.answer.len);
		assert_int_equal(store_scan(f->engine.store, STORE_REQUEST, view_of(NULL, 0), false, 10, note_version, &version), ERR_OK);
		assert_in_range(version, 1, 2);
		answer_free(&first);
		answer_free(&again);
		fix_stop(state);
		assert_int_equal(fix_start(state), 0);
		f = *state;
	}
}

static void request_id_belongs_to_one_request_for_a_day(void **state)
{
	struct fix *f = *state;
	struct answer a;
	send_create(f, ADMIN, "one", id_one, &a);
	answer_free(&a);
	send_create(f, ADMIN, "two", id_one, &a);
	assert_int_equal(a.response.items[0].err, ERR_EXISTS);
	assert_int_equal(objects(f), 1);
	answer_free(&a);
	f->now_s += REQUEST_RECORD_LIFE_S;
	send_create(f, ADMIN, "two", id_one, &a);
	assert_int_equal(a.response.items[0].err, ERR_OK);
	assert_int_equal(objects(f), 2);
	answer_free(&a);
}

struct damage {
	struct store_row row;
	uint8_t header[STORE_HEADER_MAX], body[4096];
};

static enum coffer_err copy_row(void *arg, const struct store_row *row)
{
	struct damage *d = arg;
	d->row = *row;
	assert_true(row->body.len <= sizeof d->body);
	memcpy(d->header, row->header.ptr, row->header.len);
	memcpy(d->body, row->body.ptr, row->body.len);
	d->row.header = view_of(d->header, 1); /* cut off behind the schema */
	d->row.body = view_of(d->body, row->body.len);
	d->row.index = view_of(NULL, 0);
	return ERR_OK;
}

/* Somebody with the database cut a record's header: who asks for it learns that it is damaged, everybody else goes on. */
static void a_damaged_record_is_damaged_and_stops_nobody_else(void **state)
{
	static struct damage d;
	struct fix *f = *state;
	struct answer a;
	send_create(f, ADMIN, "one", id_one, &a);
	answer_free(&a);
	assert_int_equal(store_scan(f->engine.store, STORE_REQUEST, view_of(NULL, 0), false, 1, copy_row, &d), ERR_OK);
	assert_int_equal(store_begin(f->engine.store, NULL), ERR_OK);
	assert_int_equal(store_put(f->engine.store, STORE_REQUEST, &d.row, true), ERR_OK);
	assert_int_equal(store_commit(f->engine.store, NULL), ERR_OK);
	send_create(f, ADMIN, "one", id_one, &a);
	assert_int_equal(a.response.items[0].err, ERR_CORRUPT);
	answer_free(&a);
	for (uint8_t i = 0; i < 100; i++) {
		const uint8_t id[KMIP_REQUEST_ID_LEN] = { 9, i };
		const char name[] = { 'k', (char)('0' + i / 10), (char)('0' + i % 10), '\0' };
		send_create(f, ADMIN, name, id, &a);
		assert_int_equal(a.response.items[0].err, ERR_OK);
		answer_free(&a);
	}
}

#define DAY 200u

static void create_many(struct fix *f, uint8_t of_day)
{
	for (uint8_t i = 0; i < DAY; i++) {
		const uint8_t id[KMIP_REQUEST_ID_LEN] = { 8, of_day, i };
		struct answer a;
		send_create(f, ADMIN, NULL, id, &a);
		assert_int_equal(a.response.items[0].err, ERR_OK);
		answer_free(&a);
	}
}

static uint64_t records(struct fix *f)
{
	uint64_t count;
	assert_int_equal(store_count(f->engine.store, STORE_REQUEST, &count), ERR_OK);
	return count;
}

/* Where nobody's day is over a create hardly looks at the records of others, each of which may be a page from the disk; where it is, they are gone soon. */
static void expired_records_are_swept_and_the_others_hardly_looked_at(void **state)
{
	struct fix *f = *state;
	create_many(f, 1);
	counting_store_begin(f->engine.store);
	assert_in_range(counting_store_rows(), 0, 0);
	create_many(f, 2);
	assert_in_range(counting_store_rows(), DAY, 4 * DAY);
	assert_int_equal(records(f), 2 * DAY);
	f->now_s += REQUEST_RECORD_LIFE_S;
	create_many(f, 3);
	assert_in_range(records(f), DAY, 3 * DAY / 2);
}

/* The record of another day is replaced by one of this day, and this again by another. */
static void an_expired_record_gives_way(void **state)
{
	struct fix *f = *state;
	for (unsigned day = 0; day < 3; day++) {
		struct answer first, again;
		uint32_t version = 0;
		send_create(f, ADMIN, NULL, id_one, &first);
		assert_int_equal(first.response.items[0].err, ERR_OK);
		send_create(f, ADMIN, NULL, id_one, &again);
		assert_memory_equal(first.request.answer.ptr, again.request.answer.ptr, first.request.answer.len);
		assert_int_equal(store_scan(f->engine.store, STORE_REQUEST, view_of(NULL, 0), false, 2, note_version, &version), ERR_OK);
		assert_int_equal(version, day + 1);
		answer_free(&first);
		answer_free(&again);
		f->now_s += REQUEST_RECORD_LIFE_S;
	}
	assert_int_equal(records(f), 1);
	assert_int_equal(objects(f), 3);
}

static void failed_request_may_be_sent_again(void **state)
{
	struct fix *f = *state;
	struct answer a;
	f->engine.state = ENGINE_DRAINING;
	send_create(f, ADMIN, "k", id_one, &a);
	assert_int_equal(a.response.items[0].err, ERR_BUSY);
	answer_free(&a);
	f->engine.state = ENGINE_OPEN;
	send_create(f, ADMIN, "k", id_one, &a);
	assert_int_equal(a.response.items[0].err, ERR_OK);
	answer_free(&a);
}

static void audit_row_tells_whether_a_request_is_durable(void **state)
{
	struct fix *f = *state;
	struct answer a;
	bool durable = false;
	send_create(f, ADMIN, "k", NULL, &a);
	assert_int_equal(request_was_durable(&a.request, f->engine.txn, &durable), ERR_OK);
	assert_true(durable);
	a.request.audit_seq += 1;
	assert_int_equal(request_was_durable(&a.request, f->engine.txn, &durable), ERR_OK);
	assert_false(durable);
	struct reason reason = { "the disk is full; make room" };
	request_fail(&a.request, ERR_FULL, &reason);
	assert_int_equal(kmip_response_parse(buf_view(&a.request.answer), NULL, &a.response, NULL), ERR_OK);
	assert_int_equal(a.response.items[0].err, ERR_FULL);
	answer_free(&a);
}

static void aborted_transaction_leaves_neither_key_nor_audit_row(void **state)
{
	struct fix *f = *state;
	struct ask ask;
	uint64_t rows = fix_audit_rows(f);
	ask_one(&ask, OPERATION_CREATE);
	ask_key(&ask, &(struct key_wish){ .name = "k" }, NOW_S);
	ask_item_end(&ask, id_one);
	ask_end(&ask);
	struct request r = { .engine = &f->engine, .streams = f->streams, .frame = ask.frame };
	struct principal asks;
	principal_from_uid(ADMIN, 1, &asks);
	r.principal = &asks;
	assert_int_equal(request_classify(&r), ERR_OK);
	assert_int_equal(r.lane, OP_LANE_STORE);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(&r, f->store_local, f->engine.txn), ERR_OK);
	assert_int_equal(objects(f), 1);
	txn_abort(f->engine.txn);
	assert_int_equal(objects(f), 0);
	assert_int_equal(fix_audit_rows(f), rows);
	request_done(&r);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(a_request_is_answered_again_behind_a_record_of_its_own), T(nothing_new_is_sealed_without_a_master_server),
		T(repeated_request_has_one_effect), T(repeated_batch_has_one_effect), T(request_id_belongs_to_one_request_for_a_day), T(failed_request_may_be_sent_again),
		T(a_damaged_record_is_damaged_and_stops_nobody_else),
		T(expired_records_are_swept_and_the_others_hardly_looked_at),
		T(an_expired_record_gives_way),
		T(audit_row_tells_whether_a_request_is_durable), T(aborted_transaction_leaves_neither_key_nor_audit_row),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
