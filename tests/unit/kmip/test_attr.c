/* The attribute table and the two encodings of attributes. */
#include "kmip/attr.h"

#include "kmip/values.h"
#include "unit/kmip/kmip_test.h"

static struct scratch s;

static void every_attribute_is_found_by_name_and_by_tag(void **state)
{
	(void)state;
	for (int id = ATTR_NONE + 1; id < ATTR_COUNT; id++) {
		const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)id);
		assert_int_equal(row->id, id);
		if (id == ATTR_CUSTOM_ATTRIBUTE) continue;
		assert_int_equal(kmip_attr_by_name(view_str(row->name)), id);
		assert_int_equal(kmip_attr_by_tag(row->tag), id);
		assert_true((row->type == TTLV_ENUMERATION) <= (row->enumeration != ENUM_NONE));
	}
	assert_int_equal(ATTR_COUNT - 1, 51 + 5); /* sections 3.1 to 3.51, and those of KMIP 2.1 that are kept */
	assert_int_equal(kmip_attr_by_name(view_str("x-colour")), ATTR_CUSTOM_ATTRIBUTE);
	assert_int_equal(kmip_attr_by_name(view_str("y-colour")), ATTR_CUSTOM_ATTRIBUTE);
	assert_int_equal(kmip_attr_by_name(view_str("x-")), ATTR_NONE);
	assert_int_equal(kmip_attr_by_name(view_str("Colour")), ATTR_NONE);
	assert_int_equal(kmip_attr_by_name(view_str("name")), ATTR_NONE);
	assert_int_equal(kmip_attr_by_name(view_str("")), ATTR_NONE);
	assert_int_equal(kmip_attr_by_tag(TAG_ATTRIBUTE_VALUE), ATTR_NONE);
}

/* The rules themselves are held against the specification's text by attr_rules.py. */
static void the_rules_of_the_table_fit_together(void **state)
{
	(void)state;
	for (int id = ATTR_NONE + 1; id < ATTR_COUNT; id++) {
		const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)id);
		assert_true(row->applies != 0 && (row->since_minor <= 4 || row->since_minor == TAG_NOT_IN_1X));
		assert_true(row->set_by == KMIP_SET_SERVER || row->set_by == KMIP_SET_CLIENT || row->set_by == KMIP_SET_BOTH ||
			row->set_by == KMIP_SET_REQUEST);
		if (row->always) assert_int_equal(row->client_delete, KMIP_NEVER);
		if (row->set_by == KMIP_SET_SERVER) assert_int_equal(row->client_modify, KMIP_NEVER);
		if (row->client_modify == KMIP_NEVER) assert_int_equal(row->client_delete, KMIP_NEVER);
	}
	assert_true(kmip_attr_applies(ATTR_STATE, OBJECT_TYPE_SECRET_DATA));
	assert_false(kmip_attr_applies(ATTR_STATE, OBJECT_TYPE_OPAQUE_OBJECT));
	assert_false(kmip_attr_applies(ATTR_STATE, OBJECT_TYPE_TEMPLATE));
	assert_false(kmip_attr_applies(ATTR_USAGE_LIMITS, OBJECT_TYPE_SECRET_DATA));
	assert_false(kmip_attr_applies(ATTR_NAME, 0));
	assert_false(kmip_attr_applies(ATTR_NAME, UINT32_MAX));
}

/* Writes an Attribute and reads it back. */
static enum coffer_err put_and_parse(const char *name, int32_t index, const struct ttlv_item *value, struct kmip_attr_value *out)
{
	struct writer *w = scratch_writer(&s);
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, name);
	if (index != 0) ttlv_put_i32(w, TAG_ATTRIBUTE_INDEX, index);
	if (value) ttlv_put_item(w, TAG_ATTRIBUTE_VALUE, value);
	ttlv_end(w, mark);
	struct ttlv_item item = scratch_item(&s);
	return kmip_attr_parse(&item, out);
}

#define VALUE(t, bytes) ((struct ttlv_item){ .type = (t), .value = view_of(bytes, sizeof(bytes) - 1) })

