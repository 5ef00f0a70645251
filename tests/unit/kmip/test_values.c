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

static void limits_digests_names_locations_and_generators_come_back(void **state)
{
	(void)state;
	struct kmip_usage_limits limits = { true, 1000, true, 400, true, USAGE_LIMITS_UNIT_BYTE }, limits2;
	struct kmip_digest digest = { HASHING_ALGORITHM_SHA_256, true, view_str("hash"), true, KEY_FORMAT_TYPE_RAW }, digest2;
	struct kmip_alternative_name name = { view_str("a@b"), ALTERNATIVE_NAME_TYPE_EMAIL_ADDRESS }, name2;
	struct kmip_key_value_location place = { view_str("hsm:1"), KEY_VALUE_LOCATION_TYPE_URI }, place2;
	struct kmip_domain_params domain = { true, 256, true, RECOMMENDED_CURVE_P_256 }, domain2;
	struct kmip_rng rng = { .has_algorithm = true, .algorithm = RNG_ALGORITHM_DRBG, .has_cryptographic_length = true,
		.cryptographic_length = 256, .has_drbg_algorithm = true, .drbg_algorithm = DRBG_ALGORITHM_CTR,
		.has_prediction_resistance = true, .prediction_resistance = true }, rng2;
	struct ttlv_item item;
#define BACK(put, parse, value, value2) do { \
		put(scratch_writer(&s), TAG_ATTRIBUTE_VALUE, &value); \
		item = scratch_item(&s); \
		assert_int_equal(parse(&item, &value2), ERR_OK); \
	} while (0)
	BACK(kmip_usage_limits_put, kmip_usage_limits_parse, limits, limits2);
	assert_true(limits2.total == 1000 && limits2.count == 400 && limits2.unit == USAGE_LIMITS_UNIT_BYTE);
	BACK(kmip_digest_put, kmip_digest_parse, digest, digest2);
	assert_true(digest2.hashing_algorithm == HASHING_ALGORITHM_SHA_256 && view_equal_str(digest2.value, "hash"));
	assert_true(digest2.has_format && digest2.format == KEY_FORMAT_TYPE_RAW);
	BACK(kmip_alternative_name_put, kmip_alternative_name_parse, name, name2);
	assert_true(name2.type == ALTERNATIVE_NAME_TYPE_EMAIL_ADDRESS && view_equal_str(name2.value, "a@b"));
	BACK(kmip_key_value_location_put, kmip_key_value_location_parse, place, place2);
	assert_true(place2.type == KEY_VALUE_LOCATION_TYPE_URI && view_equal_str(place2.value, "hsm:1"));
	BACK(kmip_domain_params_put, kmip_domain_params_parse, domain, domain2);
	assert_true(domain2.qlength == 256 && domain2.curve == RECOMMENDED_CURVE_P_256);
	BACK(kmip_rng_put, kmip_rng_parse, rng, rng2);
	assert_true(rng2.algorithm == RNG_ALGORITHM_DRBG && rng2.cryptographic_length == 256 && rng2.drbg_algorithm == DRBG_ALGORITHM_CTR);
	assert_true(rng2.prediction_resistance && !rng2.has_hashing_algorithm && !rng2.has_fips186_variation);
#undef BACK
}

static void usage_limits_are_not_negative_and_leave_no_more_than_the_total(void **state)
{
	(void)state;
	static const struct { struct kmip_usage_limits limits; enum coffer_err err; } rows[] = {
		{ { true, 0, true, 0, true, 1 }, ERR_OK }, { { true, 5, false, 0, true, 2 }, ERR_OK }, { { false, 0, false, 0, true, 2 }, ERR_OK },
		{ { true, 5, false, 0, false, 0 }, ERR_OK }, { { false, 0, true, INT64_MAX, false, 0 }, ERR_OK },
		{ { true, -1, false, 0, true, 1 }, ERR_FIELD }, { { true, 5, true, -1, true, 1 }, ERR_FIELD },
		{ { true, 5, true, 6, true, 1 }, ERR_FIELD }, { { true, 5, true, 5, true, 3 }, ERR_FIELD }, { { true, 5, true, 5, true, 0 }, ERR_FIELD },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct kmip_usage_limits out;
		kmip_usage_limits_put(scratch_writer(&s), TAG_USAGE_LIMITS, &rows[i].limits);
		struct ttlv_item item = scratch_item(&s);
		assert_int_equal(kmip_usage_limits_parse(&item, &out), rows[i].err);
	}
}

typedef enum coffer_err parse_fn(const struct ttlv_item *item);
#define PARSE(name, kind) static enum coffer_err parse_##name(const struct ttlv_item *item) { struct kind v; return kmip_##name##_parse(item, &v); }
PARSE(name, kmip_name)
PARSE(link, kmip_link)
PARSE(revocation, kmip_revocation)
PARSE(application, kmip_application)
PARSE(params, kmip_params)
PARSE(domain_params, kmip_domain_params)
PARSE(digest, kmip_digest)
PARSE(usage_limits, kmip_usage_limits)
PARSE(alternative_name, kmip_alternative_name)
PARSE(key_value_location, kmip_key_value_location)
PARSE(rng, kmip_rng)

/* Two fields, then one that belongs to none of the structures. */
struct fields { uint32_t tags[2]; enum { NONE, TEXT, NUMBER, WORD } kinds[2]; const char *text; uint32_t number; };

