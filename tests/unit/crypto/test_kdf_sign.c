/* Hashes in parts, derivation bounds, scrypt, and Ed25519. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/secret.h"
#include "crypto/hash.h"
#include "crypto/kdf.h"
#include "crypto/mac.h"
#include "crypto/sign.h"

static void hashes_in_parts_give_the_fips_answers(void **state)
{
	static const struct { enum hash_algorithm algorithm; const char *hex; } table[] = {
		{ HASH_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" },
		{ HASH_SHA384, "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7" },
		{ HASH_SHA512, "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
			"2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f" },
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO(auto_hash_free) struct hash *h = NULL;
		uint8_t out[HASH_LEN_MAX];
		assert_ok(hash_new(table[i].algorithm, &h));
		assert_ok(hash_update(h, view_str("a")));
		assert_ok(hash_update(h, view_of(NULL, 0)));
		assert_ok(hash_update(h, view_str("bc")));
		assert_ok(hash_final(h, out));
		assert_hex(out, hash_len(table[i].algorithm), table[i].hex);
		assert_err(hash_update(h, view_str("d")), ERR_STATE);
		assert_err(hash_final(h, out), ERR_STATE);
	}
}

static void scrypt_gives_the_rfc_7914_answers_and_is_bounded(void **state)
{
	static const struct { unsigned log2n, r, p; } bad[] = {
		{ 0, 8, 1 }, { 25, 1, 1 }, { 14, 0, 1 }, { 14, 33, 1 }, { 14, 8, 0 }, { 14, 8, 17 }, { 21, 8, 1 }, { 64, 8, 1 }
	};
	uint8_t out[64];
	(void)state;
	assert_ok(kdf_scrypt(view_str("password"), view_str("NaCl"), 10, 8, 16, out, 64));
	assert_hex(out, 64, "fdbabe1c9d3472007856e7190d01e9fe7c6ad7cbc8237830e77376634b373162"
		"2eaf30d92e22a3886ff109279d9830dac727afb94a83ee6d8360cbdfa2cc0640");
	assert_ok(kdf_scrypt(view_str("pleaseletmein"), view_str("SodiumChloride"), 14, 8, 1, out, 64));
	assert_hex(out, 32, "7023bdcb3afd7348461c06cd81fd38ebfda8fbba904f8e3ea9b543f6545da1f2");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_err(kdf_scrypt(view_str("p"), view_str("s"), bad[i].log2n, bad[i].r, bad[i].p, out, 64), ERR_LIMIT);
	assert_err(kdf_scrypt(view_str("p"), view_str("s"), 14, 8, 1, out, 0), ERR_FIELD);
}

static void hkdf_halves_make_the_whole_and_lengths_are_bounded(void **state)
{
	static uint8_t big[KDF_INFO_MAX + 1], out[255 * 32 + 1], whole[100], prk[32];
	struct view ikm = view_str("input key"), salt = view_str("salt"), info = view_of(big, KDF_INFO_MAX);
	(void)state;
	assert_ok(kdf_hkdf(KDF_SHA256, ikm, salt, info, whole, sizeof whole));
	assert_ok(kdf_hkdf_extract(KDF_SHA256, ikm, salt, prk));
	assert_ok(kdf_hkdf_expand(KDF_SHA256, view_of(prk, 32), info, out, sizeof whole));
	assert_memory_equal(whole, out, sizeof whole);
	assert_ok(kdf_hkdf(KDF_SHA256, ikm, salt, info, out, 255 * 32));
	assert_err(kdf_hkdf(KDF_SHA256, ikm, salt, info, out, 255 * 32 + 1), ERR_FIELD);
	assert_err(kdf_hkdf(KDF_SHA256, ikm, salt, info, out, 0), ERR_FIELD);
	assert_err(kdf_hkdf(KDF_SHA256, view_of(NULL, 0), salt, info, out, 32), ERR_FIELD);
	assert_err(kdf_hkdf(KDF_SHA256, ikm, salt, view_of(big, KDF_INFO_MAX + 1), out, 32), ERR_TOO_LARGE);
	assert_err(kdf_hkdf_expand(KDF_SHA256, view_of(prk, 31), info, out, 32), ERR_FIELD);
}

/* One block is made by two HMACs, more by EVP_KDF: shorter output is the beginning of longer, whatever the lengths. */
static void one_block_is_the_beginning_of_more(void **state)
{
	static uint8_t big[KDF_INFO_MAX];
	static const size_t lengths[] = { 1, 31, 32, 33, 63, 64, 65, 128, 200 };
	uint8_t bytes[200], one[32], more[64];
	size_t count = sizeof lengths / sizeof lengths[0];
	(void)state;
	support_rising(bytes, sizeof bytes, 3);
	for (size_t n = 0; n < count * count * count; n++) {
		struct view ikm = view_of(bytes, lengths[n % count]), salt = view_of(bytes, lengths[n / count % count]);
		struct view info = view_of(bytes, lengths[n / count / count] - 1);
		size_t len = n % 32 + 1;
		assert_ok(kdf_hkdf(KDF_SHA256, ikm, salt, info, more, sizeof more));
		assert_ok(kdf_hkdf(KDF_SHA256, ikm, salt, info, one, len));
		assert_memory_equal(one, more, len);
	}
	assert_ok(kdf_hkdf(KDF_SHA256, view_of(bytes, 1), view_of(bytes, 1), view_of(big, sizeof big), more, sizeof more));
	assert_ok(kdf_hkdf(KDF_SHA256, view_of(bytes, 1), view_of(bytes, 1), view_of(big, sizeof big), one, sizeof one));
	assert_memory_equal(one, more, sizeof one);
}

