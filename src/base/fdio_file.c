/* Whole files: bounded reading and crash-safe replacing. */
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

enum coffer_err fdio_read_file(const char *path, size_t max, struct buf *out, struct reason *reason)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 && errno == ENOENT) return reason_fail(reason, ERR_NOT_FOUND, "%s does not exist", path);
	if (fd < 0) return reason_fail(reason, ERR_IO, "cannot open %s: %m", path);
	enum coffer_err err = fdio_read_all(fd, max, out);
	if (err == ERR_TOO_LARGE) return reason_fail(reason, err, "%s has more than %zu bytes", path, max);
	if (err == ERR_MEMORY) return reason_fail(reason, err, "no room in secret memory to read %s", path);
	if (err != ERR_OK) return reason_fail(reason, ERR_IO, "cannot read %s: %m", path);
	return ERR_OK;
}

static enum coffer_err fail_errno(const char *doing, const char *path, struct reason *reason)
{
	enum coffer_err err = errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
	return reason_fail(reason, err, "cannot %s %s: %m", doing, path);
}

static enum coffer_err write_temporary(int fd, mode_t mode, struct view bytes, const char *path, struct reason *reason)
{
	if (fchmod(fd, mode) != 0) return fail_errno("set the mode of", path, reason);
	if (fdio_write_all(fd, bytes) != ERR_OK) return fail_errno("write", path, reason);
	if (fsync(fd) != 0) return fail_errno("sync", path, reason);
	return ERR_OK;
}

static enum coffer_err sync_directory_of(const char *path, struct reason *reason)
{
	char copy[PATH_MAX]; /* dirname changes its argument */
	memcpy(copy, path, strlen(path) + 1);
	AUTO_FD int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0)
		return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "%s was replaced, but its directory cannot be synced: %m", path);
	return ERR_OK;
}

enum coffer_err fdio_write_file_atomic(const char *path, mode_t mode, struct view bytes, struct reason *reason)
{
	char temporary[PATH_MAX];
	int len = snprintf(temporary, sizeof temporary, "%s.XXXXXX", path);
	if (len < 0 || (size_t)len >= sizeof temporary) return reason_fail(reason, ERR_IO, "the path of a file is too long");
	AUTO_FD int fd = mkostemp(temporary, O_CLOEXEC);
	if (fd < 0) return fail_errno("make a file beside", path, reason);

	enum coffer_err err = write_temporary(fd, mode, bytes, path, reason);
	if (err == ERR_OK && rename(temporary, path) != 0) err = fail_errno("replace", path, reason);
	if (err != ERR_OK) {
		(void)unlink(temporary);
		return err;
	}
	return sync_directory_of(path, reason);
}
