/* Linked into a cofferd of the tests: its wall clock is off by as many seconds as a file says, which both it and the test have (beside the program, with ".clock": one number, 8 bytes of this machine's order).
 * The monotonic clocks are as they are. */
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static _Atomic int64_t none, *off_s = &none;

__attribute__((constructor)) static void find_page(void)
{
	char path[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", path, sizeof path - 16);
	if (len < 0) return;
	memcpy(path + len, ".clock", sizeof ".clock");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) return;
	void *p = mmap(NULL, sizeof *off_s, PROT_READ, MAP_SHARED, fd, 0);
	close(fd);
	if (p != MAP_FAILED) off_s = p;
}

__attribute__((visibility("default"))) int clock_gettime(clockid_t clock, struct timespec *out)
{
	int rc = (int)syscall(SYS_clock_gettime, clock, out);
	if (rc == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) out->tv_sec += atomic_load(off_s);
	return rc;
}
