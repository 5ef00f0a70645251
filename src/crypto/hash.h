/* SHA-1 and SHA-2 (FIPS 180-4), SHA-3 (FIPS 202), at once or in parts. */
#ifndef COFFER_CRYPTO_HASH_H
#define COFFER_CRYPTO_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

#define HASH_SHA256_LEN 32u /* bytes */
#define HASH_LEN_MAX 64u

/* HASH_SHA1 only where a standard or a client asks for it: it does not resist collisions. */
enum hash_algorithm {
	HASH_SHA256, HASH_SHA384, HASH_SHA512, HASH_SHA1, HASH_SHA224, HASH_SHA512_224, HASH_SHA512_256,
	HASH_SHA3_224, HASH_SHA3_256, HASH_SHA3_384, HASH_SHA3_512
};

/* Bytes of the digest: 20 to 64. */
size_t hash_len(enum hash_algorithm algorithm);
/* Of a KMIP Hashing Algorithm (KMIP 1.4, 9.1.3.2.16). ERR_UNSUPPORTED: MD2, MD4, MD5, RIPEMD-160, Tiger, Whirlpool and
 * numbers that are none. */
enum coffer_err hash_of_kmip(uint32_t number, enum hash_algorithm *out) MUST_USE;
/* At once. Any thread. ERR_CRYPTO, ERR_MEMORY. */
enum coffer_err hash_sha256(struct view bytes, uint8_t out[static HASH_SHA256_LEN]) MUST_USE;
/* Over several parts, one after another; out has hash_len(algorithm) bytes. */
enum coffer_err hash_parts(enum hash_algorithm algorithm, const struct view *parts, size_t count, uint8_t *out) MUST_USE;

/* In parts. One thread at a time. Its state lives in the arena. */
struct hash;
enum coffer_err hash_new(enum hash_algorithm algorithm, struct hash **out) MUST_USE;
void hash_free(struct hash *h); /* accepts NULL */
/* ERR_STATE after hash_final. */
enum coffer_err hash_update(struct hash *h, struct view bytes) MUST_USE;
/* Writes hash_len bytes; nothing but hash_free may follow. */
enum coffer_err hash_final(struct hash *h, uint8_t *out) MUST_USE;

DEFINE_AUTO(struct hash, hash_free)

#endif
