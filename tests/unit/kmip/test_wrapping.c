/* Key Wrapping Data and Key Wrapping Specifications, and Result Reasons by version. */
#include "kmip/wrapping.h"

#include <string.h>

#include "kmip/kmip_reason.h"
#include "kmip/tags.h"
#include "kmip/enums.h"
#include "kmip/values.h"
#include "unit/kmip/kmip_test.h"

static struct scratch s;

/* What is written; a field that is 0 or NULL is left out. */
struct given {
	uint32_t method;
	const char *encryption, *mac;
	uint32_t mode;           /* in the Cryptographic Parameters of the first */
	bool tag_length, value, iv;
	unsigned names;
	uint32_t encoding;
	bool again;              /* the last field twice */
};

static void put_information(struct writer *w, uint32_t tag, const char *id, const struct given *g)
{
	if (!id) return;
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_str(w, TAG_UNIQUE_IDENTIFIER, id);
	if (g->mode) kmip_params_put(w, TAG_CRYPTOGRAPHIC_PARAMETERS, &(struct kmip_params){ .has_block_cipher_mode = true, .block_cipher_mode = g->mode,
		.has_tag_length = g->tag_length, .tag_length = 16 });
	ttlv_end(w, mark);
}

static struct ttlv_item write_given(const struct given *g, uint32_t tag)
{
	struct writer *w = scratch_writer(&s);
	struct ttlv_mark mark = ttlv_begin(w, tag);
	if (g->method) ttlv_put_enum(w, TAG_WRAPPING_METHOD, g->method);
	put_information(w, TAG_ENCRYPTION_KEY_INFORMATION, g->encryption, g);
	put_information(w, TAG_MAC_SIGNATURE_KEY_INFORMATION, g->mac, g);
	if (g->value) ttlv_put_bytes(w, TAG_MAC_SIGNATURE, view_str("mac"));
	if (g->iv) ttlv_put_bytes(w, TAG_IV_COUNTER_NONCE, view_str("iv"));
	for (unsigned i = 0; i < g->names; i++) ttlv_put_str(w, TAG_ATTRIBUTE_NAME, "Name");
	for (int i = 0; g->encoding && i < 1 + g->again; i++) ttlv_put_enum(w, TAG_ENCODING_OPTION, g->encoding);
	ttlv_end(w, mark);
	return scratch_item(&s);
}

static void data_comes_back_as_it_was_written(void **state)
{
	(void)state;
	const struct given all = { .method = WRAPPING_METHOD_ENCRYPT_THEN_MAC_SIGN, .encryption = "e", .mac = "m", .mode = BLOCK_CIPHER_MODE_CBC,
		.value = true, .iv = true, .encoding = ENCODING_OPTION_NO_ENCODING };
	struct kmip_wrapping first, second;
	struct ttlv_item item = write_given(&all, TAG_KEY_WRAPPING_DATA);
	assert_int_equal(kmip_wrapping_data_parse(&item, 4, &first, NULL), ERR_OK);
	assert_true(first.encryption.present && view_equal_str(first.encryption.id, "e") && first.encryption.has_params);
	assert_true(first.mac.present && view_equal_str(first.mac.id, "m") && first.has_mac && first.has_iv);
	assert_int_equal(first.encoding, ENCODING_OPTION_NO_ENCODING);
	static struct scratch again;
	kmip_wrapping_data_put(scratch_writer(&again), &first);
	struct ttlv_item copy = scratch_item(&again);
	assert_true(view_equal(item.value, copy.value));
	assert_int_equal(kmip_wrapping_data_parse(&copy, 4, &second, NULL), ERR_OK);
	assert_int_equal(second.method, first.method);
}

static void without_an_option_the_value_is_encoded(void **state)
{
	(void)state;
	struct kmip_wrapping p;
	struct ttlv_item item = write_given(&(struct given){ .method = WRAPPING_METHOD_ENCRYPT, .encryption = "e", .names = 3 },
		TAG_KEY_WRAPPING_SPECIFICATION);
	assert_int_equal(kmip_wrapping_specification_parse(&item, 4, &p, NULL), ERR_OK);
	assert_true(!p.has_encoding && p.encoding == ENCODING_OPTION_TTLV_ENCODING && p.name_count == 3 && view_equal_str(p.names[2], "Name"));
}

