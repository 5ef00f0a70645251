/* Register: what is refused, and why. */
#include <stdlib.h>
#include <string.h>

#include "kmip/values.h"
#include "unit/ops/bring.h"

static void put_format(struct writer *w)
{
	ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_TYPE_RAW);
}

static void put_value(struct writer *w)
{
	struct ttlv_mark value = ttlv_begin(w, TAG_KEY_VALUE);
	ttlv_put_bytes(w, TAG_KEY_MATERIAL, view_of(BRING_KEY, BRING_KEY_LEN));
	ttlv_end(w, value);
}

static void put_length(struct writer *w)
{
	ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	ttlv_put_i32(w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
}

static void no_block(struct writer *w, void *arg)
{
	(void)arg;
	ttlv_end(w, ttlv_begin(w, TAG_SYMMETRIC_KEY));
}

static void no_format(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_value(w);
	put_length(w);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void whole_block(struct writer *w)
{
	struct ttlv_mark block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	put_value(w);
	put_length(w);
	ttlv_end(w, block);
}

static void two_blocks(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY);
	whole_block(w);
	whole_block(w);
	ttlv_end(w, key);
}

static void two_objects(struct writer *w, void *arg)
{
	(void)arg;
	for (int i = 0; i < 2; i++) {
		struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY);
		whole_block(w);
		ttlv_end(w, key);
	}
}

static void nothing(struct writer *w, void *arg)
{
	(void)w;
	(void)arg;
}

static void text_as_material(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	struct ttlv_mark value = ttlv_begin(w, TAG_KEY_VALUE);
	ttlv_put_str(w, TAG_KEY_MATERIAL, "0123456789abcdef");
	ttlv_end(w, value);
	put_length(w);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void bytes_without_wrapping(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	ttlv_put_bytes(w, TAG_KEY_VALUE, view_of(BRING_KEY, BRING_KEY_LEN));
	put_length(w);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void wrapping_without_value(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	put_length(w);
	struct ttlv_mark data = ttlv_begin(w, TAG_KEY_WRAPPING_DATA);
	ttlv_put_enum(w, TAG_WRAPPING_METHOD, WRAPPING_METHOD_ENCRYPT);
	ttlv_end(w, data);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void wrapping_without_keys(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	ttlv_put_bytes(w, TAG_KEY_VALUE, view_of(BRING_KEY, BRING_KEY_LEN));
	put_length(w);
	struct ttlv_mark data = ttlv_begin(w, TAG_KEY_WRAPPING_DATA);
	ttlv_put_enum(w, TAG_WRAPPING_METHOD, WRAPPING_METHOD_ENCRYPT);
	ttlv_end(w, data);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void compressed(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	ttlv_put_enum(w, TAG_KEY_COMPRESSION_TYPE, 1);
	put_value(w);
	put_length(w);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void field_after_block(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY);
	whole_block(w);
	ttlv_put_i32(w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
	ttlv_end(w, key);
}

static void length_as_enumeration(struct writer *w, void *arg)
{
	(void)arg;
	struct ttlv_mark key = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
	put_format(w);
	put_value(w);
	ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_LENGTH, 128);
	ttlv_end(w, block);
	ttlv_end(w, key);
}

static void malformed_objects_are_refused(void **state)
{
	static const struct { void (*object)(struct writer *w, void *arg); enum coffer_err err; uint32_t reason; } cases[] = {
		{ nothing, ERR_MISSING, RESULT_REASON_MISSING_DATA }, { no_block, ERR_MISSING, RESULT_REASON_MISSING_DATA },
		{ no_format, ERR_MISSING, RESULT_REASON_MISSING_DATA }, { two_blocks, ERR_INPUT, RESULT_REASON_INVALID_MESSAGE },
		{ two_objects, ERR_INPUT, RESULT_REASON_INVALID_MESSAGE }, { text_as_material, ERR_INPUT, RESULT_REASON_INVALID_MESSAGE },
		{ bytes_without_wrapping, ERR_FIELD, RESULT_REASON_INVALID_FIELD }, { wrapping_without_value, ERR_FIELD, RESULT_REASON_INVALID_FIELD },
		{ wrapping_without_keys, ERR_MISSING, RESULT_REASON_MISSING_DATA },
		{ compressed, ERR_UNSUPPORTED, RESULT_REASON_FEATURE_NOT_SUPPORTED }, { field_after_block, ERR_FIELD, RESULT_REASON_INVALID_FIELD },
		{ length_as_enumeration, ERR_INPUT, RESULT_REASON_INVALID_MESSAGE },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		uint32_t reason;
		struct bring b = bring_key();
		b.object = cases[i].object;
		assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), cases[i].err);
		assert_int_equal(reason, cases[i].reason);
		assert_int_equal(object_table_count(f->engine.objects), 0);
	}
}

static void template_attribute_is_required(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	struct bring b = bring_key();
	ask_one(&a, OPERATION_REGISTER);
	ttlv_put_enum(&a.w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	kmip_managed_put(&a.w, &b.managed);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_MISSING);
	answer_free(&answer);
}

static void numbers_that_do_not_suit_the_material_are_refused(void **state)
{
	static const struct { uint32_t algorithm, bits; size_t len; enum coffer_err err; } cases[] = {
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 128, 16, ERR_OK }, { CRYPTOGRAPHIC_ALGORITHM_AES, 256, 16, ERR_FIELD },
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 128, 15, ERR_FIELD }, { CRYPTOGRAPHIC_ALGORITHM_AES, 128, 0, ERR_FIELD },
		{ CRYPTOGRAPHIC_ALGORITHM_AES, 120, 15, ERR_FIELD }, { 0, 0, 16, ERR_MISSING }, { CRYPTOGRAPHIC_ALGORITHM_AES, 0, 16, ERR_MISSING },
		{ CRYPTOGRAPHIC_ALGORITHM_RSA, 128, 16, ERR_UNSUPPORTED }, { CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 128, 16, ERR_OK },
		{ CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 127, 16, ERR_FIELD }, { CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 8, 1, ERR_OK },
		{ CRYPTOGRAPHIC_ALGORITHM_CAMELLIA, 128, 16, ERR_OK }, { CRYPTOGRAPHIC_ALGORITHM_DES3, 112, 16, ERR_UNSUPPORTED },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct bring b = bring_key();
		b.managed.block.algorithm = cases[i].algorithm;
		b.managed.block.length_bits = cases[i].bits;
		b.managed.block.material = view_of(BRING_KEY, cases[i].len);
		assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), cases[i].err);
	}
}

