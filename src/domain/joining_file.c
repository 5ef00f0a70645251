/* pending/join on disk. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"
#include "domain/joining.h"

static enum coffer_err path_of(const char *dir, const char *name, char out[static PATH_MAX], struct reason *reason)
{
	int len = snprintf(out, PATH_MAX, "%s/%s", dir, name);
	return len > 0 && len < PATH_MAX ? ERR_OK : reason_fail(reason, ERR_USAGE, "the path of the state directory is too long");
}

static enum coffer_err sync_dir(const char *dir, struct reason *reason)
{
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : reason_fail(reason, ERR_IO, "%s cannot be synced: %s", dir, strerror(errno));
}

enum coffer_err joining_write(const char *dir, const struct joining *j, struct reason *reason)
{
	char folder[PATH_MAX], path[PATH_MAX];
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	TRY(path_of(dir, "pending", folder, reason));
	TRY(path_of(dir, "pending/join", path, reason));
	enum coffer_err err = joining_encode(j, &bytes);
	if (err == ERR_FIELD) return reason_fail(reason, err, "what is kept of the join under way does not fit its file");
	TRY(err);
	if (mkdir(folder, 0700) != 0 && errno != EEXIST) return reason_fail(reason, ERR_IO, "%s cannot be made: %s", folder, strerror(errno));
	TRY(sync_dir(dir, reason));
	return fdio_write_file_atomic(path, 0600, buf_view(&bytes), reason);
}

static enum coffer_err open_file(const char *path, int *out_fd, struct reason *reason)
{
	struct stat st;
	AUTO_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT) return reason_fail(reason, ERR_NOT_FOUND, "no join is under way; run 'coffer node join'");
	if (fd < 0 && errno == ELOOP) return reason_fail(reason, ERR_USAGE, "%s is a symbolic link; put the file itself there", path);
	if (fd < 0 || fstat(fd, &st) != 0) return reason_fail(reason, ERR_IO, "cannot open %s: %s", path, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return reason_fail(reason, ERR_USAGE, "%s must be a file of this user that nobody else can read (mode 0600)", path);
	*out_fd = fd;
	fd = -1;
	return ERR_OK;
}

enum coffer_err joining_read(const char *dir, struct joining *out, struct reason *reason)
{
	char path[PATH_MAX];
	AUTO_FD int fd = -1;
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	TRY(path_of(dir, "pending/join", path, reason));
	TRY(open_file(path, &fd, reason));
	enum coffer_err err = fdio_read_all(fd, JOINING_FILE_MAX, &bytes);
	if (!err) err = joining_decode(buf_view(&bytes), out);
	if (err == ERR_VERSION) return reason_fail(reason, err, "%s has a format that this version does not know; install a newer Coffer", path);
	if (err == ERR_CORRUPT || err == ERR_TOO_LARGE)
		return reason_fail(reason, ERR_CORRUPT, "%s is damaged; remove it and run 'coffer node join' again: the request before is then of no use", path);
	return err ? reason_fail(reason, err, "cannot read %s", path) : ERR_OK;
}

enum coffer_err joining_erase(const char *dir, struct reason *reason)
{
	char folder[PATH_MAX], path[PATH_MAX];
	TRY(path_of(dir, "pending", folder, reason));
	TRY(path_of(dir, "pending/join", path, reason));
	if (unlink(path) != 0 && errno != ENOENT) return reason_fail(reason, ERR_IO, "cannot remove %s: %s", path, strerror(errno));
	if (rmdir(folder) == 0 || errno == ENOENT) return sync_dir(dir, reason);
	return sync_dir(folder, reason); /* something else is pending */
}
