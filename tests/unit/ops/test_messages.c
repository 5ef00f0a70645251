/* Header fields as the dispatcher takes them, and what stands in an answer besides its payloads. */
#include <string.h>

#include "unit/ops/fixture.h"

/* Discover Versions, `count` times. */
static void ask_versions(struct ask *a, const struct ask_header *header)
{
	ask_begin(a, header);
	for (uint8_t i = 0; i < header->count; i++) {
		ask_item(a, OPERATION_DISCOVER_VERSIONS, i);
		ask_item_end(a, NULL);
	}
	ask_end(a);
}

static void put_correlations(struct writer *w)
{
	ttlv_put_str(w, TAG_CLIENT_CORRELATION_VALUE, "job 7");
	ttlv_put_str(w, TAG_SERVER_CORRELATION_VALUE, "of an earlier answer");
}

static void answers_of_1_4_have_correlation_values(void **state)
{
	struct fix *f = *state;
	uint8_t first[64];
	size_t first_len = 0;
	for (uint32_t round = 0; round < 3; round++) {
		bool old = round == 2;
		struct ask a;
		struct answer answer;
		ask_versions(&a, &(struct ask_header){ .count = 1, .minor = old ? 3 : 4, .before = old ? NULL : put_correlations });
		fix_send(f, ADMIN, &a, &answer);
		struct view server = answer.response.server_correlation;
		assert_int_equal(server.len, old ? 0 : UUID_TEXT_LEN);
		assert_true(old || view_equal_str(answer.response.client_correlation, "job 7"));
		if (round == 1) assert_false(view_equal(server, view_of(first, first_len)));
		memcpy(first, server.ptr ? (const void *)server.ptr : "", server.len);
		first_len = server.len;
		answer_free(&answer);
	}
}

static void put_asynchronous(struct writer *w)
{
	ttlv_put_bool(w, TAG_ASYNCHRONOUS_INDICATOR, true);
	ttlv_put_bool(w, TAG_ATTESTATION_CAPABLE_INDICATOR, true);
	ttlv_put_enum(w, TAG_ATTESTATION_TYPE, ATTESTATION_TYPE_TPM_QUOTE);
	struct ttlv_mark auth = ttlv_begin(w, TAG_AUTHENTICATION), credential = ttlv_begin(w, TAG_CREDENTIAL);
	ttlv_put_enum(w, TAG_CREDENTIAL_TYPE, CREDENTIAL_TYPE_USERNAME_AND_PASSWORD);
	struct ttlv_mark value = ttlv_begin(w, TAG_CREDENTIAL_VALUE);
	ttlv_put_str(w, TAG_USERNAME, "root");
	ttlv_end(w, value);
	ttlv_end(w, credential);
	ttlv_end(w, auth);
}

static void put_order_and_stamp(struct writer *w)
{
	ttlv_put_bool(w, TAG_BATCH_ORDER_OPTION, true);
	ttlv_put_time(w, TAG_TIME_STAMP, 1); /* 1970 */
}

/* A user's name in the Authentication structure makes nobody that user; a stamp that is far off is no reason to refuse. */
static void answers_are_synchronous_whoever_the_client_says_it_is(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	ask_begin(&a, &(struct ask_header){ .count = 2, .before = put_asynchronous, .behind = put_order_and_stamp,
		.continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	ask_item(&a, OPERATION_GET_ATTRIBUTES, 1);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_DISCOVER_VERSIONS, 2);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, STRANGER, &a, &answer);
	assert_int_equal(answer.response.count, 2);
	assert_int_equal(answer.response.items[0].err, ERR_NOT_FOUND);
	assert_int_equal(answer.response.items[1].status, RESULT_STATUS_SUCCESS);
	assert_int_equal(answer.response.items[1].correlation.len, 0);
	answer_free(&answer);
}

static void every_kind_of_answer_repeats_the_unique_batch_item_id(void **state)
{
	static const uint32_t operations[] = { OPERATION_DISCOVER_VERSIONS, OPERATION_CERTIFY, OPERATION_DESTROY, OPERATION_QUERY, 0x7fffffff };
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 5, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE, .plain = true });
	for (uint8_t i = 0; i < 5; i++) {
		ask_item(&a, operations[i], (uint8_t)(0x40 + i));
		ask_item_end(&a, NULL);
	}
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.count, 5);
	for (uint8_t i = 0; i < 5; i++) {
		const struct kmip_response_item *item = &answer.response.items[i];
		assert_int_equal(item->id.operation, operations[i]);
		assert_int_equal(item->id.unique_id.len, 1);
		assert_int_equal(item->id.unique_id.ptr[0], 0x40 + i);
		assert_int_equal(item->status, i == 0 ? RESULT_STATUS_SUCCESS : RESULT_STATUS_OPERATION_FAILED);
	}
	answer_free(&answer);
}

