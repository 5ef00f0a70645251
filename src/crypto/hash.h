/* SHA-2 (FIPS 180-4), at once or in parts. */
#ifndef COFFER_CRYPTO_HASH_H
#define COFFER_CRYPTO_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

#define HASH_SHA256_LEN 32u /* bytes */
#define HASH_LEN_MAX 64u

enum hash_algorithm { HASH_SHA256, HASH_SHA384, HASH_SHA512 };

/* Bytes of the digest: 32, 48, 64. */
size_t hash_len(enum hash_algorithm algorithm);
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