static void object_is_as_large_as_a_record_allows(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	uint8_t *bytes = calloc(1, SECRET_MAX + 1);
	assert_non_null(bytes);
	bytes[SECRET_MAX - 1] = 7;
	struct bring b = { .mask = -1, .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 0x80000000,
		.opaque = view_of(bytes, SECRET_MAX + 1) } };
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_TOO_LARGE);
	b.managed.opaque.len = 0;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
	b.managed.opaque.len = SECRET_MAX;
	bring_in(f, ADMIN, &b, id);
	object_table_clear(f->engine.objects);
	bring_get(f, ADMIN, id, &answer, &got);
	assert_true(view_equal(got.opaque, view_of(bytes, SECRET_MAX)));
	answer_free(&answer);
	free(bytes);
}

static void types_must_agree_and_be_known(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint32_t reason;
	struct bring b = bring_key();
	b.object_type = OBJECT_TYPE_SECRET_DATA;
	assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), ERR_FIELD);
	b.object_type = OBJECT_TYPE_CERTIFICATE;
	assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), ERR_UNSUPPORTED);
	b.object_type = 99;
	assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), ERR_UNSUPPORTED);
	struct bring opaque = { .mask = -1, .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 1, .opaque = view_str("o") } };
	assert_int_equal(bring_try(f, ADMIN, &opaque, id, &reason), ERR_FIELD);
	struct bring secret = bring_key();
	secret.managed.object_type = OBJECT_TYPE_SECRET_DATA;
	secret.managed.data_type = 99;
	assert_int_equal(bring_try(f, ADMIN, &secret, id, &reason), ERR_FIELD);
	secret.managed.data_type = SECRET_DATA_TYPE_SEED;
	assert_int_equal(bring_try(f, ADMIN, &secret, id, &reason), ERR_OK);
	secret.mask = -1;
	assert_int_equal(bring_try(f, ADMIN, &secret, id, &reason), ERR_MISSING);
	assert_int_equal(reason, RESULT_REASON_MISSING_DATA);
}

static void put_algorithm(struct ask *a, void *arg)
{
	kmip_attr_put_enum(&a->w, ATTR_CRYPTOGRAPHIC_ALGORITHM, *(const uint32_t *)arg);
	kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_LENGTH, 128);
}

static void template_attribute_and_key_block_agree(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint32_t algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	struct bring b = bring_key();
	b.attributes = put_algorithm;
	b.arg = &algorithm;
	bring_in(f, ADMIN, &b, id);
	b.managed.block.length_bits = b.managed.block.algorithm = 0;
	bring_in(f, ADMIN, &b, id);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_int_equal(o->algorithm, CRYPTOGRAPHIC_ALGORITHM_AES);
	assert_int_equal(o->length_bits, 128);
	b = bring_key();
	b.attributes = put_algorithm;
	b.arg = &algorithm;
	b.managed.block.length_bits = 192;
	b.managed.block.material = view_of(BRING_KEY BRING_KEY, 24);
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
	b.managed = bring_key().managed;
	algorithm = CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
}

static void put_own(struct writer *w)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, "y-mine");
	ttlv_put_str(w, TAG_ATTRIBUTE_VALUE, "v");
	ttlv_end(w, mark);
}

