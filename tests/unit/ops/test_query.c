/* Query: each function answers its fields, in order, from its version on; nothing that does not work is claimed. */
#include <string.h>

#include "kmip/names.h"
#include "unit/ops/fixture.h"

static void query(struct fix *f, uint32_t minor, const uint32_t *functions, size_t count, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1, .minor = minor, .zero = minor == 0 });
	ask_item(&a, OPERATION_QUERY, 1);
	for (size_t i = 0; i < count; i++) ttlv_put_enum(&a.w, TAG_QUERY_FUNCTION, functions[i]);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, STRANGER, &a, answer);
}

static void query_one(struct fix *f, uint32_t minor, uint32_t function, struct answer *answer)
{
	query(f, minor, &function, 1, answer);
}

/* How many fields of the payload carry the tag; *other counts the rest. */
static unsigned count_tag(const struct answer *answer, uint32_t tag, unsigned *other)
{
	struct ttlv_cursor c = answer_payload(answer, 0);
	struct ttlv_item item;
	unsigned found = 0;
	*other = 0;
	while (ttlv_next(&c, &item)) {
		if (item.tag == tag) found++;
		else ++*other;
	}
	assert_int_equal(ttlv_done(&c), ERR_OK);
	return found;
}

static void each_function_answers_its_fields_from_its_version_on(void **state)
{
	static const struct { uint32_t function, tag; unsigned since; bool has; } rows[] = {
		{ QUERY_FUNCTION_QUERY_OPERATIONS, TAG_OPERATION, 0, true },
		{ QUERY_FUNCTION_QUERY_OBJECTS, TAG_OBJECT_TYPE, 0, true },
		{ QUERY_FUNCTION_QUERY_APPLICATION_NAMESPACES, TAG_APPLICATION_NAMESPACE, 0, false },
		{ QUERY_FUNCTION_QUERY_EXTENSION_LIST, TAG_EXTENSION_INFORMATION, 1, true },
		{ QUERY_FUNCTION_QUERY_EXTENSION_MAP, TAG_EXTENSION_INFORMATION, 1, true },
		{ QUERY_FUNCTION_QUERY_ATTESTATION_TYPES, TAG_ATTESTATION_TYPE, 2, false },
		{ QUERY_FUNCTION_QUERY_RNGS, TAG_RNG_PARAMETERS, 3, true },
		{ QUERY_FUNCTION_QUERY_VALIDATIONS, TAG_VALIDATION_INFORMATION, 3, false },
		{ QUERY_FUNCTION_QUERY_PROFILES, TAG_PROFILE_INFORMATION, 3, false },
		{ QUERY_FUNCTION_QUERY_CAPABILITIES, TAG_CAPABILITY_INFORMATION, 3, true },
		{ QUERY_FUNCTION_QUERY_CLIENT_REGISTRATION_METHODS, TAG_CLIENT_REGISTRATION_METHOD, 3, false },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		for (uint32_t minor = 0; minor <= 4; minor++) {
			struct answer answer;
			unsigned other;
			query_one(f, minor, rows[i].function, &answer);
			assert_int_equal(count_tag(&answer, rows[i].tag, &other) > 0, rows[i].has && minor >= rows[i].since);
			assert_int_equal(other, 0);
			answer_free(&answer);
		}
	}
}

static void operations_are_those_of_the_dispatch_table_and_the_version(void **state)
{
	struct fix *f = *state;
	size_t rows;
	const struct op_row *row = dispatch_rows(&rows);
	for (uint32_t minor = 0; minor <= 4; minor++) {
		struct answer answer;
		struct ttlv_cursor c;
		unsigned expected = 0, told = 0;
		uint32_t operation;
		for (size_t i = 0; i < rows; i++) expected += row[i].since_minor <= minor;
		query_one(f, minor, QUERY_FUNCTION_QUERY_OPERATIONS, &answer);
		for (c = answer_payload(&answer, 0); ttlv_peek_tag(&c); told++) {
			assert_int_equal(ttlv_take_enum(&c, TAG_OPERATION, &operation), ERR_OK);
			const struct op_row *found = dispatch_find(operation);
			assert_non_null(found);
			assert_true(found->since_minor <= minor);
		}
		assert_int_equal(told, expected);
		answer_free(&answer);
	}
}

