/* The secret arena: one fixed region of memfd_secret(2) pages (fallback: mlock + MADV_DONTDUMP + MADV_DONTFORK),
 * with an allocator in it. All key bytes, PINs, plaintext messages and OpenSSL's own allocations live here.
 * One arena per process. Thread-safe after arena_init. Freed blocks are wiped at once. Guard pages stand before
 * and after the region; every block ends in a canary that arena_free checks (damage aborts the process). The
 * bookkeeping lies outside of the region. AddressSanitizer builds also catch accesses past a block and after free. */
#ifndef COFFER_BASE_ARENA_H
#define COFFER_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"

enum arena_level {
	ARENA_NONE,    /* arena_init has not run */
	ARENA_REDUCED, /* locked and kept out of dumps and forks, but readable by root through /proc/PID/mem */
	ARENA_FULL     /* memfd_secret: not readable even by root */
};

/* Makes the arena of `size` bytes (rounded up to a power of two; at least 1 MiB). Fails with ERR_MEMORY and a reason
 * that names RLIMIT_MEMLOCK when the pages cannot be locked, or when `require_full` is set and only ARENA_REDUCED is
 * to be had. COFFER_TEST_NO_MEMFD_SECRET in the environment forces the fallback (tests). Call once, before threads. */
enum coffer_err arena_init(size_t size, bool require_full, struct reason *reason) MUST_USE;
enum arena_level arena_level(void);
/* For status: "full", "reduced", "none". */
const char *arena_level_name(void);

/* Blocks are powers of two of at least 64 bytes; a request of 2^n - ARENA_CANARY_LEN bytes fills one. */
#define ARENA_CANARY_LEN 8u

/* Like malloc, calloc, realloc, free. NULL when the arena is full or absent. Alignment 64 bytes. arena_free(NULL) is
 * fine; a pointer that is not the arena's aborts, as does a second free. New memory is zeroed, also the bytes that
 * arena_realloc adds; it wipes what it gives up. arena_realloc(p, 0) frees p and returns NULL. A forked child does not
 * have the arena: it must exec or _exit without touching it. */
void *arena_alloc(size_t len);
void *arena_realloc(void *p, size_t len);
void arena_free(void *p);

struct arena_stats {
	size_t size;      /* bytes of the region */
	size_t used;      /* bytes handed out, rounded to block sizes */
	size_t used_max;  /* high-water mark */
	size_t failed;    /* allocations refused */
};
void arena_stats(struct arena_stats *out);

#endif
