/* Maps the secret arena: memfd_secret(2) pages, else anonymous locked ones, between guard pages. */
#include "base/arena_region.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"

#ifndef SYS_memfd_secret
#define SYS_memfd_secret 447 /* the same on every architecture */
#endif

/* Puts memfd_secret pages over the reserved range. The mapping keeps the memory; the descriptor is closed at once, so
 * that nobody can inherit or send it. On failure errno says why. */
static bool map_secret(void *at, size_t size)
{
	AUTO_FD int fd = (int)syscall(SYS_memfd_secret, O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)size) != 0) return false;
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED) return false;
	/* The kernel locks these pages and leaves them out of dumps by itself; asking again does no harm. */
	(void)madvise(at, size, MADV_DONTDUMP);
	if (madvise(at, size, MADV_DONTFORK) == 0) return true;
	int saved_errno = errno;
	(void)mmap(at, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
	errno = saved_errno;
	return false;
}

static bool map_locked(void *at, size_t size)
{
	if (mmap(at, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED)
		return false;
	return madvise(at, size, MADV_DONTDUMP) == 0 && madvise(at, size, MADV_DONTFORK) == 0 && mlock(at, size) == 0;
}

static enum coffer_err explain_lock(size_t size, int error, struct reason *reason)
{
	struct rlimit limit = { 0, 0 };
	(void)getrlimit(RLIMIT_MEMLOCK, &limit);
	return reason_fail(reason, ERR_MEMORY, "cannot lock %zu bytes of memory for secrets (%s): RLIMIT_MEMLOCK is %llu bytes; "
		"raise it to at least %zu bytes (LimitMEMLOCK= in the systemd unit, or ulimit -l), or lower secret_memory", size, strerrordesc_np(error),
		(unsigned long long)limit.rlim_cur, size);
}

static enum coffer_err explain_full(size_t size, int error, struct reason *reason)
{
	return reason_fail(reason, ERR_MEMORY, "memfd_secret(2) gives no %zu bytes of secret memory (%s) and "
		"require_secret_memory is set: use Linux 5.14 or newer, boot older kernels than 6.5 with secretmem.enable=1, and "
		"allow RLIMIT_MEMLOCK of that size", size, strerrordesc_np(error));
}

enum coffer_err arena_region_map(size_t size, bool require_full, void **out_base, enum arena_level *out_level,
	struct reason *reason)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	bool allowed = getenv("COFFER_TEST_NO_MEMFD_SECRET") == NULL;
	/* Reserve everything without access first: what is not mapped over afterwards are the guard pages. */
	uint8_t *all = mmap(NULL, size + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (all == MAP_FAILED)
		return reason_fail(reason, ERR_MEMORY, "cannot map %zu bytes of memory for secrets: %m", size);

	errno = ENOSYS;
	if (allowed && map_secret(all + page, size)) {
		*out_base = all + page;
		*out_level = ARENA_FULL;
		return ERR_OK;
	}
	int error = errno;
	if (!require_full && map_locked(all + page, size)) {
		*out_base = all + page;
		*out_level = ARENA_REDUCED;
		return ERR_OK;
	}
	enum coffer_err err = require_full ? explain_full(size, error, reason) : explain_lock(size, errno, reason);
	munmap(all, size + 2 * page);
	return err;
}
