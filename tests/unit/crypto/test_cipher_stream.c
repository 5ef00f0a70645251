/* Ciphers in parts: what may leave early and what may not, bounds, and wrong use. (Answers: test_kmip_vectors.c.) */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/arena.h"
#include "crypto/cipher_stream.h"

static const uint8_t key_bytes[64] = { 1, 2, 3 }, iv_bytes[16] = { 4, 5 };
static uint8_t big[CIPHER_GATHER_MAX + 64];

static const struct cipher_params gcm = { CIPHER_AES, CIPHER_GCM, 0, 0 }, ccm = { CIPHER_AES, CIPHER_CCM, 0, 0 },
	xts = { CIPHER_AES, CIPHER_XTS, 0, 0 }, wrap = { CIPHER_AES, CIPHER_NIST_KEY_WRAP, 0, 0 },
	poly = { CIPHER_CHACHA20_POLY1305, 0, 0, 0 }, cbc = { CIPHER_AES, CIPHER_CBC, 0, 0 },
	cbc_pkcs5 = { CIPHER_AES, CIPHER_CBC, CIPHER_PAD_PKCS5, 0 };

static void open_stream(const struct cipher_params *params, enum cipher_way way, struct cipher_stream **out)
{
	struct cipher_traits traits;
	size_t key_len = params->mode == CIPHER_XTS ? 64 : 32;
	assert_ok(cipher_traits(params, &traits));
	assert_ok(cipher_stream_new(params, way, view_of(key_bytes, key_len), view_of(iv_bytes, traits.iv_len), out));
}

static void nothing_leaves_a_decryption_before_its_tag_is_verified(void **state)
{
	static const struct cipher_params *const modes[] = { &gcm, &ccm, &poly };
	(void)state;
	for (size_t i = 0; i < 3; i++)
		for (int spoil = 0; spoil < 2; spoil++) {
			AUTO(auto_cipher_stream_free) struct cipher_stream *enc = NULL;
			AUTO(auto_cipher_stream_free) struct cipher_stream *dec = NULL;
			AUTO_BUF struct buf ct = BUF_EMPTY, pt = BUF_EMPTY;
			uint8_t tag[CIPHER_TAG_MAX];
			size_t len;
			open_stream(modes[i], CIPHER_ENCRYPT, &enc);
			assert_ok(cipher_stream_aad(enc, view_str("aad")));
			assert_ok(cipher_stream_update(enc, view_of(big, 1000), &ct));
			assert_ok(cipher_stream_final(enc, &ct, tag, &len));
			if (spoil) tag[0] ^= 1;
			open_stream(modes[i], CIPHER_DECRYPT, &dec);
			assert_ok(cipher_stream_aad(dec, view_str("aad")));
			assert_ok(cipher_stream_update(dec, view_of(ct.ptr, 999), &pt));
			assert_ok(cipher_stream_update(dec, view_of(ct.ptr + 999, 1), &pt));
			assert_int_equal(pt.len, 0);
			assert_ok(cipher_stream_tag(dec, view_of(tag, 16)));
			assert_err(cipher_stream_final(dec, &pt, tag, &len), spoil ? ERR_CONTEXT : ERR_OK);
			assert_int_equal(pt.len, spoil ? 0 : 1000);
			assert_err(cipher_stream_final(dec, &pt, tag, &len), ERR_STATE);
		}
}

static void a_decryption_without_its_tag_does_not_end_well(void **state)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX] = { 0 };
	size_t len;
	(void)state;
	open_stream(&gcm, CIPHER_DECRYPT, &s);
	assert_err(cipher_stream_tag(s, view_of(tag, 15)), ERR_FIELD);
	assert_err(cipher_stream_tag(s, view_of(tag, 0)), ERR_FIELD);
	assert_ok(cipher_stream_update(s, view_str("text"), &out));
	assert_err(cipher_stream_final(s, &out, tag, &len), ERR_FIELD);
	assert_int_equal(out.len, 0);
}

static void flowing_modes_give_out_text_as_it_comes(void **state)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	AUTO(auto_cipher_stream_free) struct cipher_stream *back = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY, pt = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	(void)state;
	open_stream(&cbc_pkcs5, CIPHER_ENCRYPT, &s);
	assert_ok(cipher_stream_update(s, view_of(big, 31), &out));
	assert_int_equal(out.len, 16);
	assert_ok(cipher_stream_update(s, view_of(big, 1), &out));
	assert_int_equal(out.len, 32);
	assert_ok(cipher_stream_final(s, &out, tag, &len));
	assert_int_equal(out.len, 48);
	open_stream(&cbc_pkcs5, CIPHER_DECRYPT, &back);
	assert_ok(cipher_stream_update(back, view_of(out.ptr, 32), &pt));
	assert_int_equal(pt.len, 16); /* the second block may be padding */
	assert_ok(cipher_stream_update(back, view_of(out.ptr + 32, 16), &pt));
	assert_int_equal(pt.len, 32);
	assert_ok(cipher_stream_final(back, &pt, tag, &len));
	assert_int_equal(pt.len, 32);
}