static struct ttlv_item put_fields(const struct fields *f, bool strange)
{
	struct writer *w = scratch_writer(&s);
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE_VALUE);
	for (size_t i = 0; i < 2; i++) {
		if (f->kinds[i] == TEXT) ttlv_put_str(w, f->tags[i], f->text);
		if (f->kinds[i] == NUMBER) ttlv_put_i32(w, f->tags[i], (int32_t)f->number);
		if (f->kinds[i] == WORD) ttlv_put_enum(w, f->tags[i], f->number);
	}
	if (strange) ttlv_put_str(w, TAG_COMMENT, "?");
	ttlv_end(w, mark);
	return scratch_item(&s);
}

static void a_field_that_does_not_belong_there_is_never_skipped(void **state)
{
	(void)state;
	static const struct { parse_fn *parse; struct fields fields; enum coffer_err err; } rows[] = {
		{ parse_name, { { TAG_NAME_VALUE, TAG_NAME_TYPE }, { TEXT, WORD }, "n", 1 }, ERR_OK },
		{ parse_link, { { TAG_LINK_TYPE, TAG_LINKED_OBJECT_IDENTIFIER }, { WORD, TEXT }, "id", 0x104 }, ERR_OK },
		{ parse_link, { { TAG_LINK_TYPE, TAG_LINKED_OBJECT_IDENTIFIER }, { WORD, TEXT }, "", 0x104 }, ERR_FIELD },
		{ parse_link, { { TAG_LINK_TYPE, 0 }, { WORD, NONE }, "", 0x104 }, ERR_MISSING },
		{ parse_revocation, { { TAG_REVOCATION_REASON_CODE, TAG_REVOCATION_MESSAGE }, { WORD, TEXT }, "m", 1 }, ERR_OK },
		{ parse_application, { { TAG_APPLICATION_NAMESPACE, TAG_APPLICATION_DATA }, { TEXT, TEXT }, "ssl", 0 }, ERR_OK },
		{ parse_params, { { TAG_BLOCK_CIPHER_MODE, 0 }, { WORD, NONE }, "", 1 }, ERR_OK },
		{ parse_params, { { TAG_HASHING_ALGORITHM, TAG_BLOCK_CIPHER_MODE }, { WORD, WORD }, "", 1 }, ERR_FIELD }, /* out of order */
		{ parse_domain_params, { { TAG_QLENGTH, TAG_RECOMMENDED_CURVE }, { NUMBER, WORD }, "", 1 }, ERR_OK },
		{ parse_domain_params, { { TAG_QLENGTH, 0 }, { NUMBER, NONE }, "", 0 }, ERR_FIELD },
		{ parse_digest, { { TAG_HASHING_ALGORITHM, TAG_KEY_FORMAT_TYPE }, { WORD, WORD }, "", 1 }, ERR_OK },
		{ parse_digest, { { TAG_KEY_FORMAT_TYPE, 0 }, { WORD, NONE }, "", 1 }, ERR_MISSING },
		{ parse_usage_limits, { { TAG_USAGE_LIMITS_UNIT, 0 }, { WORD, NONE }, "", 1 }, ERR_OK },
		{ parse_alternative_name, { { TAG_ALTERNATIVE_NAME_VALUE, TAG_ALTERNATIVE_NAME_TYPE }, { TEXT, WORD }, "n", 7 }, ERR_OK },
		{ parse_alternative_name, { { TAG_ALTERNATIVE_NAME_VALUE, TAG_ALTERNATIVE_NAME_TYPE }, { TEXT, WORD }, "n", 8 }, ERR_FIELD },
		{ parse_alternative_name, { { TAG_ALTERNATIVE_NAME_VALUE, TAG_ALTERNATIVE_NAME_TYPE }, { TEXT, WORD }, "", 1 }, ERR_FIELD },
		{ parse_key_value_location, { { TAG_KEY_VALUE_LOCATION_VALUE, TAG_KEY_VALUE_LOCATION_TYPE }, { TEXT, WORD }, "n", 2 }, ERR_OK },
		{ parse_key_value_location, { { TAG_KEY_VALUE_LOCATION_VALUE, TAG_KEY_VALUE_LOCATION_TYPE }, { TEXT, WORD }, "n", 3 }, ERR_FIELD },
		{ parse_key_value_location, { { TAG_KEY_VALUE_LOCATION_VALUE, 0 }, { TEXT, NONE }, "n", 0 }, ERR_MISSING },
		{ parse_rng, { { TAG_RNG_ALGORITHM, TAG_DRBG_ALGORITHM }, { WORD, WORD }, "", 5 }, ERR_OK },
		{ parse_rng, { { TAG_RNG_ALGORITHM, TAG_DRBG_ALGORITHM }, { WORD, WORD }, "", 6 }, ERR_FIELD },
		{ parse_rng, { { TAG_RNG_ALGORITHM, TAG_CRYPTOGRAPHIC_LENGTH }, { WORD, NUMBER }, "", 3 }, ERR_OK },
		{ parse_rng, { { TAG_DRBG_ALGORITHM, 0 }, { WORD, NONE }, "", 1 }, ERR_MISSING },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct ttlv_item item = put_fields(&rows[i].fields, false);
		enum coffer_err err = rows[i].parse(&item);
		if (err != rows[i].err) fail_msg("row %zu: %s", i, err_name(err));
		item = put_fields(&rows[i].fields, true);
		if (err == ERR_OK && rows[i].parse(&item) == ERR_OK) fail_msg("row %zu: a strange field was taken", i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_links_reasons_and_application_data_come_back),
		cmocka_unit_test(optional_parts_may_be_absent),
		cmocka_unit_test(a_name_needs_a_text_and_a_known_type),
		cmocka_unit_test(cryptographic_parameters_come_back_whole_and_empty),
		cmocka_unit_test(limits_digests_names_locations_and_generators_come_back),
		cmocka_unit_test(usage_limits_are_not_negative_and_leave_no_more_than_the_total),
		cmocka_unit_test(a_field_that_does_not_belong_there_is_never_skipped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
