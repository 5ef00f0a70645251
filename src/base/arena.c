/* The secret arena: the region and the locking around the buddy allocator. */
#include "base/arena.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

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
#define POISON(p, n) ASAN_POISON_MEMORY_REGION(p, n)
#define UNPOISON(p, n) ASAN_UNPOISON_MEMORY_REGION(p, n)
#else
#define POISON(p, n) ((void)(p), (void)(n))
#define UNPOISON(p, n) ((void)(p), (void)(n))
#endif

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447
#endif

#define ARENA_MIN (1024u * 1024u)
#define HEADER_LEN 16u /* length of the user's bytes, kept before them; alignment 16 */
#define CANARY_LEN 8u  /* after the user's bytes */

static struct {
	uint8_t *base;
	size_t size;
	enum arena_level level;
	struct buddy buddy;
	uint8_t canary[CANARY_LEN];
	pthread_mutex_t lock;
	struct arena_stats stats;
} arena = { .lock = PTHREAD_MUTEX_INITIALIZER };

static uint8_t *map_between_guards(size_t size, int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint8_t *whole = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (whole == MAP_FAILED) return NULL;
	int flags = MAP_FIXED | (fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS);
	void *base = mmap(whole + page, size, PROT_READ | PROT_WRITE, flags, fd, 0);
	if (base == MAP_FAILED) {
		munmap(whole, size + 2 * page);
		return NULL;
	}
	return base;
}

static void unmap_with_guards(uint8_t *base, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	munmap(base - page, size + 2 * page);
}

static uint8_t *map_secret(size_t size)
{
	if (getenv("COFFER_TEST_NO_MEMFD_SECRET")) return NULL;
	int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0) return NULL;
	uint8_t *base = ftruncate(fd, (off_t)size) == 0 ? map_between_guards(size, fd) : NULL;
	close(fd);
	if (!base) return NULL;
	/* Pages come when they are touched: touch them now, so that a shortage shows at start and not in the middle of a request. */
	if (madvise(base, size, MADV_DONTFORK) != 0) {
		unmap_with_guards(base, size);
		return NULL;
	}
	for (size_t at = 0, page = (size_t)sysconf(_SC_PAGESIZE); at < size; at += page) ((volatile uint8_t *)base)[at] = 0;
	return base;
}

static uint8_t *map_locked(size_t size)
{
	uint8_t *base = map_between_guards(size, -1);
	if (!base) return NULL;
	if (mlock(base, size) != 0 || madvise(base, size, MADV_DONTDUMP) != 0 || madvise(base, size, MADV_DONTFORK) != 0) {
		unmap_with_guards(base, size);
		return NULL;
	}
	return base;
}

static size_t round_up(size_t size)
{
	size_t rounded = ARENA_MIN;
	while (rounded < size && rounded <= SIZE_MAX / 4) rounded *= 2;
	return rounded;
}

enum coffer_err arena_init(size_t size, bool require_full, struct reason *reason)
{
	ENSURE(arena.level == ARENA_NONE, ERR_BUG);
	size = round_up(size);
	enum arena_level level = ARENA_FULL;
	uint8_t *base = map_secret(size);
	if (!base && !require_full) {
		level = ARENA_REDUCED;
		base = map_locked(size);
	}
	if (!base)
		return reason_fail(reason, ERR_MEMORY, "%zu bytes of memory cannot be locked for secrets (%s); raise RLIMIT_MEMLOCK "
			"(LimitMEMLOCK= in the service, 'ulimit -l' in a shell)%s", size, strerror(errno),
			require_full ? " and enable memfd_secret (kernel parameter secretmem.enable=1)" : " or lower secret_memory");
	if (getrandom(arena.canary, sizeof arena.canary, 0) != (ssize_t)sizeof arena.canary || !buddy_init(&arena.buddy, size)) {
		unmap_with_guards(base, size);
		return reason_fail(reason, ERR_MEMORY, "the secret memory cannot be set up");
	}
	arena.base = base;
	arena.size = size;
	arena.level = level;
	arena.stats.size = size;
	POISON(base, size);
	return ERR_OK;
}

enum arena_level arena_level(void)
{
	return arena.level;
}

const char *arena_level_name(void)
{
	static const char *const names[] = { "none", "reduced", "full" };
	return names[arena.level];
}

void *arena_alloc(size_t len)
{
	if (arena.level == ARENA_NONE || len > arena.size) return NULL;
	size_t need = HEADER_LEN + len + CANARY_LEN;
	pthread_mutex_lock(&arena.lock);
	size_t offset = buddy_alloc(&arena.buddy, need);
	if (offset == SIZE_MAX) {
		arena.stats.failed++;
	} else {
		arena.stats.used += buddy_size(&arena.buddy, offset);
		if (arena.stats.used > arena.stats.used_max) arena.stats.used_max = arena.stats.used;
	}
	pthread_mutex_unlock(&arena.lock);
	if (offset == SIZE_MAX) return NULL;
	uint8_t *block = arena.base + offset; /* zero: wiped when it was freed, or never used */
	UNPOISON(block, need);
	memcpy(block, &len, sizeof len);
	memcpy(block + HEADER_LEN + len, arena.canary, CANARY_LEN);
	POISON(block, HEADER_LEN);
	POISON(block + HEADER_LEN + len, CANARY_LEN);
	return block + HEADER_LEN;
}

/* The length of a live block; aborts when p is not one or its end was overwritten. */
static size_t checked_len(uint8_t *p)
{
	size_t len, offset = (size_t)(p - arena.base) - HEADER_LEN;
	INVARIANT(arena.level != ARENA_NONE && p >= arena.base + HEADER_LEN && p < arena.base + arena.size);
	pthread_mutex_lock(&arena.lock);
	size_t block_len = buddy_size(&arena.buddy, offset);
	pthread_mutex_unlock(&arena.lock);
	INVARIANT(block_len > 0);
	UNPOISON(p - HEADER_LEN, HEADER_LEN);
	memcpy(&len, p - HEADER_LEN, sizeof len);
	INVARIANT(len <= block_len - HEADER_LEN - CANARY_LEN);
	UNPOISON(p + len, CANARY_LEN);
	INVARIANT(ct_equal(p + len, arena.canary, CANARY_LEN));
	POISON(p - HEADER_LEN, HEADER_LEN);
	POISON(p + len, CANARY_LEN);
	return len;
}

void arena_free(void *p)
{
	if (!p) return;
	size_t len = checked_len(p);
	uint8_t *block = (uint8_t *)p - HEADER_LEN;
	size_t need = HEADER_LEN + len + CANARY_LEN, offset = (size_t)(block - arena.base);
	UNPOISON(block, need);
	wipe(block, need);
	POISON(block, need);
	pthread_mutex_lock(&arena.lock);
	size_t block_len = buddy_size(&arena.buddy, offset);
	if (block_len) {
		arena.stats.used -= block_len;
		buddy_free(&arena.buddy, offset);
	}
	pthread_mutex_unlock(&arena.lock);
	INVARIANT(block_len > 0); /* freed twice at the same time */
}

void *arena_realloc(void *p, size_t len)
{
	if (!p) return arena_alloc(len);
	size_t old = checked_len(p);
	void *q = arena_alloc(len);
	if (!q) return NULL;
	memcpy(q, p, old < len ? old : len);
	arena_free(p);
	return q;
}

void arena_stats(struct arena_stats *out)
{
	pthread_mutex_lock(&arena.lock);
	*out = arena.stats;
	pthread_mutex_unlock(&arena.lock);
}
