/* SHAKE-128 (FIPS 202) for the accumulated XAES vectors: OpenSSL 3.0 cannot squeeze in parts. Tests only; not constant
 * time. */
#ifndef COFFER_TESTS_CRYPTO_SHAKE128_H
#define COFFER_TESTS_CRYPTO_SHAKE128_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct shake128 {
	uint64_t lane[25];
	size_t at;      /* byte of the rate */
	bool squeezing;
};

/* Start from all zeros. Absorb, then squeeze; both in parts. */
void shake128_absorb(struct shake128 *s, const uint8_t *in, size_t len);
void shake128_squeeze(struct shake128 *s, uint8_t *out, size_t len);

#endif
