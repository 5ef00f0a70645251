/* Linked into a cofferd of the tests: its calls to the disk fail, hang or take longer as a file says that both it and the test have mapped (bad_disk.py writes it). System
 * calls cannot be made to fail from outside: for a tracer's injection the system call filter ends the process. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* In place of an errno. */
#define HANGS 100000u
#define SLOW 1000000u /* and microseconds: the call takes so much longer */

enum { CALL_READ = 1, CALL_WRITE = 2, CALL_SYNC = 4, CALL_TRUNCATE = 8, CALL_ALLOCATE = 16 };

/* bad_disk.py has the same. */
struct page {
	_Atomic uint32_t calls;  /* which; 0: none */
	_Atomic uint32_t error;  /* errno */
	_Atomic uint32_t nth;    /* 0: each, else that one alone */
	_Atomic uint32_t seen, struck;
};

static struct page nothing, *page = &nothing;

__attribute__((constructor)) static void find_page(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 16);
	if (len < 0) return;
	memcpy(path + len, ".faults", sizeof ".faults");
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0) return;
	void *p = mmap(NULL, sizeof *page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED) page = p;
}

static void pause_for(uint32_t us)
{
	struct timespec left = { us / 1000000, (long)(us % 1000000) * 1000 };
	while (nanosleep(&left, &left) && errno == EINTR) continue;
}

static bool fails(uint32_t call)
{
	if (!(atomic_load(&page->calls) & call)) return false;
	uint32_t seen = atomic_fetch_add(&page->seen, 1) + 1, nth = atomic_load(&page->nth);
	if (nth && seen != nth) return false;
	atomic_fetch_add(&page->struck, 1);
	uint32_t error = atomic_load(&page->error);
	if (error < HANGS) {
		errno = (int)error;
		return true;
	}
	if (error >= SLOW) pause_for(error - SLOW);
	while ((atomic_load(&page->calls) & call) && atomic_load(&page->error) == HANGS) pause_for(10000); /* until it does not any more */
	return false;
}

#define SHOWN __attribute__((visibility("default")))
#define CALL(result, name, call, number, params, ...) \
	SHOWN result name params; \
	SHOWN result name params { return fails(call) ? -1 : (result)syscall(number, __VA_ARGS__); }

CALL(ssize_t, pread, CALL_READ, SYS_pread64, (int fd, void *out, size_t len, off_t at), fd, out, len, at)
CALL(ssize_t, pread64, CALL_READ, SYS_pread64, (int fd, void *out, size_t len, off64_t at), fd, out, len, at)
CALL(ssize_t, pwrite, CALL_WRITE, SYS_pwrite64, (int fd, const void *bytes, size_t len, off_t at), fd, bytes, len, at)
CALL(ssize_t, pwrite64, CALL_WRITE, SYS_pwrite64, (int fd, const void *bytes, size_t len, off64_t at), fd, bytes, len, at)
CALL(int, fsync, CALL_SYNC, SYS_fsync, (int fd), fd)
CALL(int, fdatasync, CALL_SYNC, SYS_fdatasync, (int fd), fd)
CALL(int, ftruncate, CALL_TRUNCATE, SYS_ftruncate, (int fd, off_t len), fd, len)
CALL(int, ftruncate64, CALL_TRUNCATE, SYS_ftruncate, (int fd, off64_t len), fd, len)

SHOWN int posix_fallocate(int fd, off_t at, off_t len);
SHOWN int posix_fallocate(int fd, off_t at, off_t len)
{
	return fails(CALL_ALLOCATE) || syscall(SYS_fallocate, fd, 0, at, len) != 0 ? errno : 0;
}
