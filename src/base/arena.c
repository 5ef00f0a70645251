/* The secret arena: malloc over locked pages, with canaries and wiping. */
#include "base/arena.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/arena_region.h"
#include "base/buddy.h"
#include "base/ct.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif
#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/lsan_interface.h>
#define POISON(p, len) ASAN_POISON_MEMORY_REGION(p, len)
#define UNPOISON(p, len) ASAN_UNPOISON_MEMORY_REGION(p, len)
#define LEAK_ROOT(p, len) __lsan_register_root_region(p, len) /* what the arena points to is not leaked */
#else
#define POISON(p, len) ((void)(p), (void)(len))
#define UNPOISON(p, len) ((void)(p), (void)(len))
#define LEAK_ROOT(p, len) ((void)(p), (void)(len))
#endif

#define ARENA_MIN ((size_t)1 << 20) /* bytes */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct buddy buddy;       /* free lists: guarded by lock */
static struct arena_stats stats; /* guarded by lock */
static _Atomic int level = ARENA_NONE;
static uint8_t canary[ARENA_CANARY_LEN]; /* random, fixed before the first block */

enum coffer_err arena_init(size_t size, bool require_full, struct reason *reason)
{
	size_t rounded = ARENA_MIN;
	enum arena_level got;
	void *base;
	if (arena_level() != ARENA_NONE) return reason_fail(reason, ERR_BUG, "the secret arena exists already");
	if (size > BUDDY_SIZE_MAX)
		return reason_fail(reason, ERR_MEMORY, "secret memory can have at most %zu bytes", BUDDY_SIZE_MAX);
	while (rounded < size)
		rounded *= 2;
	if (getrandom(canary, sizeof canary, 0) != (ssize_t)sizeof canary)
		return reason_fail(reason, ERR_IO, "the kernel gives no random bytes: %m");
	TRY(arena_region_map(rounded, require_full, &base, &got, reason));
	if (!buddy_init(&buddy, base, rounded))
		return reason_fail(reason, ERR_MEMORY, "no memory for the bookkeeping of %zu bytes of secret memory", rounded);
	stats.size = rounded;
	LEAK_ROOT(base, rounded);
	POISON(base, rounded);
	atomic_store(&level, (int)got);
	return ERR_OK;
}

enum arena_level arena_level(void)
{
	return (enum arena_level)atomic_load_explicit(&level, memory_order_acquire);
}

const char *arena_level_name(void)
{
	static const char *const names[] = { [ARENA_NONE] = "none", [ARENA_REDUCED] = "reduced", [ARENA_FULL] = "full" };
	return names[arena_level()];
}

/* Ends the process: the arena was misused or damaged, and nothing in it can be trusted any more. */
static void die(const char *what) __attribute__((noreturn));
static void die(const char *what)
{
	err_assert_fail(what, __FILE__, __LINE__);
}

/* The block is len bytes for the caller, the canary, and then nothing that anybody may touch. */
static void seal_block(uint8_t *p, size_t len, size_t block)
{
	UNPOISON(p, block);
	memcpy(p + len, canary, sizeof canary);
	POISON(p + len, block - len);
}

/* Opens the whole block to this file after checking that the caller stayed in his part. */
static void unseal_block(uint8_t *p, size_t len, size_t block)
{
	UNPOISON(p, block);
	if (!ct_equal(p + len, canary, sizeof canary)) die("arena: bytes behind a block were overwritten");
}

void *arena_alloc(size_t len)
{
	if (arena_level() == ARENA_NONE) return NULL;
	unsigned order = len < BUDDY_SIZE_MAX ? buddy_order_for(len + ARENA_CANARY_LEN) : BUDDY_ORDERS;

	pthread_mutex_lock(&lock);
	uint8_t *p = buddy_take(&buddy, order, len);
	if (p) {
		stats.used += buddy_order_size(order);
		if (stats.used > stats.used_max) stats.used_max = stats.used;
	} else {
		stats.failed++;
	}
	pthread_mutex_unlock(&lock);

	/* Free memory is all zero: the kernel's pages are, and arena_free wipes whole blocks. */
	if (p) seal_block(p, len, buddy_order_size(order));
	return p;
}

void arena_free(void *ptr)
{
	uint8_t *p = ptr;
	if (!p) return;
	unsigned order = arena_level() == ARENA_NONE ? BUDDY_ORDERS : buddy_retire(&buddy, p);
	if (order == BUDDY_ORDERS) die("arena: a pointer that is not an arena block, or was freed before");
	size_t block = buddy_order_size(order);
	unseal_block(p, buddy_len(&buddy, p), block);
	wipe(p, block); /* before the lock: nobody else can have the block yet */
	POISON(p, block);

	pthread_mutex_lock(&lock);
	buddy_give(&buddy, p, order);
	stats.used -= block;
	pthread_mutex_unlock(&lock);
}

void *arena_realloc(void *ptr, size_t len)
{
	uint8_t *p = ptr;
	if (!p) return arena_alloc(len);
	if (len == 0) {
		arena_free(p);
		return NULL;
	}
	unsigned order = arena_level() == ARENA_NONE ? BUDDY_ORDERS : buddy_order_of(&buddy, p);
	if (order == BUDDY_ORDERS) die("arena: a pointer that is not an arena block, or was freed before");
	size_t block = buddy_order_size(order), old_len = buddy_len(&buddy, p);

	/* Stays where it is when it fits and would not leave more than three quarters empty. */
	if (len <= block - ARENA_CANARY_LEN && (order == 0 || len > block / 4)) {
		unseal_block(p, old_len, block);
		size_t kept = len < old_len ? len : old_len;
		wipe(p + kept, old_len - kept + ARENA_CANARY_LEN);
		buddy_set_len(&buddy, p, len);
		seal_block(p, len, block);
		return p;
	}
	uint8_t *moved = arena_alloc(len);
	if (!moved) return NULL;
	memcpy(moved, p, len < old_len ? len : old_len);
	arena_free(p);
	return moved;
}

void arena_stats(struct arena_stats *out)
{
	pthread_mutex_lock(&lock);
	*out = stats;
	pthread_mutex_unlock(&lock);
}
