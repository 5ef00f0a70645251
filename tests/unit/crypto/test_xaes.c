/* XAES-256-GCM against C2SP's vectors. */
#include "unit/crypto/support.h"

#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "crypto/xaes.h"
#include "unit/crypto/shake128.h"

#define PART_MAX 255u /* bytes of a random plaintext and of random associated data */

static void xaes_gives_the_published_answers(void **state)
{
	size_t i;
	const json_t *v;
	json_t *root = support_load("xaes256gcm.json");
	unsigned count = 0;
	(void)state;
	json_array_foreach(json_object_get(root, "kat"), i, v) {
		AUTO_BUF struct buf key = BUF_EMPTY, nonce = BUF_EMPTY, aad = BUF_EMPTY, pt = BUF_EMPTY;
		AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
		uint8_t out[64];
		struct view p = support_field(&pt, v, "pt"), a = support_field(&aad, v, "aad"), n = support_field(&nonce, v, "N");
		assert_ok(xaes_key_new(support_field(&key, v, "K").ptr, &k));
		assert_ok(xaes_seal(k, n.ptr, &a, 1, p, out));
		assert_hex(out, p.len + XAES_TAG_LEN, support_text(v, "ct"));
		count++;
	}
	assert_int_equal(count, 2);
	json_decref(root);
}

static void draw_part(struct shake128 *random, uint8_t *out, size_t *out_len)
{
	uint8_t len;
	shake128_squeeze(random, &len, 1);
	shake128_squeeze(random, out, len);
	*out_len = len;
}

/* C2SP's accumulated test: keys, nonces and texts from one SHAKE-128, ciphertexts into another. */
static void accumulate(unsigned rounds, uint8_t out[static 32])
{
	struct shake128 random = { .at = 0 }, digest = { .at = 0 };
	for (unsigned i = 0; i < rounds; i++) {
		AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
		uint8_t key[XAES_KEY_LEN], nonce[XAES_NONCE_LEN], pt[PART_MAX], aad[PART_MAX], ct[PART_MAX + XAES_TAG_LEN],
			opened[PART_MAX];
		size_t pt_len, aad_len;
		shake128_squeeze(&random, key, sizeof key);
		shake128_squeeze(&random, nonce, sizeof nonce);
		draw_part(&random, pt, &pt_len);
		draw_part(&random, aad, &aad_len);
		const struct view parts[] = { view_of(aad, aad_len / 2), view_of(aad + aad_len / 2, aad_len - aad_len / 2) };
		assert_ok(xaes_key_new(key, &k));
		assert_ok(xaes_seal(k, nonce, parts, 2, view_of(pt, pt_len), ct));
		assert_ok(xaes_open(k, nonce, parts, 2, view_of(ct, pt_len + XAES_TAG_LEN), opened));
		assert_true(ct_equal(opened, pt, pt_len));
		shake128_absorb(&digest, ct, pt_len + XAES_TAG_LEN);
	}
	shake128_squeeze(&digest, out, 32);
}

static void accumulated_hash_is_the_published_one(void **state)
{
	json_t *root = support_load("xaes256gcm.json");
	const json_t *want = json_object_get(root, "accumulated");
	uint8_t out[32];
	(void)state;
	accumulate(10000, out);
	assert_hex(out, 32, support_text(want, "10000"));
	if (getenv("COFFER_TEST_LONG") != NULL) {
		accumulate(1000000, out);
		assert_hex(out, 32, support_text(want, "1000000"));
	} else {
		print_message("the accumulated hash of 1,000,000 runs only with COFFER_TEST_LONG\n");
	}
	json_decref(root);
}

static void one_key_serves_many_messages_in_place(void **state)
{
	AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
	uint8_t key[XAES_KEY_LEN], nonce[XAES_NONCE_LEN], first[8 + XAES_TAG_LEN], again[8 + XAES_TAG_LEN];
	(void)state;
	support_rising(key, sizeof key, 1);
	support_rising(nonce, sizeof nonce, 2);
	assert_ok(xaes_key_new(key, &k));
	for (unsigned i = 0; i < 3; i++) { /* other messages, both ways, in between */
		uint8_t *at = i == 0 ? first : again;
		memcpy(at, "12345678", 8);
		nonce[3] = 0;
		assert_ok(xaes_seal(k, nonce, NULL, 0, view_of(at, 8), at));
		assert_true(ct_equal(first, at, sizeof first));
		nonce[3] = (uint8_t)(i + 1);
		assert_err(xaes_open(k, nonce, NULL, 0, view_of(first, sizeof first), again), ERR_CONTEXT);
		nonce[3] = 0;
	}
	assert_ok(xaes_open(k, nonce, NULL, 0, view_of(first, sizeof first), first));
	assert_memory_equal(first, "12345678", 8);
}

static void changed_bytes_are_refused_and_nothing_is_left(void **state)
{
	AUTO(auto_xaes_key_free) struct xaes_key *k = NULL;
	uint8_t key[XAES_KEY_LEN] = { 9 }, nonce[XAES_NONCE_LEN] = { 1 }, ct[5 + XAES_TAG_LEN], out[5];
	const struct view aad = view_str("aad"), other = view_str("aae");
	(void)state;
	assert_ok(xaes_key_new(key, &k));
	assert_ok(xaes_seal(k, nonce, &aad, 1, view_str("hello"), ct));
	for (size_t i = 0; i < sizeof ct * 8; i++) {
		ct[i / 8] ^= (uint8_t)(1u << (i % 8));
		memset(out, 'x', sizeof out);
		assert_err(xaes_open(k, nonce, &aad, 1, view_of(ct, sizeof ct), out), ERR_CONTEXT);
		assert_true(ct_is_zero(out, sizeof out));
		ct[i / 8] ^= (uint8_t)(1u << (i % 8));
	}
	for (size_t i = 0; i < sizeof nonce; i++) {
		nonce[i] ^= 0x40;
		assert_err(xaes_open(k, nonce, &aad, 1, view_of(ct, sizeof ct), out), ERR_CONTEXT);
		nonce[i] ^= 0x40;
	}
	assert_err(xaes_open(k, nonce, &other, 1, view_of(ct, sizeof ct), out), ERR_CONTEXT);
	assert_err(xaes_open(k, nonce, &aad, 1, view_of(ct, XAES_TAG_LEN - 1), out), ERR_TRUNCATED);
	assert_ok(xaes_open(k, nonce, &aad, 1, view_of(ct, sizeof ct), out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(xaes_gives_the_published_answers),
		cmocka_unit_test(accumulated_hash_is_the_published_one),
		cmocka_unit_test(one_key_serves_many_messages_in_place),
		cmocka_unit_test(changed_bytes_are_refused_and_nothing_is_left),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
