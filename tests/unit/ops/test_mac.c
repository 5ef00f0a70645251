/* MAC and MAC Verify: which MAC, which key, whole and in parts. */
#include "unit/ops/crypt.h"

#include <string.h>

#define KEY_128 "000102030405060708090a0b0c0d0e0f"
#define JEFE "4a656665" /* RFC 4231, case 2 */
#define JEFE_DATA "what do ya want for nothing?"
#define JEFE_SHA256 "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
#define JEFE_SHA224 "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44"
#define JEFE_SHA1 "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"
#define RFC4493_KEY "2b7e151628aed2a6abf7158809cf4f3c"
#define RFC4493_EMPTY "bb1d6929e95937287fa37d129b756746"

#define ALGORITHM(a) .has_cryptographic_algorithm = true, .cryptographic_algorithm = CRYPTOGRAPHIC_ALGORITHM_##a
#define MODE(m) .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_##m
#define HASHING(h) .has_hashing_algorithm = true, .hashing_algorithm = HASHING_ALGORITHM_##h

static void mac(struct fix *f, const char *id, const struct kmip_params *params, struct view data, struct crypted *out)
{
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .params = params, .data = data, .minor = 2 }, out);
}

static void verify(struct fix *f, const char *id, const struct kmip_params *params, struct view data, struct view value, struct crypted *out)
{
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC_VERIFY, .id = id, .params = params, .data = data, .mac = value }, out);
}

static void an_hmac_key_makes_its_own_hmac_unasked(void **state)
{
	static const struct { uint32_t algorithm; const char *mac; } cases[] = {
		{ CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, JEFE_SHA256 }, { CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA224, JEFE_SHA224 },
	};
	static const struct kmip_params other = { ALGORITHM(HMAC_SHA512) }, named = { ALGORITHM(HMAC_SHA256), HASHING(SHA_256) };
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	for (size_t i = 2; i-- > 0;) { /* the key of SHA-256 last */
		crypt_key(f, cases[i].algorithm, 32, JEFE, NULL, id);
		mac(f, id, NULL, view_str(JEFE_DATA), &out);
		crypt_assert_hex(&out.mac, cases[i].mac);
		assert_false(out.correlation.there);
	}
	mac(f, id, &other, view_str(JEFE_DATA), &out);
	assert_int_equal(out.err, ERR_FIELD);
	mac(f, id, &named, view_str(JEFE_DATA), &out);
	crypt_assert_hex(&out.mac, JEFE_SHA256);
}

static void an_aes_key_makes_the_mac_that_is_named(void **state)
{
	static const struct kmip_params cmac = { MODE(CMAC) }, hmac = { ALGORITHM(HMAC_SHA256) }, none = { MODE(CBC) },
		cbc_mac = { MODE(CBC_MAC) }, md5 = { ALGORITHM(HMAC_MD5) }, narrow = { ALGORITHM(HMAC_SHA512), HASHING(SHA_512_256) },
		wrong = { ALGORITHM(HMAC_SHA256), HASHING(SHA_512) };
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, RFC4493_KEY, NULL, id);
	mac(f, id, &cmac, CRYPT_EMPTY, &out);
	crypt_assert_hex(&out.mac, RFC4493_EMPTY);
	mac(f, id, &hmac, view_str("data"), &out);
	assert_int_equal(out.mac.len, 32);
	mac(f, id, &narrow, view_str("data"), &out);
	assert_int_equal(out.mac.len, 32);
	mac(f, id, NULL, view_str("data"), &out);
	assert_int_equal(out.err, ERR_MISSING);
	const struct kmip_params *const refused[] = { &none, &cbc_mac, &md5, &wrong };
	for (size_t i = 0; i < 4; i++) {
		mac(f, id, refused[i], view_str("data"), &out);
		assert_int_equal(out.err, ERR_UNSUPPORTED);
	}
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_CAMELLIA, 128, KEY_128, NULL, id);
	mac(f, id, &hmac, view_str("data"), &out);
	assert_int_equal(out.err, ERR_FIELD);
}