static void malformed_wrapping_is_refused(void **state)
{
	static const struct { struct given g; uint32_t minor; enum coffer_err data, specification; } cases[] = {
		{ { .encryption = "e" }, 4, ERR_MISSING, ERR_MISSING }, { { .method = 1 }, 4, ERR_MISSING, ERR_MISSING },
		{ { .method = 9, .encryption = "e" }, 4, ERR_FIELD, ERR_FIELD }, { { .method = 0x80000001, .encryption = "e" }, 4, ERR_OK, ERR_OK },
		{ { .method = 1, .encryption = "" }, 4, ERR_FIELD, ERR_FIELD }, { { .method = 2, .mac = "m" }, 4, ERR_OK, ERR_OK },
		{ { .method = 1, .encryption = "e", .mode = 99 }, 4, ERR_FIELD, ERR_FIELD },
		{ { .method = 1, .encryption = "e", .mode = BLOCK_CIPHER_MODE_GCM, .tag_length = true }, 2, ERR_OK, ERR_OK },
		{ { .method = 1, .encryption = "e", .mode = BLOCK_CIPHER_MODE_GCM, .tag_length = true }, 1, ERR_FIELD, ERR_FIELD },
		{ { .method = 1, .encryption = "e", .value = true }, 4, ERR_OK, ERR_FIELD }, { { .method = 1, .encryption = "e", .names = 1 }, 4, ERR_FIELD, ERR_OK },
		{ { .method = 1, .encryption = "e", .names = KMIP_WRAPPING_NAMES_MAX + 1 }, 4, ERR_FIELD, ERR_LIMIT },
		{ { .method = 1, .encryption = "e", .encoding = 1 }, 1, ERR_OK, ERR_OK }, { { .method = 1, .encryption = "e", .encoding = 1 }, 0, ERR_FIELD, ERR_FIELD },
		{ { .method = 1, .encryption = "e", .encoding = 3 }, 4, ERR_FIELD, ERR_FIELD },
		{ { .method = 1, .encryption = "e", .encoding = 1, .again = true }, 4, ERR_INPUT, ERR_INPUT },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct kmip_wrapping p;
		struct reason reason = { "" };
		struct ttlv_item item = write_given(&cases[i].g, TAG_KEY_WRAPPING_DATA);
		assert_int_equal(kmip_wrapping_data_parse(&item, cases[i].minor, &p, &reason), cases[i].data);
		assert_true((cases[i].data == ERR_OK) == (reason.text[0] == '\0'));
		assert_int_equal(kmip_wrapping_specification_parse(&item, cases[i].minor, &p, NULL), cases[i].specification);
	}
}

static void reasons_are_those_that_the_version_knows(void **state)
{
	static const struct { uint32_t reason, minor, told; } cases[] = {
		{ RESULT_REASON_SENSITIVE, 4, RESULT_REASON_SENSITIVE }, { RESULT_REASON_SENSITIVE, 3, RESULT_REASON_PERMISSION_DENIED },
		{ RESULT_REASON_NOT_EXTRACTABLE, 0, RESULT_REASON_PERMISSION_DENIED }, { RESULT_REASON_KEY_VALUE_NOT_PRESENT, 2, RESULT_REASON_KEY_VALUE_NOT_PRESENT },
		{ RESULT_REASON_KEY_VALUE_NOT_PRESENT, 1, RESULT_REASON_ILLEGAL_OPERATION }, { RESULT_REASON_ENCODING_OPTION_ERROR, 0, RESULT_REASON_INVALID_FIELD },
		{ RESULT_REASON_ITEM_NOT_FOUND, 0, RESULT_REASON_ITEM_NOT_FOUND }, { RESULT_REASON_GENERAL_FAILURE, 0, RESULT_REASON_GENERAL_FAILURE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(kmip_reason_known(cases[i].reason, cases[i].minor), cases[i].told);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(data_comes_back_as_it_was_written), cmocka_unit_test(without_an_option_the_value_is_encoded),
		cmocka_unit_test(malformed_wrapping_is_refused), cmocka_unit_test(reasons_are_those_that_the_version_knows),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
