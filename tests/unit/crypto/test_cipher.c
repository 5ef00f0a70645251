/* KMIP-chosen ciphers, key wrap bounds, and AES-GCM's warm context. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/keywrap.h"

/* SP 800-38A, appendix F: first block of each mode, AES-128, 192, 256. */
static const char *const sp_keys[] = {
	"2b7e151628aed2a6abf7158809cf4f3c", "8e73b0f7da0e6452c810f32b809079e562f8ead2522c6b7b",
	"603deb1015ca71be2b73aef0857d77811f352c073b6108d72d9810a30914dff4"
};
static const struct {
	uint32_t mode;
	const char *iv, *ct[3];
} sp_table[] = {
	{ CIPHER_ECB, "", { "3ad77bb40d7a3660a89ecaf32466ef97", "bd334f1d6e45f25ff712a214571fa5cc", "f3eed1bdb5d2a03c064b5a7e3db181f8" } },
	{ CIPHER_CBC, "000102030405060708090a0b0c0d0e0f",
		{ "7649abac8119b246cee98e9b12e9197d", "4f021db243bc633d7178183a9fa071e8", "f58c4c04d6e5f1ba779eabfb5f7bfbd6" } },
	{ CIPHER_CTR, "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
		{ "874d6191b620e3261bef6864990db6ce", "1abc932417521ca24f2b0459fe7e6e0b", "601ec313775789a5b7a7f504bbf3d228" } },
};

static void modes_give_the_answers_of_sp_800_38a(void **state)
{
	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++) {
			AUTO_BUF struct buf key = BUF_EMPTY, iv = BUF_EMPTY, pt = BUF_EMPTY, out = BUF_EMPTY, back = BUF_EMPTY;
			const struct cipher_params params = { CIPHER_AES, sp_table[i].mode, j == 0 ? 0 : CIPHER_PAD_NONE, 0 };
			struct view k = support_unhex(&key, sp_keys[j]), v = support_unhex(&iv, sp_table[i].iv),
				none = view_of(NULL, 0);
			uint8_t tag[CIPHER_TAG_MAX];
			size_t tag_len = 9;
			assert_ok(cipher_encrypt(&params, k, v, none, support_unhex(&pt, "6bc1bee22e409f96e93d7e117393172a"), &out, tag, &tag_len));
			assert_hex(out.ptr, out.len, sp_table[i].ct[j]);
			assert_int_equal(tag_len, 0);
			assert_ok(cipher_decrypt(&params, k, v, none, buf_view(&out), none, &back));
			assert_true(view_equal(buf_view(&back), buf_view(&pt)));
		}
}

static void padding_round_trips_every_length_and_wrong_padding_is_refused(void **state)
{
	static const uint8_t key[32] = { 1 }, iv[16] = { 2 }, text[40] = { 3 };
	struct view k = view_of(key, 32), v = view_of(iv, 16), none = view_of(NULL, 0);
	const struct cipher_params params = { CIPHER_AES, CIPHER_CBC, CIPHER_PAD_PKCS5, 0 };
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len;
	(void)state;
	for (size_t len = 0; len <= sizeof text; len++) {
		AUTO_BUF struct buf out = BUF_EMPTY, back = BUF_EMPTY;
		assert_ok(buf_append(&back, view_str("kept")));
		assert_ok(cipher_encrypt(&params, k, v, none, view_of(text, len), &out, tag, &tag_len));
		assert_int_equal(out.len, (len / 16 + 1) * 16);
		assert_ok(cipher_decrypt(&params, k, v, none, buf_view(&out), none, &back));
		assert_int_equal(back.len, 4 + len);
		if (out.len < 32) continue;
		out.len -= 16; /* without its last block the padding is text */
		assert_err(cipher_decrypt(&params, k, v, none, buf_view(&out), none, &back), ERR_CONTEXT);
		assert_int_equal(back.len, 4 + len);
		assert_memory_equal(back.ptr, "kept", 4);
	}
}

static void choices_outside_the_table_and_wrong_lengths_are_refused(void **state)
{
	static const uint8_t bytes[200];
	static const struct { struct cipher_params params; size_t key, iv, aad, text; enum coffer_err err; } table[] = {
		{ { CIPHER_AES, 0x03, 0, 0 }, 16, 16, 0, 16, ERR_UNSUPPORTED },                    /* PCBC */
		{ { CIPHER_AES, CIPHER_GCM, CIPHER_PAD_PKCS5, 0 }, 16, 12, 0, 16, ERR_UNSUPPORTED },
		{ { CIPHER_AES, CIPHER_CTR, CIPHER_PAD_PKCS5, 0 }, 16, 16, 0, 16, ERR_UNSUPPORTED },
		{ { CIPHER_AES, CIPHER_CBC, 0, 16 }, 16, 16, 0, 16, ERR_FIELD },                   /* a tag where there is none */
		{ { CIPHER_AES, CIPHER_GCM, 0, 11 }, 16, 12, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_GCM, 0, 17 }, 16, 12, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_GCM, 0, 0 }, 20, 12, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_GCM, 0, 0 }, 16, 0, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_GCM, 0, 0 }, 16, 129, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_CBC, 0, 0 }, 16, 12, 0, 16, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_ECB, 0, 0 }, 16, 16, 0, 16, ERR_FIELD },                    /* ECB takes no IV */
		{ { CIPHER_AES, CIPHER_CBC, 0, 0 }, 16, 16, 5, 16, ERR_FIELD },                    /* nor CBC associated data */
		{ { CIPHER_AES, CIPHER_CBC, 0, 0 }, 16, 16, 0, 17, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_GCM, 0, 12 }, 24, 1, 5, 17, ERR_OK },
		{ { CIPHER_AES, CIPHER_GCM, 0, 0 }, 32, 128, 0, 0, ERR_OK },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO_BUF struct buf out = BUF_EMPTY;
		uint8_t tag[CIPHER_TAG_MAX];
		size_t tag_len;
		assert_err(cipher_encrypt(&table[i].params, view_of(bytes, table[i].key), view_of(bytes, table[i].iv),
			view_of(bytes, table[i].aad), view_of(bytes, table[i].text), &out, tag, &tag_len), table[i].err);
		assert_int_equal(out.len, table[i].err == ERR_OK ? table[i].text : 0);
	}
}

