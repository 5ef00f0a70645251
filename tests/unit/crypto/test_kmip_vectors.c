/* Known answers of the ciphers, MACs and hashes that a KMIP client chooses (tests/vectors/kmip-crypto.json): at once, in parts, and spoiled. */
#include "unit/crypto/support.h"

#include <string.h>

#include "crypto/cipher_stream.h"
#include "crypto/hash.h"
#include "crypto/mac.h"

struct name {
	const char *text;
	uint32_t number;
};

static const struct name algorithms[] = {
	{ "AES", CIPHER_AES }, { "3DES", CIPHER_3DES }, { "ChaCha20", CIPHER_CHACHA20 }, { "ChaCha20-Poly1305", CIPHER_CHACHA20_POLY1305 },
	{ NULL, 0 }
};
static const struct name modes[] = {
	{ "", 0 }, { "ECB", CIPHER_ECB }, { "CBC", CIPHER_CBC }, { "CFB", CIPHER_CFB }, { "OFB", CIPHER_OFB }, { "CTR", CIPHER_CTR },
	{ "CCM", CIPHER_CCM }, { "GCM", CIPHER_GCM }, { "XTS", CIPHER_XTS }, { "NISTKeyWrap", CIPHER_NIST_KEY_WRAP },
	{ "AESKeyWrapPadding", CIPHER_KEY_WRAP_PADDING }, { "AEAD", CIPHER_AEAD }, { NULL, 0 }
};
/* KMIP Hashing Algorithms, and the HMACs over them. */
static const struct name hashes[] = {
	{ "SHA-1", 4 }, { "SHA-224", 5 }, { "SHA-256", 6 }, { "SHA-384", 7 }, { "SHA-512", 8 }, { "SHA-512/224", 12 }, { "SHA-512/256", 13 },
	{ "SHA3-224", 14 }, { "SHA3-256", 15 }, { "SHA3-384", 16 }, { "SHA3-512", 17 }, { NULL, 0 }
};
static const struct name hmacs[] = {
	{ "HMAC-SHA-1", 7 }, { "HMAC-SHA-224", 8 }, { "HMAC-SHA-256", 9 }, { "HMAC-SHA-384", 10 }, { "HMAC-SHA-512", 11 },
	{ "HMAC-SHA-512/224", 11 }, { "HMAC-SHA-512/256", 11 }, { "HMAC-SHA3-224", 35 }, { "HMAC-SHA3-256", 36 }, { "HMAC-SHA3-384", 37 },
	{ "HMAC-SHA3-512", 38 }, { NULL, 0 }
};

static uint32_t number(const struct name *names, const char *text)
{
	while (names->text != NULL && strcmp(names->text, text) != 0) names++;
	if (names->text == NULL) fail_msg("'%s' has no number here", text);
	return names->number;
}

struct vector {
	struct buf key_buf, iv_buf, aad_buf, pt_buf, ct_buf, tag_buf;
	struct view key, iv, aad, pt, ct, tag;
	struct cipher_params params;
};

static void read_vector(const json_t *entry, struct vector *v)
{
	memset(v, 0, sizeof *v);
	v->key = support_field(&v->key_buf, entry, "key");
	v->iv = support_field(&v->iv_buf, entry, "iv");
	v->aad = support_field(&v->aad_buf, entry, "aad");
	v->pt = support_field(&v->pt_buf, entry, "pt");
	v->ct = support_field(&v->ct_buf, entry, "ct");
	v->tag = support_field(&v->tag_buf, entry, "tag");
	if (json_object_get(entry, "aad_rising") != NULL) {
		size_t len = support_number(entry, "aad_rising");
		assert_ok(buf_reserve(&v->aad_buf, len));
		support_rising(v->aad_buf.ptr, len, 0);
		v->aad_buf.len = len;
		v->aad = buf_view(&v->aad_buf);
	}
	v->params = (struct cipher_params){ number(algorithms, support_text(entry, "algorithm")), number(modes, support_text(entry, "mode")),
		0, (uint32_t)v->tag.len };
}

