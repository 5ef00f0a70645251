/* Secret sharing against libgfshare, the page's known answer, and what must be refused. */
#include "unit/crypto/support.h"

#include <libgfshare.h>
#include <string.h>

#include "crypto/rng.h"
#include "crypto/shamir_internal.h"

/* libgfshare scrubs its contexts with it, too. */
static void fill_random(unsigned char *out, unsigned int len)
{
	assert_ok(rng_bytes(out, len));
}

static void share_of_the_formats_page_comes_out(void **state)
{
	uint8_t secret[32], coefficients[64], shares[5 * 32];
	(void)state;
	support_rising(secret, 32, 0x01);
	support_rising(coefficients, 32, 0x80);
	support_rising(coefficients + 32, 32, 0x55);
	assert_ok(shamir_split_with(view_of(secret, 32), 3, 5, coefficients, shares));
	assert_hex(shares + 32, 32, "55585b62696467766d60639a919c9f9ea5a8ab92999497869d9093eae1ecefce");
}

static void multiplication_is_a_field(void **state)
{
	(void)state;
	for (unsigned a = 1; a < 256; a++) {
		assert_int_equal(shamir_mul((uint8_t)a, shamir_inv((uint8_t)a)), 1);
		assert_int_equal(shamir_mul((uint8_t)a, 1), a);
		assert_int_equal(shamir_mul((uint8_t)a, 0), 0);
		for (unsigned b = 1; b < 256; b++)
			assert_int_equal(shamir_mul((uint8_t)a, (uint8_t)b), shamir_mul((uint8_t)b, (uint8_t)a));
	}
	assert_int_equal(shamir_mul(0x80, 2), 0x1D); /* the polynomial is 0x11D */
	assert_int_equal(shamir_inv(0), 0);
}

/* Every k and n of the table: any k shares, in any order, by our code and by libgfshare. */
static void check_split(unsigned k, unsigned n, size_t len)
{
	uint8_t secret[64], out[64], oracle[64];
	uint8_t *shares = test_malloc(n * len);
	uint8_t xs[255], in_use[255];
	struct view picked[255];
	assert_ok(rng_bytes(secret, len));
	assert_ok(shamir_split(view_of(secret, len), k, n, shares));
	for (unsigned i = 0; i < k; i++) { /* the last k, backwards */
		xs[i] = (uint8_t)(n - i);
		picked[i] = view_of(shares + (size_t)(xs[i] - 1) * len, len);
	}
	assert_ok(shamir_combine(xs, picked, k, len, out));
	assert_memory_equal(out, secret, len);
	memcpy(in_use, xs, k);
	gfshare_ctx *ctx = gfshare_ctx_init_dec(in_use, k, (unsigned)len);
	for (unsigned i = 0; i < k; i++) gfshare_ctx_dec_giveshare(ctx, (unsigned char)i, shares + (size_t)(xs[i] - 1) * len);
	gfshare_ctx_dec_extract(ctx, oracle);
	gfshare_ctx_free(ctx);
	assert_memory_equal(oracle, secret, len);
	test_free(shares);
}

static void any_k_shares_give_the_secret_back_here_and_in_libgfshare(void **state)
{
	static const struct { unsigned k, n; } table[] = {
		{ 1, 1 }, { 1, 5 }, { 2, 2 }, { 2, 3 }, { 3, 5 }, { 5, 9 }, { 16, 16 }, { 17, 200 }, { 255, 255 }, { 2, 255 }
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
		for (unsigned round = 0; round < 4; round++) check_split(table[i].k, table[i].n, round == 0 ? 1 : 32);
}

static void shares_of_libgfshare_combine_here(void **state)
{
	uint8_t xs[] = { 7, 200, 31 }, secret[32], shares[3][32], out[32];
	struct view picked[3];
	(void)state;
	assert_ok(rng_bytes(secret, sizeof secret));
	gfshare_ctx *ctx = gfshare_ctx_init_enc(xs, 3, 3, 32);
	gfshare_ctx_enc_setsecret(ctx, secret);
	for (unsigned i = 0; i < 3; i++) {
		gfshare_ctx_enc_getshare(ctx, (unsigned char)i, shares[i]);
		picked[i] = view_of(shares[i], 32);
	}
	gfshare_ctx_free(ctx);
	assert_ok(shamir_combine(xs, picked, 3, 32, out));
	assert_memory_equal(out, secret, 32);
}

static void coefficients_are_uniform_with_zero_at_the_top(void **state)
{
	unsigned seen[256] = { 0 };
	(void)state;
	for (unsigned round = 0; round < 100; round++) { /* k = 2: y(1) - d is the top coefficient */
		uint8_t secret[1024] = { 0 }, shares[2 * 1024];
		assert_ok(shamir_split(view_of(secret, sizeof secret), 2, 2, shares));
		for (size_t i = 0; i < sizeof secret; i++) seen[shares[i]]++;
	}
	for (unsigned v = 0; v < 256; v++) assert_in_range(seen[v], 400 - 160, 400 + 160); /* 8 standard deviations */
}

static void bad_parameters_and_shares_are_refused(void **state)
{
	uint8_t secret[4] = "abc", shares[6 * 4], out[4], xs[] = { 1, 2 };
	struct view s = view_of(secret, 4), picked[] = { view_of(shares, 4), view_of(shares + 4, 4) };
	(void)state;
	assert_err(shamir_split(s, 0, 3, shares), ERR_FIELD);
	assert_err(shamir_split(s, 4, 3, shares), ERR_FIELD);
	assert_err(shamir_split(s, 2, 256, shares), ERR_FIELD);
	assert_err(shamir_split(view_of(secret, 0), 2, 3, shares), ERR_FIELD);
	assert_err(shamir_split(view_of(secret, SHAMIR_SECRET_MAX + 1), 2, 3, shares), ERR_FIELD);
	assert_ok(shamir_split(s, 2, 3, shares));
	assert_ok(shamir_combine(xs, picked, 2, 4, out));
	xs[1] = 1;
	assert_err(shamir_combine(xs, picked, 2, 4, out), ERR_FIELD); /* doubled */
	xs[1] = 0;
	assert_err(shamir_combine(xs, picked, 2, 4, out), ERR_FIELD); /* x = 0 would be the secret itself */
	xs[1] = 2;
	picked[1].len = 3;
	assert_err(shamir_combine(xs, picked, 2, 4, out), ERR_FIELD);
	assert_err(shamir_combine(xs, picked, 0, 4, out), ERR_FIELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(share_of_the_formats_page_comes_out),
		cmocka_unit_test(multiplication_is_a_field),
		cmocka_unit_test(any_k_shares_give_the_secret_back_here_and_in_libgfshare),
		cmocka_unit_test(shares_of_libgfshare_combine_here),
		cmocka_unit_test(coefficients_are_uniform_with_zero_at_the_top),
		cmocka_unit_test(bad_parameters_and_shares_are_refused),
	};
	gfshare_fill_rand = fill_random;
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