static void wrong_gcm_tag_length_is_refused(void **state)
{
	static const uint8_t key[16], iv[12], text[20];
	const struct cipher_params params = { CIPHER_AES, CIPHER_GCM, 0, 16 };
	AUTO_BUF struct buf out = BUF_EMPTY, back = BUF_EMPTY;
	struct view k = view_of(key, 16), v = view_of(iv, 12), aad = view_str("aad");
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len;
	(void)state;
	assert_ok(cipher_encrypt(&params, k, v, aad, view_of(text, 20), &out, tag, &tag_len));
	assert_int_equal(tag_len, 16);
	for (size_t len = 0; len < 16; len++) /* a shorter tag is easier to guess */
		assert_err(cipher_decrypt(&params, k, v, aad, buf_view(&out), view_of(tag, len), &back), ERR_FIELD);
	assert_err(cipher_decrypt(&params, k, v, view_str("aae"), buf_view(&out), view_of(tag, 16), &back), ERR_CONTEXT);
	assert_int_equal(back.len, 0);
	assert_ok(cipher_decrypt(&params, k, v, aad, buf_view(&out), view_of(tag, 16), &back));
}

static void key_wrap_refuses_lengths_that_it_cannot_carry(void **state)
{
	static const uint8_t key[32], text[KEYWRAP_TEXT_MAX + 8];
	AUTO_BUF struct buf out = BUF_EMPTY;
	struct view k = view_of(key, 32);
	(void)state;
	assert_err(keywrap_wrap(k, KEYWRAP_RFC3394, view_of(text, 8), &out), ERR_FIELD);
	assert_err(keywrap_wrap(k, KEYWRAP_RFC3394, view_of(text, 17), &out), ERR_FIELD);
	assert_err(keywrap_wrap(k, KEYWRAP_RFC5649, view_of(text, 0), &out), ERR_FIELD);
	assert_err(keywrap_wrap(k, KEYWRAP_RFC5649, view_of(text, KEYWRAP_TEXT_MAX + 1), &out), ERR_FIELD);
	assert_err(keywrap_wrap(view_of(key, 20), KEYWRAP_RFC5649, view_of(text, 9), &out), ERR_FIELD);
	assert_err(keywrap_unwrap(k, KEYWRAP_RFC3394, view_of(text, 16), &out), ERR_CONTEXT);
	assert_err(keywrap_unwrap(k, KEYWRAP_RFC5649, view_of(text, 15), &out), ERR_CONTEXT);
	assert_int_equal(out.len, 0);
}

static void warm_aead_seals_in_place_and_refuses_bad_keys(void **state)
{
	static const uint8_t key[33] = { 4 }, nonce[AEAD_NONCE_LEN] = { 5 };
	const struct view aad[] = { view_str("a"), view_of(NULL, 0), view_str("ad") }, whole = view_str("aad");
	uint8_t text[7] = "secret", tag[AEAD_TAG_LEN];
	struct aead_key *none = NULL;
	(void)state;
	for (size_t len = 0; len <= 33; len++)
		if (len != 16 && len != 24 && len != 32) assert_err(aead_key_new(key, len, &none), ERR_FIELD);
	for (size_t len = 16; len <= 32; len += 8) {
		AUTO(auto_aead_key_free) struct aead_key *k = NULL;
		assert_ok(aead_key_new(key, len, &k));
		assert_ok(aead_seal(k, nonce, aad, 3, view_of(text, 7), text, tag));
		assert_memory_not_equal(text, "secret", 7);
		assert_ok(aead_open(k, nonce, &whole, 1, view_of(text, 7), tag, text)); /* parts are one run of bytes */
		assert_memory_equal(text, "secret", 7);
		assert_ok(aead_seal(k, nonce, NULL, 0, view_of(NULL, 0), NULL, tag));
		assert_ok(aead_open(k, nonce, NULL, 0, view_of(NULL, 0), tag, NULL));
		tag[0] ^= 1;
		assert_err(aead_open(k, nonce, NULL, 0, view_of(NULL, 0), tag, NULL), ERR_CONTEXT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(modes_give_the_answers_of_sp_800_38a),
		cmocka_unit_test(padding_round_trips_every_length_and_wrong_padding_is_refused),
		cmocka_unit_test(choices_outside_the_table_and_wrong_lengths_are_refused),
		cmocka_unit_test(wrong_gcm_tag_length_is_refused),
		cmocka_unit_test(key_wrap_refuses_lengths_that_it_cannot_carry),
		cmocka_unit_test(warm_aead_seals_in_place_and_refuses_bad_keys),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
