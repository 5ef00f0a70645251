/* The ring and the subkeys. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "crypto/mac.h"
#include "crypto/rng.h"
#include "keyring/record.h"
#include "keyring/ring.h"
#include "unit/keyring/fixture.h"

static void subkeys_are_the_frozen_ones(void **state)
{
	static const struct { enum subkey which; const char *name; } table[] = {
		{ SUBKEY_OBJECT_SEAL, "object-seal" }, { SUBKEY_DOMAIN_KEY, "domain-key" }, { SUBKEY_INDEX, "index" },
		{ SUBKEY_AUDIT, "audit" }, { SUBKEY_NODE_RECORD, "node-record" }, { SUBKEY_KEY_CHECK, "key-check" },
		{ SUBKEY_ANCHOR, "anchor" },
	};
	struct ring *ring = fixture_ring(1);
	(void)state;
	assert_int_equal(sizeof table / sizeof table[0], SUBKEY_COUNT);
	for (size_t i = 0; i < SUBKEY_COUNT; i++) {
		const struct secret *key = NULL;
		assert_int_equal(ring_subkey(ring, 1, table[i].which, &key), ERR_OK);
		assert_answer(table[i].name, secret_bytes(key), secret_len(key));
	}
	ring_free(ring);
}

static void key_check_needs_no_ring_and_binds_the_generation(void **state)
{
	struct domain_id domain;
	uint8_t check[32], other[32];
	struct secret *key = rising_secret(0x20, DATA_KEY_LEN);
	(void)state;
	fixture_domain(&domain);
	assert_int_equal(ring_key_check(&domain, 1, key, check), ERR_OK);
	assert_answer("key-check", check, sizeof check);
	assert_int_equal(ring_key_check(&domain, 2, key, other), ERR_OK);
	assert_memory_not_equal(check, other, sizeof check);
	assert_int_equal(ring_key_check(&domain, 0, key, other), ERR_FIELD);
	domain.id[15] ^= 1;
	assert_int_equal(ring_key_check(&domain, 1, key, other), ERR_OK);
	assert_memory_not_equal(check, other, sizeof check);
	secret_free(key);
}

static void managed_subkeys_are_the_frozen_ones(void **state)
{
	static const char *const labels[] = { "seal-message", "seal-stream" };
	uint8_t domain_id[UUID_LEN], key_id[UUID_LEN];
	struct secret *key = rising_secret(0x60, 32);
	(void)state;
	rising(0x00, domain_id, sizeof domain_id);
	rising(0x40, key_id, sizeof key_id);
	for (size_t i = 0; i < 2; i++) {
		struct secret *subkey = NULL;
		assert_int_equal(ring_managed_subkey(domain_id, key_id, key, labels[i], &subkey), ERR_OK);
		assert_answer(labels[i], secret_bytes(subkey), secret_len(subkey));
		secret_free(subkey);
	}
	secret_free(key);
}

static void managed_subkeys_are_for_32_byte_keys_alone(void **state)
{
	uint8_t id[UUID_LEN] = { 0 };
	struct secret *key = rising_secret(0x60, 16), *subkey = NULL;
	(void)state;
	assert_int_equal(ring_managed_subkey(id, id, key, "seal-message", &subkey), ERR_FIELD);
	assert_null(subkey);
	secret_free(key);
}

static void generations_stand_in_rising_order(void **state)
{
	static const uint32_t order[] = { 7, 2, UINT32_MAX, 1, 5 }, sorted[] = { 1, 2, 5, 7, UINT32_MAX };
	struct ring *ring = fixture_ring(0);
	(void)state;
	assert_int_equal(ring_newest(ring), 0);
	for (size_t i = 0; i < 5; i++) {
		struct secret *key = rising_secret((uint8_t)order[i], DATA_KEY_LEN);
		assert_int_equal(ring_add(ring, order[i], &key), ERR_OK);
	}
	assert_int_equal(ring_count(ring), 5);
	for (unsigned i = 0; i < 5; i++) {
		const struct secret *key;
		assert_int_equal(ring_generation_at(ring, i), sorted[i]);
		assert_int_equal(ring_data_key(ring, sorted[i], &key), ERR_OK);
		assert_int_equal(secret_bytes(key)[0], (uint8_t)sorted[i]);
	}
	assert_int_equal(ring_newest(ring), UINT32_MAX);
	ring_free(ring);
}

static void bad_data_keys_stay_with_the_caller(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct secret *key = rising_secret(0x50, DATA_KEY_LEN), *short_key = rising_secret(0x50, 31);
	(void)state;
	assert_int_equal(ring_add(ring, 1, &key), ERR_EXISTS);
	assert_int_equal(ring_add(ring, 0, &key), ERR_FIELD);
	assert_int_equal(ring_add(ring, 2, &short_key), ERR_FIELD);
	assert_non_null(key);
	assert_non_null(short_key);
	assert_int_equal(ring_count(ring), 1);
	secret_free(key);
	secret_free(short_key);
	ring_free(ring);
}

static void the_ring_is_bounded_and_subkeys_outlive_growth(void **state)
{
	struct ring *ring = fixture_ring(1);
	const struct secret *before, *after;
	struct secret *key;
	(void)state;
	assert_int_equal(ring_subkey(ring, 1, SUBKEY_INDEX, &before), ERR_OK);
	for (uint32_t g = 2; g <= RING_GENERATIONS_MAX; g++) {
		key = rising_secret((uint8_t)g, DATA_KEY_LEN);
		assert_int_equal(ring_add(ring, g, &key), ERR_OK);
	}
	key = rising_secret(0, DATA_KEY_LEN);
	assert_int_equal(ring_add(ring, RING_GENERATIONS_MAX + 1, &key), ERR_LIMIT);
	secret_free(key);
	assert_int_equal(ring_subkey(ring, 1, SUBKEY_INDEX, &after), ERR_OK);
	assert_ptr_equal(before, after);
	assert_int_equal(ring_subkey(ring, 4000, SUBKEY_INDEX, &after), ERR_NOT_FOUND);
	assert_int_equal(ring_data_key(ring, 4000, &after), ERR_NOT_FOUND);
	ring_free(ring);
}

static void the_fingerprint_is_the_frozen_one(void **state)
{
	struct domain_id domain;
	uint8_t fingerprint[DOMAIN_FINGERPRINT_LEN];
	char text[DOMAIN_FINGERPRINT_TEXT];
	(void)state;
	fixture_domain(&domain);
	assert_int_equal(domain_fingerprint(&domain, fingerprint), ERR_OK);
	assert_answer("domain-fingerprint", fingerprint, sizeof fingerprint);
	domain_fingerprint_text(&domain, text);
	assert_string_equal(text, "RQDP-QN4Y-ZLAN-CAJY-XEBQ-FLHG-PWU6-KOVQ");
}

enum coffer_err __real_hash_sha256(struct view bytes, uint8_t *out);
static void assert_hmac_is_right(struct ring *ring, uint32_t generation, enum subkey which)
{
	const struct view parts[] = { view_of((const uint8_t *)&generation, sizeof generation), view_str("message") };
	const struct secret *subkey;
	uint8_t right[MAC_LEN], made[MAC_LEN];
	assert_int_equal(ring_subkey(ring, generation, which, &subkey), ERR_OK);
	assert_int_equal(mac_hmac_sha256(secret_view(subkey), parts, 2, right), ERR_OK);
	for (unsigned i = 0; i < 3; i++) {
		memset(made, 0, sizeof made);
		assert_int_equal(ring_hmac(ring, generation, which, parts, 2, made), ERR_OK);
		assert_memory_equal(made, right, MAC_LEN);
	}
}

/* By states that are kept for the newest generation, by the subkeys for the others. */
static void macs_are_those_of_the_subkeys_as_generations_come_and_go(void **state)
{
	static const enum subkey all[] = { SUBKEY_INDEX, SUBKEY_ANCHOR, SUBKEY_AUDIT };
	struct ring *ring = fixture_ring(1);
	uint8_t made[MAC_LEN];
	(void)state;
	for (uint32_t newest = 1; newest <= 4; newest++) {
		for (size_t turn = 0; turn < 2; turn++)
			for (uint32_t g = newest > 2 ? newest - 1 : 1; g <= newest; g++)
				for (size_t i = 0; i < 3; i++) assert_hmac_is_right(ring, g, all[i]);
		if (newest > 2) ring_remove(ring, newest - 1);
		if (newest > 2) assert_int_equal(ring_hmac(ring, newest - 1, SUBKEY_INDEX, NULL, 0, made), ERR_NOT_FOUND);
		struct secret *key = rising_secret((uint8_t)newest, DATA_KEY_LEN);
		assert_int_equal(ring_add(ring, newest + 1, &key), ERR_OK);
		assert_hmac_is_right(ring, newest, SUBKEY_INDEX);
	}
	struct secret *audit = rising_secret(9, 32);
	assert_int_equal(ring_add_audit(ring, 3, &audit), ERR_OK);
	assert_hmac_is_right(ring, 3, SUBKEY_AUDIT);
	ring_free(ring);
}