static void values_are_checked_against_the_table(void **state)
{
	(void)state;
	const struct { const char *name; int32_t index; struct ttlv_item value; enum coffer_err err; } rows[] = {
		{ "Cryptographic Algorithm", 0, VALUE(TTLV_ENUMERATION, "\0\0\0\3"), ERR_OK },
		{ "Cryptographic Algorithm", 0, VALUE(TTLV_ENUMERATION, "\0\0\3\3"), ERR_FIELD },
		{ "Cryptographic Algorithm", 0, VALUE(TTLV_INTEGER, "\0\0\0\3"), ERR_FIELD },
		{ "Cryptographic Usage Mask", 0, VALUE(TTLV_INTEGER, "\0\0\0\14"), ERR_OK },
		{ "Cryptographic Usage Mask", 0, VALUE(TTLV_INTEGER, "\200\0\0\14"), ERR_FIELD },
		{ "Object Group", 3, VALUE(TTLV_TEXT, "group"), ERR_OK },
		{ "Object Group", -1, VALUE(TTLV_TEXT, "group"), ERR_FIELD },
		{ "Object Group", 0, VALUE(TTLV_BYTES, "group"), ERR_FIELD },
		{ "x-note", 0, VALUE(TTLV_BYTES, "anything"), ERR_OK },
		{ "Colour", 0, VALUE(TTLV_TEXT, "blue"), ERR_FIELD },
		{ "Name", 0, VALUE(TTLV_STRUCTURE, ""), ERR_FIELD },
		{ "Digest", 0, VALUE(TTLV_STRUCTURE, ""), ERR_FIELD },
		{ "Usage Limits", 0, VALUE(TTLV_STRUCTURE, ""), ERR_OK },
		{ "Alternative Name", 0, VALUE(TTLV_STRUCTURE, ""), ERR_FIELD },
		{ "Key Value Location", 0, VALUE(TTLV_STRUCTURE, ""), ERR_FIELD },
		{ "Random Number Generator", 0, VALUE(TTLV_STRUCTURE, ""), ERR_FIELD },
		{ "Object Group", 0, VALUE(TTLV_TEXT, ""), ERR_FIELD },
		{ "Description", 0, VALUE(TTLV_TEXT, ""), ERR_OK },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct kmip_attr_value v = { .id = ATTR_NONE };
		enum coffer_err err = put_and_parse(rows[i].name, rows[i].index, &rows[i].value, &v);
		if (err != rows[i].err) fail_msg("%s (%zu): %s", rows[i].name, i, err_name(err));
		if (err != ERR_OK) continue;
		assert_int_equal(v.index, rows[i].index);
		assert_int_equal(v.value.tag, kmip_attr_row(v.id)->tag);
		assert_true(view_equal(v.value.value, rows[i].value.value));
	}
}

static void a_version_is_told_the_fields_that_it_knows(void **state)
{
	(void)state;
	struct scratch known;
	struct kmip_params params = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_GCM, .has_random_iv = true,
		.random_iv = true, .has_salt_length = true, .salt_length = 3 }, told;
	struct kmip_digest digest = { HASHING_ALGORITHM_SHA_256, true, view_str("hash"), true, KEY_FORMAT_TYPE_RAW }, digest_told;
	kmip_params_put(scratch_writer(&s), TAG_CRYPTOGRAPHIC_PARAMETERS, &params);
	struct ttlv_item item = scratch_item(&s), out;
	assert_int_equal(kmip_attr_since(ATTR_CRYPTOGRAPHIC_PARAMETERS, &item), 4);
	for (uint32_t minor = 0; minor <= 4; minor++) {
		kmip_attr_put_known(scratch_writer(&known), ATTR_CRYPTOGRAPHIC_PARAMETERS, &item, minor);
		out = scratch_item(&known);
		assert_int_equal(kmip_params_parse(&out, &told), ERR_OK);
		assert_true(told.has_block_cipher_mode && told.has_random_iv == (minor >= 2) && told.has_salt_length == (minor >= 4));
		assert_true(kmip_attr_since(ATTR_CRYPTOGRAPHIC_PARAMETERS, &out) <= minor);
	}
	kmip_digest_put(scratch_writer(&s), TAG_DIGEST, &digest);
	item = scratch_item(&s);
	for (uint32_t minor = 0; minor <= 1; minor++) {
		kmip_attr_put_known(scratch_writer(&known), ATTR_DIGEST, &item, minor);
		out = scratch_item(&known);
		assert_int_equal(kmip_digest_parse(&out, &digest_told), ERR_OK);
		assert_true(digest_told.has_format == (minor >= 1) && view_equal(digest_told.value, digest.value));
	}
	out = VALUE(TTLV_BOOLEAN, "\0\0\0\0\0\0\0\1");
	assert_int_equal(kmip_attr_since(ATTR_SENSITIVE, &out), 4);
	assert_int_equal(kmip_attr_since(ATTR_FRESH, &out), 1);
}

