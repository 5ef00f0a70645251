/* NIST P-256: key pairs as raw bytes, and the Diffie-Hellman that HPKE's KEM needs. Any thread. */
#ifndef COFFER_CRYPTO_P256_H
#define COFFER_CRYPTO_P256_H

#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"

#define P256_PRIVATE_LEN 32u /* bytes */
#define P256_PUBLIC_LEN 65u

/* A fresh private key. Caller frees *out. */
enum coffer_err p256_generate(struct secret **out) MUST_USE;
/* d times G. ERR_FIELD: not 32 bytes, 0, or not below the order. */
enum coffer_err p256_public_of(const struct secret *d, uint8_t out[static P256_PUBLIC_LEN]) MUST_USE;
/* ERR_FIELD unless an uncompressed point on the curve. */
enum coffer_err p256_check(const uint8_t point[static P256_PUBLIC_LEN]) MUST_USE;
/* The X coordinate of d times the point; checks both as above. Caller wipes out. */
enum coffer_err p256_ecdh(const struct secret *d, const uint8_t point[static P256_PUBLIC_LEN],
	uint8_t out[static 32]) MUST_USE;

#endif
