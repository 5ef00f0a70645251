/* The identity file on disk: written whole or not at all, read only when nobody else could have written it. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "keyring/identity.h"
#include "keyring/identity_format.h"

#define FILE_NAME "node.id"
#define TEMP_NAME "node.id.new"

static enum coffer_err open_dir(const char *dir, int *out_fd, struct reason *reason)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0) return reason_fail(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "cannot open %s: %s", dir, strerror(errno));
	*out_fd = fd;
	return ERR_OK;
}

static enum coffer_err write_all(int fd, struct view bytes)
{
	while (bytes.len > 0) {
		ssize_t n = write(fd, bytes.ptr, bytes.len);
		if (n < 0 && errno == EINTR) continue;
		ENSURE(n > 0, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO);
		bytes = view_of(bytes.ptr + n, bytes.len - (size_t)n);
	}
	return ERR_OK;
}

static enum coffer_err write_temporary(int dir_fd, struct view bytes)
{
	if (unlinkat(dir_fd, TEMP_NAME, 0) != 0 && errno != ENOENT) return ERR_IO; /* left by a crash */
	AUTO_FD int fd = openat(dir_fd, TEMP_NAME, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	ENSURE(fd >= 0, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO);
	TRY(write_all(fd, bytes));
	ENSURE(fsync(fd) == 0, ERR_IO);
	return ERR_OK;
}

enum coffer_err identity_write(const char *dir, const struct identity *identity, struct reason *reason)
{
	AUTO_FD int dir_fd = -1;
	uint8_t bytes[IDENTITY_BYTES_MAX];
	size_t len;
	enum coffer_err err = identity_encode(identity, bytes, &len);
	if (err_class(err) == ERR_CLASS_memory || err_class(err) == ERR_CLASS_crypto) return err;
	if (err) return reason_fail(reason, ERR_FIELD, "the token's description does not fit the identity file");
	TRY(open_dir(dir, &dir_fd, reason));
	err = write_temporary(dir_fd, view_of(bytes, len));
	if (!err && (renameat(dir_fd, TEMP_NAME, dir_fd, FILE_NAME) != 0 || fsync(dir_fd) != 0)) err = ERR_IO;
	if (err) {
		int cause = errno;
		unlinkat(dir_fd, TEMP_NAME, 0);
		return reason_fail(reason, err, "cannot write %s/" FILE_NAME ": %s", dir, strerror(cause));
	}
	return ERR_OK;
}

/* Reads to the end, at most cap bytes. */
static enum coffer_err read_all(int fd, uint8_t *to, size_t cap, size_t *out_len)
{
	size_t len = 0;
	for (;;) {
		ssize_t n = read(fd, to + len, cap - len);
		if (n < 0 && errno == EINTR) continue;
		ENSURE(n >= 0, ERR_IO);
		if (n == 0) break;
		len += (size_t)n;
		ENSURE(len < cap, ERR_CORRUPT);
	}
	*out_len = len;
	return ERR_OK;
}

static enum coffer_err check_file(const char *dir, int fd, struct reason *reason)
{
	struct stat st;
	if (fstat(fd, &st) != 0) return reason_fail(reason, ERR_IO, "cannot read %s/" FILE_NAME ": %s", dir, strerror(errno));
	if (!S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 077) != 0)
		return reason_fail(reason, ERR_USAGE,
			"%s/" FILE_NAME " must be a file of this user that nobody else can read (mode 0600)", dir);
	return ERR_OK;
}

enum coffer_err identity_read(const char *dir, struct identity *out, struct reason *reason)
{
	AUTO_FD int dir_fd = -1;
	uint8_t bytes[IDENTITY_BYTES_MAX];
	size_t len = 0;
	TRY(open_dir(dir, &dir_fd, reason));
	AUTO_FD int fd = openat(dir_fd, FILE_NAME, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return reason_fail(reason, ERR_NOT_FOUND, "%s has no identity file; run 'coffer init'", dir);
	if (fd < 0 && errno == ELOOP)
		return reason_fail(reason, ERR_USAGE, "%s/" FILE_NAME " is a symbolic link; put the file itself there", dir);
	if (fd < 0)
		return reason_fail(reason, ERR_IO, "cannot open %s/" FILE_NAME ": %s", dir, strerror(errno));
	TRY(check_file(dir, fd, reason));
	enum coffer_err err = read_all(fd, bytes, sizeof bytes, &len);
	if (!err) err = identity_decode(view_of(bytes, len), out);
	if (err == ERR_VERSION)
		return reason_fail(reason, err,
			"%s/" FILE_NAME " has a format that this version does not know; install a newer Coffer", dir);
	if (err == ERR_CORRUPT)
		return reason_fail(reason, err, "%s/" FILE_NAME " is damaged; put back a copy of it, or restore this node", dir);
	if (err) return reason_fail(reason, err, "cannot read %s/" FILE_NAME, dir);
	return ERR_OK;
}