static void server_names_vendor_and_version(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	struct ttlv_cursor information;
	struct view text;
	query_one(f, 0, QUERY_FUNCTION_QUERY_SERVER_INFORMATION, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take_text(&c, TAG_VENDOR_IDENTIFICATION, &text), ERR_OK);
	assert_true(view_equal_str(text, "Coffer"));
	assert_int_equal(ttlv_take_structure(&c, TAG_SERVER_INFORMATION, &information), ERR_OK);
	assert_int_equal(ttlv_take_text(&information, TAG_COFFER_SERVER_VERSION, &text), ERR_OK);
	assert_true(text.len > 0);
	assert_int_equal(ttlv_done(&information), ERR_OK);
	assert_int_equal(ttlv_done(&c), ERR_OK);
	answer_free(&answer);
}

/* One Extension Information: its tag, found by its name; tag and type as written, or 0. */
static uint32_t take_extension(struct ttlv_cursor *c, int32_t *tag, int32_t *type)
{
	struct ttlv_cursor fields;
	struct view name;
	uint32_t known = 0;
	*tag = *type = 0;
	assert_int_equal(ttlv_take_structure(c, TAG_EXTENSION_INFORMATION, &fields), ERR_OK);
	assert_int_equal(ttlv_take_text(&fields, TAG_EXTENSION_NAME, &name), ERR_OK);
	assert_true(kmip_tag_find(name, &known));
	assert_int_equal(ttlv_take_optional_i32(&fields, TAG_EXTENSION_TAG, tag, NULL), ERR_OK);
	assert_int_equal(ttlv_take_optional_i32(&fields, TAG_EXTENSION_TYPE, type, NULL), ERR_OK);
	assert_int_equal(ttlv_done(&fields), ERR_OK);
	return known;
}

static void extension_list_has_names_and_the_map_tags_and_types(void **state)
{
	struct fix *f = *state;
	size_t all;
	const struct kmip_vendor_tag *tags = kmip_vendor_tags(&all);
	for (int map = 0; map < 2; map++) {
		static const uint32_t both[] = { QUERY_FUNCTION_QUERY_EXTENSION_LIST, QUERY_FUNCTION_QUERY_EXTENSION_MAP };
		struct answer answer;
		size_t told = 0;
		int32_t tag, type;
		query(f, 1, both, map ? 2 : 1, &answer); /* with both, only the map is answered */
		struct ttlv_cursor c = answer_payload(&answer, 0);
		for (size_t i = 0; i < all; i++) {
			if (tags[i].type == TTLV_ANY) continue;
			told++;
			assert_int_equal(take_extension(&c, &tag, &type), tags[i].tag);
			assert_int_equal(tag, map ? tags[i].tag : 0);
			assert_int_equal(type, map ? tags[i].type : 0);
		}
		assert_int_equal(ttlv_done(&c), ERR_OK);
		assert_true(told > 30 && told < all); /* fields of stored records are no messages' */
		answer_free(&answer);
	}
}

