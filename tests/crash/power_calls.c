/* The recorder: the C library's file calls, taken over by the executable. Both Coffer's own calls and those of libsqlite3 come here, are made, and go
 * to the tape of the thread that records. Compiled without fortification, whose wrappers would get in the way; mkostemp is made here because the library's
 * own would open its file behind our back. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash/node.h"
#include "crash/power_disk.h"

#define FD_MAX 1024
#define PATH_LEN 4096
#define ELSEWHERE 0u /* what node_of holds for other descriptors; else node + 1 */

enum power_plant power_planted;
static struct power_tape *tape;
static pthread_t taper;
static char root[PATH_LEN];
static unsigned node_of[FD_MAX];

static bool is_recorded(void)
{
	return tape && pthread_equal(taper, pthread_self());
}

void power_tape_add(struct power_tape *t, const struct power_op *op)
{
	if (t->count % 256 == 0) t->ops = realloc(t->ops, (t->count + 256) * sizeof *t->ops);
	if (!t->ops) node_die("out of memory");
	struct power_op *kept = &t->ops[t->count++];
	*kept = *op;
	if (op->kind == POWER_WRITE) {
		kept->bytes = malloc(op->len + 1);
		if (!kept->bytes) node_die("out of memory");
		memcpy(kept->bytes, op->bytes, op->len);
	}
	power_disk_apply(&t->now, op);
}

void power_tape_mark(struct power_tape *t, unsigned number)
{
	power_tape_add(t, &(struct power_op){ .kind = POWER_MARK, .node = number });
}

void power_tape_begin(struct power_tape *t, const char *folder)
{
	*t = (struct power_tape){ .count = 0 };
	if (!realpath(folder, root)) node_die("no folder %s", folder);
	power_disk_read(&t->before, folder);
	power_disk_copy(&t->now, &t->before);
	memset(node_of, 0, sizeof node_of);
	taper = pthread_self();
	tape = t;
}

void power_tape_stop(void)
{
	tape = NULL;
}

void power_tape_end(struct power_tape *t, const char *folder)
{
	struct power_disk real;
	tape = NULL;
	power_disk_read(&real, folder);
	if (!power_disk_same(&real, &t->now)) node_die("the tape and %s differ: a call went past the recorder", folder);
	power_disk_free(&real);
}

void power_tape_free(struct power_tape *t)
{
	for (size_t i = 0; i < t->count; i++)
		if (t->ops[i].kind == POWER_WRITE) free(t->ops[i].bytes);
	free(t->ops);
	power_disk_free(&t->before);
	power_disk_free(&t->now);
}

/* The folder and the last part of a path below the root; *name is "" for the root itself. */
static bool resolve(int dir_fd, const char *path, unsigned *dir, const char **name)
{
	size_t len = strlen(root);
	*dir = POWER_ROOT;
	if (path[0] == '/') {
		if (strncmp(path, root, len) != 0 || (path[len] && path[len] != '/')) return false;
		path += len;
		while (*path == '/') path++;
	} else {
		if (dir_fd < 0 || dir_fd >= FD_MAX || node_of[dir_fd] == ELSEWHERE) return false;
		*dir = node_of[dir_fd] - 1;
	}
	for (const char *slash = strchr(path, '/'); slash; slash = strchr(path, '/')) {
		char part[POWER_NAME_MAX + 1] = "";
		if ((size_t)(slash - path) >= sizeof part) node_die("the name %s is too long for the tape", path);
		memcpy(part, path, (size_t)(slash - path));
		const struct power_name *found = power_disk_find(&tape->now, *dir, part);
		if (!found) return false;
		*dir = found->node;
		path = slash + 1;
	}
	if (strlen(path) > POWER_NAME_MAX) node_die("the name %s is too long for the tape", path);
	*name = path;
	return true;
}