static void what_is_gathered_has_a_bound_and_a_failure_ends_the_stream(void **state)
{
	static const struct { const struct cipher_params *params; enum cipher_way way; } table[] = {
		{ &gcm, CIPHER_DECRYPT }, { &ccm, CIPHER_ENCRYPT }, { &ccm, CIPHER_DECRYPT }, { &xts, CIPHER_ENCRYPT }, { &wrap, CIPHER_ENCRYPT },
		{ &poly, CIPHER_DECRYPT },
	};
	struct arena_stats before, after;
	(void)state;
	arena_stats(&before);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
		AUTO_BUF struct buf out = BUF_EMPTY;
		open_stream(table[i].params, table[i].way, &s);
		assert_ok(cipher_stream_update(s, view_of(big, CIPHER_GATHER_MAX), &out));
		assert_err(cipher_stream_update(s, view_of(big, 1), &out), ERR_TOO_LARGE);
		assert_err(cipher_stream_update(s, view_of(big, 0), &out), ERR_STATE);
		assert_int_equal(out.len, 0);
	}
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
}

static void an_encryption_that_flows_has_no_such_bound(void **state)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	(void)state;
	open_stream(&gcm, CIPHER_ENCRYPT, &s);
	for (int i = 0; i < 4; i++) {
		buf_clear(&out);
		assert_ok(cipher_stream_update(s, view_of(big, sizeof big), &out));
		assert_int_equal(out.len, sizeof big);
	}
	assert_ok(cipher_stream_final(s, &out, tag, &len));
	assert_int_equal(len, 16);
}

static void lengths_are_told_when_they_are_known(void **state)
{
	struct cipher_stream *s = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	static const struct cipher_params *const all[] = { &gcm, &ccm, &xts, &wrap, &poly, &cbc };
	(void)state;
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		for (int way = 0; way < 2; way++) {
			assert_err(cipher_stream_new(all[i], (enum cipher_way)way, view_of(key_bytes, 31), view_of(iv_bytes, 12), &s), ERR_FIELD);
			assert_err(cipher_stream_new(all[i], (enum cipher_way)way, view_of(key_bytes, 32), view_of(big, 129), &s), ERR_FIELD);
		}
	assert_err(cipher_stream_new(&xts, CIPHER_ENCRYPT, view_of(big, 64), view_of(iv_bytes, 16), &s), ERR_FIELD); /* equal halves */
	assert_null(s);
	open_stream(&cbc, CIPHER_ENCRYPT, &s); /* the whole is no multiple of the block */
	assert_ok(cipher_stream_update(s, view_of(big, 17), &out));
	assert_err(cipher_stream_final(s, &out, tag, &len), ERR_FIELD);
	assert_int_equal(out.len, 16);
	cipher_stream_free(s);
}

static void associated_data_comes_first_and_only_under_a_tag(void **state)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	AUTO(auto_cipher_stream_free) struct cipher_stream *plain = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX] = { 0 };
	(void)state;
	open_stream(&gcm, CIPHER_ENCRYPT, &s);
	assert_ok(cipher_stream_update(s, view_str("text"), &out));
	assert_err(cipher_stream_aad(s, view_str("late")), ERR_STATE);
	assert_err(cipher_stream_tag(s, view_of(tag, 16)), ERR_FIELD);
	open_stream(&cbc, CIPHER_DECRYPT, &plain);
	assert_err(cipher_stream_aad(plain, view_str("aad")), ERR_FIELD);
	assert_err(cipher_stream_tag(plain, view_of(tag, 16)), ERR_FIELD);
}

static void wrong_padding_at_the_end_gives_out_no_more(void **state)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	AUTO_BUF struct buf out = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t len;
	(void)state;
	open_stream(&cbc_pkcs5, CIPHER_DECRYPT, &s);
	assert_ok(cipher_stream_update(s, view_of(key_bytes, 48), &out));
	assert_int_equal(out.len, 32);
	assert_err(cipher_stream_final(s, &out, tag, &len), ERR_CONTEXT);
	assert_int_equal(out.len, 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_leaves_a_decryption_before_its_tag_is_verified),
		cmocka_unit_test(a_decryption_without_its_tag_does_not_end_well),
		cmocka_unit_test(flowing_modes_give_out_text_as_it_comes),
		cmocka_unit_test(what_is_gathered_has_a_bound_and_a_failure_ends_the_stream),
		cmocka_unit_test(an_encryption_that_flows_has_no_such_bound),
		cmocka_unit_test(lengths_are_told_when_they_are_known),
		cmocka_unit_test(associated_data_comes_first_and_only_under_a_tag),
		cmocka_unit_test(wrong_padding_at_the_end_gives_out_no_more),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
