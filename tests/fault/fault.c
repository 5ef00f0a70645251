/* What is armed, and SQLite's part. */
#include "fault/fault.h"

#include <errno.h>
#include <execinfo.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/types.h>

#include <sqlite3.h>

#include "unit/store/fault_vfs.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards the two below */
static struct fault armed;
static struct { bool armed, happened; unsigned left; } now;
static _Thread_local unsigned aside;
static struct { void *frames[24]; int count; } where; /* of the first strike */
static sqlite3_mem_methods memory;

void fault_arm(const struct fault *fault, unsigned nth)
{
	pthread_mutex_lock(&lock);
	armed = *fault;
	now.left = nth;
	now.happened = false;
	now.armed = true;
	pthread_mutex_unlock(&lock);
	if (fault->place == FAULT_AT_DISK) fault_vfs_arm((enum fault_kind)fault->disk_kind, nth, fault->disk_rc, fault->stays);
}

bool fault_disarm(void)
{
	pthread_mutex_lock(&lock);
	bool happened = now.happened, disk = armed.place == FAULT_AT_DISK;
	now.armed = false;
	pthread_mutex_unlock(&lock);
	return disk ? fault_vfs_disarm() : happened;
}

bool fault_strikes(enum fault_place place)
{
	bool strikes = false;
	if (aside && place != FAULT_AT_TOKEN && place != FAULT_AT_WIRE) return false; /* the token is the test's */
	pthread_mutex_lock(&lock);
	if (now.armed && armed.place == place) {
		if (!now.happened) strikes = --now.left == 0;
		else if (armed.stays && place == FAULT_AT_EINTR) strikes = ((++now.left * 2654435761u) >> 16) & 1u; /* in no rhythm that a loop could keep */
		else strikes = armed.stays;
		if (strikes && !now.happened) where.count = backtrace(where.frames, (int)(sizeof where.frames / sizeof where.frames[0]));
		if (strikes) now.happened = true;
	}
	pthread_mutex_unlock(&lock);
	return strikes;
}

void fault_show_place(void)
{
	if (armed.place != FAULT_AT_DISK) backtrace_symbols_fd(where.frames, where.count, 2);
}

enum fault_place fault_place(void)
{
	return now.armed ? armed.place : FAULT_AT_NOTHING;
}

int fault_code(void)
{
	return armed.code;
}

void fault_aside(void)
{
	aside++;
}

void fault_back(void)
{
	aside--;
}

/* ---- SQLite ---- */

static void *failing_malloc(int len)
{
	return fault_strikes(FAULT_AT_SQLITE) ? NULL : memory.xMalloc(len);
}

static void *failing_realloc(void *p, int len)
{
	return fault_strikes(FAULT_AT_SQLITE) ? NULL : memory.xRealloc(p, len);
}

typedef ssize_t read_fn(int fd, void *out, size_t len);
typedef ssize_t write_fn(int fd, const void *bytes, size_t len);
typedef ssize_t pread_fn(int fd, void *out, size_t len, off_t at);
typedef int open_fn(const char *path, int flags, int mode);
typedef ssize_t pwrite_fn(int fd, const void *bytes, size_t len, off_t at);
union call {
	sqlite3_syscall_ptr plain;
	read_fn *read;
	write_fn *write;
	pread_fn *pread;
	pwrite_fn *pwrite;
	open_fn *open;
};
static union call real_open, real_read, real_write, real_pread, real_pwrite;

static bool interrupted(size_t *len)
{
	if (*len > 1 && fault_strikes(FAULT_AT_SHORT)) *len = 1;
	if (!fault_strikes(FAULT_AT_EINTR)) return false;
	errno = EINTR;
	return true;
}

static ssize_t odd_read(int fd, void *out, size_t len)
{
	return interrupted(&len) ? -1 : real_read.read(fd, out, len);
}

static ssize_t odd_write(int fd, const void *bytes, size_t len)
{
	return interrupted(&len) ? -1 : real_write.write(fd, bytes, len);
}

static ssize_t odd_pread(int fd, void *out, size_t len, off_t at)
{
	return interrupted(&len) ? -1 : real_pread.pread(fd, out, len, at);
}

static ssize_t odd_pwrite(int fd, const void *bytes, size_t len, off_t at)
{
	return interrupted(&len) ? -1 : real_pwrite.pwrite(fd, bytes, len, at);
}

static int odd_open(const char *path, int flags, int mode)
{
	if (!fault_strikes(FAULT_AT_CALL)) return real_open.open(path, flags, mode);
	errno = armed.code;
	return -1;
}

static void must(int rc, const char *what)
{
	if (rc == SQLITE_OK) return;
	fprintf(stderr, "fault: SQLite does not take %s\n", what);
	exit(3);
}

static void replace(sqlite3_vfs *vfs, const char *name, union call odd, union call *real)
{
	sqlite3_syscall_ptr was = vfs->xGetSystemCall(vfs, name);
	if (!was) return; /* of the two sizes SQLite has one */
	real->plain = was;
	must(vfs->xSetSystemCall(vfs, name, odd.plain), name);
}

static void replace_calls(void)
{
	sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
	if (!vfs) must(SQLITE_ERROR, "the question for its files");
	replace(vfs, "open", (union call){ .open = odd_open }, &real_open);
	replace(vfs, "read", (union call){ .read = odd_read }, &real_read);
	replace(vfs, "write", (union call){ .write = odd_write }, &real_write);
	replace(vfs, "pread", (union call){ .pread = odd_pread }, &real_pread);
	replace(vfs, "pwrite", (union call){ .pwrite = odd_pwrite }, &real_pwrite);
	replace(vfs, "pread64", (union call){ .pread = odd_pread }, &real_pread);
	replace(vfs, "pwrite64", (union call){ .pwrite = odd_pwrite }, &real_pwrite);
}

void fault_install(void)
{
	must(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &memory), "the question for its memory");
	sqlite3_mem_methods failing = memory;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	must(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), "other memory");
	must(sqlite3_initialize(), "a start");
	replace_calls();
	must(fault_vfs_install(), "other files");
}
