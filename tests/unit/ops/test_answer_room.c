/* An answer when room is short: it stays below what the client takes, and says of every item whether it was carried out. */
#include <stdio.h>
#include <string.h>

#include "base/arena.h"
#include "unit/ops/fixture.h"

#define BARE_ITEM 72u   /* bytes of a failure with a short Unique Batch Item ID and without Result Message */
#define HEADER_LEN 200u /* more than message and header of a 1.4 answer take */

static bool has_name(struct fix *f, const char *name)
{
	AUTO_OBJECT struct object *o = NULL;
	return txn_object_by_name(f->engine.txn, view_str(name), &o) == ERR_OK;
}

/* Create, a second operation (random bytes), Create. */
static void ask_three(struct fix *f, struct ask *a, const struct ask_header *header, const char *const names[2], int32_t random)
{
	ask_begin(a, header);
	ask_item(a, OPERATION_CREATE, 1);
	ask_key(a, &(struct key_wish){ .name = names[0] }, f->now_s);
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_RNG_RETRIEVE, 2);
	ttlv_put_i32(&a->w, TAG_DATA_LENGTH, random);
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_CREATE, 3);
	ask_key(a, &(struct key_wish){ .name = names[1] }, f->now_s);
	ask_item_end(a, NULL);
	ask_end(a);
}

static const struct kmip_response_item *item_of(const struct answer *answer, size_t index)
{
	return index < answer->response.count ? &answer->response.items[index] : NULL;
}

static void told_is_true(struct fix *f, const struct answer *answer, size_t index, const char *name)
{
	const struct kmip_response_item *item = item_of(answer, index);
	bool told = item && item->status == RESULT_STATUS_SUCCESS;
	if (told != has_name(f, name)) fail_msg("'%s' is %sthere, its item says the contrary", name, told ? "not " : "");
}

static void answer_of_any_maximum_is_true_and_small_enough(void **state)
{
	static const uint32_t options[] = { BATCH_ERROR_CONTINUATION_OPTION_STOP, BATCH_ERROR_CONTINUATION_OPTION_CONTINUE,
		BATCH_ERROR_CONTINUATION_OPTION_UNDO };
	struct fix *f = *state;
	bool whole = false, too_large = false;
	for (uint32_t max = 8; max < 1000; max += 24) {
		for (size_t i = 0; i < sizeof options / sizeof options[0]; i++) {
			char first[32], third[32];
			struct ask a;
			struct answer answer;
			snprintf(first, sizeof first, "a-%u-%zu", max, i);
			snprintf(third, sizeof third, "b-%u-%zu", max, i);
			ask_three(f, &a, &(struct ask_header){ .count = 3, .continuation = options[i], .max_response = max },
				(const char *[]){ first, third }, 64);
			fix_send(f, ADMIN, &a, &answer);
			assert_true(answer.request.answer.len <= max || answer.request.answer.len <= HEADER_LEN + 3 * BARE_ITEM);
			told_is_true(f, &answer, 0, first);
			told_is_true(f, &answer, 2, third);
			if (answer.response.count == 3 && answer.response.items[2].err == ERR_OK) {
				assert_true(answer.request.answer.len <= max);
				whole = true;
			} else {
				const struct kmip_response_item *last = &answer.response.items[answer.response.count - 1];
				assert_int_equal(last->reason, RESULT_REASON_RESPONSE_TOO_LARGE);
				too_large = true;
			}
			answer_free(&answer);
		}
	}
	assert_true(whole && too_large);
}

static void failure_without_room_for_its_sentence_has_its_reason(void **state)
{
	struct fix *f = *state;
	for (int large = 0; large < 2; large++) {
		struct ask a;
		struct answer answer;
		ask_begin(&a, &(struct ask_header){ .count = 1, .max_response = large ? 4096 : 200 });
		ask_item(&a, OPERATION_DESTROY, 1);
		ask_id(&a, "no such object");
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		const struct kmip_response_item *item = &answer.response.items[0];
		assert_int_equal(item->reason, RESULT_REASON_ITEM_NOT_FOUND);
		assert_int_equal(item->message.len > 0, large);
		assert_int_equal(item->err, ERR_NOT_FOUND);
		answer_free(&answer);
	}
}

#define KEPT 64u
#define KEPT_BYTES 2000u
#define TAKEN_MAX 60000u

struct full_arena {
	void *kept[KEPT];
	void *taken[TAKEN_MAX];
	size_t count;
};