enum coffer_err __real_mac_key_new(struct view key, struct mac_key **out);
enum coffer_err __wrap_mac_key_new(struct view key, struct mac_key **out);
struct rng_pool *__real_rng_pool_new(void);
struct rng_pool *__wrap_rng_pool_new(void);
static enum coffer_err mac_key_fails;
static bool pool_fails;

enum coffer_err __wrap_mac_key_new(struct view key, struct mac_key **out)
{
	return mac_key_fails ? mac_key_fails : __real_mac_key_new(key, out);
}

struct rng_pool *__wrap_rng_pool_new(void)
{
	return pool_fails ? NULL : __real_rng_pool_new();
}

/* What is kept only saves time. */
static void without_memory_for_what_is_kept_macs_and_nonces_are_made_all_the_same(void **state)
{
	static const enum coffer_err errs[] = { ERR_MEMORY, ERR_CRYPTO, ERR_OK };
	struct ring *ring = fixture_ring(1);
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		mac_key_fails = errs[i];
		assert_hmac_is_right(ring, 1, SUBKEY_ANCHOR);
	}
	for (unsigned i = 0; i < 2; i++) {
		struct store_row row = { .id_len = 1, .version = 1, .header = view_str("h") };
		AUTO_BUF struct buf body = BUF_EMPTY;
		AUTO_BUF struct buf plain = BUF_EMPTY;
		pool_fails = i == 0;
		assert_int_equal(ring_nonces(ring) == NULL, pool_fails);
		assert_int_equal(record_seal(ring, STORE_DOMAIN, view_str("text"), &row, &body), ERR_OK);
		assert_int_equal(record_open(ring, STORE_DOMAIN, &row, &plain), ERR_OK);
		assert_true(view_equal_str(buf_view(&plain), "text"));
	}
	ring_free(ring);
}