/* Table 283: required when there is more than one item. */
static void items_without_an_id_are_refused_in_a_batch_alone(void **state)
{
	struct fix *f = *state;
	for (uint32_t count = 1; count <= 2; count++) {
		struct ask a;
		struct answer answer;
		ask_begin(&a, &(struct ask_header){ .count = count });
		for (uint32_t i = 0; i < count; i++) {
			struct ttlv_mark item = ttlv_begin(&a.w, TAG_BATCH_ITEM);
			ttlv_put_enum(&a.w, TAG_OPERATION, OPERATION_DISCOVER_VERSIONS);
			ttlv_end(&a.w, ttlv_begin(&a.w, TAG_REQUEST_PAYLOAD));
			ttlv_end(&a.w, item);
		}
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		const struct kmip_response_item *item = &answer.response.items[0];
		assert_int_equal(answer.response.count, 1);
		assert_int_equal(item->reason, count == 1 ? 0 : RESULT_REASON_INVALID_MESSAGE);
		assert_true(count == 1 || view_equal_str(item->message, "every item of a batch needs a Unique Batch Item ID"));
		answer_free(&answer);
	}
}

/* Our own clients learn the error by its name, everybody the Result Reason of the specification. */
static void result_reason_is_the_same_with_and_without_our_extension(void **state)
{
	struct fix *f = *state;
	for (int plain = 0; plain < 2; plain++) {
		struct ask a;
		struct answer answer;
		ask_begin(&a, &(struct ask_header){ .count = 1, .plain = plain });
		ask_item(&a, OPERATION_CERTIFY, 1);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.items[0].reason, RESULT_REASON_OPERATION_NOT_SUPPORTED);
		assert_int_equal(answer.response.items[0].err, ERR_UNSUPPORTED);
		answer_free(&answer);
	}
}

/* Operation, what it is about, and whether a placeholder is left for the Get Attribute List that follows. */
static void ask_pair(struct fix *f, struct ask *a, uint32_t operation, const char *about)
{
	ask_begin(a, &(struct ask_header){ .count = 2, .behind = put_order_and_stamp });
	ask_item(a, operation, 1);
	if (operation == OPERATION_CREATE) ask_key(a, &(struct key_wish){ .name = about }, f->now_s);
	else if (operation == OPERATION_LOCATE) ask_name(a, about);
	else ask_id(a, about);
	ask_item_end(a, NULL);
	ask_item(a, OPERATION_GET_ATTRIBUTE_LIST, 2);
	ask_item_end(a, NULL);
	ask_end(a);
}

/* Section 4: Create, Re-key and Locate set it (and those operations of the same list that are here); the others leave it alone. */
static void placeholder_is_what_the_operation_before_told(void **state)
{
	struct fix *f = *state;
	char old[UUID_TEXT_LEN + 1], told[UUID_TEXT_LEN + 1], used[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "old" }, old);
	const struct { uint32_t operation; const char *about; bool sets; } cases[] = {
		{ OPERATION_CREATE, "new", true }, { OPERATION_LOCATE, "old", true }, { OPERATION_LOCATE, "nobody", false },
		{ OPERATION_GET_ATTRIBUTES, old, false }, { OPERATION_GET, old, false }, { OPERATION_RE_KEY, old, true },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct ask a;
		struct answer answer;
		ask_pair(f, &a, cases[i].operation, cases[i].about);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.count, 2);
		assert_int_equal(answer.response.items[0].err, ERR_OK);
		assert_int_equal(answer.response.items[1].err, cases[i].sets ? ERR_OK : ERR_MISSING);
		if (cases[i].sets) {
			answer_id(&answer, 0, told);
			answer_id(&answer, 1, used);
			assert_string_equal(told, used);
		}
		answer_free(&answer);
	}
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET_ATTRIBUTE_LIST, NULL), ERR_MISSING); /* gone with its batch */
}

/* Two of a name pattern are found: no single object, no placeholder. A failure leaves the one that was there. */
static void placeholder_is_one_object_and_survives_failures(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	char id[UUID_TEXT_LEN + 1], used[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "one", .group = "pay" }, id);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "two", .group = "pay" }, id);
	ask_begin(&a, &(struct ask_header){ .count = 5, .continuation = BATCH_ERROR_CONTINUATION_OPTION_CONTINUE });
	ask_item(&a, OPERATION_LOCATE, 1);
	ask_name(&a, "two");
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_DESTROY, 2); /* it is active */
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_GET_ATTRIBUTE_LIST, 3);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_LOCATE, 4);
	kmip_attr_put_text(&a.w, ATTR_OBJECT_GROUP, view_str("pay"));
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_GET_ATTRIBUTE_LIST, 5);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[1].err, ERR_STATE);
	answer_id(&answer, 2, used);
	assert_string_equal(used, id);
	assert_int_equal(answer.response.items[3].err, ERR_OK);
	assert_int_equal(answer.response.items[4].err, ERR_MISSING);
	answer_free(&answer);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(answers_of_1_4_have_correlation_values), T(answers_are_synchronous_whoever_the_client_says_it_is),
		T(every_kind_of_answer_repeats_the_unique_batch_item_id), T(items_without_an_id_are_refused_in_a_batch_alone),
		T(result_reason_is_the_same_with_and_without_our_extension), T(placeholder_is_what_the_operation_before_told),
		T(placeholder_is_one_object_and_survives_failures),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