static void put_one(struct ask *a, void *arg)
{
	struct kmip_attr_mark structure;
	switch (*(const enum kmip_attr *)arg) {
	case ATTR_CUSTOM_ATTRIBUTE: put_own(&a->w); return;
	case ATTR_APPLICATION_SPECIFIC_INFORMATION:
		structure = kmip_attr_begin(&a->w, ATTR_APPLICATION_SPECIFIC_INFORMATION);
		ttlv_put_str(&a->w, TAG_APPLICATION_NAMESPACE, "ssl");
		kmip_attr_end(&a->w, structure);
		return;
	case ATTR_KEY_VALUE_PRESENT: kmip_attr_put_bool(&a->w, ATTR_KEY_VALUE_PRESENT, true); return;
	case ATTR_INITIAL_DATE: kmip_attr_put_time(&a->w, ATTR_INITIAL_DATE, 1); return;
	case ATTR_STATE: kmip_attr_put_enum(&a->w, ATTR_STATE, OBJECT_ACTIVE); return;
	case ATTR_OPERATION_POLICY_NAME: kmip_attr_put_text(&a->w, ATTR_OPERATION_POLICY_NAME, view_str("public")); return;
	case ATTR_SENSITIVE:
		kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, true);
		kmip_attr_put_bool(&a->w, ATTR_SENSITIVE, true);
		return;
	default: break;
	}
	bool link = *(const enum kmip_attr *)arg == ATTR_LINK;
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, link ? ATTR_LINK : ATTR_KEY_VALUE_LOCATION);
	if (link) {
		ttlv_put_enum(&a->w, TAG_LINK_TYPE, LINK_TYPE_REPLACEMENT_OBJECT_LINK);
		ttlv_put_str(&a->w, TAG_LINKED_OBJECT_IDENTIFIER, "3b2f0f6e-7f6c-4a7e-9d2e-0b1c2d3e4f50");
	} else {
		ttlv_put_str(&a->w, TAG_KEY_VALUE_LOCATION_VALUE, "elsewhere");
		ttlv_put_enum(&a->w, TAG_KEY_VALUE_LOCATION_TYPE, KEY_VALUE_LOCATION_TYPE_UNINTERPRETED_TEXT_STRING);
	}
	kmip_attr_end(&a->w, mark);
}

static void attributes_that_are_not_the_clients_are_refused(void **state)
{
	static const struct { enum kmip_attr id; enum coffer_err err; } cases[] = {
		{ ATTR_KEY_VALUE_PRESENT, ERR_FIELD }, { ATTR_INITIAL_DATE, ERR_FIELD }, { ATTR_STATE, ERR_FIELD }, { ATTR_LINK, ERR_FIELD },
		{ ATTR_KEY_VALUE_LOCATION, ERR_FIELD }, { ATTR_SENSITIVE, ERR_FIELD }, { ATTR_OPERATION_POLICY_NAME, ERR_FIELD },
		{ ATTR_APPLICATION_SPECIFIC_INFORMATION, ERR_UNSUPPORTED }, { ATTR_CUSTOM_ATTRIBUTE, ERR_FIELD },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		enum kmip_attr attr = cases[i].id;
		struct bring b = bring_key();
		b.attributes = put_one;
		b.arg = &attr;
		assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), cases[i].err);
	}
}

static void put_rng(struct ask *a, void *arg)
{
	(void)arg;
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_RANDOM_NUMBER_GENERATOR);
	ttlv_put_enum(&a->w, TAG_RNG_ALGORITHM, RNG_ALGORITHM_NRBG);
	kmip_attr_end(&a->w, mark);
}

static void attributes_of_a_newer_version_are_refused(void **state)
{
	static const uint32_t minors[] = { 1, 2, 3, 4 };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof minors / sizeof minors[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct bring b = bring_key();
		b.minor = minors[i];
		b.attributes = put_rng;
		assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), minors[i] < 3 ? ERR_FIELD : ERR_OK);
	}
}

static void opaque_objects_have_no_dates_of_keys(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = { .mask = -1, .active = true, .managed = { .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 0x80000000,
		.opaque = view_str("o") } };
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
	b.active = false;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_OK);
	b.mask = 0;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_FIELD);
}

static void put_many(struct ask *a, void *arg)
{
	char text[32];
	unsigned count = *(const unsigned *)arg;
	for (unsigned i = 0; i < count; i++) {
		snprintf(text, sizeof text, "group %u", i);
		kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str(text));
	}
}

static void too_many_values_are_out_of_bounds(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	uint32_t reason = 0;
	struct bring b = bring_key();
	unsigned counts[] = { ATTRSET_MAX + 1, STORE_INDEX_MAX - 1 }; /* more values than an object holds; more groups than are looked up */
	b.attributes = put_many;
	b.plain = true;
	for (size_t i = 0; i < 2; i++) {
		b.arg = &counts[i];
		reason = 0;
		assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), ERR_LIMIT);
		assert_int_equal(reason, RESULT_REASON_INDEX_OUT_OF_BOUNDS);
	}
	counts[1]--;
	assert_int_equal(bring_try(f, ADMIN, &b, id, &reason), ERR_OK);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(malformed_objects_are_refused), T(template_attribute_is_required), T(numbers_that_do_not_suit_the_material_are_refused),
		T(object_is_as_large_as_a_record_allows), T(types_must_agree_and_be_known), T(template_attribute_and_key_block_agree),
		T(attributes_that_are_not_the_clients_are_refused), T(attributes_of_a_newer_version_are_refused),
		T(opaque_objects_have_no_dates_of_keys), T(too_many_values_are_out_of_bounds),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
