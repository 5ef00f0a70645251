/* Usage Limits: given, spent exactly and durably, refused. */
#include "unit/ops/life.h"
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "ops/kmip_usage.h"

#define SEGMENT 65536

static struct life_key limited(int64_t total, uint32_t unit)
{
	return (struct life_key){ .name = "k", .activation_s = NOW_S,
		.has_limits = true, .limits = { .has_total = true, .total = total, .has_unit = true, .unit = unit } };
}

static void count_begins_at_the_total_whatever_the_client_says(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(1000, USAGE_LIMITS_UNIT_BYTE);
	key.limits.has_count = true;
	key.limits.count = 1;
	life_create(f, &key, id);
	assert_int_equal(life_rest(f, id), 1000);
	key.name = "no unit";
	key.limits.has_unit = false;
	assert_int_equal(life_try_create(f, ADMIN, &key, id), RESULT_REASON_INVALID_FIELD);
	key.limits = (struct kmip_usage_limits){ .has_unit = true, .unit = USAGE_LIMITS_UNIT_BYTE };
	assert_int_equal(life_try_create(f, ADMIN, &key, id), RESULT_REASON_INVALID_FIELD);
}

static void bytes_are_counted_to_the_last_one(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 60), LIFE_DONE);
	assert_int_equal(life_rest(f, id), 40);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 41), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_rest(f, id), 40);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 40), LIFE_DONE);
	assert_int_equal(life_rest(f, id), 0);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 1), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 0), LIFE_DONE);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_DECRYPT, id, 500), LIFE_DONE); /* processing is not limited */
}

static void objects_are_counted_whatever_their_size(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(2, USAGE_LIMITS_UNIT_OBJECT);
	life_create(f, &key, id);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 0), LIFE_DONE);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 5000), LIFE_DONE);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 0), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_rest(f, id), 0);
}

static void a_key_without_limits_never_leaves_the_worker(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = NOW_S }, id);
	unsigned runs = f->store_runs;
	for (int i = 0; i < 10; i++) assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 1000), LIFE_DONE);
	assert_int_equal(f->store_runs, runs);
}

static void what_fails_spends_nothing(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
	struct ask a;
	struct answer answer;
	life_create(f, &key, id);
	ask_one(&a, OPERATION_ENCRYPT);
	ask_id(&a, id);
	struct ttlv_mark mark = ttlv_begin(&a.w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a.w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_ECB);
	ttlv_end(&a.w, mark);
	ttlv_put_bytes(&a.w, TAG_DATA, view_str("not a block"));
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_FIELD);
	answer_free(&answer);
	assert_int_equal(life_rest(f, id), 100);
}

static void put_data(struct ask *a, const char *id, size_t len, uint8_t number)
{
	static const uint8_t iv[16] = { 1 }, data[128];
	ask_item(a, OPERATION_ENCRYPT, number);
	ask_id(a, id);
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_CTR);
	ttlv_end(&a->w, mark);
	ttlv_put_bytes(&a->w, TAG_DATA, view_of(data, len));
	ttlv_put_bytes(&a->w, TAG_IV_COUNTER_NONCE, view_of(iv, sizeof iv));
	ask_item_end(a, NULL);
}

static void items_of_a_batch_share_the_rest_and_undo_gives_it_back(void **state)
{
	static const struct { uint32_t continuation; int64_t rest; } cases[] = {
		{ BATCH_ERROR_CONTINUATION_OPTION_CONTINUE, 0 }, { BATCH_ERROR_CONTINUATION_OPTION_UNDO, 100 },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
		struct ask a;
		struct answer answer;
		key.name = i ? "two" : "one";
		life_create(f, &key, id);
		ask_begin(&a, &(struct ask_header){ .count = 3, .continuation = cases[i].continuation });
		put_data(&a, id, 60, 1);
		put_data(&a, id, 40, 2);
		put_data(&a, id, 1, 3);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.count, 3);
		assert_int_equal(answer.response.items[2].err, ERR_STATE);
		answer_free(&answer);
		assert_int_equal(life_rest(f, id), cases[i].rest);
	}
}

static enum coffer_err seal(struct fix *f, const char *id, size_t len)
{
	static const uint8_t data[128];
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL);
	ask_id(&a, id);
	ttlv_put_bytes(&a.w, TAG_COFFER_PLAINTEXT, view_of(data, len));
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void sealing_spends_as_encryption_does(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	assert_int_equal(seal(f, id, 70), ERR_OK);
	assert_int_equal(life_rest(f, id), 30);
	assert_int_equal(seal(f, id, 31), ERR_STATE);
	assert_int_equal(seal(f, id, 30), ERR_OK);
	assert_int_equal(life_rest(f, id), 0);
}