/* Leaves blocks of 2 KiB only, none beside the other. */
static void fill_arena(struct full_arena *full)
{
	full->count = 0;
	for (size_t i = 0; i < KEPT; i++) full->kept[i] = arena_alloc(KEPT_BYTES);
	for (size_t size = 16u << 20; size >= 64; size /= 2) {
		void *p;
		while ((p = arena_alloc(size - ARENA_CANARY_LEN)) != NULL) {
			assert_true(full->count < TAKEN_MAX);
			full->taken[full->count++] = p;
		}
	}
	for (size_t i = 0; i < KEPT; i += 2) {
		arena_free(full->kept[i]);
		full->kept[i] = NULL;
	}
}

static void empty_arena(struct full_arena *full)
{
	for (size_t i = 0; i < full->count; i++) arena_free(full->taken[i]);
	for (size_t i = 0; i < KEPT; i++) arena_free(full->kept[i]);
}

static void what_was_done_before_memory_ran_out_is_told(void **state)
{
	static const struct { uint32_t option; uint32_t first; size_t items; } cases[] = {
		{ BATCH_ERROR_CONTINUATION_OPTION_STOP, RESULT_STATUS_SUCCESS, 2 },
		{ BATCH_ERROR_CONTINUATION_OPTION_CONTINUE, RESULT_STATUS_SUCCESS, 3 },
		{ BATCH_ERROR_CONTINUATION_OPTION_UNDO, RESULT_STATUS_OPERATION_UNDONE, 2 },
	};
	static struct full_arena full;
	static const char *const names[][2] = { { "a", "b" }, { "c", "d" }, { "e", "f" } };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ask a;
		struct answer answer;
		ask_three(f, &a, &(struct ask_header){ .count = 3, .continuation = cases[i].option }, names[i], 60000);
		fill_arena(&full);
		fix_send(f, ADMIN, &a, &answer);
		empty_arena(&full);
		assert_int_equal(answer.response.count, cases[i].items);
		assert_int_equal(answer.response.items[0].status, cases[i].first);
		assert_int_equal(answer.response.items[1].err, ERR_MEMORY);
		told_is_true(f, &answer, 0, names[i][0]);
		told_is_true(f, &answer, 2, names[i][1]);
		answer_free(&answer);
	}
}

#define MANY 20u

/* Long sentences first, as long as the bare reasons of the rest still fit into the last block that there is. */
static void every_failure_of_a_long_batch_is_told(void **state)
{
	static struct full_arena full;
	static const size_t sizes[] = { 248, 504, 1016, 2040 }; /* one block of each: the answer cannot grow beyond the last */
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	void *blocks[4], *beside[4];
	ask_begin(&a, &(struct ask_header){ .count = MANY, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	for (uint8_t i = 0; i < MANY; i++) {
		ask_item(&a, OPERATION_GET_ATTRIBUTES, i);
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	for (size_t i = 0; i < 4; i++) {
		blocks[i] = arena_alloc(sizes[i]);
		beside[i] = arena_alloc(sizes[i]);
	}
	fill_arena(&full);
	for (size_t i = 0; i < KEPT; i += 2) full.kept[i] = arena_alloc(KEPT_BYTES);
	for (size_t i = 0; i < 4; i++) arena_free(blocks[i]);
	fix_send(f, ADMIN, &a, &answer);
	for (size_t i = 0; i < 4; i++) arena_free(beside[i]);
	empty_arena(&full);
	assert_int_equal(answer.response.count, MANY);
	size_t sentences = 0;
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(answer.response.items[i].reason, RESULT_REASON_MISSING_DATA);
		sentences += answer.response.items[i].message.len > 0;
	}
	assert_true(sentences > 0 && sentences < MANY);
	answer_free(&answer);
}

/* Not even a block for the answer's header: the request fails as a whole and changes nothing. */
static void without_any_memory_nothing_happens(void **state)
{
	static struct full_arena full;
	struct fix *f = *state;
	struct ask a;
	ask_three(f, &a, &(struct ask_header){ .count = 3 }, (const char *[]){ "g", "h" }, 16);
	struct request r = { .engine = &f->engine, .streams = f->streams, .frame = a.frame };
	struct principal asks;
	principal_from_uid(ADMIN, 1, &asks);
	r.principal = &asks;
	fill_arena(&full);
	for (size_t i = 0; i < KEPT; i += 2) full.kept[i] = arena_alloc(KEPT_BYTES);
	assert_int_equal(request_classify(&r), ERR_OK);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(request_run(&r, f->store_local, f->engine.txn), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	assert_true(r.close_after);
	empty_arena(&full);
	request_done(&r);
	assert_false(has_name(f, "g") || has_name(f, "h"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(answer_of_any_maximum_is_true_and_small_enough), T(failure_without_room_for_its_sentence_has_its_reason),
		T(what_was_done_before_memory_ran_out_is_told), T(every_failure_of_a_long_batch_is_told),
		T(without_any_memory_nothing_happens),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