static void a_key_with_parameters_serves_only_the_macs_among_them(void **state)
{
	static const struct kmip_params cmac = { MODE(CMAC) }, hmac = { ALGORITHM(HMAC_SHA256) }, gcm = { MODE(GCM) };
	struct fix *f = *state;
	struct crypted out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, RFC4493_KEY, &cmac, id);
	mac(f, id, NULL, CRYPT_EMPTY, &out);
	crypt_assert_hex(&out.mac, RFC4493_EMPTY);
	mac(f, id, &hmac, CRYPT_EMPTY, &out);
	assert_int_equal(out.err, ERR_DENIED);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, RFC4493_KEY, &gcm, id);
	mac(f, id, &cmac, CRYPT_EMPTY, &out);
	assert_int_equal(out.err, ERR_DENIED);
	mac(f, id, NULL, CRYPT_EMPTY, &out);
	assert_int_equal(out.err, ERR_DENIED);
}

static void a_wrong_mac_is_an_answer_and_no_failure(void **state)
{
	struct fix *f = *state;
	struct crypted made, out;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 32, JEFE, NULL, id);
	mac(f, id, NULL, view_str("data"), &made);
	verify(f, id, NULL, view_str("data"), crypt_view(&made.mac), &out);
	assert_int_equal(out.validity, VALIDITY_INDICATOR_VALID);
	assert_false(out.data.there || out.mac.there || out.correlation.there);
	verify(f, id, NULL, view_str("dato"), crypt_view(&made.mac), &out);
	assert_int_equal(out.validity, VALIDITY_INDICATOR_INVALID);
	for (size_t len = 0; len <= 100; len++) {
		static uint8_t long_mac[100];
		memcpy(long_mac, made.mac.bytes, 32);
		verify(f, id, NULL, view_str("data"), view_of(long_mac, len), &out);
		assert_int_equal(out.err, ERR_OK);
		assert_int_equal(out.validity, len == 32 ? VALIDITY_INDICATOR_VALID : VALIDITY_INDICATOR_INVALID);
	}
	made.mac.bytes[31] ^= 1;
	verify(f, id, NULL, view_str("data"), crypt_view(&made.mac), &out);
	assert_int_equal(out.validity, VALIDITY_INDICATOR_INVALID);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC_VERIFY, .id = id, .data = view_str("data") }, &out);
	assert_int_equal(out.err, ERR_MISSING);
}

static void hmac_with_sha_1_is_verified_but_made_only_with_leave(void **state)
{
	static const struct kmip_params sha1 = { ALGORITHM(HMAC_SHA1) };
	struct fix *f = *state;
	uint8_t value[20];
	struct crypted out;
	char id[UUID_TEXT_LEN + 1], aes[UUID_TEXT_LEN + 1];
	assert_int_equal(text_unhex(view_str(JEFE_SHA1), value, sizeof value), ERR_OK);
	f->config.legacy_algorithms = true;
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA1, 32, JEFE, NULL, id);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_AES, 128, KEY_128, NULL, aes);
	mac(f, id, NULL, view_str(JEFE_DATA), &out);
	crypt_assert_hex(&out.mac, JEFE_SHA1);
	f->config.legacy_algorithms = false;
	mac(f, id, NULL, view_str(JEFE_DATA), &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	mac(f, aes, &sha1, view_str(JEFE_DATA), &out);
	assert_int_equal(out.err, ERR_UNSUPPORTED);
	verify(f, id, NULL, view_str(JEFE_DATA), view_of(value, sizeof value), &out);
	assert_int_equal(out.validity, VALIDITY_INDICATOR_VALID);
}

static void usage_state_and_grant_are_checked(void **state)
{
	struct fix *f = *state;
	struct crypted made, out;
	struct bring b = bring_key();
	char id[UUID_TEXT_LEN + 1];
	b.managed.block.algorithm = CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256;
	b.active = true;
	b.group = "pay";
	b.mask = CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE;
	bring_in(f, ADMIN, &b, id);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .data = view_str("data"), .uid = OTHER }, &made);
	assert_int_equal(made.err, ERR_OK);
	verify(f, id, NULL, view_str("data"), crypt_view(&made.mac), &out);
	assert_int_equal(out.err, ERR_DENIED);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .data = view_str("data"), .uid = STRANGER }, &out);
	assert_int_equal(out.err, ERR_NOT_FOUND);
	b.mask = CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE | CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY;
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	mac(f, id, NULL, view_str("data"), &out);
	assert_int_equal(out.err, ERR_STATE);
	verify(f, id, NULL, view_str("data"), crypt_view(&made.mac), &out);
	assert_int_equal(out.validity, VALIDITY_INDICATOR_VALID);
}

