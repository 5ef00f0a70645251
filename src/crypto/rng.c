/* Random bytes: OpenSSL's generators, and blocks for the small draws of one thread. */
#include "crypto/rng.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

#define RNG_DRAW_MAX (1024u * 1024u * 1024u) /* bytes */

struct rng_pool {
	size_t left;         /* unused bytes, at the end of the block */
	unsigned long epoch; /* fork_epoch when the block was drawn */
	uint8_t block[RNG_POOL_BLOCK];
};

static atomic_ulong fork_epoch; /* counts the forks between this process and its first ancestor with a pool */
static pthread_once_t fork_once = PTHREAD_ONCE_INIT;

static void count_fork(void)
{
	atomic_fetch_add(&fork_epoch, 1);
}

static void watch_forks(void)
{
	INVARIANT(pthread_atfork(NULL, NULL, count_fork) == 0);
}

static enum coffer_err draw(int (*generator)(unsigned char *, int), void *out, size_t len)
{
	ENSURE(len <= RNG_DRAW_MAX, ERR_TOO_LARGE);
	if (len == 0) return ERR_OK;
	crypto_err_begin();
	if (generator(out, (int)len) == 1) return ERR_OK;
	wipe(out, len);
	return crypto_err_take();
}

enum coffer_err rng_bytes(void *out, size_t len)
{
	return draw(RAND_priv_bytes, out, len);
}

uint32_t rng_around(uint32_t ms)
{
	uint32_t dice, quarter = ms / 4;
	if (rng_bytes(&dice, sizeof dice) != ERR_OK) return ms;
	return ms - quarter + dice % (2 * quarter + 1);
}

enum coffer_err rng_mix(struct view entropy)
{
	ENSURE(entropy.len >= 1 && entropy.len <= RNG_MIX_MAX, ERR_FIELD);
	RAND_add(entropy.ptr, (int)entropy.len, 0.0);
	return ERR_OK;
}

struct rng_pool *rng_pool_new(void)
{
	if (pthread_once(&fork_once, watch_forks) != 0) return NULL;
	return arena_alloc(sizeof(struct rng_pool));
}

void rng_pool_free(struct rng_pool *pool)
{
	if (pool == NULL) return;
	wipe(pool, sizeof *pool);
	arena_free(pool);
}

enum coffer_err rng_pool_bytes(struct rng_pool *pool, void *out, size_t len)
{
	if (pool == NULL || len > RNG_POOL_BLOCK) return rng_bytes(out, len);
	unsigned long epoch = atomic_load(&fork_epoch);
	if (pool->left < len || pool->epoch != epoch) {
		pool->left = 0;
		TRY(draw(RAND_bytes, pool->block, RNG_POOL_BLOCK));
		pool->left = RNG_POOL_BLOCK;
		pool->epoch = epoch;
	}
	uint8_t *from = pool->block + RNG_POOL_BLOCK - pool->left;
	if (len != 0) memcpy(out, from, len);
	wipe(from, len);
	pool->left -= len;
	return ERR_OK;
}