enum coffer_err __wrap_hash_sha256(struct view bytes, uint8_t *out);
static enum coffer_err hash_fails;

enum coffer_err __wrap_hash_sha256(struct view bytes, uint8_t *out)
{
	return hash_fails ? hash_fails : __real_hash_sha256(bytes, out);
}

static void a_fingerprint_that_is_not_computed_says_why(void **state)
{
	static const struct { enum coffer_err err; const char *text; } rows[] = { { ERR_MEMORY, "not computed: memory is short" }, { ERR_CRYPTO, "not computed: CRYPTO" } };
	struct domain_id domain;
	char text[DOMAIN_FINGERPRINT_TEXT];
	(void)state;
	fixture_domain(&domain);
	for (size_t i = 0; i < 2; i++) {
		hash_fails = rows[i].err;
		domain_fingerprint_text(&domain, text);
		hash_fails = ERR_OK;
		assert_string_equal(text, rows[i].text);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(subkeys_are_the_frozen_ones),
		cmocka_unit_test(key_check_needs_no_ring_and_binds_the_generation),
		cmocka_unit_test(managed_subkeys_are_the_frozen_ones),
		cmocka_unit_test(managed_subkeys_are_for_32_byte_keys_alone),
		cmocka_unit_test(generations_stand_in_rising_order),
		cmocka_unit_test(bad_data_keys_stay_with_the_caller),
		cmocka_unit_test(the_ring_is_bounded_and_subkeys_outlive_growth),
		cmocka_unit_test(macs_are_those_of_the_subkeys_as_generations_come_and_go),
		cmocka_unit_test(without_memory_for_what_is_kept_macs_and_nonces_are_made_all_the_same),
		cmocka_unit_test(the_fingerprint_is_the_frozen_one),
		cmocka_unit_test(a_fingerprint_that_is_not_computed_says_why),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