static void rewrapping_spends_the_newest_version(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	struct life_key key = limited(1000, USAGE_LIMITS_UNIT_BYTE);
	struct buf sealed = BUF_EMPTY;
	char plain[600]; /* longer than a refusal, which stands where it was opened */
	struct answer answer;
	memset(plain, ' ', sizeof plain);
	memcpy(plain + sizeof plain - 12, "twelve bytes", 12);
	life_create(f, &key, id);
	vendor_seal(f, ADMIN, "k", "ledger", view_of(plain, sizeof plain), &sealed);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_RE_KEY, id, NULL, NULL, &answer), LIFE_DONE);
	answer_id(&answer, 0, next);
	answer_free(&answer);
	assert_int_equal(life_rest(f, next), 1000);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "ledger", buf_view(&sealed), &answer), ERR_OK);
	answer_free(&answer);
	assert_int_equal(life_rest(f, id), 400);
	assert_int_equal(life_rest(f, next), 400);
	assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "ledger", buf_view(&sealed), &answer), ERR_STATE);
	assert_null(memmem(answer.request.answer.ptr, answer.request.answer.cap, "twelve bytes", 12));
	answer_free(&answer);
	buf_free(&sealed);
}

/* Under ASan: the newest version's snapshot is another one behind what was spent of it, and each has its owners. */
static void rewrapping_again_and_again_loses_no_key(void **state)
{
	struct fix *f = *state;
	for (unsigned i = 0; i < 40; i++) {
		char id[UUID_TEXT_LEN + 1], name[16];
		struct life_key key = limited(1000, USAGE_LIMITS_UNIT_BYTE);
		struct buf sealed = BUF_EMPTY;
		struct answer answer;
		snprintf(name, sizeof name, "k%u", i);
		key.name = name;
		life_create(f, &key, id);
		vendor_seal(f, ADMIN, name, "ledger", view_str("twelve bytes"), &sealed);
		for (unsigned n = 0; n < 3; n++) {
			assert_int_equal(vendor_sealed(f, ADMIN, OPERATION_COFFER_REWRAP, "ledger", buf_view(&sealed), &answer), ERR_OK);
			answer_free(&answer);
		}
		assert_int_equal(seal(f, id, 5), ERR_OK);
		assert_int_equal(life_rest(f, id), 1000 - 4 * 12 - 5);
		buf_free(&sealed);
	}
}

static int32_t begin_stream(struct fix *f, const char *id)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ask_id(&a, id);
	ttlv_put_i32(&a.w, TAG_COFFER_SEGMENT_SIZE, SEGMENT);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	int32_t handle = err ? 0 : vendor_i32(&answer, TAG_COFFER_STREAM_HANDLE);
	answer_free(&answer);
	return handle;
}

static enum coffer_err segment(struct fix *f, int32_t handle, size_t len, bool last)
{
	static const uint8_t data[SEGMENT];
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, view_of(data, len));
	ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, last);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void segments_of_a_stream_spend_bytes_and_its_beginning_an_object(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], objects[UUID_TEXT_LEN + 1];
	struct life_key key = limited(SEGMENT + 10, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	int32_t handle = begin_stream(f, id);
	assert_int_equal(segment(f, handle, SEGMENT, false), ERR_OK);
	assert_int_equal(life_rest(f, id), 10);
	assert_int_equal(segment(f, handle, 10, true), ERR_OK);
	assert_int_equal(life_rest(f, id), 0);
	handle = begin_stream(f, id);
	assert_int_not_equal(handle, 0);
	assert_int_equal(segment(f, handle, 1, true), ERR_STATE);
	assert_int_equal(segment(f, handle, 0, true), ERR_NOT_FOUND); /* the refused segment ended it */

	key = limited(1, USAGE_LIMITS_UNIT_OBJECT);
	key.name = "objects";
	life_create(f, &key, objects);
	handle = begin_stream(f, objects);
	assert_int_equal(life_rest(f, objects), 0);
	assert_int_equal(segment(f, handle, SEGMENT, false), ERR_OK);
	assert_int_equal(segment(f, handle, 5, true), ERR_OK);
	assert_int_equal(begin_stream(f, objects), 0);
}

static void a_destroyed_key_ends_its_streams(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(1000, USAGE_LIMITS_UNIT_BYTE);
	life_create(f, &key, id);
	assert_int_not_equal(begin_stream(f, id), 0);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	op_streams_sweep(f->streams, f->engine.objects);
	assert_true(op_streams_any(f->streams)); /* revoked: it may still be opened */
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	op_streams_sweep(f->streams, f->engine.objects); /* as the daemon does */
	assert_false(op_streams_any(f->streams));
}

