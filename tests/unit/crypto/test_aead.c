/* AES-GCM: what every engine does, and that one opens what the other sealed. COFFER_TEST_ENGINE names the engine. */
#include "unit/crypto/support.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/aead_internal.h"

#define LONGEST 5000u /* bytes */

static const uint8_t nonce[AEAD_NONCE_LEN] = { 9, 8, 7 };
static uint8_t key[32], plain[LONGEST], sealed[LONGEST + AEAD_TAG_LEN], opened[LONGEST + AEAD_TAG_LEN];

static int make(void **state)
{
	support_rising(key, sizeof key, 77);
	for (size_t i = 0; i < sizeof plain; i++) plain[i] = (uint8_t)(i * 151 + i / 256);
	return support_setup(state);
}

static struct aead_key *new_key(const struct aead_engine *engine, size_t len)
{
	struct aead_key *k = NULL;
	assert_ok(aead_key_new_on(engine, key, len, &k));
	return k;
}

/* NIST's examples of GCM with 96-bit IVs (test cases 2, 8, 14: one block of zeros; 4, 10, 16: with associated data). */
static void published_answers_are_given_for_every_length_of_key(void **state)
{
	static const struct { size_t key_len; const char *ct, *tag; } zeros[] = {
		{ 16, "0388dace60b6a392f328c2b971b2fe78", "ab6e47d42cec13bdf53a67b21257bddf" },
		{ 24, "98e7247c07f0fe411c267e4384b0f600", "2ff58d80033927ab8ef4d4587514f0fb" },
		{ 32, "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919" },
	};
	static const uint8_t zero[32];
	uint8_t ct[16], tag[AEAD_TAG_LEN];
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		AUTO(auto_aead_key_free) struct aead_key *k = NULL;
		assert_ok(aead_key_new(zero, zeros[i].key_len, &k));
		assert_ok(aead_seal(k, zero, NULL, 0, view_of(zero, 16), ct, tag));
		assert_hex(ct, 16, zeros[i].ct);
		assert_hex(tag, 16, zeros[i].tag);
		assert_ok(aead_open(k, zero, NULL, 0, view_of(ct, 16), tag, ct));
		assert_true(ct_is_zero(ct, 16));
	}
}

static void one_engine_opens_what_the_other_sealed(void **state)
{
	(void)state;
	for (size_t key_len = 16; key_len <= 32; key_len += 8) {
		AUTO(auto_aead_key_free) struct aead_key *ours = new_key(aead_engine_used(), key_len);
		AUTO(auto_aead_key_free) struct aead_key *reference = new_key(&aead_openssl, key_len);
		for (size_t len = 0; len <= LONGEST; len += len < 300 ? 1 : 97) {
			const struct view aad = view_of(plain, len % 50);
			assert_ok(aead_seal(ours, nonce, &aad, 1, view_of(plain, len), sealed, sealed + len));
			assert_ok(aead_open(reference, nonce, &aad, 1, view_of(sealed, len), sealed + len, opened));
			assert_true(ct_equal(opened, plain, len));
			assert_ok(aead_open(ours, nonce, &aad, 1, view_of(sealed, len), sealed + len, sealed)); /* in place */
			assert_true(ct_equal(sealed, plain, len));
		}
	}
}

static void parts_of_associated_data_are_one_after_another(void **state)
{
	static const size_t lengths[] = { 0, 1, 16, 100, 1023, 1024, 1025, 4000 };
	AUTO(auto_aead_key_free) struct aead_key *k = new_key(aead_engine_used(), 32);
	uint8_t tag[AEAD_TAG_LEN] = { 0 }, again[AEAD_TAG_LEN];
	struct arena_stats before, after;
	(void)state;
	assert_err(aead_open(k, nonce, NULL, 0, view_of(sealed, 4), tag, opened), ERR_CONTEXT); /* OpenSSL makes its error queue */
	arena_stats(&before);
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		size_t n = lengths[i];
		const struct view whole = view_of(plain, n);
		const struct view parts[] = { view_of(plain, 0), view_of(plain, n / 3), view_of(plain + n / 3, 0), view_of(plain + n / 3, n / 2 - n / 3),
			view_of(plain + n / 2, n - n / 2) };
		assert_ok(aead_seal(k, nonce, &whole, 1, view_str("text"), sealed, tag));
		assert_ok(aead_seal(k, nonce, parts, 5, view_str("text"), sealed, again));
		assert_true(ct_equal(tag, again, sizeof tag));
		assert_ok(aead_open(k, nonce, parts, 5, view_of(sealed, 4), tag, opened));
		if (n != 0) assert_err(aead_open(k, nonce, parts, 4, view_of(sealed, 4), tag, opened), ERR_CONTEXT);
	}
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
}

