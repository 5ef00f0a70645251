/* The state directory's check and lock. */
#include "daemon/state_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static enum coffer_err check_dir(const char *dir, struct reason *reason)
{
	struct stat st;
	if (lstat(dir, &st) != 0)
		return reason_fail(reason, ERR_USAGE, "the state directory %s cannot be used: %s; create it with 'install -d -m 0700 -o USER %s'",
			dir, strerror(errno), dir);
	if (!S_ISDIR(st.st_mode)) return reason_fail(reason, ERR_USAGE, "the state directory %s is not a directory", dir);
	if (st.st_uid != geteuid())
		return reason_fail(reason, ERR_USAGE, "the state directory %s belongs to uid %lu, not to this daemon's uid %lu; mend it with 'chown'",
			dir, (unsigned long)st.st_uid, (unsigned long)geteuid());
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return reason_fail(reason, ERR_USAGE, "the state directory %s is open to other users; mend it with 'chmod 0700 %s'", dir, dir);
	return ERR_OK;
}

#define HOLDER_LEN 32
#define STOPPING " is stopping"

static void read_holder(int fd, char out[static HOLDER_LEN])
{
	ssize_t n = pread(fd, out, HOLDER_LEN - 1, 0);
	out[n < 0 ? 0 : n] = '\0';
	out[strcspn(out, "\n")] = '\0';
}

bool state_dir_holder_stops(const char *dir)
{
	char path[4096], holder[HOLDER_LEN];
	if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path) return false;
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0) return false;
	read_holder(fd, holder);
	return strstr(holder, STOPPING) != NULL;
}

void state_dir_stopping(int fd)
{
	char text[HOLDER_LEN];
	int n = snprintf(text, sizeof text, "%ld" STOPPING "\n", (long)getpid());
	if (fd >= 0) (void)!pwrite(fd, text, (size_t)n, 0);
}

static enum coffer_err refuse_second(const char *dir, int fd, struct reason *reason)
{
	char pid[HOLDER_LEN];
	read_holder(fd, pid);
	return reason_fail(reason, ERR_BUSY, "another cofferd (pid %s) uses %s; stop it first or give this one its own state_dir",
		pid[0] ? pid : "?", dir);
}

enum coffer_err state_dir_lock(const char *dir, int *out_fd, struct reason *reason)
{
	char path[4096];
	TRY(check_dir(dir, reason));
	if (snprintf(path, sizeof path, "%s/lock", dir) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "the path of the state directory is too long");
	AUTO_FD int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) return reason_fail(reason, ERR_IO, "%s cannot be opened: %s", path, strerror(errno));
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK) return refuse_second(dir, fd, reason);
		return reason_fail(reason, ERR_IO, "%s cannot be locked: %s", path, strerror(errno));
	}
	char pid[32];
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	if (ftruncate(fd, 0) != 0 || pwrite(fd, pid, (size_t)n, 0) != n)
		return reason_fail(reason, errno == ENOSPC ? ERR_FULL : ERR_IO, "%s cannot be written: %s", path, strerror(errno));
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}