static void the_one_generator_is_described(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	struct ttlv_cursor rng;
	uint32_t value;
	int32_t bits;
	query_one(f, 3, QUERY_FUNCTION_QUERY_RNGS, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	assert_int_equal(ttlv_take_structure(&c, TAG_RNG_PARAMETERS, &rng), ERR_OK);
	assert_int_equal(ttlv_take_enum(&rng, TAG_RNG_ALGORITHM, &value), ERR_OK);
	assert_int_equal(value, RNG_ALGORITHM_DRBG);
	assert_int_equal(ttlv_take_enum(&rng, TAG_CRYPTOGRAPHIC_ALGORITHM, &value), ERR_OK);
	assert_int_equal(value, CRYPTOGRAPHIC_ALGORITHM_AES);
	assert_int_equal(ttlv_take_i32(&rng, TAG_CRYPTOGRAPHIC_LENGTH, &bits), ERR_OK);
	assert_int_equal(bits, 256);
	assert_int_equal(ttlv_take_enum(&rng, TAG_DRBG_ALGORITHM, &value), ERR_OK);
	assert_int_equal(value, DRBG_ALGORITHM_CTR);
	assert_int_equal(ttlv_done(&rng), ERR_OK);
	assert_int_equal(ttlv_done(&c), ERR_OK);
	answer_free(&answer);
}

static void capabilities_of_1_3_have_no_batch_fields(void **state)
{
	struct fix *f = *state;
	for (uint32_t minor = 3; minor <= 4; minor++) {
		struct answer answer;
		struct ttlv_cursor fields;
		bool value = true, undo = false, go_on = false;
		query_one(f, minor, QUERY_FUNCTION_QUERY_CAPABILITIES, &answer);
		struct ttlv_cursor c = answer_payload(&answer, 0);
		assert_int_equal(ttlv_take_structure(&c, TAG_CAPABILITY_INFORMATION, &fields), ERR_OK);
		assert_int_equal(ttlv_take_bool(&fields, TAG_STREAMING_CAPABILITY, &value), ERR_OK);
		assert_int_equal(ttlv_take_bool(&fields, TAG_ASYNCHRONOUS_CAPABILITY, &value), ERR_OK);
		assert_false(value);
		assert_int_equal(ttlv_take_bool(&fields, TAG_ATTESTATION_CAPABILITY, &value), ERR_OK);
		assert_false(value);
		assert_int_equal(ttlv_take_optional_bool(&fields, TAG_BATCH_UNDO_CAPABILITY, &undo, NULL), ERR_OK);
		assert_int_equal(ttlv_take_optional_bool(&fields, TAG_BATCH_CONTINUE_CAPABILITY, &go_on, NULL), ERR_OK);
		assert_int_equal(undo && go_on, minor == 4);
		assert_int_equal(ttlv_peek_tag(&fields), TAG_UNWRAP_MODE);
		answer_free(&answer);
	}
}

static void everything_at_once_comes_in_the_order_of_table_223(void **state)
{
	static const uint32_t order[] = { TAG_OPERATION, TAG_OBJECT_TYPE, TAG_VENDOR_IDENTIFICATION, TAG_SERVER_INFORMATION,
		TAG_APPLICATION_NAMESPACE, TAG_EXTENSION_INFORMATION, TAG_ATTESTATION_TYPE, TAG_RNG_PARAMETERS, TAG_PROFILE_INFORMATION,
		TAG_VALIDATION_INFORMATION, TAG_CAPABILITY_INFORMATION, TAG_CLIENT_REGISTRATION_METHOD };
	struct fix *f = *state;
	struct answer answer;
	struct ttlv_item item;
	uint32_t functions[12];
	size_t at = 0;
	for (uint32_t i = 0; i < 12; i++) functions[i] = 12 - i; /* whatever the order of the questions */
	query(f, 4, functions, 12, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	while (ttlv_next(&c, &item)) {
		while (at < 12 && order[at] != item.tag) at++;
		assert_true(at < 12);
	}
	assert_int_equal(order[at], TAG_CAPABILITY_INFORMATION);
	answer_free(&answer);
}

static void unknown_functions_and_none_are_refused(void **state)
{
	static const uint32_t unknown[] = { 0, 13, 14, 32, 33, 0x80000001u };
	struct fix *f = *state;
	struct answer answer;
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		uint32_t functions[] = { QUERY_FUNCTION_QUERY_OPERATIONS, unknown[i] };
		query(f, 4, functions, 2, &answer);
		assert_int_equal(answer.response.items[0].reason, RESULT_REASON_INVALID_FIELD);
		answer_free(&answer);
	}
	query(f, 4, NULL, 0, &answer);
	assert_int_equal(answer.response.items[0].reason, RESULT_REASON_MISSING_DATA);
	answer_free(&answer);
}

static void no_operation_of_an_asynchronous_server_is_there(void **state)
{
	static const uint32_t absent[] = { OPERATION_POLL, OPERATION_CANCEL, OPERATION_NOTIFY, OPERATION_PUT };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof absent / sizeof absent[0]; i++) {
		assert_null(dispatch_find(absent[i]));
		assert_int_equal(fix_simple(f, ADMIN, absent[i], NULL), ERR_UNSUPPORTED);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(each_function_answers_its_fields_from_its_version_on), T(operations_are_those_of_the_dispatch_table_and_the_version),
		T(server_names_vendor_and_version), T(extension_list_has_names_and_the_map_tags_and_types), T(the_one_generator_is_described),
		T(capabilities_of_1_3_have_no_batch_fields), T(everything_at_once_comes_in_the_order_of_table_223),
		T(unknown_functions_and_none_are_refused), T(no_operation_of_an_asynchronous_server_is_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
