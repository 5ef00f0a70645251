/* The database's files seen from outside SQLite: whose they are, which may be there, how a new one gets its name. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "store/sqlite_internal.h"

#define FILE_MODE 0600

static char *join(const char *a, const char *b, const char *c)
{
	char *text = NULL;
	return asprintf(&text, "%s%s%s", a, b, c) < 0 ? NULL : text;
}

static enum coffer_err from_errno(int cause)
{
	return cause == ENOSPC || cause == EDQUOT ? ERR_FULL : cause == ENOMEM ? ERR_MEMORY : ERR_IO;
}

static enum coffer_err check_owner(const char *path, const struct stat *st, struct reason *reason)
{
	if (st->st_uid != geteuid())
		return reason_fail(reason, ERR_USAGE, "%s belongs to uid %lu, not to this process's uid %lu; mend it with 'chown %lu %s'",
			path, (unsigned long)st->st_uid, (unsigned long)geteuid(), (unsigned long)geteuid(), path);
	if (st->st_mode & (S_IWGRP | S_IWOTH))
		return reason_fail(reason, ERR_USAGE, "%s can be written by other users; mend it with 'chmod go-w %s'", path, path);
	return ERR_OK;
}

enum coffer_err sqlite_file_resolve(const char *path, char **out_path, struct reason *reason)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	AUTO_FREE char *given = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	ENSURE(given, ERR_MEMORY);
	if (!name[0] || !strcmp(name, ".") || !strcmp(name, ".."))
		return reason_fail(reason, ERR_USAGE, "the store's path '%s' names no file; give the name of the database file", path);
	AUTO_FREE char *dir = realpath(given, NULL);
	if (!dir)
		return reason_fail(reason, ERR_USAGE, "the store's directory %s cannot be used: %s; create it with 'install -d -m 0700 %s'",
			given, strerror(errno), given);
	struct stat st;
	if (stat(dir, &st) != 0 || !S_ISDIR(st.st_mode))
		return reason_fail(reason, ERR_USAGE, "%s is not a directory; give the store a path inside one", dir);
	TRY(check_owner(dir, &st, reason));
	char *resolved = join(strcmp(dir, "/") ? dir : "", "/", name);
	ENSURE(resolved, ERR_MEMORY);
	*out_path = resolved;
	return ERR_OK;
}

/* Whether path exists; when it does it must be a plain file, ours alone. It is not opened: closing any descriptor of a
 * file drops the locks that SQLite holds on it in this process. */
static enum coffer_err check_file(const char *path, bool *out_exists, off_t *out_size, struct reason *reason)
{
	struct stat st;
	if (lstat(path, &st) != 0) {
		if (errno != ENOENT) return reason_fail(reason, ERR_IO, "%s cannot be looked at: %s; check the disk", path, strerror(errno));
		*out_exists = false;
		*out_size = 0;
		return ERR_OK;
	}
	if (!S_ISREG(st.st_mode))
		return reason_fail(reason, ERR_USAGE, "%s is not a regular file (a symbolic link is not followed); put the file itself there",
			path);
	TRY(check_owner(path, &st, reason));
	*out_exists = true;
	*out_size = st.st_size;
	return ERR_OK;
}

enum coffer_err sqlite_file_check(const char *path, bool *out_exists, struct reason *reason)
{
	bool exists = false, has_log = false, has_shm = false, has_journal = false;
	off_t size = 0, ignored = 0;
	AUTO_FREE char *log = join(path, "-wal", "");
	AUTO_FREE char *shm = join(path, "-shm", "");
	AUTO_FREE char *journal = join(path, "-journal", "");
	ENSURE(log && shm && journal, ERR_MEMORY);
	TRY(check_file(path, &exists, &size, reason));
	TRY(check_file(log, &has_log, &ignored, reason));
	TRY(check_file(shm, &has_shm, &ignored, reason));
	TRY(check_file(journal, &has_journal, &ignored, reason));
	if (exists && size == 0)
		return reason_fail(reason, ERR_CORRUPT, "the store %s is empty, its contents are lost; restore it from a backup",
			path);
	if (!exists && has_log)
		return reason_fail(reason, ERR_CORRUPT, "the store %s is missing but its log %s is there; restore both from a backup or "
			"move the log away", path, log);
	if (has_journal)
		return reason_fail(reason, ERR_CORRUPT, "%s would be played back into the store but is not the store's; move it away", journal);
	*out_exists = exists;
	return ERR_OK;
}

/* True when fd is still the file that the name leads to. */
static bool is_same_file(int fd, const char *path)
{
	struct stat a, b;
	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 && a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

static void remove_companions(const char *path)
{
	static const char *const suffixes[] = { "-wal", "-shm", "-journal" };
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		AUTO_FREE char *name = join(path, suffixes[i], "");
		if (name) unlink(name);
	}
}

enum coffer_err sqlite_file_make(const char *path, char **out_new, int *out_fd, struct reason *reason)
{
	AUTO_FREE char *name = join(path, ".new", "");
	ENSURE(name, ERR_MEMORY);
	AUTO_FD int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	if (fd < 0)
		return reason_fail(reason, from_errno(errno), "the store %s cannot be made: %s; check the directory and its file system",
			path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 || !is_same_file(fd, name))
		return reason_fail(reason, ERR_BUSY, "another process is making the store %s; try again when it is done", path);
	if (access(path, F_OK) == 0) {
		unlink(name);
		return ERR_EXISTS;
	}
	/* What an earlier attempt left behind is of no use: it was never named. */
	remove_companions(name);
	if (ftruncate(fd, 0) != 0 || fchmod(fd, FILE_MODE) != 0)
		return reason_fail(reason, from_errno(errno), "%s cannot be prepared: %s; remove it and try again", name,
			strerror(errno));
	*out_new = TAKE(name);
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}

static enum coffer_err sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *dir = strndup(path, slash == path ? 1 : (size_t)(slash - path));
	ENSURE(dir, ERR_MEMORY);
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ENSURE(fd >= 0 && fsync(fd) == 0, from_errno(errno));
	return ERR_OK;
}

enum coffer_err sqlite_file_adopt(const char *new_path, const char *path, struct reason *reason)
{
	enum coffer_err err = rename(new_path, path) == 0 ? ERR_OK : from_errno(errno);
	if (!err) err = sync_directory_of(path);
	if (err)
		return reason_fail(reason, err, "the store %s was made but cannot be named: %s; check the disk", path, strerror(errno));
	return ERR_OK;
}

void sqlite_file_discard(const char *new_path)
{
	remove_companions(new_path);
	unlink(new_path);
}