static void subkeys_of_the_formats_page_come_out(void **state)
{
	uint8_t domain[16], managed[32], info[64], okm[32];
	(void)state;
	support_rising(domain, 16, 0x00);
	support_rising(managed, 32, 0x60);
	memcpy(info, "coffer v1 seal-message", 22);
	support_rising(info + 22, 16, 0x40);
	assert_ok(kdf_hkdf(KDF_SHA256, view_of(managed, 32), view_of(domain, 16), view_of(info, 38), okm, 32));
	assert_hex(okm, 32, "6e5e5248685caa45ca99767b0fafe8aaafd8a10d2a46a878f096da0992536505");
}

static void changed_macs_and_empty_keys_are_refused(void **state)
{
	uint8_t mac[MAC_LEN];
	struct view message = view_str("message");
	(void)state;
	assert_ok(mac_hmac_sha256(view_str("k"), &message, 1, mac));
	assert_ok(mac_hmac_sha256_check(view_str("k"), &message, 1, mac));
	assert_err(mac_hmac_sha256_check(view_str("l"), &message, 1, mac), ERR_CORRUPT);
	mac[31] ^= 1;
	assert_err(mac_hmac_sha256_check(view_str("k"), &message, 1, mac), ERR_CORRUPT);
	assert_err(mac_hmac_sha256(view_of(NULL, 0), &message, 1, mac), ERR_FIELD);
}

static void signatures_verify_and_changed_ones_do_not(void **state)
{
	AUTO_SECRET struct secret *seed = NULL, *other = NULL, *small = secret_new(31);
	uint8_t public_key[SIGN_PUBLIC_LEN], other_public[SIGN_PUBLIC_LEN], again[SIGN_PUBLIC_LEN],
		signature[SIGN_SIGNATURE_LEN];
	struct view message = view_str("generation 1");
	(void)state;
	assert_ok(sign_keypair_generate(&seed, public_key));
	assert_ok(sign_keypair_generate(&other, other_public));
	assert_memory_not_equal(public_key, other_public, sizeof public_key);
	assert_ok(sign_public_of(seed, again));
	assert_memory_equal(public_key, again, sizeof again);
	assert_ok(sign_ed25519(seed, message, signature));
	assert_ok(sign_verify(public_key, message, signature));
	assert_err(sign_verify(other_public, message, signature), ERR_CORRUPT);
	assert_err(sign_verify(public_key, view_str("generation 2"), signature), ERR_CORRUPT);
	for (size_t i = 0; i < SIGN_SIGNATURE_LEN; i++) {
		signature[i] ^= 0x10;
		assert_err(sign_verify(public_key, message, signature), ERR_CORRUPT);
		signature[i] ^= 0x10;
	}
	assert_err(sign_public_of(small, again), ERR_FIELD);
	assert_err(sign_ed25519(small, message, signature), ERR_FIELD);
}

/* RFC 4231 test case 2, and messages of every length class in turns with it. */
static void a_key_that_is_kept_makes_the_same_macs(void **state)
{
	AUTO(auto_mac_key_free) struct mac_key *k = NULL;
	static uint8_t message[300];
	const struct view known = view_str("what do ya want for nothing?");
	uint8_t right[MAC_LEN], made[MAC_LEN];
	(void)state;
	assert_err(mac_key_new(view_of(NULL, 0), &k), ERR_FIELD);
	assert_ok(mac_key_new(view_str("Jefe"), &k));
	for (size_t len = 0; len <= sizeof message; len++) {
		const struct view parts[] = { view_of(message, len / 3), view_of(NULL, 0), view_of(message + len / 3, len - len / 3) };
		assert_ok(mac_key_make(k, &known, 1, made));
		assert_hex(made, MAC_LEN, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
		assert_ok(mac_hmac_sha256(view_str("Jefe"), parts, 3, right));
		assert_ok(mac_key_make(k, parts, 3, made));
		assert_memory_equal(made, right, MAC_LEN);
		memset(message, (int)len, sizeof message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hashes_in_parts_give_the_fips_answers),
		cmocka_unit_test(scrypt_gives_the_rfc_7914_answers_and_is_bounded),
		cmocka_unit_test(hkdf_halves_make_the_whole_and_lengths_are_bounded),
		cmocka_unit_test(one_block_is_the_beginning_of_more),
		cmocka_unit_test(subkeys_of_the_formats_page_come_out),
		cmocka_unit_test(changed_macs_and_empty_keys_are_refused),
		cmocka_unit_test(a_key_that_is_kept_makes_the_same_macs),
		cmocka_unit_test(signatures_verify_and_changed_ones_do_not),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
