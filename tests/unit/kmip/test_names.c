/* Tags, enumerations, versions and result reasons by number and name. */
#include "kmip/names.h"

#include <string.h>

#include "kmip/kmip_reason.h"
#include "kmip/version.h"
#include "unit/kmip/kmip_test.h"

static const uint32_t all_tags[] = {
#define TAG(id, number, name, since) number,
#include "kmip/tags.def"
#undef TAG
#define VENDOR_TAG(id, number, name, type) number,
#include "kmip/vendor.def"
};

static void every_tag_is_found_by_number_and_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all_tags / sizeof all_tags[0]; i++) {
		uint32_t tag = 0;
		const char *name = kmip_tag_name(all_tags[i]);
		assert_non_null(name);
		assert_true(kmip_tag_find(view_str(name), &tag));
		assert_int_equal(tag, all_tags[i]);
		for (size_t k = 0; k < i; k++)
			assert_int_not_equal(all_tags[k], all_tags[i]);
	}
	assert_string_equal(kmip_tag_name(TAG_CRYPTOGRAPHIC_ALGORITHM), "CryptographicAlgorithm");
	assert_null(kmip_tag_name(0x42ffff));
	assert_null(kmip_tag_name(0));
}

static void every_tag_has_the_version_it_came_with(void **state)
{
	static const struct { uint32_t tag; unsigned since; } rows[] = {
		{ TAG_ACTIVATION_DATE, 0 }, { TAG_PASSWORD, 0 }, { TAG_DEVICE_IDENTIFIER, 1 }, { TAG_EXTENSION_INFORMATION, 1 },
		{ TAG_X_509_CERTIFICATE_SUBJECT, 1 }, { TAG_KEY_VALUE_LOCATION, 2 }, { TAG_RANDOM_IV, 2 },
		{ TAG_ATTESTATION_CAPABLE_INDICATOR, 2 }, { TAG_OFFSET_ITEMS, 3 }, { TAG_CAPABILITY_INFORMATION, 3 }, { TAG_KEY_WRAP_TYPE, 4 },
		{ TAG_REPLACE_EXISTING, 4 }, { TAG_ATTRIBUTES, TAG_NOT_IN_1X }, { TAG_COFFER_CONTEXT, 0 }, { 0x42ffff, TAG_NOT_IN_1X },
		{ 0, TAG_NOT_IN_1X },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) assert_int_equal(kmip_tag_since(rows[i].tag), rows[i].since);
}

static const struct { enum kmip_enum which; uint32_t value; } all_values[] = {
#define ENUM_BEGIN(id, lower, name, tag)
#define ENUM_VALUE(id, value, number, name) { ENUM_##id, number },
#define ENUM_END(id)
#include "kmip/enums.def"
#undef ENUM_BEGIN
#undef ENUM_VALUE
#undef ENUM_END
#define VENDOR_OPERATION(id, number, name) { ENUM_OPERATION, number },
#include "kmip/vendor.def"
};

static void every_enumeration_value_is_found_by_number_and_by_name(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof all_values / sizeof all_values[0]; i++) {
		uint32_t value = 0;
		const char *name = kmip_enum_name(all_values[i].which, all_values[i].value);
		assert_non_null(name);
		assert_true(kmip_enum_find(all_values[i].which, view_str(name), &value));
		assert_int_equal(value, all_values[i].value);
		assert_true(kmip_enum_has(all_values[i].which, value));
	}
}

/* A handful copied from the specification by hand, so that a shifted table shows. */
static void numbers_are_those_of_the_specification(void **state)
{
	(void)state;
	assert_int_equal(TAG_REQUEST_MESSAGE, 0x420078);
	assert_int_equal(TAG_UNIQUE_IDENTIFIER, 0x420094);
	assert_int_equal(TAG_SERVER_CORRELATION_VALUE, 0x420106);
	assert_int_equal(TAG_NEVER_EXTRACTABLE, 0x420123);
	assert_int_equal(OPERATION_ENCRYPT, 0x1f);
	assert_int_equal(OBJECT_TYPE_OPAQUE_OBJECT, 8);
	assert_int_equal(CRYPTOGRAPHIC_ALGORITHM_AES, 3);
	assert_int_equal(BLOCK_CIPHER_MODE_GCM, 9);
	assert_int_equal(RESULT_REASON_GENERAL_FAILURE, 0x100);
	assert_int_equal(LINK_TYPE_REPLACEMENT_OBJECT_LINK, 0x106);
	assert_int_equal(CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY, 0x20);
	assert_string_equal(kmip_operation_name(OPERATION_COFFER_SEAL), "Seal");
	assert_string_equal(kmip_operation_name(0x7777), "unknown operation");
}