static void add_link(unsigned dir, const char *name, bool is_dir)
{
	struct power_op op = { .kind = POWER_LINK, .node = (unsigned)tape->now.file_count, .dir = dir, .len = is_dir };
	snprintf(op.name, sizeof op.name, "%s", name);
	power_tape_add(tape, &op);
}

static void opened(int dir_fd, const char *path, int flags, int fd)
{
	unsigned dir, node;
	const char *name;
	if (!resolve(dir_fd, path, &dir, &name)) return;
	if (fd >= FD_MAX) node_die("too many descriptors for the tape");
	if (!name[0]) {
		node_of[fd] = POWER_ROOT + 1;
		return;
	}
	const struct power_name *found = power_disk_find(&tape->now, dir, name);
	if (!found && !(flags & O_CREAT)) node_die("%s is there and not on the tape", path);
	if (!found) add_link(dir, name, false);
	found = power_disk_find(&tape->now, dir, name);
	node = found->node;
	if ((flags & O_TRUNC) && tape->now.files[node].len) power_tape_add(tape, &(struct power_op){ .kind = POWER_SIZE, .node = node });
	node_of[fd] = node + 1;
}

static int open_any(int dir_fd, const char *path, int flags, mode_t mode)
{
	int fd = (int)syscall(SYS_openat, dir_fd, path, flags, mode);
	if (fd >= 0 && is_recorded()) opened(dir_fd, path, flags, fd);
	return fd;
}

static mode_t mode_of(int flags, va_list args)
{
	return flags & O_CREAT ? va_arg(args, mode_t) : 0;
}

#define OPEN(name) \
	int name(const char *path, int flags, ...); \
	int name(const char *path, int flags, ...) \
	{ \
		va_list args; \
		va_start(args, flags); \
		mode_t mode = mode_of(flags, args); \
		va_end(args); \
		return open_any(AT_FDCWD, path, flags, mode); \
	}
#define OPENAT(name) \
	int name(int dir_fd, const char *path, int flags, ...); \
	int name(int dir_fd, const char *path, int flags, ...) \
	{ \
		va_list args; \
		va_start(args, flags); \
		mode_t mode = mode_of(flags, args); \
		va_end(args); \
		return open_any(dir_fd, path, flags, mode); \
	}
OPEN(open)
OPEN(open64)
OPEN(__open_2)
OPEN(__open64_2)
OPENAT(openat)
OPENAT(openat64)
OPENAT(__openat_2)
OPENAT(__openat64_2)

int mkostemp(char *template, int flags)
{
	static unsigned next;
	char *end = template + strlen(template) - 6;
	for (int i = 0; i < 1000; i++) {
		char digits[7];
		snprintf(digits, sizeof digits, "%06u", next++ % 1000000);
		memcpy(end, digits, 6);
		int fd = open_any(AT_FDCWD, template, flags | O_RDWR | O_CREAT | O_EXCL, 0600);
		if (fd >= 0 || errno != EEXIST) return fd;
	}
	errno = EEXIST;
	return -1;
}

int close(int fd)
{
	if (fd >= 0 && fd < FD_MAX && is_recorded()) node_of[fd] = ELSEWHERE;
	return (int)syscall(SYS_close, fd);
}

static bool is_ours(int fd)
{
	return is_recorded() && fd >= 0 && fd < FD_MAX && node_of[fd] != ELSEWHERE;
}

static void wrote(int fd, const void *bytes, ssize_t len, uint64_t at)
{
	if (len <= 0) return;
	power_tape_add(tape, &(struct power_op){ .kind = POWER_WRITE, .node = node_of[fd] - 1, .at = at, .len = (size_t)len,
		.bytes = (uint8_t *)(uintptr_t)bytes });
}

ssize_t write(int fd, const void *bytes, size_t len)
{
	long at = is_ours(fd) ? syscall(SYS_lseek, fd, 0, SEEK_CUR) : 0;
	ssize_t n = syscall(SYS_write, fd, bytes, len);
	if (is_ours(fd)) wrote(fd, bytes, n, (uint64_t)at);
	return n;
}