static void a_custom_structure_holds_no_structures(void **state)
{
	(void)state;
	struct kmip_attr_value v;
	uint8_t flat[] = { 0x42, 0, 0x20, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0 }, nested[] = { 0x42, 0, 0x20, 1, 0, 0, 0, 0 };
	struct ttlv_item a = { .type = TTLV_STRUCTURE, .value = view_of(flat, sizeof flat) };
	struct ttlv_item b = { .type = TTLV_STRUCTURE, .value = view_of(nested, sizeof nested) };
	assert_int_equal(put_and_parse("y-note", 0, &a, &v), ERR_OK);
	assert_true(view_equal_str(v.custom, "y-note"));
	assert_int_equal(put_and_parse("y-note", 0, &b, &v), ERR_FIELD);
}

static void a_template_attribute_is_walked(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	struct kmip_attr_value v;
	struct kmip_name name = { view_str("disk"), NAME_TYPE_UNINTERPRETED_TEXT_STRING }, found_name;
	struct ttlv_cursor c;
	bool found;
	struct ttlv_mark mark = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	struct kmip_attr_mark attr = kmip_attr_begin(w, ATTR_NAME);
	ttlv_put_text(w, TAG_NAME_VALUE, name.value);
	ttlv_put_enum(w, TAG_NAME_TYPE, name.type);
	kmip_attr_end(w, attr);
	kmip_attr_put_time(w, ATTR_ACTIVATION_DATE, 12);
	ttlv_end(w, mark);
	struct ttlv_item item = scratch_item(&s);
	assert_int_equal(kmip_template_enter(&item, &c), ERR_OK);
	static const enum kmip_attr order[] = { ATTR_CRYPTOGRAPHIC_ALGORITHM, ATTR_NAME, ATTR_ACTIVATION_DATE };
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(kmip_attr_next(&c, &v, &found), ERR_OK);
		assert_true(found && v.id == order[i] && v.has_value && !v.has_index);
		if (v.id == ATTR_NAME) assert_int_equal(kmip_name_parse(&v.value, &found_name), ERR_OK);
	}
	assert_true(view_equal(found_name.value, name.value));
	assert_int_equal(kmip_attr_next(&c, &v, &found), ERR_OK);
	assert_false(found);
	assert_int_equal(ttlv_done(&c), ERR_OK);
}

static void a_template_attribute_that_names_templates_is_refused(void **state)
{
	(void)state;
	struct writer *w = scratch_writer(&s);
	struct kmip_name name = { view_str("template"), NAME_TYPE_UNINTERPRETED_TEXT_STRING };
	struct ttlv_cursor c;
	struct ttlv_mark mark = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_name_put(w, TAG_NAME, &name);
	ttlv_end(w, mark);
	struct ttlv_item item = scratch_item(&s);
	assert_int_equal(kmip_template_enter(&item, &c), ERR_UNSUPPORTED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attribute_is_found_by_name_and_by_tag),
		cmocka_unit_test(the_rules_of_the_table_fit_together),
		cmocka_unit_test(values_are_checked_against_the_table),
		cmocka_unit_test(a_version_is_told_the_fields_that_it_knows),
		cmocka_unit_test(a_custom_structure_holds_no_structures),
		cmocka_unit_test(a_template_attribute_is_walked),
		cmocka_unit_test(a_template_attribute_that_names_templates_is_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
