/* The marks of a zeroise as files. */
#include "ops/zeroise_mark.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/fdio.h"

#define PATH_LEN 4096

static enum coffer_err path_of(const char *dir, const char *name, char out[static PATH_LEN])
{
	return snprintf(out, PATH_LEN, "%s/%s", dir, name) < PATH_LEN ? ERR_OK : ERR_USAGE;
}

static enum coffer_err put(const char *dir, const char *name, const char *text, struct reason *reason)
{
	char path[PATH_LEN];
	if (path_of(dir, name, path) != ERR_OK) return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	return fdio_write_file_atomic(path, 0600, view_str(text), reason);
}

enum coffer_err zeroise_mark_put(const char *dir, struct reason *reason)
{
	return put(dir, ZEROISE_MARK, "coffer zeroise: this folder is wiped when cofferd starts\n", reason);
}

enum coffer_err zeroise_order_put(const char *dir, struct reason *reason)
{
	return put(dir, ZEROISE_ORDER, "coffer zeroise: the token is being asked to destroy the master secret; once it has none this folder is wiped\n", reason);
}

enum coffer_err zeroise_order_remove(const char *dir)
{
	char path[PATH_LEN];
	TRY(path_of(dir, ZEROISE_ORDER, path));
	if (unlink(path) != 0) return errno == ENOENT ? ERR_OK : ERR_IO;
	AUTO_FD int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && fsync(fd) == 0 ? ERR_OK : ERR_IO;
}

bool zeroise_order_is_there(const char *dir)
{
	char path[PATH_LEN];
	return path_of(dir, ZEROISE_ORDER, path) == ERR_OK && faccessat(AT_FDCWD, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}
