/* Encrypt and Decrypt with every cipher: what each needs, what each refuses, and what the key's parameters decide. */
#include "unit/ops/crypt.h"

#include <string.h>

#define KEY_128 "000102030405060708090a0b0c0d0e0f"
#define KEY_192 KEY_128 "1011121314151617"
#define KEY_256 KEY_128 "101112131415161718191a1b1c1d1e1f"
#define KEY_512 KEY_256 "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

static const uint8_t text[32] = "thirty-two bytes of plain text.";

#define MODE(m) .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_##m
#define PADDING(p) .has_padding_method = true, .padding_method = PADDING_METHOD_##p
#define RANDOM_IV .has_random_iv = true, .random_iv = true

static void encrypt(struct fix *f, const char *id, const struct kmip_params *params, struct crypted *out)
{
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .id = id, .params = params, .data = view_of(text, 32) }, out);
}

static void decrypt(struct fix *f, const char *id, const struct kmip_params *params, const struct crypted *in, struct crypted *out)
{
	struct crypt c = { .operation = OPERATION_DECRYPT, .id = id, .params = params, .data = crypt_view(&in->data) };
	if (in->iv.there) c.iv = crypt_view(&in->iv);
	if (in->tag.there) c.tag = crypt_view(&in->tag);
	crypt_send(f, &c, out);
}

static void every_cipher_gives_back_the_text_under_an_iv_of_the_server(void **state)
{
	static const struct { uint32_t algorithm, bits; const char *key; struct kmip_params params; size_t iv, tag, ct; } cases[] = {
		{ 3, 128, KEY_128, { MODE(ECB) }, 0, 0, 32 }, { 3, 192, KEY_192, { MODE(ECB), PADDING(PKCS5) }, 0, 0, 48 },
		{ 3, 256, KEY_256, { MODE(CBC), RANDOM_IV }, 16, 0, 32 }, { 3, 128, KEY_128, { MODE(CBC), PADDING(ANSIX9_23), RANDOM_IV }, 16, 0, 48 },
		{ 3, 128, KEY_128, { MODE(CBC), PADDING(ISO10126), RANDOM_IV }, 16, 0, 48 },
		{ 3, 128, KEY_128, { MODE(CBC), PADDING(ZEROS), RANDOM_IV }, 16, 0, 32 },
		{ 3, 256, KEY_256, { MODE(CTR), RANDOM_IV }, 16, 0, 32 }, { 3, 192, KEY_192, { MODE(CFB), RANDOM_IV }, 16, 0, 32 },
		{ 3, 256, KEY_256, { MODE(OFB), RANDOM_IV }, 16, 0, 32 }, { 3, 256, KEY_256, { MODE(GCM), RANDOM_IV }, 12, 16, 32 },
		{ 3, 128, KEY_128, { MODE(CCM), RANDOM_IV }, 12, 16, 32 },
		{ 3, 128, KEY_128, { MODE(CCM), RANDOM_IV, .has_tag_length = true, .tag_length = 8, .has_iv_length = true, .iv_length = 104 }, 13, 8, 32 },
		{ 3, 256, KEY_256, { MODE(GCM), RANDOM_IV, .has_iv_length = true, .iv_length = 128 }, 16, 16, 32 },
		{ 3, 256, KEY_256, { MODE(XTS), RANDOM_IV }, 16, 0, 32 }, { 3, 512, KEY_512, { MODE(XTS), RANDOM_IV }, 16, 0, 32 },
		{ 3, 128, KEY_128, { MODE(NIST_KEY_WRAP) }, 0, 0, 40 }, { 3, 256, KEY_256, { MODE(AES_KEY_WRAP_PADDING) }, 0, 0, 40 },
		{ 28, 256, KEY_256, { RANDOM_IV }, 16, 0, 32 }, { 30, 256, KEY_256, { RANDOM_IV }, 12, 16, 32 },
		{ 30, 256, KEY_256, { MODE(AEAD), RANDOM_IV, .has_tag_length = true, .tag_length = 12 }, 12, 12, 32 },
		{ 2, 168, KEY_192, { MODE(CBC), PADDING(PKCS5), RANDOM_IV }, 8, 0, 40 }, { 2, 112, KEY_128, { MODE(ECB) }, 0, 0, 32 },
	};
	struct fix *f = *state;
	f->config.legacy_algorithms = true;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct crypted ct, pt;
		char id[UUID_TEXT_LEN + 1];
		crypt_key(f, cases[i].algorithm, cases[i].bits, cases[i].key, NULL, id);
		encrypt(f, id, &cases[i].params, &ct);
		assert_int_equal(ct.err, ERR_OK);
		assert_int_equal(ct.iv.len, cases[i].iv);
		assert_int_equal(ct.tag.len, cases[i].tag);
		assert_int_equal(ct.data.len, cases[i].ct);
		assert_false(ct.correlation.there);
		decrypt(f, id, &cases[i].params, &ct, &pt);
		assert_int_equal(pt.err, ERR_OK);
		assert_true(view_equal(crypt_view(&pt.data), view_of(text, 32)));
		if (cases[i].tag == 0) continue;
		ct.tag.bytes[0] ^= 1;
		decrypt(f, id, &cases[i].params, &ct, &pt);
		assert_int_equal(pt.err, ERR_CONTEXT);
	}
}

