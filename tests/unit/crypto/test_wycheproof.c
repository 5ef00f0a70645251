/* Project Wycheproof's vectors through Coffer's wrappers: each verdict as published, and the counts printed. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/aead.h"
#include "crypto/cipher.h"
#include "crypto/kdf.h"
#include "crypto/keywrap.h"
#include "crypto/mac.h"
#include "crypto/p256.h"

struct count {
	unsigned valid, invalid, acceptable;
};

/* One test of one file; true when the wrapper took it. */
typedef bool run_one(const json_t *group, const json_t *test);

static bool run_aes_gcm(const json_t *group, const json_t *test)
{
	AUTO_BUF struct buf key = BUF_EMPTY, iv = BUF_EMPTY, aad = BUF_EMPTY, msg = BUF_EMPTY, ct = BUF_EMPTY,
		tag = BUF_EMPTY, out = BUF_EMPTY;
	AUTO_BUF struct buf sealed = BUF_EMPTY;
	const struct cipher_params params = { CIPHER_AES, CIPHER_GCM, 0, support_number(group, "tagSize") / 8 };
	struct view k = support_field(&key, test, "key"), n = support_field(&iv, test, "iv"), a = support_field(&aad, test, "aad");
	struct view m = support_field(&msg, test, "msg"), c = support_field(&ct, test, "ct"), t = support_field(&tag, test, "tag");
	uint8_t made[CIPHER_TAG_MAX];
	size_t made_len = 0;
	bool taken = cipher_decrypt(&params, k, n, a, c, t, &out) == ERR_OK;
	if (taken) assert_true(view_equal(buf_view(&out), m));
	else assert_int_equal(out.len, 0);
	if (taken) { /* and the other way round */
		assert_ok(cipher_encrypt(&params, k, n, a, m, &sealed, made, &made_len));
		assert_true(view_equal(buf_view(&sealed), c) && view_equal(view_of(made, made_len), t));
	}
	if (n.len == AEAD_NONCE_LEN && t.len == AEAD_TAG_LEN) { /* the warm context must agree */
		AUTO(auto_aead_key_free) struct aead_key *warm = NULL;
		uint8_t plain[1024];
		assert_ok(aead_key_new(k.ptr, k.len, &warm));
		assert_true((aead_open(warm, n.ptr, &a, 1, c, t.ptr, plain) == ERR_OK) == taken);
		if (taken) assert_true(view_equal(view_of(plain, m.len), m));
		else assert_true(ct_is_zero(plain, c.len));
	}
	return taken;
}

static bool hkdf(enum kdf_hash hash, const json_t *test)
{
	AUTO_BUF struct buf ikm = BUF_EMPTY, salt = BUF_EMPTY, info = BUF_EMPTY, okm = BUF_EMPTY;
	uint8_t out[65536];
	size_t len = support_number(test, "size");
	assert_in_range(len, 1, sizeof out);
	struct view want = support_field(&okm, test, "okm");
	struct view k = support_field(&ikm, test, "ikm"), s = support_field(&salt, test, "salt");
	if (kdf_hkdf(hash, k, s, support_field(&info, test, "info"), out, len) != ERR_OK) return false;
	return view_equal(view_of(out, len), want);
}

static bool run_hkdf_sha256(const json_t *group, const json_t *test)
{
	(void)group;
	return hkdf(KDF_SHA256, test);
}

static bool run_hkdf_sha512(const json_t *group, const json_t *test)
{
	(void)group;
	return hkdf(KDF_SHA512, test);
}

static bool run_hmac(const json_t *group, const json_t *test)
{
	AUTO_BUF struct buf key = BUF_EMPTY, msg = BUF_EMPTY, tag = BUF_EMPTY;
	uint8_t out[MAC_LEN];
	struct view m = support_field(&msg, test, "msg"), t = support_field(&tag, test, "tag");
	assert_ok(mac_hmac_sha256(support_field(&key, test, "key"), &m, 1, out));
	assert_int_equal(t.len, support_number(group, "tagSize") / 8);
	if (t.len == MAC_LEN) return mac_hmac_sha256_check(buf_view(&key), &m, 1, t.ptr) == ERR_OK;
	return ct_equal(out, t.ptr, t.len); /* Coffer never truncates; the vectors do */
}

static bool keywrap(enum keywrap_kind kind, const json_t *test)
{
	AUTO_BUF struct buf key = BUF_EMPTY, msg = BUF_EMPTY, ct = BUF_EMPTY, out = BUF_EMPTY, wrapped = BUF_EMPTY;
	struct view k = support_field(&key, test, "key"), m = support_field(&msg, test, "msg"), c = support_field(&ct, test, "ct");
	if (keywrap_unwrap(k, kind, c, &out) != ERR_OK) return false;
	assert_ok(keywrap_wrap(k, kind, m, &wrapped));
	return view_equal(buf_view(&out), m) && view_equal(buf_view(&wrapped), c);
}