static unsigned open_all(const char *principal, struct op_streams **streams, unsigned count)
{
	static const uint8_t id[UUID_LEN];
	for (unsigned i = 0; i < count; i++) {
		struct op_stream *s;
		if (i % OP_STREAMS_MAX == 0) streams[i / OP_STREAMS_MAX] = op_streams_new();
		enum coffer_err err = op_streams_add(streams[i / OP_STREAMS_MAX], NULL, NULL, principal, id, &s);
		if (!err) continue;
		assert_int_equal(err, ERR_BUSY);
		return i;
	}
	return count;
}

static void one_principal_cannot_have_all_streams(void **state)
{
	enum { MOST = 1 << 16 };
	struct op_streams **one = calloc(MOST, sizeof *one), **other = calloc(1, sizeof *other);
	struct arena_stats arena;
	(void)state;
	assert_true(one && other);
	arena_stats(&arena);
	unsigned open = open_all("unix:7", one, MOST);
	assert_in_range(open, 1, arena.size / 16 / OP_STREAM_COST);
	assert_int_equal(open_all("unix:8", other, 3), 3);
	for (unsigned i = 0; i <= open / OP_STREAMS_MAX; i++) op_streams_free(one[i]);
	assert_int_equal(open_all("unix:7", one, 1), 1);
	op_streams_free(one[0]);
	op_streams_free(other[0]);
	free(one);
	free(other);
}

/* A request whose transaction on the store lane is not committed. */
static void run_in_vain(struct fix *f, struct ask *a)
{
	struct request r = { .engine = &f->engine, .streams = f->streams, .frame = a->frame };
	struct principal asks;
	principal_from_uid(ADMIN, 1, &asks);
	r.principal = &asks;
	assert_int_equal(request_classify(&r), ERR_OK);
	assert_int_equal(request_run(&r, f->worker, NULL), ERR_NOT_CACHED);
	if (!r.rerun_on_store) {
		assert_int_equal(request_load(&r, f->engine.txn), ERR_OK);
		assert_int_equal(request_run(&r, f->worker, NULL), ERR_NOT_CACHED);
	}
	assert_true(r.rerun_on_store);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(&r, f->store_local, f->engine.txn), ERR_OK);
	txn_abort(f->engine.txn);
	request_done(&r);
}

/* The transaction of a segment fails: its client never gets the answer, so the stream cannot go on. */
static void a_segment_that_is_not_durable_ends_its_stream(void **state)
{
	static const uint8_t data[8];
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
	struct ask a;
	life_create(f, &key, id);
	int32_t handle = begin_stream(f, id);
	ask_one(&a, OPERATION_COFFER_SEAL_STREAM);
	ttlv_put_i32(&a.w, TAG_COFFER_STREAM_HANDLE, handle);
	ttlv_put_bytes(&a.w, TAG_COFFER_SEGMENT, view_of(data, sizeof data));
	ttlv_put_bool(&a.w, TAG_COFFER_LAST_SEGMENT, false);
	ask_item_end(&a, NULL);
	ask_end(&a);
	run_in_vain(f, &a);
	assert_int_equal(segment(f, handle, 8, true), ERR_NOT_FOUND);
	assert_int_equal(life_rest(f, id), 100);
}

static void a_replacement_begins_with_the_whole_total(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], next[UUID_TEXT_LEN + 1];
	struct life_key key = limited(100, USAGE_LIMITS_UNIT_BYTE);
	struct answer answer;
	life_create(f, &key, id);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 99), LIFE_DONE);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_RE_KEY, id, NULL, NULL, &answer), LIFE_DONE);
	answer_id(&answer, 0, next);
	answer_free(&answer);
	assert_int_equal(life_rest(f, next), 100);
	assert_int_equal(life_rest(f, id), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(count_begins_at_the_total_whatever_the_client_says), T(bytes_are_counted_to_the_last_one),
		T(objects_are_counted_whatever_their_size), T(a_key_without_limits_never_leaves_the_worker), T(what_fails_spends_nothing),
		T(items_of_a_batch_share_the_rest_and_undo_gives_it_back), T(sealing_spends_as_encryption_does),
		T(rewrapping_spends_the_newest_version), T(rewrapping_again_and_again_loses_no_key), T(a_destroyed_key_ends_its_streams),
		T(one_principal_cannot_have_all_streams), T(segments_of_a_stream_spend_bytes_and_its_beginning_an_object),
		T(a_segment_that_is_not_durable_ends_its_stream), T(a_replacement_begins_with_the_whole_total),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