#define PWRITE(name) \
	ssize_t name(int fd, const void *bytes, size_t len, off_t at) \
	{ \
		ssize_t n = syscall(SYS_pwrite64, fd, bytes, len, at); \
		if (is_ours(fd)) wrote(fd, bytes, n, (uint64_t)at); \
		return n; \
	}
PWRITE(pwrite)
PWRITE(pwrite64)

static int truncate_fd(int fd, off_t len)
{
	int rc = (int)syscall(SYS_ftruncate, fd, len);
	if (rc == 0 && is_ours(fd) && (size_t)len != tape->now.files[node_of[fd] - 1].len)
		power_tape_add(tape, &(struct power_op){ .kind = POWER_SIZE, .node = node_of[fd] - 1, .at = (uint64_t)len });
	return rc;
}

int ftruncate(int fd, off_t len)
{
	return truncate_fd(fd, len);
}

int ftruncate64(int fd, off64_t len)
{
	return truncate_fd(fd, len);
}

/* The disk below may be slow, and nobody pulls its plug: the real call is not made. */
static int sync_fd(int fd)
{
	if (!is_ours(fd)) return fcntl(fd, F_GETFD) < 0 ? -1 : 0;
	unsigned node = node_of[fd] - 1;
	bool is_dir = tape->now.files[node].is_dir;
	if (power_planted != (is_dir ? POWER_NO_FOLDER_SYNC : POWER_NO_FILE_SYNC))
		power_tape_add(tape, &(struct power_op){ .kind = POWER_SYNC, .node = node });
	return 0;
}

int fsync(int fd)
{
	return sync_fd(fd);
}

int fdatasync(int fd)
{
	return sync_fd(fd);
}

static void removed(int dir_fd, const char *path)
{
	unsigned dir;
	const char *name;
	struct power_op op = { .kind = POWER_UNLINK };
	if (!resolve(dir_fd, path, &dir, &name)) return;
	const struct power_name *found = power_disk_find(&tape->now, dir, name);
	if (!found) node_die("%s was there and not on the tape", path);
	op.dir = dir;
	op.node = found->node;
	snprintf(op.name, sizeof op.name, "%s", name);
	power_tape_add(tape, &op);
}

int unlinkat(int dir_fd, const char *path, int flags)
{
	int rc = (int)syscall(SYS_unlinkat, dir_fd, path, flags);
	if (rc == 0 && is_recorded()) removed(dir_fd, path);
	return rc;
}

int unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int mkdir(const char *path, mode_t mode)
{
	unsigned dir;
	const char *name;
	int rc = (int)syscall(SYS_mkdirat, AT_FDCWD, path, mode);
	if (rc == 0 && is_recorded() && resolve(AT_FDCWD, path, &dir, &name)) add_link(dir, name, true);
	return rc;
}

static void renamed(int from_fd, const char *from, int to_fd, const char *to)
{
	unsigned dir, to_dir;
	const char *name, *to_name;
	struct power_op op = { .kind = POWER_RENAME };
	if (!resolve(from_fd, from, &dir, &name) || !resolve(to_fd, to, &to_dir, &to_name)) return;
	const struct power_name *found = power_disk_find(&tape->now, dir, name);
	if (!found) node_die("%s was there and not on the tape", from);
	op.node = found->node;
	op.dir = dir;
	op.to_dir = to_dir;
	snprintf(op.name, sizeof op.name, "%s", name);
	snprintf(op.to_name, sizeof op.to_name, "%s", to_name);
	power_tape_add(tape, &op);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	int rc = (int)syscall(SYS_renameat, from_fd, from, to_fd, to);
	if (rc == 0 && is_recorded()) renamed(from_fd, from, to_fd, to);
	return rc;
}

int rename(const char *from, const char *to)
{
	return renameat(AT_FDCWD, from, AT_FDCWD, to);
}
