/* Every row of the cipher table against every length: what is taken round-trips, what is refused is refused for its length; and paddings. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/cipher.h"

#define KEY_TOP 70u  /* bytes */
#define IV_TOP 131u
#define TEXT_TOP 50u

/* The rules once more, from the standards and not from the table. */
struct rule {
	struct cipher_params params;
	unsigned keys[3];         /* bytes */
	unsigned iv_min, iv_max;
	unsigned tag_min, tag_max, tag_step;
	unsigned text_min, text_step;
	bool legacy;
};

static const struct rule rules[] = {
	{ { CIPHER_AES, CIPHER_ECB, 0, 0 }, { 16, 24, 32 }, 0, 0, 0, 0, 1, 0, 16, false },
	{ { CIPHER_AES, CIPHER_ECB, CIPHER_PAD_PKCS5, 0 }, { 16, 24, 32 }, 0, 0, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_CBC, 0, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 16, false },
	{ { CIPHER_AES, CIPHER_CBC, CIPHER_PAD_ANSI_X9_23, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_CBC, CIPHER_PAD_ISO_10126, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_CTR, 0, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_CFB, 0, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_OFB, 0, 0 }, { 16, 24, 32 }, 16, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_GCM, 0, 0 }, { 16, 24, 32 }, 1, 128, 12, 16, 1, 0, 1, false },
	{ { CIPHER_AES, CIPHER_CCM, 0, 0 }, { 16, 24, 32 }, 7, 13, 4, 16, 2, 0, 1, false },
	{ { CIPHER_AES, CIPHER_XTS, 0, 0 }, { 32, 64, 64 }, 16, 16, 0, 0, 1, 16, 1, false },
	{ { CIPHER_AES, CIPHER_NIST_KEY_WRAP, 0, 0 }, { 16, 24, 32 }, 0, 0, 0, 0, 1, 16, 8, false },
	{ { CIPHER_AES, CIPHER_KEY_WRAP_PADDING, 0, 0 }, { 16, 24, 32 }, 0, 0, 0, 0, 1, 1, 1, false },
	{ { CIPHER_3DES, CIPHER_ECB, 0, 0 }, { 16, 24, 24 }, 0, 0, 0, 0, 1, 0, 8, true },
	{ { CIPHER_3DES, CIPHER_CBC, 0, 0 }, { 16, 24, 24 }, 8, 8, 0, 0, 1, 0, 8, true },
	{ { CIPHER_3DES, CIPHER_CBC, CIPHER_PAD_PKCS5, 0 }, { 16, 24, 24 }, 8, 8, 0, 0, 1, 0, 1, true },
	{ { CIPHER_CHACHA20, 0, 0, 0 }, { 32, 32, 32 }, 8, 16, 0, 0, 1, 0, 1, false },
	{ { CIPHER_CHACHA20_POLY1305, 0, 0, 0 }, { 32, 32, 32 }, 12, 12, 12, 16, 1, 0, 1, false },
	{ { CIPHER_CHACHA20_POLY1305, CIPHER_AEAD, 0, 0 }, { 32, 32, 32 }, 12, 12, 12, 16, 1, 0, 1, false },
};
#define RULES (sizeof rules / sizeof rules[0])

static uint8_t bytes[256];

static int setup(void **state)
{
	support_rising(bytes, sizeof bytes, 1);
	return support_setup(state);
}

static bool key_fits(const struct rule *r, size_t len)
{
	return len == r->keys[0] || len == r->keys[1] || len == r->keys[2];
}

static bool iv_fits(const struct rule *r, size_t len)
{
	if (r->params.algorithm == CIPHER_CHACHA20) return len == 8 || len == 16;
	return len >= r->iv_min && len <= r->iv_max;
}

static bool tag_fits(const struct rule *r, size_t len)
{
	return len == 0 || (len >= r->tag_min && len <= r->tag_max && (len - r->tag_min) % r->tag_step == 0);
}

static bool text_fits(const struct rule *r, size_t len)
{
	return len >= r->text_min && len % r->text_step == 0;
}

/* Encrypts and, when that is to work, decrypts again. */
static void expect(const struct rule *r, uint32_t tag_len, size_t key, size_t iv, size_t text, bool works)
{
	AUTO_BUF struct buf ct = BUF_EMPTY, pt = BUF_EMPTY;
	struct cipher_params params = r->params;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	struct view k = view_of(bytes, key), n = view_of(bytes + 100, iv), t = view_of(bytes + 9, text), aad = view_of(bytes, r->tag_max);
	params.tag_len = tag_len;
	assert_err(cipher_encrypt(&params, k, n, aad, t, &ct, tag, &len), works ? ERR_OK : ERR_FIELD);
	assert_true(works || ct.len == 0);
	if (!works) return;
	assert_int_equal(len, tag_len != 0 ? tag_len : r->tag_max);
	assert_ok(cipher_decrypt(&params, k, n, aad, buf_view(&ct), view_of(tag, len), &pt));
	assert_true(view_equal(buf_view(&pt), t));
}

