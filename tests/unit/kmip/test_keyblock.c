/* Key blocks and managed objects. */
#include "kmip/keyblock.h"

#include <string.h>

#include "kmip/attr.h"
#include "unit/kmip/kmip_test.h"

static struct scratch s;

static const uint8_t key[16] = "0123456789abcde";

static enum coffer_err parse(struct kmip_managed *out)
{
	struct ttlv_item item = scratch_item(&s);
	struct reason reason = { "" };
	enum coffer_err err = kmip_managed_parse(&item, out, &reason);
	assert_true((err == ERR_OK) == (reason.text[0] == '\0'));
	return err;
}

static void managed_objects_come_back_as_they_were_written(void **state)
{
	(void)state;
	static const uint32_t formats[] = { KEY_FORMAT_TYPE_RAW, KEY_FORMAT_TYPE_OPAQUE, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY };
	struct kmip_managed m = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY }, out;
	m.block = (struct kmip_key_block){ .has_value = true, .material = view_of(key, sizeof key),
		.algorithm = CRYPTOGRAPHIC_ALGORITHM_AES, .length_bits = 128 };
	for (size_t i = 0; i < sizeof formats / sizeof formats[0]; i++) {
		m.block.format = formats[i];
		kmip_managed_put(scratch_writer(&s), &m);
		assert_int_equal(parse(&out), ERR_OK);
		assert_true(out.object_type == m.object_type && out.block.format == formats[i] && out.block.has_value &&
			!out.block.wrapped);
		assert_true(view_equal(out.block.material, m.block.material));
		assert_true(out.block.algorithm == CRYPTOGRAPHIC_ALGORITHM_AES && out.block.length_bits == 128);
		assert_int_equal(ttlv_done(&out.block.attributes), ERR_OK);
	}
	m = (struct kmip_managed){ .object_type = OBJECT_TYPE_SECRET_DATA, .data_type = SECRET_DATA_TYPE_PASSWORD };
	m.block = (struct kmip_key_block){ .format = KEY_FORMAT_TYPE_OPAQUE, .has_value = true, .material = view_str("secret") };
	kmip_managed_put(scratch_writer(&s), &m);
	assert_int_equal(parse(&out), ERR_OK);
	assert_true(out.data_type == SECRET_DATA_TYPE_PASSWORD && out.block.algorithm == 0 &&
		view_equal_str(out.block.material, "secret"));
	m = (struct kmip_managed){ .object_type = OBJECT_TYPE_OPAQUE_OBJECT, .data_type = 0x80000001u, .opaque = view_str("blob") };
	kmip_managed_put(scratch_writer(&s), &m);
	assert_int_equal(parse(&out), ERR_OK);
	assert_true(out.data_type == 0x80000001u && view_equal_str(out.opaque, "blob"));
}

static void a_wrapped_key_keeps_its_wrapping_data(void **state)
{
	(void)state;
	uint8_t fields[16] = { 0x42, 0, 0x9e, 5, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0 }; /* Wrapping Method: Encrypt */
	struct kmip_managed m = { .object_type = OBJECT_TYPE_SYMMETRIC_KEY }, out;
	m.block = (struct kmip_key_block){ .format = KEY_FORMAT_TYPE_RAW, .has_value = true, .material = view_str("wrapped!"),
		.wrapped = true,
		.wrapping = { .type = TTLV_STRUCTURE, .value = view_of(fields, sizeof fields) } };
	kmip_managed_put(scratch_writer(&s), &m);
	assert_int_equal(parse(&out), ERR_OK);
	assert_true(out.block.wrapped && view_equal_str(out.block.material, "wrapped!"));
	assert_true(view_equal(out.block.wrapping.value, view_of(fields, sizeof fields)));
}

struct block_case {
	const char *what;
	uint32_t format;
	int value;              /* 0 none, 1 structure of bytes, 2 byte string, 3 structure of text, 4 attribute behind */
	bool compression;
	int algorithm;          /* 0 none, 1 AES, 2 the number 0 */
	bool length;
	int32_t bits;
	enum coffer_err err;
};

static void put_value(struct writer *w, int value)
{
	if (value == 2) ttlv_put_bytes(w, TAG_KEY_VALUE, view_of(key, sizeof key));
	if (value != 1 && value < 3) return;
	struct ttlv_mark mark = ttlv_begin(w, TAG_KEY_VALUE);
	if (value == 3) ttlv_put_str(w, TAG_KEY_MATERIAL, "text");
	else ttlv_put_bytes(w, TAG_KEY_MATERIAL, view_of(key, sizeof key));
	if (value == 4) kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, 12);
	ttlv_end(w, mark);
}

