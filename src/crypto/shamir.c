/* Shamir's secret sharing, constant time. */
#include "crypto/shamir.h"

#include <stdbool.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/rng.h"
#include "crypto/shamir_internal.h"

#define REDUCE 0x1Du /* x^8 modulo x^8 + x^4 + x^3 + x^2 + 1 */

uint8_t shamir_mul(uint8_t a, uint8_t b)
{
	unsigned r = 0, x = a, y = b;
	for (unsigned i = 0; i < 8; i++) {
		r ^= x & (0u - (y & 1u));
		y >>= 1;
		x = ((x << 1) & 0xFFu) ^ (REDUCE & (0u - (x >> 7)));
	}
	return (uint8_t)r;
}

uint8_t shamir_inv(uint8_t a)
{
	uint8_t power = a, r = 1;
	for (unsigned i = 1; i < 8; i++) { /* 254 = 2 + 4 + … + 128 */
		power = shamir_mul(power, power);
		r = shamir_mul(r, power);
	}
	return r;
}

enum coffer_err shamir_split_with(struct view secret, unsigned k, unsigned n, const uint8_t *coefficients,
	uint8_t *out_shares)
{
	ENSURE(secret.len >= 1 && secret.len <= SHAMIR_SECRET_MAX, ERR_FIELD);
	ENSURE(k >= 1 && k <= n && n <= SHAMIR_SHARES_MAX, ERR_FIELD);
	for (unsigned x = 1; x <= n; x++)
		for (size_t i = 0; i < secret.len; i++) {
			uint8_t y = 0;
			for (unsigned c = k - 1; c >= 1; c--) /* Horner, from the top */
				y = shamir_mul(y, (uint8_t)x) ^ coefficients[(c - 1) * secret.len + i];
			out_shares[(x - 1) * secret.len + i] = shamir_mul(y, (uint8_t)x) ^ secret.ptr[i];
		}
	return ERR_OK;
}

enum coffer_err shamir_split(struct view secret, unsigned k, unsigned n, uint8_t *out_shares)
{
	ENSURE(secret.len >= 1 && secret.len <= SHAMIR_SECRET_MAX, ERR_FIELD);
	ENSURE(k >= 1 && k <= n && n <= SHAMIR_SHARES_MAX, ERR_FIELD);
	size_t len = (k - 1) * secret.len;
	uint8_t *coefficients = arena_alloc(len != 0 ? len : 1);
	ENSURE(coefficients != NULL, ERR_MEMORY);
	enum coffer_err err = rng_bytes(coefficients, len);
	if (err == ERR_OK) err = shamir_split_with(secret, k, n, coefficients, out_shares);
	if (err != ERR_OK) wipe(out_shares, n * secret.len);
	wipe(coefficients, len);
	arena_free(coefficients);
	return err;
}

static enum coffer_err check_shares(const uint8_t *xs, const struct view *shares, unsigned k, size_t len)
{
	bool seen[SHAMIR_SHARES_MAX + 1] = { false }; /* x is public */
	ENSURE(k >= 1 && k <= SHAMIR_SHARES_MAX && len >= 1 && len <= SHAMIR_SECRET_MAX, ERR_FIELD);
	for (unsigned i = 0; i < k; i++) {
		ENSURE(xs[i] != 0 && !seen[xs[i]] && shares[i].len == len, ERR_FIELD);
		seen[xs[i]] = true;
	}
	return ERR_OK;
}

enum coffer_err shamir_combine(const uint8_t *xs, const struct view *shares, unsigned k, size_t len, uint8_t *out)
{
	TRY(check_shares(xs, shares, k, len));
	for (size_t b = 0; b < len; b++) out[b] = 0;
	for (unsigned i = 0; i < k; i++) {
		uint8_t weight = 1; /* Lagrange at 0: product of x_j / (x_j - x_i) */
		for (unsigned j = 0; j < k; j++)
			if (j != i) weight = shamir_mul(weight, shamir_mul(xs[j], shamir_inv(xs[j] ^ xs[i])));
		for (size_t b = 0; b < len; b++)
			out[b] ^= shamir_mul(weight, shares[i].ptr[b]);
	}
	return ERR_OK;
}