static void one_wrong_bit_is_refused_and_the_output_is_wiped(void **state)
{
	const struct view aad = view_str("header");
	AUTO(auto_aead_key_free) struct aead_key *k = new_key(aead_engine_used(), 32);
	(void)state;
	for (size_t len = 0; len < 80; len += 13) {
		assert_ok(aead_seal(k, nonce, &aad, 1, view_of(plain, len), sealed, sealed + len));
		for (size_t bit = 0; bit < 8 * (len + AEAD_TAG_LEN); bit++) {
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
			memset(opened, 'x', len);
			assert_err(aead_open(k, nonce, &aad, 1, view_of(sealed, len), sealed + len, opened), ERR_CONTEXT);
			assert_true(ct_is_zero(opened, len));
			sealed[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		assert_ok(aead_open(k, nonce, &aad, 1, view_of(sealed, len), sealed + len, opened));
	}
}

static void new_key_takes_the_place_of_the_old_one(void **state)
{
	static const size_t lengths[] = { 0, 64, 511, 512, 513, 1000, 4096 };
	AUTO(auto_aead_key_free) struct aead_key *fixed = new_key(&aead_openssl, 32);
	uint8_t other[32] = { 5 }, tag[AEAD_TAG_LEN];
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	(void)state;
	assert_ok(aead_key_new_on(aead_engine_used(), other, sizeof other, &k));
	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		size_t len = lengths[i];
		assert_ok(aead_seal_rekeyed(k, key, nonce, NULL, 0, view_of(plain, len), sealed, tag));
		assert_ok(aead_open(fixed, nonce, NULL, 0, view_of(sealed, len), tag, opened));
		assert_ok(aead_open(k, nonce, NULL, 0, view_of(sealed, len), tag, opened)); /* the new key stays */
		assert_ok(aead_open_shared(k, nonce, view_of(sealed, 0), opened) == ERR_TRUNCATED ? ERR_OK : ERR_BUG);
		assert_err(aead_open_rekeyed(k, other, nonce, NULL, 0, view_of(sealed, len), tag, opened), ERR_CONTEXT);
		assert_ok(aead_open_rekeyed(k, key, nonce, NULL, 0, view_of(sealed, len), tag, opened));
		assert_true(ct_equal(opened, plain, len));
	}
}

static void sizes_out_of_range_are_refused(void **state)
{
	AUTO(auto_aead_key_free) struct aead_key *k = NULL;
	const struct view halves[] = { view_of(plain, AEAD_TEXT_MAX), view_of(plain, 1) }; /* never read */
	uint8_t tag[AEAD_TAG_LEN];
	(void)state;
	for (size_t len = 0; len <= 33; len++)
		if (len != 16 && len != 24 && len != 32) assert_err(aead_key_new(plain, len, &k), ERR_FIELD);
	assert_ok(aead_key_new(key, 16, &k));
	assert_err(aead_seal(k, nonce, NULL, 0, view_of(plain, (size_t)AEAD_TEXT_MAX + 1), sealed, tag), ERR_TOO_LARGE);
	assert_err(aead_open(k, nonce, halves, 2, view_of(plain, 1), tag, opened), ERR_TOO_LARGE);
	assert_err(aead_open_shared(k, nonce, view_of(plain, (size_t)AEAD_TEXT_MAX + 17), opened), ERR_TOO_LARGE);
}

/* A key takes memory of the arena and gives it back wiped: what comes from there next is zero. */
static void key_lives_in_the_arena_and_is_wiped(void **state)
{
	struct arena_stats before, during, after;
	(void)state;
	arena_stats(&before);
	struct aead_key *k = new_key(aead_engine_used(), 32);
	arena_stats(&during);
	assert_true(during.used > before.used + 200); /* at least the round keys */
	aead_key_free(k);
	aead_key_free(NULL);
	arena_stats(&after);
	assert_int_equal(after.used, before.used);
}

struct turn {
	uint8_t key[32];
	unsigned wrong;
};

static void *seal_and_open(void *arg)
{
	struct turn *t = arg;
	struct aead_key *k = NULL;
	static const uint8_t zero[32];
	uint8_t text[3000], tag[AEAD_TAG_LEN];
	if (aead_key_new(zero, sizeof zero, &k) != ERR_OK) t->wrong++;
	for (unsigned i = 0; k != NULL && i < 2000; i++) {
		size_t len = i * 37 % sizeof text;
		memset(text, (int)i, len);
		if (aead_seal_rekeyed(k, i % 2 ? t->key : zero, nonce, NULL, 0, view_of(text, len), text, tag) != ERR_OK) t->wrong++;
		if (aead_open(k, nonce, NULL, 0, view_of(text, len), tag, text) != ERR_OK) t->wrong++;
		if (len != 0 && (text[0] != (uint8_t)i || text[len - 1] != (uint8_t)i)) t->wrong++;
	}
	aead_key_free(k);
	return NULL;
}

static void threads_with_a_key_each_do_not_meet(void **state)
{
	struct turn turns[3] = { { .wrong = 0 } };
	pthread_t threads[3];
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		support_rising(turns[i].key, sizeof turns[i].key, (uint8_t)(i * 50));
		assert_int_equal(pthread_create(&threads[i], NULL, seal_and_open, &turns[i]), 0);
	}
	for (unsigned i = 0; i < 3; i++) {
		pthread_join(threads[i], NULL);
		assert_int_equal(turns[i].wrong, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(published_answers_are_given_for_every_length_of_key),
		cmocka_unit_test(one_engine_opens_what_the_other_sealed),
		cmocka_unit_test(parts_of_associated_data_are_one_after_another),
		cmocka_unit_test(one_wrong_bit_is_refused_and_the_output_is_wiped),
		cmocka_unit_test(new_key_takes_the_place_of_the_old_one),
		cmocka_unit_test(sizes_out_of_range_are_refused),
		cmocka_unit_test(key_lives_in_the_arena_and_is_wiped),
		cmocka_unit_test(threads_with_a_key_each_do_not_meet),
	};
	return cmocka_run_group_tests(tests, make, NULL);
}
