/* Random bytes: failures are failures, blocks are used once. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/ct.h"
#include "crypto/rng.h"

static bool broken;
static unsigned draws; /* calls of the block generator */

int __real_RAND_bytes(unsigned char *out, int len);
int __wrap_RAND_bytes(unsigned char *out, int len);
int __wrap_RAND_bytes(unsigned char *out, int len)
{
	draws++;
	return broken ? 0 : __real_RAND_bytes(out, len);
}

int __real_RAND_priv_bytes(unsigned char *out, int len);
int __wrap_RAND_priv_bytes(unsigned char *out, int len);
int __wrap_RAND_priv_bytes(unsigned char *out, int len)
{
	if (broken) memset(out, 0x55, (size_t)len / 2); /* half-made bytes must not survive either */
	return broken ? 0 : __real_RAND_priv_bytes(out, len);
}

static void failing_generator_gives_an_error_and_no_bytes(void **state)
{
	uint8_t out[32];
	(void)state;
	AUTO(auto_rng_pool_free) struct rng_pool *pool = rng_pool_new();
	broken = true;
	memset(out, 'x', sizeof out);
	enum coffer_err direct = rng_bytes(out, sizeof out);
	bool wiped = ct_is_zero(out, sizeof out);
	enum coffer_err pooled = rng_pool_bytes(pool, out, sizeof out);
	broken = false;
	assert_err(direct, ERR_CRYPTO);
	assert_true(wiped);
	assert_err(pooled, ERR_CRYPTO);
	assert_ok(rng_pool_bytes(pool, out, sizeof out)); /* and it works again with a whole new block */
}

static void pool_draws_in_blocks_and_never_repeats(void **state)
{
	uint8_t seen[512][24];
	(void)state;
	AUTO(auto_rng_pool_free) struct rng_pool *pool = rng_pool_new();
	draws = 0;
	for (size_t i = 0; i < 512; i++) {
		assert_ok(rng_pool_bytes(pool, seen[i], 24));
		for (size_t j = 0; j < i; j++) assert_memory_not_equal(seen[i], seen[j], 24);
	}
	assert_int_equal(draws, 512 / (RNG_POOL_BLOCK / 24) + 1);
}

static void large_and_missing_pools_are_served_directly(void **state)
{
	static uint8_t out[RNG_POOL_BLOCK + 1];
	(void)state;
	AUTO(auto_rng_pool_free) struct rng_pool *pool = rng_pool_new();
	draws = 0;
	assert_ok(rng_pool_bytes(pool, out, sizeof out));
	assert_false(ct_is_zero(out + RNG_POOL_BLOCK - 32, 33));
	assert_ok(rng_pool_bytes(NULL, out, 16));
	assert_ok(rng_pool_bytes(pool, out, 0));
	assert_in_range(draws, 0, 1);
}

static void a_time_around_another_is_within_a_quarter_of_it_and_seldom_twice_the_same(void **state)
{
	static const uint32_t smallest[] = { 0, 1, 3 };
	uint32_t low = UINT32_MAX, high = 0;
	(void)state;
	for (unsigned i = 0; i < 2000; i++) {
		uint32_t ms = rng_around(500);
		assert_in_range(ms, 375, 625);
		low = ms < low ? ms : low;
		high = ms > high ? ms : high;
	}
	assert_true(low < 400 && high > 600);
	for (size_t i = 0; i < sizeof smallest / sizeof smallest[0]; i++) assert_int_equal(rng_around(smallest[i]), smallest[i]);
	assert_in_range(rng_around(UINT32_MAX / 2), UINT32_MAX / 4, UINT32_MAX);
	broken = true;
	uint32_t plain = rng_around(500);
	broken = false;
	assert_int_equal(plain, 500);
}

static void mixing_takes_entropy_and_refuses_nothing_or_too_much(void **state)
{
	static uint8_t entropy[4097], out[16];
	(void)state;
	assert_ok(rng_mix(view_of(entropy, 32)));
	assert_ok(rng_mix(view_of(entropy, 4096)));
	assert_err(rng_mix(view_of(entropy, 0)), ERR_FIELD);
	assert_err(rng_mix(view_of(entropy, 4097)), ERR_FIELD);
	assert_ok(rng_bytes(out, sizeof out));
	assert_false(ct_is_zero(out, sizeof out));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(failing_generator_gives_an_error_and_no_bytes),
		cmocka_unit_test(pool_draws_in_blocks_and_never_repeats),
		cmocka_unit_test(large_and_missing_pools_are_served_directly),
		cmocka_unit_test(a_time_around_another_is_within_a_quarter_of_it_and_seldom_twice_the_same),
		cmocka_unit_test(mixing_takes_entropy_and_refuses_nothing_or_too_much),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