static void every_length_of_key_iv_tag_and_text_is_taken_or_refused_by_rule(void **state)
{
	(void)state;
	for (const struct rule *r = rules; r < rules + RULES; r++) {
		size_t key = r->keys[0], iv = r->iv_max, text = 48;
		for (size_t n = 0; n <= KEY_TOP; n++) expect(r, 0, n, iv, text, key_fits(r, n));
		for (size_t n = 0; n <= IV_TOP; n++) expect(r, 0, key, n, text, iv_fits(r, n));
		for (uint32_t n = 0; n <= 20; n++) expect(r, n, key, iv, text, tag_fits(r, n));
		for (size_t n = 0; n <= TEXT_TOP; n++)
			for (size_t i = 0; i < 3; i++) expect(r, 0, r->keys[i], iv, n, text_fits(r, n));
	}
}

static void traits_tell_the_lengths_and_what_is_legacy(void **state)
{
	(void)state;
	for (const struct rule *r = rules; r < rules + RULES; r++) {
		struct cipher_traits t;
		assert_ok(cipher_traits(&r->params, &t));
		assert_int_equal(t.iv_min, r->iv_min);
		assert_int_equal(t.iv_max, r->iv_max);
		assert_int_equal(t.tag_len, r->tag_max);
		assert_int_equal(t.legacy, r->legacy);
		assert_true(iv_fits(r, t.iv_len));
	}
}

static void rows_that_are_not_in_the_table_are_unsupported(void **state)
{
	struct cipher_traits t;
	unsigned taken = 0;
	(void)state;
	for (uint32_t algorithm = 0; algorithm < 64; algorithm++)
		for (uint32_t mode = 0; mode < 32; mode++)
			for (uint32_t padding = 0; padding < 16; padding++) {
				const struct cipher_params params = { algorithm, mode, padding, 0 };
				if (cipher_traits(&params, &t) == ERR_OK) taken++;
				else assert_err(cipher_traits(&params, &t), ERR_UNSUPPORTED);
			}
	/* 0, None and four paddings for 4 rows of blocks; 0 and None for 8 modes of AES, ChaCha20, and 2 rows of ChaCha20-Poly1305 */
	assert_int_equal(taken, 4 * 6 + 11 * 2);
}

static void ccm_refuses_a_text_that_its_nonce_leaves_no_room_for(void **state)
{
	const struct cipher_params params = { CIPHER_AES, CIPHER_CCM, 0, 0 };
	AUTO_BUF struct buf text = BUF_EMPTY, out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	struct view k = view_of(bytes, 16), none = view_of(NULL, 0);
	(void)state;
	assert_ok(buf_reserve(&text, 65536));
	assert_ok(cipher_encrypt(&params, k, view_of(bytes, 13), none, view_of(text.ptr, 65535), &out, tag, &len));
	assert_err(cipher_encrypt(&params, k, view_of(bytes, 13), none, view_of(text.ptr, 65536), &out, tag, &len), ERR_TOO_LARGE);
	assert_int_equal(out.len, 65535);
	assert_ok(cipher_encrypt(&params, k, view_of(bytes, 12), none, view_of(text.ptr, 65536), &out, tag, &len));
}

static void xts_refuses_equal_halves_and_more_than_a_data_unit(void **state)
{
	const struct cipher_params params = { CIPHER_AES, CIPHER_XTS, 0, 0 };
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t key[64] = { 0 }, tag[CIPHER_TAG_MAX];
	size_t len;
	struct view iv = view_of(bytes, 16), none = view_of(NULL, 0), text = view_of(bytes, 32);
	(void)state;
	for (size_t n = 32; n <= 64; n += 32) {
		memset(key, 0, sizeof key);
		assert_err(cipher_encrypt(&params, view_of(key, n), iv, none, text, &out, tag, &len), ERR_FIELD);
		assert_err(cipher_decrypt(&params, view_of(key, n), iv, none, text, none, &out), ERR_FIELD);
		key[n - 1] = 1;
		assert_ok(cipher_encrypt(&params, view_of(key, n), iv, none, text, &out, tag, &len));
	}
	uint8_t *big = test_calloc(1, CIPHER_XTS_MAX + 1);
	assert_err(cipher_encrypt(&params, view_of(key, 64), iv, none, view_of(big, CIPHER_XTS_MAX + 1), &out, tag, &len), ERR_TOO_LARGE);
	test_free(big);
}