/* A part of MAC or MAC Verify; NULL fields are left out. */
static void part(struct fix *f, uint32_t operation, const char *id, const char *data, const struct crypted *before, const struct crypt_field *value,
	bool final, struct crypted *out)
{
	struct crypt c = { .operation = operation, .id = id, .init = before == NULL, .final = final };
	if (data) c.data = view_str(data);
	if (value) c.mac = crypt_view(value);
	if (before) c.correlation = crypt_view(&before->correlation);
	crypt_send(f, &c, out);
}

static void parts_have_the_mac_of_the_whole(void **state)
{
	struct fix *f = *state;
	struct crypted first, last, made;
	char id[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 32, JEFE, NULL, id);
	part(f, OPERATION_MAC, id, "what do ya want ", NULL, NULL, false, &first);
	assert_int_equal(first.correlation.len, 16);
	assert_false(first.mac.there);
	part(f, OPERATION_MAC, id, "for ", &first, NULL, false, &last);
	assert_false(last.mac.there);
	part(f, OPERATION_MAC, id, "nothing?", &first, NULL, true, &made);
	crypt_assert_hex(&made.mac, JEFE_SHA256);
	for (int late = 0; late < 2; late++) { /* the MAC comes with the first part, or with the last */
		part(f, OPERATION_MAC_VERIFY, id, "what do ya want for ", NULL, late ? NULL : &made.mac, false, &first);
		assert_int_equal(first.err, ERR_OK);
		assert_int_equal(first.validity, 0);
		part(f, OPERATION_MAC_VERIFY, id, "nothing?", &first, late ? &made.mac : NULL, true, &last);
		assert_int_equal(last.validity, VALIDITY_INDICATOR_VALID);
	}
	part(f, OPERATION_MAC_VERIFY, id, "another text", NULL, &made.mac, false, &first);
	part(f, OPERATION_MAC_VERIFY, id, NULL, &first, NULL, true, &last);
	assert_int_equal(last.validity, VALIDITY_INDICATOR_INVALID);
	part(f, OPERATION_MAC_VERIFY, id, "text", NULL, &made.mac, false, &first);
	part(f, OPERATION_MAC_VERIFY, id, "text", &first, &made.mac, true, &last);
	assert_int_equal(last.err, ERR_FIELD); /* two MACs */
	part(f, OPERATION_MAC_VERIFY, id, "text", NULL, NULL, false, &first);
	part(f, OPERATION_MAC_VERIFY, id, "text", &first, NULL, true, &last);
	assert_int_equal(last.err, ERR_MISSING); /* none */
}

static void every_part_asks_for_key_and_parameters_again(void **state)
{
	static const struct kmip_params other = { ALGORITHM(HMAC_SHA512) }, same = { ALGORITHM(HMAC_SHA256) };
	struct fix *f = *state;
	struct crypted first, out;
	char id[UUID_TEXT_LEN + 1], second[UUID_TEXT_LEN + 1];
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 32, JEFE, NULL, id);
	crypt_key(f, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 32, JEFE, NULL, second);
	part(f, OPERATION_MAC, id, "a", NULL, NULL, false, &first);
	part(f, OPERATION_MAC, second, "b", &first, NULL, false, &out); /* another key */
	assert_int_equal(out.err, ERR_NOT_FOUND);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .params = &same, .data = view_str("b"),
		.correlation = crypt_view(&first.correlation) }, &out);
	assert_int_equal(out.err, ERR_OK);
	crypt_send(f, &(struct crypt){ .operation = OPERATION_MAC, .id = id, .params = &other, .data = view_str("b"),
		.correlation = crypt_view(&first.correlation) }, &out);
	assert_int_equal(out.err, ERR_FIELD);
	part(f, OPERATION_MAC, id, "a", NULL, NULL, false, &first);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	part(f, OPERATION_MAC, id, "b", &first, NULL, true, &out);
	assert_int_equal(out.err, ERR_STATE);
	part(f, OPERATION_MAC, id, "b", &first, NULL, true, &out); /* and that was its end */
	assert_int_equal(out.err, ERR_NOT_FOUND);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(an_hmac_key_makes_its_own_hmac_unasked), T(an_aes_key_makes_the_mac_that_is_named),
		T(a_key_with_parameters_serves_only_the_macs_among_them), T(a_wrong_mac_is_an_answer_and_no_failure),
		T(hmac_with_sha_1_is_verified_but_made_only_with_leave), T(usage_state_and_grant_are_checked), T(parts_have_the_mac_of_the_whole),
		T(every_part_asks_for_key_and_parameters_again),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
