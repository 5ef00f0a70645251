/* Key derivation: HKDF (RFC 5869) and scrypt (RFC 7914). Any thread. On failure the output is wiped. */
#ifndef COFFER_CRYPTO_KDF_H
#define COFFER_CRYPTO_KDF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* KDF_SHA1 is there for published vectors alone; no format of Coffer uses it. */
enum kdf_hash { KDF_SHA256, KDF_SHA384, KDF_SHA512, KDF_SHA1 };

#define KDF_INFO_MAX (32u * 1024u - 1u) /* bytes; a limit of OpenSSL 3.0 */

/* Extract and expand. ikm of 1 byte or more; salt and info may be empty; out_len 1 to 255 times the hash's length.
 * ERR_FIELD outside these, ERR_TOO_LARGE: info over KDF_INFO_MAX. */
enum coffer_err kdf_hkdf(enum kdf_hash hash, struct view ikm, struct view salt, struct view info, uint8_t *out,
	size_t out_len) MUST_USE;
/* The two halves. Extract writes as many bytes as the hash has (KDF_SHA256: 32). prk of the hash's length or more. */
enum coffer_err kdf_hkdf_extract(enum kdf_hash hash, struct view ikm, struct view salt, uint8_t *out_prk) MUST_USE;
enum coffer_err kdf_hkdf_expand(enum kdf_hash hash, struct view prk, struct view info, uint8_t *out,
	size_t out_len) MUST_USE;

#define KDF_SCRYPT_MEMORY_MAX (1024ull * 1024ull * 1024ull) /* bytes: 128 * r * 2^log2n */
#define KDF_SCRYPT_P_MAX 16u

/* scrypt with N = 2^log2n. Bounds, checked before any memory is taken: log2n 1 to 24, r 1 to 32, p 1 to
 * KDF_SCRYPT_P_MAX, 128 * r * N at most KDF_SCRYPT_MEMORY_MAX; else ERR_LIMIT. A format's own narrower bounds are its
 * reader's to check. out_len 1 to 64. Takes the memory for the time of the call (outside the arena, wiped): ERR_MEMORY.
 * Seconds of CPU time. */
enum coffer_err kdf_scrypt(struct view passphrase, struct view salt, unsigned log2n, unsigned r, unsigned p,
	uint8_t *out, size_t out_len) MUST_USE;

#endif
