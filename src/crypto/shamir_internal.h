/* The arithmetic of shamir.c, for its tests. */
#ifndef COFFER_CRYPTO_SHAMIR_INTERNAL_H
#define COFFER_CRYPTO_SHAMIR_INTERNAL_H

#include "crypto/shamir.h"

/* Product in GF(2^8) modulo 0x11D; constant time. */
uint8_t shamir_mul(uint8_t a, uint8_t b);
/* Inverse (a to the 254th); 0 for 0. */
uint8_t shamir_inv(uint8_t a);
/* shamir_split with given coefficients: (k - 1) runs of secret.len bytes, that of x to the first power first. */
enum coffer_err shamir_split_with(struct view secret, unsigned k, unsigned n, const uint8_t *coefficients,
	uint8_t *out_shares) MUST_USE;

#endif