static void drop_vector(struct vector *v)
{
	buf_free(&v->key_buf);
	buf_free(&v->iv_buf);
	buf_free(&v->aad_buf);
	buf_free(&v->pt_buf);
	buf_free(&v->ct_buf);
	buf_free(&v->tag_buf);
}

/* Runs fn over the vectors of one kind; there must be some. */
static void each(const char *kind, void (*fn)(const json_t *entry))
{
	size_t i;
	json_t *root = support_load("kmip-crypto.json"), *entry;
	json_t *list = json_object_get(root, kind);
	assert_true(json_array_size(list) > 10);
	json_array_foreach(list, i, entry) fn(entry);
	json_decref(root);
}

static void check_at_once(const json_t *entry)
{
	struct vector v;
	AUTO_BUF struct buf out = BUF_EMPTY, back = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len;
	read_vector(entry, &v);
	assert_ok(cipher_encrypt(&v.params, v.key, v.iv, v.aad, v.pt, &out, tag, &tag_len));
	assert_hex(out.ptr, out.len, support_text(entry, "ct"));
	assert_hex(tag, tag_len, support_text(entry, "tag"));
	assert_ok(cipher_decrypt(&v.params, v.key, v.iv, v.aad, v.ct, v.tag, &back));
	assert_hex(back.ptr, back.len, support_text(entry, "pt"));
	drop_vector(&v);
}

static void ciphers_give_the_answers_of_their_standards(void **state)
{
	(void)state;
	each("ciphers", check_at_once);
}

/* Every message in pieces of `step` bytes. */
static void run_parts(const struct vector *v, enum cipher_way way, size_t step, struct buf *out, uint8_t tag[static CIPHER_TAG_MAX],
	size_t *tag_len)
{
	AUTO(auto_cipher_stream_free) struct cipher_stream *s = NULL;
	struct view text = way == CIPHER_ENCRYPT ? v->pt : v->ct;
	assert_ok(cipher_stream_new(&v->params, way, v->key, v->iv, &s));
	if (v->aad.len != 0) {
		assert_ok(cipher_stream_aad(s, view_of(v->aad.ptr, 1)));
		assert_ok(cipher_stream_aad(s, view_of(v->aad.ptr + 1, v->aad.len - 1)));
	}
	if (way == CIPHER_DECRYPT && v->tag.len != 0) assert_ok(cipher_stream_tag(s, v->tag));
	for (size_t at = 0; at < text.len; at += step)
		assert_ok(cipher_stream_update(s, view_of(text.ptr + at, text.len - at < step ? text.len - at : step), out));
	assert_ok(cipher_stream_final(s, out, tag, tag_len));
	assert_err(cipher_stream_update(s, text, out), ERR_STATE);
}

static void check_in_parts(const json_t *entry)
{
	struct vector v;
	read_vector(entry, &v);
	for (size_t step = 1; step <= 33; step++) {
		AUTO_BUF struct buf out = BUF_EMPTY, back = BUF_EMPTY;
		uint8_t tag[CIPHER_TAG_MAX];
		size_t tag_len;
		run_parts(&v, CIPHER_ENCRYPT, step, &out, tag, &tag_len);
		assert_hex(out.ptr, out.len, support_text(entry, "ct"));
		assert_hex(tag, tag_len, support_text(entry, "tag"));
		run_parts(&v, CIPHER_DECRYPT, step, &back, tag, &tag_len);
		assert_hex(back.ptr, back.len, support_text(entry, "pt"));
		assert_int_equal(tag_len, 0);
	}
	drop_vector(&v);
}

static void ciphers_in_parts_give_the_same_answers(void **state)
{
	(void)state;
	each("ciphers", check_in_parts);
}

static bool is_wrap(uint32_t mode)
{
	return mode == CIPHER_NIST_KEY_WRAP || mode == CIPHER_KEY_WRAP_PADDING;
}

