/* Structured attribute values: written and read again, and refused when a part is missing or wrong. */
#include "kmip/values.h"

#include <string.h>

#include "kmip/enums.h"
#include "kmip/tags.h"
#include "unit/kmip/kmip_test.h"

static struct scratch s;

static void names_links_reasons_and_application_data_come_back(void **state)
{
	(void)state;
	struct kmip_name name = { view_str("disk"), NAME_TYPE_URI }, name2;
	struct kmip_link link = { LINK_TYPE_REPLACED_OBJECT_LINK, view_str("uuid") }, link2;
	struct kmip_revocation rev = { REVOCATION_REASON_CODE_SUPERSEDED, true, view_str("old") }, rev2;
	struct kmip_application app = { view_str("ssl"), true, view_str("www") }, app2;
	struct ttlv_item item;
	kmip_name_put(scratch_writer(&s), TAG_NAME, &name);
	item = scratch_item(&s);
	assert_int_equal(kmip_name_parse(&item, &name2), ERR_OK);
	assert_true(view_equal(name.value, name2.value) && name.type == name2.type);
	kmip_link_put(scratch_writer(&s), TAG_LINK, &link);
	item = scratch_item(&s);
	assert_int_equal(kmip_link_parse(&item, &link2), ERR_OK);
	assert_true(view_equal(link.linked, link2.linked) && link.type == link2.type);
	kmip_revocation_put(scratch_writer(&s), TAG_REVOCATION_REASON, &rev);
	item = scratch_item(&s);
	assert_int_equal(kmip_revocation_parse(&item, &rev2), ERR_OK);
	assert_true(rev2.has_message && view_equal(rev.message, rev2.message) && rev.code == rev2.code);
	kmip_application_put(scratch_writer(&s), TAG_ATTRIBUTE_VALUE, &app);
	item = scratch_item(&s);
	assert_int_equal(kmip_application_parse(&item, &app2), ERR_OK);
	assert_true(app2.has_data && view_equal(app.data, app2.data) && view_equal(app.name_space, app2.name_space));
}

static void optional_parts_may_be_absent(void **state)
{
	(void)state;
	struct kmip_revocation rev = { .code = REVOCATION_REASON_CODE_UNSPECIFIED }, rev2;
	struct kmip_application app = { .name_space = view_str("ssl") }, app2;
	struct ttlv_item item;
	kmip_revocation_put(scratch_writer(&s), TAG_REVOCATION_REASON, &rev);
	item = scratch_item(&s);
	assert_int_equal(kmip_revocation_parse(&item, &rev2), ERR_OK);
	assert_false(rev2.has_message);
	kmip_application_put(scratch_writer(&s), TAG_ATTRIBUTE_VALUE, &app);
	item = scratch_item(&s);
	assert_int_equal(kmip_application_parse(&item, &app2), ERR_OK);
	assert_false(app2.has_data);
}

static void a_name_needs_a_text_and_a_known_type(void **state)
{
	(void)state;
	static const struct { const char *text; uint32_t type; bool swapped; enum coffer_err err; } rows[] = {
		{ "a", 1, false, ERR_OK }, { "", 1, false, ERR_FIELD }, { "a", 0, false, ERR_FIELD }, { "a", 3, false, ERR_FIELD },
		{ "a", 1, true, ERR_MISSING },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct writer *w = scratch_writer(&s);
		struct kmip_name name;
		struct ttlv_mark mark = ttlv_begin(w, TAG_NAME);
		if (rows[i].swapped) ttlv_put_enum(w, TAG_NAME_TYPE, rows[i].type);
		ttlv_put_str(w, TAG_NAME_VALUE, rows[i].text);
		if (!rows[i].swapped) ttlv_put_enum(w, TAG_NAME_TYPE, rows[i].type);
		ttlv_end(w, mark);
		struct ttlv_item item = scratch_item(&s);
		assert_int_equal(kmip_name_parse(&item, &name), rows[i].err);
	}
}

static void cryptographic_parameters_come_back_whole_and_empty(void **state)
{
	(void)state;
	struct kmip_params none = { .has_random_iv = false }, out;
	struct kmip_params some = {
		.has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_GCM,
		.has_cryptographic_algorithm = true, .cryptographic_algorithm = CRYPTOGRAPHIC_ALGORITHM_AES,
		.has_random_iv = true, .random_iv = true, .has_iv_length = true, .iv_length = 96, .has_tag_length = true, .tag_length = 16,
		.has_mask_generator_hashing_algorithm = true, .mask_generator_hashing_algorithm = HASHING_ALGORITHM_SHA_256,
		.has_p_source = true, .p_source = view_str("p"), .has_trailer_field = true, .trailer_field = 1,
	};
	kmip_params_put(scratch_writer(&s), TAG_CRYPTOGRAPHIC_PARAMETERS, &none);
	struct ttlv_item item = scratch_item(&s);
	assert_int_equal(kmip_params_parse(&item, &out), ERR_OK);
	assert_false(out.has_block_cipher_mode || out.has_padding_method || out.has_trailer_field);
	kmip_params_put(scratch_writer(&s), TAG_CRYPTOGRAPHIC_PARAMETERS, &some);
	item = scratch_item(&s);
	assert_int_equal(kmip_params_parse(&item, &out), ERR_OK);
	assert_true(out.block_cipher_mode == BLOCK_CIPHER_MODE_GCM && out.random_iv && out.iv_length == 96 && out.tag_length == 16);
	assert_true(out.mask_generator_hashing_algorithm == HASHING_ALGORITHM_SHA_256 && view_equal_str(out.p_source, "p"));
	some.block_cipher_mode = 99;
	kmip_params_put(scratch_writer(&s), TAG_CRYPTOGRAPHIC_PARAMETERS, &some);
	item = scratch_item(&s);
	assert_int_equal(kmip_params_parse(&item, &out), ERR_FIELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_links_reasons_and_application_data_come_back),
		cmocka_unit_test(optional_parts_may_be_absent),
		cmocka_unit_test(a_name_needs_a_text_and_a_known_type),
		cmocka_unit_test(cryptographic_parameters_come_back_whole_and_empty),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
