/* Which symmetric algorithms a key may name, and how long it may be (crypto/algorithm.def). The numbers are KMIP's
 * Cryptographic Algorithms. Kept is more than used: a registered Camellia key is kept and given out, no operation here
 * encrypts with it. Any thread; no state. */
#ifndef COFFER_CRYPTO_ALGORITHM_H
#define COFFER_CRYPTO_ALGORITHM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"

enum algorithm_use {
	ALGORITHM_MAKE,    /* Create, Re-key, Derive Key: the server makes the key */
	ALGORITHM_REGISTER /* the client brings it */
};

/* Whether a symmetric key of `bits` (KMIP Cryptographic Length) may be. ERR_UNSUPPORTED: the algorithm is not in the
 * table (asymmetric ones are not), is legacy and allow_legacy is false, or is only registered. ERR_FIELD: the length.
 * The sentence says what to do; reason may be NULL. */
enum coffer_err crypto_algorithm_check(uint32_t algorithm, uint32_t bits, enum algorithm_use use, bool allow_legacy,
	struct reason *reason) MUST_USE;
/* Bytes of the key material that belong to a length in bits: bits / 8, but DES and 3DES count without their parity bits
 * too (56 bits in 8 bytes, 112 in 16, 168 in 24). 0: no whole number of bytes. */
size_t crypto_algorithm_bytes(uint32_t algorithm, uint32_t bits);
/* The Cryptographic Length of material that came without one: the inverse of the above; 3DES: 112 or 168. */
uint32_t crypto_algorithm_bits(uint32_t algorithm, size_t bytes);
/* In the table and legacy: to be used only when the configuration allows it. */
bool crypto_algorithm_is_legacy(uint32_t algorithm);
/* "AES"; NULL: not in the table. */
const char *crypto_algorithm_name(uint32_t algorithm);

#endif
