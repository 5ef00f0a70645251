/* Batches: order, ID Placeholder, error continuation; and requests that are malformed or too much. */
#include <string.h>

#include "unit/ops/fixture.h"

/* Create, a Destroy that is refused (the key is active), Create. */
static void ask_three(struct fix *f, struct ask *a, uint32_t continuation)
{
	ask_begin(a, &(struct ask_header){ .count = 3, .continuation = continuation });
	ask_item(a, OPERATION_CREATE, 1);
	ask_key(a, &(struct key_wish){ .name = "first" }, f->now_s);
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_DESTROY, 2);
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_CREATE, 3);
	ask_key(a, &(struct key_wish){ .name = "third" }, f->now_s);
	ask_item_end(a, NULL);
	ask_end(a);
}

static bool has_name(struct fix *f, const char *name)
{
	AUTO_OBJECT struct object *o = NULL;
	enum coffer_err err = txn_object_by_name(f->engine.txn, view_str(name), &o);
	assert_true(err == ERR_OK || err == ERR_NOT_FOUND);
	return err == ERR_OK;
}

static void batch_stops_goes_on_or_is_undone_as_asked(void **state)
{
	static const struct { uint32_t continuation; size_t items; uint32_t first; bool has_first, has_third; uint64_t rows; } cases[] = {
		{ 0, 2, RESULT_STATUS_SUCCESS, true, false, 2 },
		{ BATCH_ERROR_CONTINUATION_OPTION_UNDO, 2, RESULT_STATUS_OPERATION_UNDONE, false, false, 1 },
	};
	struct fix *f = *state;
	for (size_t i = sizeof cases / sizeof cases[0]; i-- > 0;) {
		struct ask a;
		struct answer answer;
		uint64_t rows = fix_audit_rows(f);
		ask_three(f, &a, cases[i].continuation);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.count, cases[i].items);
		assert_int_equal(answer.response.items[0].status, cases[i].first);
		assert_int_equal(answer.response.items[1].err, ERR_STATE);
		assert_int_equal(has_name(f, "first"), cases[i].has_first);
		assert_int_equal(has_name(f, "third"), cases[i].has_third);
		assert_int_equal(fix_audit_rows(f), rows + cases[i].rows);
		answer_free(&answer);
	}
}

static void batch_goes_on_when_asked_to(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_three(f, &a, BATCH_ERROR_CONTINUATION_OPTION_CONTINUE);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.count, 3);
	assert_int_equal(answer.response.items[1].err, ERR_STATE);
	assert_int_equal(answer.response.items[2].err, ERR_OK);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(answer.response.items[i].id.unique_id.len, 1);
		assert_int_equal(answer.response.items[i].id.unique_id.ptr[0], i + 1);
	}
	assert_true(has_name(f, "first") && has_name(f, "third"));
	answer_free(&answer);
}

static void placeholder_carries_the_created_key(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char made[UUID_TEXT_LEN + 1], told[UUID_TEXT_LEN + 1];
	ask_begin(&a, &(struct ask_header){ .count = 2 });
	ask_item(&a, OPERATION_CREATE, 1);
	ask_key(&a, &(struct key_wish){ .name = "k" }, f->now_s);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_GET_ATTRIBUTE_LIST, 2);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	answer_id(&answer, 0, made);
	answer_id(&answer, 1, told);
	assert_string_equal(made, told);
	answer_free(&answer);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, NULL), ERR_MISSING);
}

static void unknown_operation_is_not_supported(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_CERTIFY, NULL), ERR_UNSUPPORTED);
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = 1, .plain = true });
	ask_item(&a, OPERATION_ENCRYPT, 1);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer); /* Encrypt came with 1.2 */
	assert_int_equal(answer.response.items[0].reason, RESULT_REASON_OPERATION_NOT_SUPPORTED);
	assert_int_equal(answer.response.version.minor, 1);
	answer_free(&answer);
}

