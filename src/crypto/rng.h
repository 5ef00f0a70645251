/* Random bytes from OpenSSL's generator (seeded by the kernel). A failure of the generator is ERR_CRYPTO and the output
 * is wiped: weak bytes are never handed out. */
#ifndef COFFER_CRYPTO_RNG_H
#define COFFER_CRYPTO_RNG_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

/* Fills out with len random bytes (at most 1 GiB) of the private generator. For keys, salts, identifiers. Any thread. */
enum coffer_err rng_bytes(void *out, size_t len) MUST_USE;

/* A time near this one: from three quarters of it to five quarters, so that many who lost the same thing do not ask for it in step. ms itself while the generator fails. Any thread. */
uint32_t rng_around(uint32_t ms);

/* Mixes entropy (the token's random bytes) into the generator as additional input; counted as worth nothing, so bad
 * bytes do no harm. 1 to RNG_MIX_MAX bytes, else ERR_FIELD. Any thread. */
#define RNG_MIX_MAX 4096u
enum coffer_err rng_mix(struct view entropy) MUST_USE;

/* Random bytes drawn in blocks of 4 KiB, for the many small draws of one thread (nonces, IVs, identifiers). The block
 * lives in the arena; bytes are wiped as they are handed out. One thread at a time. A block drawn before a fork is
 * never used by the child. */
struct rng_pool;
#define RNG_POOL_BLOCK 4096u /* bytes */

/* NULL when memory is short. Draws nothing yet. Caller frees. */
struct rng_pool *rng_pool_new(void);
/* Wipes and frees; accepts NULL. */
void rng_pool_free(struct rng_pool *pool);
/* Fills out with len bytes. More than a block is drawn directly. pool may be NULL: then it is rng_bytes. */
enum coffer_err rng_pool_bytes(struct rng_pool *pool, void *out, size_t len) MUST_USE;

DEFINE_AUTO(struct rng_pool, rng_pool_free)

#endif