static void outdated_ciphers_need_leave_of_the_configuration(void **state)
{
	static const struct kmip_params ecb = { MODE(ECB) };
	struct fix *f = *state;
	struct crypted ct, out;
	char id[UUID_TEXT_LEN + 1];
	f->config.legacy_algorithms = true;
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_DES3, 168, KEY_192, NULL, id);
	encrypt(f, id, &ecb, &ct);
	assert_int_equal(ct.err, ERR_OK);
	f->config.legacy_algorithms = false;
	encrypt(f, id, &ecb, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	decrypt(f, id, &ecb, &ct, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
}

static void algorithms_that_are_only_kept_do_not_encrypt(void **state)
{
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_CAMELLIA, 128, KEY_128, NULL, id);
	encrypt(f, id, &(struct kmip_params){ MODE(CBC), RANDOM_IV }, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 256, KEY_256, NULL, id);
	encrypt(f, id, &(struct kmip_params){ MODE(CBC), RANDOM_IV }, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
}

static void lengths_that_do_not_suit_are_refused(void **state)
{
	static const struct { struct kmip_params params; size_t iv, data; uint32_t reason; } cases[] = {
		{ { MODE(GCM), .has_tag_length = true, .tag_length = 1 }, 12, 32, RESULT_REASON_GENERAL_FAILURE },
		{ { MODE(GCM), .has_tag_length = true, .tag_length = 0 }, 12, 32, RESULT_REASON_GENERAL_FAILURE },
		{ { MODE(GCM), .has_tag_length = true, .tag_length = -16 }, 12, 32, RESULT_REASON_GENERAL_FAILURE },
		{ { MODE(GCM), .has_tag_length = true, .tag_length = 32 }, 12, 32, RESULT_REASON_GENERAL_FAILURE },
		{ { MODE(CCM), .has_tag_length = true, .tag_length = 7 }, 12, 32, RESULT_REASON_GENERAL_FAILURE },
		{ { MODE(CBC) }, 0, 32, RESULT_REASON_INVALID_MESSAGE }, /* no IV */
		{ { MODE(CBC) }, 15, 32, RESULT_REASON_INVALID_FIELD }, { { MODE(CBC) }, 16, 31, RESULT_REASON_INVALID_FIELD },
		{ { MODE(CCM) }, 14, 32, RESULT_REASON_INVALID_FIELD }, { { MODE(XTS) }, 16, 15, RESULT_REASON_INVALID_FIELD },
		{ { MODE(NIST_KEY_WRAP) }, 0, 31, RESULT_REASON_INVALID_FIELD }, { { MODE(NIST_KEY_WRAP) }, 8, 32, RESULT_REASON_INVALID_FIELD },
		{ { MODE(GCM), RANDOM_IV, .has_iv_length = true, .iv_length = 64 }, 0, 32, RESULT_REASON_INVALID_FIELD },
		{ { MODE(GCM), RANDOM_IV, .has_iv_length = true, .iv_length = 100 }, 0, 32, RESULT_REASON_INVALID_FIELD },
		{ { MODE(CBC), RANDOM_IV, .has_iv_length = true, .iv_length = 256 }, 0, 32, RESULT_REASON_INVALID_FIELD },
		{ { MODE(CTR), PADDING(PKCS5) }, 16, 32, RESULT_REASON_FEATURE_NOT_SUPPORTED },
	};
	static const uint8_t iv[16];
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 256, KEY_256, NULL, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct crypt c = { .operation = OPERATION_ENCRYPT, .id = id, .params = &cases[i].params, .data = view_of(text, cases[i].data) };
		if (cases[i].iv) c.iv = view_of(iv, cases[i].iv);
		assert_int_equal(crypt_reason(f, &c), cases[i].reason);
	}
}