/* Flips each bit of one input in turn. */
static void refuse_each_bit(const struct vector *v, struct buf *spoiled)
{
	for (size_t bit = 0; bit < 8 * spoiled->len && bit < 8 * 64; bit++) {
		AUTO_BUF struct buf out = BUF_EMPTY;
		spoiled->ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_err(cipher_decrypt(&v->params, v->key, v->iv, v->aad, v->ct, v->tag, &out), ERR_CONTEXT);
		assert_int_equal(out.len, 0);
		spoiled->ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void check_spoiled(const json_t *entry)
{
	struct vector v;
	AUTO_BUF struct buf out = BUF_EMPTY;
	read_vector(entry, &v);
	if (v.tag.len != 0 || is_wrap(v.params.mode)) {
		refuse_each_bit(&v, &v.key_buf);
		refuse_each_bit(&v, &v.iv_buf);
		refuse_each_bit(&v, &v.aad_buf);
		refuse_each_bit(&v, &v.ct_buf);
		refuse_each_bit(&v, &v.tag_buf);
		assert_ok(cipher_decrypt(&v.params, v.key, v.iv, v.aad, v.ct, v.tag, &out));
	}
	drop_vector(&v);
}

static void one_wrong_bit_anywhere_is_refused_under_a_tag_or_a_wrap(void **state)
{
	(void)state;
	each("ciphers", check_spoiled);
}

static struct mac_params mac_of(const json_t *entry)
{
	const char *name = support_text(entry, "algorithm");
	if (strcmp(name, "CMAC") == 0) return (struct mac_params){ CIPHER_AES, CIPHER_CMAC, 0 };
	return (struct mac_params){ number(hmacs, name), 0, number(hashes, name + strlen("HMAC-")) };
}

static void check_mac(const json_t *entry)
{
	AUTO_BUF struct buf key = BUF_EMPTY, data = BUF_EMPTY, mac = BUF_EMPTY;
	struct mac_params params = mac_of(entry);
	struct view k = support_field(&key, entry, "key"), d = support_field(&data, entry, "data"), want = support_field(&mac, entry, "mac");
	uint8_t got[MAC_LEN_MAX];
	size_t len;
	bool valid = false;
	assert_ok(mac_make(&params, k, d, got, &len));
	assert_hex(got, len, support_text(entry, "mac"));
	assert_ok(mac_check(&params, k, d, want, &valid));
	assert_true(valid);
	for (size_t bit = 0; bit < 8 * want.len; bit++) {
		mac.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_ok(mac_check(&params, k, d, want, &valid));
		assert_false(valid);
		mac.ptr[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
	for (size_t step = 1; step < 20; step++) {
		AUTO(auto_mac_free) struct mac *m = NULL;
		assert_ok(mac_new(&params, k, &m));
		for (size_t at = 0; at < d.len; at += step) assert_ok(mac_update(m, view_of(d.ptr + at, d.len - at < step ? d.len - at : step)));
		assert_ok(mac_final_check(m, want, &valid));
		assert_true(valid);
		assert_err(mac_update(m, d), ERR_STATE);
		assert_err(mac_final(m, got, &len), ERR_STATE);
	}
}

static void macs_give_the_answers_of_their_standards_and_tell_every_wrong_bit(void **state)
{
	(void)state;
	each("macs", check_mac);
}

static void macs_of_other_lengths_are_not_valid(void **state)
{
	const struct mac_params params = { MAC_HMAC_SHA256, 0, 0 };
	uint8_t mac[MAC_LEN_MAX + 1] = { 0 };
	size_t len;
	bool valid;
	(void)state;
	assert_ok(mac_make(&params, view_str("key"), view_str("data"), mac, &len));
	for (size_t n = 0; n <= sizeof mac; n++) {
		assert_ok(mac_check(&params, view_str("key"), view_str("data"), view_of(mac, n), &valid));
		assert_int_equal(valid, n == 32);
	}
}

static void macs_outside_the_table_and_wrong_keys_are_refused(void **state)
{
	static const uint8_t key[MAC_KEY_MAX + 1] = { 7 };
	static const struct { struct mac_params params; size_t key; enum coffer_err err; } table[] = {
		{ { 12, 0, 0 }, 16, ERR_UNSUPPORTED },                      /* HMAC-MD5 */
		{ { CIPHER_AES, 0, 0 }, 16, ERR_UNSUPPORTED },
		{ { CIPHER_AES, 10, 0 }, 16, ERR_UNSUPPORTED },             /* CBC-MAC */
		{ { CIPHER_3DES, CIPHER_CMAC, 0 }, 24, ERR_UNSUPPORTED },
		{ { MAC_HMAC_SHA256, CIPHER_CMAC, 0 }, 16, ERR_UNSUPPORTED },
		{ { MAC_HMAC_SHA256, 0, 8 }, 16, ERR_UNSUPPORTED },         /* another hash than its own */
		{ { MAC_HMAC_SHA3_512, 0, 12 }, 16, ERR_UNSUPPORTED },
		{ { MAC_HMAC_SHA512, 0, 3 }, 16, ERR_UNSUPPORTED },         /* MD5 */
		{ { 0, 0, 0 }, 16, ERR_UNSUPPORTED },
		{ { MAC_HMAC_SHA256, 0, 0 }, 0, ERR_FIELD },
		{ { MAC_HMAC_SHA256, 0, 0 }, MAC_KEY_MAX + 1, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_CMAC, 0 }, 15, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_CMAC, 0 }, 20, ERR_FIELD },
		{ { CIPHER_AES, CIPHER_CMAC, 0 }, 33, ERR_FIELD },
		{ { MAC_HMAC_SHA256, 0, 0 }, MAC_KEY_MAX, ERR_OK },
		{ { MAC_HMAC_SHA256, 0, 6 }, 1, ERR_OK },
		{ { 0, 0, 6 }, 1, ERR_OK },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t out[MAC_LEN_MAX];
		size_t len;
		assert_err(mac_make(&table[i].params, view_of(key, table[i].key), view_str("data"), out, &len), table[i].err);
	}
}

static void only_hmac_sha_1_is_marked_legacy(void **state)
{
	struct mac_traits traits;
	(void)state;
	for (const struct name *h = hmacs; h->text != NULL; h++) {
		const struct mac_params params = { h->number, 0, 0 };
		assert_ok(mac_traits(&params, &traits));
		assert_int_equal(traits.legacy, h->number == MAC_HMAC_SHA1);
	}
}

static void check_hash(const json_t *entry)
{
	AUTO_BUF struct buf data = BUF_EMPTY;
	struct view d = support_field(&data, entry, "data");
	enum hash_algorithm algorithm;
	uint8_t out[HASH_LEN_MAX];
	assert_ok(hash_of_kmip(number(hashes, support_text(entry, "algorithm")), &algorithm));
	assert_ok(hash_parts(algorithm, &d, 1, out));
	assert_hex(out, hash_len(algorithm), support_text(entry, "digest"));
	for (size_t step = 1; step < 20; step++) {
		AUTO(auto_hash_free) struct hash *h = NULL;
		assert_ok(hash_new(algorithm, &h));
		for (size_t at = 0; at < d.len; at += step) assert_ok(hash_update(h, view_of(d.ptr + at, d.len - at < step ? d.len - at : step)));
		assert_ok(hash_final(h, out));
		assert_hex(out, hash_len(algorithm), support_text(entry, "digest"));
	}
}

static void hashes_give_the_answers_of_their_standards(void **state)
{
	enum hash_algorithm algorithm;
	(void)state;
	each("hashes", check_hash);
	for (uint32_t n = 0; n < 300; n++) {
		bool known = false;
		for (const struct name *h = hashes; h->text != NULL; h++) known |= h->number == n;
		assert_err(hash_of_kmip(n, &algorithm), known ? ERR_OK : ERR_UNSUPPORTED);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ciphers_give_the_answers_of_their_standards),
		cmocka_unit_test(ciphers_in_parts_give_the_same_answers),
		cmocka_unit_test(one_wrong_bit_anywhere_is_refused_under_a_tag_or_a_wrap),
		cmocka_unit_test(macs_give_the_answers_of_their_standards_and_tell_every_wrong_bit),
		cmocka_unit_test(macs_of_other_lengths_are_not_valid),
		cmocka_unit_test(macs_outside_the_table_and_wrong_keys_are_refused),
		cmocka_unit_test(only_hmac_sha_1_is_marked_legacy),
		cmocka_unit_test(hashes_give_the_answers_of_their_standards),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
