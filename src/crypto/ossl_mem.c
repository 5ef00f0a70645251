/* OpenSSL's allocator: the arena, and locked mappings for what is too big for it. */
#include "crypto/ossl_mem.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>

#include "base/arena.h"
#include "base/ct.h"
#include "crypto/algs.h"
#include "crypto/crypto_err.h"
#include "crypto/ossl.h"

struct big_block {
	void *ptr; /* NULL: free row */
	size_t len;
};

static pthread_mutex_t big_lock = PTHREAD_MUTEX_INITIALIZER; /* guards big_blocks */
static struct big_block big_blocks[OSSL_MEM_BIG_COUNT];
static atomic_bool installed;
static atomic_uint big_live; /* rows in use: free and realloc look no further when it is 0 */

/* The row that holds ptr (NULL: a free one), or NULL. With big_lock held. */
static struct big_block *big_row(const void *ptr)
{
	for (size_t i = 0; i < OSSL_MEM_BIG_COUNT; i++)
		if (big_blocks[i].ptr == ptr) return &big_blocks[i];
	return NULL;
}

static void *big_alloc(size_t len)
{
	void *p = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED) return NULL;
	if (madvise(p, len, MADV_DONTDUMP) != 0 || madvise(p, len, MADV_DONTFORK) != 0) {
		(void)munmap(p, len);
		return NULL;
	}
	(void)mlock(p, len); /* as far as RLIMIT_MEMLOCK goes */
	pthread_mutex_lock(&big_lock);
	struct big_block *row = big_row(NULL);
	if (row != NULL) {
		*row = (struct big_block){ p, len };
		atomic_fetch_add(&big_live, 1);
	}
	pthread_mutex_unlock(&big_lock);
	if (row == NULL) {
		(void)munmap(p, len);
		return NULL;
	}
	return p;
}

/* Length of a big block; 0 when ptr is none. */
static size_t big_len(const void *ptr)
{
	if (ptr == NULL || atomic_load(&big_live) == 0) return 0;
	pthread_mutex_lock(&big_lock);
	const struct big_block *row = big_row(ptr);
	size_t len = row != NULL ? row->len : 0;
	pthread_mutex_unlock(&big_lock);
	return len;
}

/* ptr is owned by the caller alone, so its row does not change between big_len and here. */
static void big_free(void *ptr, size_t len)
{
	wipe(ptr, len);
	pthread_mutex_lock(&big_lock);
	struct big_block *row = big_row(ptr);
	INVARIANT(row != NULL);
	*row = (struct big_block){ NULL, 0 };
	atomic_fetch_sub(&big_live, 1);
	pthread_mutex_unlock(&big_lock);
	(void)munmap(ptr, len);
}

static void *mem_alloc(size_t len, const char *file, int line)
{
	(void)file;
	(void)line;
	if (len == 0) return NULL;
	void *p = len >= OSSL_MEM_BIG ? big_alloc(len) : arena_alloc(len);
	if (p == NULL) crypto_err_note_memory();
	return p;
}

static void mem_free(void *ptr, const char *file, int line)
{
	(void)file;
	(void)line;
	size_t len = big_len(ptr);
	if (len != 0) big_free(ptr, len);
	else arena_free(ptr);
}

static void *mem_realloc(void *ptr, size_t len, const char *file, int line)
{
	if (ptr == NULL) return mem_alloc(len, file, line);
	if (len == 0) {
		mem_free(ptr, file, line);
		return NULL;
	}
	size_t old = big_len(ptr);
	if (old == 0) {
		void *grown = arena_realloc(ptr, len);
		if (grown == NULL) crypto_err_note_memory();
		return grown;
	}
	void *moved = mem_alloc(len, file, line);
	if (moved == NULL) return NULL;
	memcpy(moved, ptr, old < len ? old : len);
	big_free(ptr, old);
	return moved;
}

enum coffer_err ossl_mem_install(void)
{
	ENSURE(arena_level() != ARENA_NONE, ERR_STATE);
	ENSURE(!atomic_exchange(&installed, true), ERR_STATE);
	ENSURE(CRYPTO_set_mem_functions(mem_alloc, mem_realloc, mem_free) == 1, ERR_STATE);
	ENSURE(OPENSSL_init_crypto(OPENSSL_INIT_NO_LOAD_CONFIG, NULL) == 1, crypto_err_take());
	return algs_load();
}
