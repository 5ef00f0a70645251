/* Generation signatures and the record of the domain key pair. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "crypto/sign.h"
#include "keyring/generation.h"
#include "keyring/record.h"
#include "unit/keyring/fixture.h"

static void the_signature_is_the_frozen_one_and_verifies(void **state)
{
	struct domain_id domain;
	uint8_t check[ANSWER_MAX], signature[DOMAIN_SIGNATURE_LEN], public_key[DOMAIN_PUBLIC_LEN];
	struct secret *seed = fixture_seed();
	(void)state;
	fixture_domain(&domain);
	answer("key-check", check);
	assert_int_equal(sign_public_of(seed, public_key), ERR_OK);
	assert_answer("domain-public-key", public_key, sizeof public_key);
	assert_int_equal(generation_sign(seed, &domain, 1, check, signature), ERR_OK);
	assert_answer("generation-signature", signature, sizeof signature);
	assert_int_equal(generation_verify(&domain, 1, check, signature), ERR_OK);
	secret_free(seed);
}

static void the_signature_binds_domain_generation_and_key_check(void **state)
{
	struct domain_id domain;
	uint8_t check[ANSWER_MAX], signature[ANSWER_MAX];
	(void)state;
	fixture_domain(&domain);
	answer("key-check", check);
	answer("generation-signature", signature);
	assert_int_equal(generation_verify(&domain, 0, check, signature), ERR_CORRUPT);
	assert_int_equal(generation_verify(&domain, 2, check, signature), ERR_CORRUPT);
	struct { uint8_t *bytes; size_t len; } parts[] = {
		{ domain.id, UUID_LEN }, { domain.public_key, DOMAIN_PUBLIC_LEN }, { check, 32 }, { signature, DOMAIN_SIGNATURE_LEN }
	};
	for (size_t p = 0; p < 4; p++) {
		for (size_t i = 0; i < parts[p].len; i++) {
			parts[p].bytes[i] ^= 1;
			assert_int_equal(generation_verify(&domain, 1, check, signature), ERR_CORRUPT);
			parts[p].bytes[i] ^= 1;
		}
	}
	assert_int_equal(generation_verify(&domain, 1, check, signature), ERR_OK);
}

struct kept {
	struct store *store;
	struct ring *ring;
	struct secret *seed;
};

static void keep(struct kept *k)
{
	k->ring = fixture_ring(1);
	k->seed = fixture_seed();
	assert_int_equal(store_open_memory(&k->store), ERR_OK);
	assert_int_equal(store_begin(k->store, NULL), ERR_OK);
}

static void done(struct kept *k)
{
	store_rollback(k->store);
	store_close(k->store);
	secret_free(k->seed);
	ring_free(k->ring);
}

static void the_domain_key_comes_back_and_counts_its_writes(void **state)
{
	struct kept k;
	struct secret *seed = NULL;
	struct store_row row;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	(void)state;
	keep(&k);
	const uint8_t *public_key = ring_domain(k.ring)->public_key;
	assert_int_equal(generation_get_domain_key(k.store, k.ring, &seed), ERR_NOT_FOUND);
	for (uint32_t version = 1; version <= 2; version++) {
		assert_int_equal(generation_put_domain_key(k.store, k.ring, k.seed, public_key), ERR_OK);
		assert_int_equal(store_get(k.store, STORE_DOMAIN, view_str("domain-key"), &row), ERR_OK);
		assert_int_equal(row.version, version);
	}
	assert_int_equal(generation_get_domain_key(k.store, k.ring, &seed), ERR_OK);
	assert_true(secret_equal(seed, k.seed));
	/* under the subkey of its own: as any other record of the table it does not open */
	memcpy(row.id, "domain-kez", 10);
	assert_int_equal(record_open(k.ring, STORE_DOMAIN, &row, &plain), ERR_CORRUPT);
	secret_free(seed);
	done(&k);
}

static void a_domain_key_that_is_not_the_pinned_one_is_corrupt(void **state)
{
	struct kept k;
	struct secret *seed = NULL, *other = rising_secret(0x77, 32);
	uint8_t public_key[DOMAIN_PUBLIC_LEN];
	(void)state;
	keep(&k);
	assert_int_equal(sign_public_of(other, public_key), ERR_OK);
	assert_int_equal(generation_put_domain_key(k.store, k.ring, other, public_key), ERR_OK);
	assert_int_equal(generation_get_domain_key(k.store, k.ring, &seed), ERR_CORRUPT);
	assert_int_equal(generation_put_domain_key(k.store, k.ring, other, ring_domain(k.ring)->public_key), ERR_OK);
	assert_int_equal(generation_get_domain_key(k.store, k.ring, &seed), ERR_CORRUPT);
	assert_null(seed);
	secret_free(other);
	done(&k);
}

static void the_frozen_record_of_the_domain_key_opens(void **state)
{
	static const uint8_t header[] = { 1 };
	struct store_row row = { .id = "domain-key", .id_len = 10, .version = 1, .generation = 1, .header = view_of(header, 1) };
	struct kept k;
	struct secret *seed = NULL;
	uint8_t body[ANSWER_MAX];
	(void)state;
	keep(&k);
	row.body = answer("domain-key-body", body); /* sealed under the subkey of its own */
	assert_int_equal(store_put(k.store, STORE_DOMAIN, &row, false), ERR_OK);
	assert_int_equal(generation_get_domain_key(k.store, k.ring, &seed), ERR_OK);
	assert_true(secret_equal(seed, k.seed));
	secret_free(seed);
	done(&k);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_signature_is_the_frozen_one_and_verifies),
		cmocka_unit_test(the_signature_binds_domain_generation_and_key_check),
		cmocka_unit_test(the_domain_key_comes_back_and_counts_its_writes),
		cmocka_unit_test(the_frozen_record_of_the_domain_key_opens),
		cmocka_unit_test(a_domain_key_that_is_not_the_pinned_one_is_corrupt),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