static void key_blocks_are_refused_for_these(void **state)
{
	(void)state;
	static const struct block_case rows[] = {
		{ "good", KEY_FORMAT_TYPE_RAW, 1, false, 1, true, 128, ERR_OK },
		{ "no value", KEY_FORMAT_TYPE_RAW, 0, false, 1, true, 128, ERR_OK },
		{ "attribute behind", KEY_FORMAT_TYPE_RAW, 4, false, 1, true, 128, ERR_OK },
		{ "neither algorithm nor length", KEY_FORMAT_TYPE_RAW, 1, false, 0, false, 0, ERR_OK },
		{ "algorithm alone", KEY_FORMAT_TYPE_RAW, 1, false, 1, false, 0, ERR_FIELD },
		{ "length alone", KEY_FORMAT_TYPE_RAW, 1, false, 0, true, 128, ERR_FIELD },
		{ "algorithm 0", KEY_FORMAT_TYPE_RAW, 1, false, 2, true, 128, ERR_FIELD },
		{ "negative length", KEY_FORMAT_TYPE_RAW, 1, false, 1, true, -8, ERR_FIELD },
		{ "byte string that is not wrapped", KEY_FORMAT_TYPE_RAW, 2, false, 1, true, 128, ERR_FIELD },
		{ "text as material", KEY_FORMAT_TYPE_RAW, 3, false, 1, true, 128, ERR_INPUT },
		{ "bytes in a transparent key", KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY, 1, false, 1, true, 128, ERR_INPUT },
		{ "other format", KEY_FORMAT_TYPE_PKCS_8, 1, false, 1, true, 128, ERR_UNSUPPORTED },
		{ "compression", KEY_FORMAT_TYPE_RAW, 1, true, 1, true, 128, ERR_UNSUPPORTED },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct writer *w = scratch_writer(&s);
		struct kmip_managed out;
		struct ttlv_mark object = ttlv_begin(w, TAG_SYMMETRIC_KEY), block = ttlv_begin(w, TAG_KEY_BLOCK);
		ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, rows[i].format);
		if (rows[i].compression) ttlv_put_enum(w, TAG_KEY_COMPRESSION_TYPE, 1);
		put_value(w, rows[i].value);
		uint32_t algorithm = rows[i].algorithm == 1 ? CRYPTOGRAPHIC_ALGORITHM_AES : 0;
		if (rows[i].algorithm) ttlv_put_enum(w, TAG_CRYPTOGRAPHIC_ALGORITHM, algorithm);
		if (rows[i].length) ttlv_put_i32(w, TAG_CRYPTOGRAPHIC_LENGTH, rows[i].bits);
		ttlv_end(w, block);
		ttlv_end(w, object);
		enum coffer_err err = parse(&out);
		if (err != rows[i].err) fail_msg("%s: %s", rows[i].what, err_name(err));
		if (rows[i].value == 4) {
			struct kmip_attr_value v;
			bool found = false;
			assert_int_equal(kmip_attr_next(&out.block.attributes, &v, &found), ERR_OK);
			assert_true(found && v.id == ATTR_CRYPTOGRAPHIC_USAGE_MASK);
		}
	}
}

static void other_kinds_of_objects_are_not_supported(void **state)
{
	(void)state;
	static const uint32_t tags[] = { TAG_CERTIFICATE, TAG_PUBLIC_KEY, TAG_PRIVATE_KEY, TAG_SPLIT_KEY, TAG_TEMPLATE, TAG_PGP_KEY };
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
		struct kmip_managed out;
		struct writer *w = scratch_writer(&s);
		ttlv_end(w, ttlv_begin(w, tags[i]));
		assert_true(kmip_managed_is(tags[i]));
		assert_int_equal(parse(&out), ERR_UNSUPPORTED);
	}
	assert_false(kmip_managed_is(TAG_KEY_BLOCK));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(managed_objects_come_back_as_they_were_written),
		cmocka_unit_test(a_wrapped_key_keeps_its_wrapping_data),
		cmocka_unit_test(key_blocks_are_refused_for_these),
		cmocka_unit_test(other_kinds_of_objects_are_not_supported),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