static void values_outside_an_enumeration_are_known_as_such(void **state)
{
	(void)state;
	assert_false(kmip_enum_has(ENUM_OBJECT_TYPE, 0));
	assert_false(kmip_enum_has(ENUM_OBJECT_TYPE, 99));
	assert_false(kmip_enum_has(ENUM_NONE, 1));
	assert_false(kmip_enum_has(ENUM_COUNT, 1));
	assert_true(kmip_enum_has(ENUM_CRYPTOGRAPHIC_USAGE_MASK, 0x4 | 0x8));
	assert_false(kmip_enum_has(ENUM_CRYPTOGRAPHIC_USAGE_MASK, 0x80000000u));
	assert_int_equal(kmip_enum_of_tag(TAG_OBJECT_TYPE), ENUM_OBJECT_TYPE);
	assert_int_equal(kmip_enum_of_tag(TAG_MASK_GENERATOR_HASHING_ALGORITHM), ENUM_HASHING_ALGORITHM);
	assert_int_equal(kmip_enum_of_tag(TAG_NAME), ENUM_NONE);
	assert_int_equal(kmip_enum_of_tag(0), ENUM_NONE);
}

static void every_error_has_a_result_reason_of_version_1_4(void **state)
{
	(void)state;
	for (int err = ERR_OK + 1; err < ERR_COUNT; err++) {
		uint32_t reason = kmip_reason_of((enum coffer_err)err);
		assert_true(reason <= RESULT_REASON_OBJECT_ALREADY_EXISTS || reason == RESULT_REASON_GENERAL_FAILURE);
		assert_true(kmip_enum_has(ENUM_RESULT_REASON, reason));
		assert_int_not_equal(kmip_reason_err(reason), ERR_OK);
		assert_int_equal(kmip_reason_by_name(view_str(err_name((enum coffer_err)err))), err);
	}
	assert_int_equal(kmip_reason_of(ERR_STATE), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(kmip_reason_of(ERR_NOT_FOUND), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(kmip_reason_of(ERR_FULL), RESULT_REASON_GENERAL_FAILURE);
	assert_int_equal(kmip_reason_by_name(view_str("NO_SUCH_ERROR")), ERR_OK);
	assert_int_not_equal(kmip_reason_err(0x80000001u), ERR_OK);
}

static void the_version_to_speak_is_the_highest_common_one(void **state)
{
	(void)state;
	static const struct { struct kmip_version sent; enum coffer_err err; uint32_t minor; } rows[] = {
		{ { 1, 0 }, ERR_OK, 0 }, { { 1, 2 }, ERR_OK, 2 }, { { 1, 4 }, ERR_OK, 4 }, { { 1, 5 }, ERR_OK, 4 },
		{ { 2, 0 }, ERR_VERSION, 9 }, { { 0, 9 }, ERR_VERSION, 9 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct kmip_version v = { 9, 9 };
		assert_int_equal(kmip_version_choose(rows[i].sent, &v), rows[i].err);
		assert_int_equal(v.minor, rows[i].minor);
	}
	size_t count;
	const struct kmip_version *all = kmip_versions(&count);
	for (size_t i = 0; i + 1 < count; i++)
		assert_true(all[i].minor > all[i + 1].minor);
	assert_int_equal(count, 5);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_tag_is_found_by_number_and_by_name),
		cmocka_unit_test(every_tag_has_the_version_it_came_with),
		cmocka_unit_test(every_enumeration_value_is_found_by_number_and_by_name),
		cmocka_unit_test(numbers_are_those_of_the_specification),
		cmocka_unit_test(values_outside_an_enumeration_are_known_as_such),
		cmocka_unit_test(every_error_has_a_result_reason_of_version_1_4),
		cmocka_unit_test(the_version_to_speak_is_the_highest_common_one),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