static void answer_over_the_maximum_has_no_effect(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 1, .max_response = 160 });
	ask_item(&a, OPERATION_CREATE, 1);
	ask_key(&a, &(struct key_wish){ .name = "big" }, f->now_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_TOO_LARGE);
	assert_false(has_name(f, "big"));
	answer_free(&answer);
}

static void answer_is_well_formed_even_when_the_client_takes_next_to_nothing(void **state)
{
	struct fix *f = *state;
	for (uint32_t max = 1; max < 200; max += 9) {
		struct ask a;
		struct answer answer; /* parsed by fix_send: header, count and item */
		ask_begin(&a, &(struct ask_header){ .count = 1, .max_response = max });
		ask_item(&a, OPERATION_QUERY, 1);
		ttlv_put_enum(&a.w, TAG_QUERY_FUNCTION, QUERY_FUNCTION_QUERY_OPERATIONS);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.count, 1);
		assert_int_equal(answer.response.items[0].err, ERR_TOO_LARGE);
		answer_free(&answer);
	}
}

static void refuse_bytes(struct fix *f, struct buf *bytes, enum coffer_err expected)
{
	struct ask a = { .frame = *bytes };
	struct answer answer;
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.classified, expected);
	assert_int_equal(answer.response.count, 1);
	assert_int_equal(answer.response.items[0].status, RESULT_STATUS_OPERATION_FAILED);
	answer_free(&answer);
}

static void depth_bomb_is_refused(void **state)
{
	struct fix *f = *state;
	struct buf bytes = BUF_EMPTY;
	struct ttlv_mark marks[TTLV_DEPTH_MAX + 4];
	struct writer w;
	writer_init_buf(&w, &bytes, 4096);
	for (size_t i = 0; i < TTLV_DEPTH_MAX + 4; i++) marks[i] = ttlv_begin(&w, TAG_REQUEST_MESSAGE);
	for (size_t i = TTLV_DEPTH_MAX + 4; i-- > 0;) ttlv_end(&w, marks[i]);
	assert_int_equal(writer_done(&w), ERR_OK);
	refuse_bytes(f, &bytes, ERR_DEPTH);
}

static void wrong_length_and_oversize_are_refused(void **state)
{
	struct fix *f = *state;
	struct ask a;
	ask_one(&a, OPERATION_QUERY);
	ask_item_end(&a, NULL);
	ask_end(&a);
	a.frame.ptr[7] = (uint8_t)(a.frame.ptr[7] + 8);
	refuse_bytes(f, &a.frame, ERR_TRUNCATED);
	ask_one(&a, OPERATION_QUERY);
	ask_item_end(&a, NULL);
	ask_end(&a);
	f->config.max_message = a.frame.len - 1;
	refuse_bytes(f, &a.frame, ERR_TOO_LARGE);
}

static void version_too_new_is_refused_in_a_known_one(void **state)
{
	struct fix *f = *state;
	struct buf bytes = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &bytes, 4096);
	struct ttlv_mark message = ttlv_begin(&w, TAG_REQUEST_MESSAGE), header = ttlv_begin(&w, TAG_REQUEST_HEADER);
	kmip_version_put(&w, (struct kmip_version){ 9, 0 });
	ttlv_put_i32(&w, TAG_BATCH_COUNT, 1);
	ttlv_end(&w, header);
	ttlv_end(&w, message);
	refuse_bytes(f, &bytes, ERR_VERSION);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(batch_stops_goes_on_or_is_undone_as_asked), T(batch_goes_on_when_asked_to), T(placeholder_carries_the_created_key),
		T(unknown_operation_is_not_supported), T(answer_over_the_maximum_has_no_effect),
		T(answer_is_well_formed_even_when_the_client_takes_next_to_nothing), T(depth_bomb_is_refused),
		T(wrong_length_and_oversize_are_refused), T(version_too_new_is_refused_in_a_known_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