/* What a padding makes of a text, without a cipher: CBC under ECB's eyes would do, so decrypt without padding. */
static void show_padding(uint32_t padding, size_t text_len, struct buf *out)
{
	const struct cipher_params with = { CIPHER_AES, CIPHER_ECB, padding, 0 }, without = { CIPHER_AES, CIPHER_ECB, 0, 0 };
	AUTO_BUF struct buf ct = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	struct view k = view_of(bytes, 16), none = view_of(NULL, 0);
	buf_clear(out);
	assert_ok(cipher_encrypt(&with, k, none, none, view_of(bytes + 100, text_len), &ct, tag, &len));
	assert_ok(cipher_decrypt(&without, k, none, none, buf_view(&ct), none, out));
}

static void each_padding_fills_as_its_standard_says(void **state)
{
	(void)state;
	for (size_t n = 0; n <= TEXT_TOP; n++) {
		AUTO_BUF struct buf p = BUF_EMPTY;
		size_t add = 16 - n % 16;
		show_padding(CIPHER_PAD_PKCS5, n, &p);
		assert_int_equal(p.len, n + add);
		for (size_t i = n; i < p.len; i++) assert_int_equal(p.ptr[i], add);
		show_padding(CIPHER_PAD_ANSI_X9_23, n, &p);
		assert_int_equal(p.len, n + add);
		assert_true(ct_is_zero(p.ptr + n, add - 1) && p.ptr[p.len - 1] == add);
		show_padding(CIPHER_PAD_ISO_10126, n, &p);
		assert_int_equal(p.len, n + add);
		assert_int_equal(p.ptr[p.len - 1], add);
		if (add > 9) assert_false(ct_is_zero(p.ptr + n, add - 1)); /* random */
		show_padding(CIPHER_PAD_ZEROS, n, &p);
		assert_int_equal(p.len, (n + 15) / 16 * 16);
		assert_true(ct_is_zero(p.ptr + n, p.len - n));
		assert_memory_equal(p.ptr, bytes + 100, n);
	}
}

/* Whether a last block with these bytes is right padding, by the wording of the standards. */
static bool padding_is_right(uint32_t padding, const uint8_t block[static 16])
{
	unsigned n = block[15];
	if (n < 1 || n > 16) return false;
	for (unsigned i = 16 - n; i < 15 && padding != CIPHER_PAD_ISO_10126; i++)
		if (block[i] != (padding == CIPHER_PAD_PKCS5 ? n : 0)) return false;
	return true;
}

static void expect_padding(uint32_t padding, const uint8_t block[static 16])
{
	const struct cipher_params with = { CIPHER_AES, CIPHER_ECB, padding, 0 }, without = { CIPHER_AES, CIPHER_ECB, 0, 0 };
	AUTO_BUF struct buf ct = BUF_EMPTY, pt = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	struct view k = view_of(bytes, 16), none = view_of(NULL, 0);
	bool right = padding_is_right(padding, block);
	assert_ok(cipher_encrypt(&without, k, none, none, view_of(block, 16), &ct, tag, &len));
	assert_err(cipher_decrypt(&with, k, none, none, buf_view(&ct), none, &pt), right ? ERR_OK : ERR_CONTEXT);
	assert_int_equal(pt.len, right ? 16u - block[15] : 0u);
	assert_true(pt.ptr == NULL || ct_is_zero(pt.ptr + pt.len, 16 - pt.len)); /* nothing of it is left behind */
}

static void wrong_paddings_are_one_error_whatever_is_wrong_about_them(void **state)
{
	static const uint32_t paddings[] = { CIPHER_PAD_PKCS5, CIPHER_PAD_ANSI_X9_23, CIPHER_PAD_ISO_10126 };
	(void)state;
	for (size_t p = 0; p < 3; p++)
		for (unsigned last = 0; last < 256; last++) {
			uint8_t block[16];
			uint8_t fill = paddings[p] == CIPHER_PAD_PKCS5 ? (uint8_t)last : 0;
			memset(block, fill, sizeof block);
			block[15] = (uint8_t)last;
			expect_padding(paddings[p], block);
			for (unsigned i = 0; i < 15; i++) { /* one byte off */
				block[i] ^= 0x80;
				expect_padding(paddings[p], block);
				block[i] ^= 0x80;
			}
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_length_of_key_iv_tag_and_text_is_taken_or_refused_by_rule),
		cmocka_unit_test(traits_tell_the_lengths_and_what_is_legacy),
		cmocka_unit_test(rows_that_are_not_in_the_table_are_unsupported),
		cmocka_unit_test(ccm_refuses_a_text_that_its_nonce_leaves_no_room_for),
		cmocka_unit_test(xts_refuses_equal_halves_and_more_than_a_data_unit),
		cmocka_unit_test(each_padding_fills_as_its_standard_says),
		cmocka_unit_test(wrong_paddings_are_one_error_whatever_is_wrong_about_them),
	};
	return cmocka_run_group_tests(tests, setup, NULL);
}