static void xts_keys_with_equal_halves_are_refused(void **state)
{
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 256, KEY_128 KEY_128, NULL, id);
	encrypt(f, id, &(struct kmip_params){ MODE(XTS), RANDOM_IV }, &out);
	assert_int_equal(out.err, ERR_FIELD);
}

static void additional_data_and_tags_are_of_kmip_1_4(void **state)
{
	static const struct kmip_params gcm = { MODE(GCM), RANDOM_IV }, cbc = { MODE(CBC), RANDOM_IV };
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 256, KEY_256, NULL, id);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .minor = 3, .id = id, .params = &gcm, .data = view_of(text, 32) }, &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .minor = 2, .id = id, .params = &cbc, .data = view_of(text, 32) }, &out);
	assert_int_equal(out.err, ERR_OK);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .minor = 3, .id = id, .params = &cbc, .data = view_of(text, 32),
		.aad = view_str("aad") }, &out);
	assert_int_equal(out.err, ERR_FIELD);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_ENCRYPT, .id = id, .params = &cbc, .data = view_of(text, 32),
		.aad = view_str("aad") }, &out);
	assert_int_equal(out.err, ERR_FIELD); /* no mode with a tag */
}

static void a_key_whose_parameters_are_of_macs_does_not_encrypt(void **state)
{
	static const struct kmip_params hmac = { .has_cryptographic_algorithm = true, .cryptographic_algorithm = CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256 },
		cmac = { MODE(CMAC) }, cbc = { MODE(CBC), RANDOM_IV };
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, KEY_128, &hmac, id);
	encrypt(f, id, &cbc, &out);
	assert_int_equal(out.err, ERR_DENIED);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, KEY_128, &cmac, id);
	encrypt(f, id, &cbc, &out);
	assert_int_equal(out.err, ERR_DENIED);
	encrypt(f, id, NULL, &out);
	assert_int_equal(out.err, ERR_DENIED);
}

static void keys_that_are_away_are_told_apart(void **state)
{
	static const struct kmip_params ecb = { MODE(ECB) };
	struct fix *f = *state;
	struct bring b = bring_key();
	char id[UUID_TEXT_LEN + 1];
	struct crypt c = { .operation = OPERATION_ENCRYPT, .id = id, .params = &ecb, .data = view_of(text, 32) };
	b.active = true;
	bring_in(f, ADMIN, &b, id);
	bring_archive(f, id);
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_OBJECT_ARCHIVED);
	b.managed.block.has_value = false;
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_KEY_VALUE_NOT_PRESENT);
	b = bring_key();
	b.active = true;
	b.managed.block.format = KEY_FORMAT_TYPE_OPAQUE;
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(crypt_reason(f, &c), RESULT_REASON_PERMISSION_DENIED);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(every_cipher_gives_back_the_text_under_an_iv_of_the_server), T(outdated_ciphers_need_leave_of_the_configuration),
		T(algorithms_that_are_only_kept_do_not_encrypt), T(lengths_that_do_not_suit_are_refused), T(xts_keys_with_equal_halves_are_refused),
		T(additional_data_and_tags_are_of_kmip_1_4), T(a_key_whose_parameters_are_of_macs_does_not_encrypt), T(keys_that_are_away_are_told_apart),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