static bool run_aes_wrap(const json_t *group, const json_t *test)
{
	(void)group;
	return keywrap(KEYWRAP_RFC3394, test);
}

static bool run_aes_kwp(const json_t *group, const json_t *test)
{
	(void)group;
	return keywrap(KEYWRAP_RFC5649, test);
}

/* A number of any length as the 32 bytes that Coffer keeps; NULL when it has more. */
static struct secret *private_number(struct view d)
{
	while (d.len > P256_PRIVATE_LEN && d.ptr[0] == 0) d = view_of(d.ptr + 1, d.len - 1);
	struct secret *number = d.len <= P256_PRIVATE_LEN ? secret_new(P256_PRIVATE_LEN) : NULL;
	if (number && d.len) memcpy(secret_mut(number) + P256_PRIVATE_LEN - d.len, d.ptr, d.len);
	return number;
}

/* Points are 65 bytes here: compressed ones, which are acceptable, are not taken. */
static bool run_ecdh(const json_t *group, const json_t *test)
{
	AUTO_BUF struct buf point = BUF_EMPTY, number = BUF_EMPTY, shared = BUF_EMPTY;
	uint8_t out[32];
	struct view q = support_field(&point, test, "public"), want = support_field(&shared, test, "shared");
	AUTO_SECRET struct secret *d = private_number(support_field(&number, test, "private"));
	(void)group;
	if (!d || q.len != P256_PUBLIC_LEN || p256_ecdh(d, q.ptr, out) != ERR_OK) return false;
	assert_ok(p256_check(q.ptr));
	return view_equal(view_of(out, sizeof out), want);
}

/* Vectors that are valid by the standard but that Coffer refuses by its own limit. */
static bool refused_by_limit(const char *file, const json_t *group)
{
	return strstr(file, "aes_gcm") != NULL && support_number(group, "ivSize") / 8 > CIPHER_IV_MAX;
}

static void check(const char *file, run_one *run, struct count *c, unsigned *limited, const json_t *group,
	const json_t *test)
{
	const char *result = support_text(test, "result");
	bool taken = run(group, test);
	unsigned id = support_number(test, "tcId");
	if (strcmp(result, "valid") == 0 && refused_by_limit(file, group)) {
		if (taken) fail_msg("%s test %u: over the limit and taken", file, id);
		(*limited)++;
	} else if (strcmp(result, "valid") == 0) {
		if (!taken) fail_msg("%s test %u: valid and refused", file, id);
		c->valid++;
	} else if (strcmp(result, "invalid") == 0) {
		if (taken) fail_msg("%s test %u: invalid and taken", file, id);
		c->invalid++;
	} else {
		c->acceptable++;
	}
}

static void run_file(const char *file, run_one *run)
{
	struct count c = { 0, 0, 0 };
	unsigned limited = 0;
	size_t i, j;
	const json_t *group, *test;
	json_t *root = support_load(file);
	json_array_foreach(json_object_get(root, "testGroups"), i, group)
		json_array_foreach(json_object_get(group, "tests"), j, test)
			check(file, run, &c, &limited, group, test);
	assert_int_equal(c.valid + c.invalid + c.acceptable + limited, support_number(root, "numberOfTests"));
	print_message("%s: %u valid taken, %u invalid refused, %u acceptable, %u over our limits refused\n", file, c.valid, c.invalid,
		c.acceptable, limited);
	json_decref(root);
}

static void aes_gcm_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/aes_gcm_test.json", run_aes_gcm);
}

static void hkdf_sha256_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/hkdf_sha256_test.json", run_hkdf_sha256);
}

static void hkdf_sha512_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/hkdf_sha512_test.json", run_hkdf_sha512);
}

static void hmac_sha256_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/hmac_sha256_test.json", run_hmac);
}

static void aes_wrap_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/aes_wrap_test.json", run_aes_wrap);
}

static void aes_kwp_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/aes_kwp_test.json", run_aes_kwp);
}

static void ecdh_gives_the_published_verdicts(void **state)
{
	(void)state;
	run_file("wycheproof/ecdh_secp256r1_ecpoint_test.json", run_ecdh);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(aes_gcm_gives_the_published_verdicts),
		cmocka_unit_test(hkdf_sha256_gives_the_published_verdicts),
		cmocka_unit_test(hkdf_sha512_gives_the_published_verdicts),
		cmocka_unit_test(hmac_sha256_gives_the_published_verdicts),
		cmocka_unit_test(aes_wrap_gives_the_published_verdicts),
		cmocka_unit_test(aes_kwp_gives_the_published_verdicts),
		cmocka_unit_test(ecdh_gives_the_published_verdicts),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
