/* Responses written and read again, and requests as a client writes them. */
#include "kmip/message.h"

#include <string.h>

#include "unit/kmip/kmip_test.h"

static struct scratch s;
static struct kmip_request request;
static struct kmip_response response;

static const struct kmip_version v14 = { 1, 4 };
static const struct view none = { NULL, 0 };

static void read_back(void)
{
	struct reason reason = { "" };
	assert_int_equal(writer_done(&s.w), ERR_OK);
	if (kmip_response_parse(writer_view(&s.w), NULL, &response, &reason) != ERR_OK) fail_msg("%s", reason.text);
}

static void a_response_carries_every_kind_of_batch_item(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	struct kmip_item_id a = { .operation = OPERATION_GET, .has_unique_id = true, .unique_id = view_str("A") };
	struct kmip_item_id b = { .operation = OPERATION_COFFER_SEAL };
	struct view text;
	struct kmip_response_mark mark = kmip_response_begin(w, v14, 1700000000, view_str("cc"), view_str("sc"));
	struct kmip_item_mark item = kmip_item_begin(w, &a);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, "id");
	kmip_item_end(w, item);
	kmip_item_fail(w, &b, ERR_SEALED, "sealed\nnow", true);
	kmip_item_fail_reason(w, &a, RESULT_REASON_INDEX_OUT_OF_BOUNDS, NULL, ERR_OK);
	kmip_item_undone(w, &a);
	kmip_item_pending(w, &a, view_str("later"));
	kmip_response_end(w, mark, 5);
	read_back();
	assert_int_equal(response.time_stamp, 1700000000);
	assert_true(view_equal_str(response.client_correlation, "cc") && view_equal_str(response.server_correlation, "sc"));
	assert_int_equal(response.count, 5);
	assert_int_equal(response.items[0].err, ERR_OK);
	assert_true(view_equal_str(response.items[0].id.unique_id, "A"));
	assert_int_equal(ttlv_take_text(&response.items[0].payload, TAG_UNIQUE_IDENTIFIER, &text), ERR_OK);
	assert_int_equal(response.items[1].id.operation, OPERATION_COFFER_SEAL);
	assert_int_equal(response.items[1].reason, RESULT_REASON_GENERAL_FAILURE);
	assert_int_equal(response.items[1].err, ERR_SEALED);
	assert_true(view_equal_str(response.items[1].message, "sealed?now"));
	assert_int_equal(response.items[2].err, ERR_LIMIT);
	assert_int_equal(response.items[2].message.len, 0);
	assert_int_equal(response.items[3].status, RESULT_STATUS_OPERATION_UNDONE);
	assert_int_equal(response.items[4].err, ERR_OK);
	assert_true(view_equal_str(response.items[4].correlation, "later"));
}

