/* One file for each keeper. */
#include "cli/share_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/cli.h"
#include "cli/files.h"

int secret_file_write(const char *path, const struct secret *text)
{
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return cli_fail(EXIT_REFUSED, "%s cannot be made: %s", path, strerror(errno));
	size_t len = strlen((const char *)secret_bytes(text));
	if (write(fd, secret_bytes(text), len) != (ssize_t)len || fsync(fd) != 0)
		return cli_fail(EXIT_REFUSED, "%s cannot be written: %s", path, strerror(errno));
	return EXIT_DONE;
}

static int write_share(const char *folder, size_t number, const struct secret *text)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/share-%zu.txt", folder, number);
	return secret_file_write(path, text);
}

int share_files_write(const char *folder, struct secret *const *shares, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int status = write_share(folder, i + 1, shares[i]);
		if (status) return status;
	}
	return folder_sync(folder);
}