static void an_item_that_was_begun_can_be_replaced_by_its_failure(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	struct kmip_item_id a = { .operation = OPERATION_GET };
	struct kmip_response_mark mark = kmip_response_begin(w, v14, 1, none, none);
	struct kmip_item_mark item = kmip_item_begin(w, &a);
	ttlv_put_bytes(w, TAG_KEY_MATERIAL, view_str("0123456789abcdef"));
	kmip_item_rewind(w, item);
	kmip_item_fail(w, &a, ERR_NOT_FOUND, NULL, false);
	kmip_response_end(w, mark, 1);
	read_back();
	assert_int_equal(response.items[0].reason, RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(response.items[0].err, ERR_NOT_FOUND);
	assert_true(view_equal_str(response.items[0].message, err_text(ERR_NOT_FOUND)));
	assert_null(memmem(s.bytes, sizeof s.bytes, "0123456789abcdef", 16));
}

static void an_item_that_does_not_fit_gives_way_to_its_failure(void **state)
{
	(void)state;
	struct kmip_item_id a = { .operation = OPERATION_GET };
	writer_init(&s.w, s.bytes, 512);
	struct kmip_response_mark mark = kmip_response_begin(&s.w, v14, 1, none, none);
	struct kmip_item_mark item = kmip_item_begin(&s.w, &a);
	struct ttlv_space space = ttlv_reserve_bytes(&s.w, TAG_DATA, 4096);
	assert_null(space.ptr);
	kmip_item_end(&s.w, item);
	assert_int_equal(writer_done(&s.w), ERR_TOO_LARGE);
	kmip_item_rewind(&s.w, item);
	kmip_item_fail_reason(&s.w, &a, RESULT_REASON_RESPONSE_TOO_LARGE, NULL, ERR_OK);
	kmip_response_end(&s.w, mark, 1);
	read_back();
	assert_int_equal(response.items[0].reason, RESULT_REASON_RESPONSE_TOO_LARGE);
	writer_init(&s.w, s.bytes, 16); /* not even the header fits: that stays a failure */
	kmip_response_begin(&s.w, v14, 1, none, none);
	kmip_item_rewind(&s.w, kmip_item_begin(&s.w, &a));
	assert_int_equal(writer_done(&s.w), ERR_TOO_LARGE);
}

static void a_failure_may_have_a_payload(void **state)
{
	(void)state;
	uint8_t fields[16];
	struct writer *w = scratch_writer(&s), payload;
	struct kmip_item_id a = { .operation = OPERATION_CHECK };
	int32_t mask;
	writer_init(&payload, fields, sizeof fields);
	ttlv_put_i32(&payload, TAG_CRYPTOGRAPHIC_USAGE_MASK, 12);
	struct kmip_response_mark mark = kmip_response_begin(w, v14, 1, none, none);
	kmip_item_fail_payload(w, &a, RESULT_REASON_PERMISSION_DENIED, "no", ERR_STATE, writer_view(&payload));
	kmip_response_end(w, mark, 1);
	read_back();
	assert_int_equal(response.items[0].err, ERR_STATE);
	assert_int_equal(response.items[0].reason, RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(ttlv_take_i32(&response.items[0].payload, TAG_CRYPTOGRAPHIC_USAGE_MASK, &mask), ERR_OK);
	assert_int_equal(mask, 12);
}

/* KMIP 1.4 section 11.1, byte by byte. */
static void a_refusal_has_one_failed_item_without_operation(void **state)
{
	(void)state;
	uint8_t expected[256];
	struct writer *w = scratch_writer(&s);
	kmip_refuse(w, (struct kmip_version){ 1, 2 }, 0x4AFBE7C2, ERR_INPUT, "no");
	struct view bytes = bytes_of(
		"42007B 01 00000088 42007A 01 00000048 420069 01 00000020 42006A 02 00000004 0000000100000000 "
		"42006B 02 00000004 0000000200000000"
		"420092 09 00000008 000000004AFBE7C2 42000D 02 00000004 0000000100000000"
		"42000F 01 00000030 42007F 05 00000004 0000000100000000 42007E 05 00000004 0000000400000000 "
		"42007D 07 00000002 6E6F000000000000",
		expected, sizeof expected);
	assert_int_equal(s.w.len, bytes.len);
	assert_memory_equal(s.bytes, bytes.ptr, bytes.len);
	read_back();
	assert_int_equal(response.items[0].id.operation, 0);
	assert_int_equal(response.items[0].reason, RESULT_REASON_INVALID_MESSAGE);
}

static void correlation_values_are_left_out_below_version_1_4(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	struct kmip_response_mark mark = kmip_response_begin(w, (struct kmip_version){ 1, 3 }, 1, view_str("c"), view_str("s"));
	kmip_response_end(w, mark, 0);
	read_back();
	assert_int_equal(response.client_correlation.len + response.server_correlation.len, 0);
}

static void a_client_request_is_read_with_its_request_id(void **state)
{
	(void)state;
	uint8_t id[KMIP_REQUEST_ID_LEN];
	struct writer *w = scratch_writer(&s);
	struct kmip_item_id seal = { .operation = OPERATION_COFFER_SEAL, .has_unique_id = true, .unique_id = view_str("1") };
	struct kmip_item_id open = { .operation = OPERATION_COFFER_OPEN, .has_unique_id = true, .unique_id = view_str("2") };
	memset(id, 7, sizeof id);
	struct kmip_request_mark mark = kmip_request_begin(w, v14, 4096, 2);
	struct kmip_item_mark item = kmip_request_item_begin(w, &seal);
	ttlv_put_str(w, TAG_COFFER_KEY_NAME, "disk");
	kmip_request_item_end(w, item, id);
	item = kmip_request_item_begin(w, &open);
	kmip_request_item_end(w, item, NULL);
	kmip_request_end(w, mark);
	assert_int_equal(kmip_request_parse(writer_view(w), NULL, &request, NULL), ERR_OK);
	assert_int_equal(request.header.max_response_size, 4096);
	assert_true(request.items[0].from_coffer && request.items[0].has_request_id);
	assert_memory_equal(request.items[0].request_id, id, sizeof id);
	assert_true(request.items[1].from_coffer && !request.items[1].has_request_id);
}

static void a_response_that_is_cut_or_no_response_is_refused(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	kmip_refuse(w, v14, 1, ERR_INPUT, NULL);
	struct view whole = writer_view(w);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_not_equal(kmip_response_parse(view_of(whole.ptr, len), NULL, &response, NULL), ERR_OK);
	s.bytes[2] = 0x78; /* now it says Request Message */
	assert_int_equal(kmip_response_parse(whole, NULL, &response, NULL), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_carries_every_kind_of_batch_item),
		cmocka_unit_test(an_item_that_was_begun_can_be_replaced_by_its_failure),
		cmocka_unit_test(an_item_that_does_not_fit_gives_way_to_its_failure),
		cmocka_unit_test(a_failure_may_have_a_payload),
		cmocka_unit_test(a_refusal_has_one_failed_item_without_operation),
		cmocka_unit_test(correlation_values_are_left_out_below_version_1_4),
		cmocka_unit_test(a_client_request_is_read_with_its_request_id),
		cmocka_unit_test(a_response_that_is_cut_or_no_response_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
