/* Files and pipes of the command line. */
#include "cli/files.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define WRITE_BACK_STEP (4 * 1024 * 1024) /* bytes */

/* The temporary file of the command under way, for the signal handler: one command has one output. */
static char pending[4096];

static void on_signal(int signal)
{
	if (pending[0]) unlink(pending);
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigaction(signal, &standard, NULL);
	raise(signal);
}

int input_open(const char *path, struct input *out)
{
	struct stat st;
	*out = (struct input){ .fd = STDIN_FILENO, .name = "standard input" };
	if (path && strcmp(path, "-") != 0) {
		out->name = path;
		out->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
		if (out->fd < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", path, strerror(errno));
	}
	if (fstat(out->fd, &st) == 0) {
		if (S_ISDIR(st.st_mode)) {
			input_close(out);
			return cli_fail(EXIT_REFUSED, "%s is a folder; name a file", out->name);
		}
		if (S_ISREG(st.st_mode)) {
			off_t at = lseek(out->fd, 0, SEEK_CUR); /* standard input may begin anywhere */
			if (at < 0) at = 0;
			out->size = at < st.st_size ? (uint64_t)(st.st_size - at) : 0;
			out->changed = st.st_mtim;
			(void)posix_fadvise(out->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
		}
	}
	return EXIT_DONE;
}

void input_close(struct input *in)
{
	if (in->fd > STDERR_FILENO) close(in->fd);
	in->fd = -1;
}

int input_read(struct input *in, uint8_t *buf, size_t cap, size_t *out_len)
{
	size_t len = 0;
	while (len < cap) {
		ssize_t n = read(in->fd, buf + len, cap - len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return cli_fail(EXIT_REFUSED, "%s cannot be read: %s", in->name, strerror(errno));
		if (n == 0) break;
		len += (size_t)n;
	}
	in->got += len;
	*out_len = len;
	return EXIT_DONE;
}

/* What some file systems say of the size of a file that they make up is not true, but it does not change either. */
bool input_shrank(const struct input *in)
{
	struct stat st;
	if (in->got >= in->size || fstat(in->fd, &st) != 0) return false;
	return st.st_mtim.tv_sec != in->changed.tv_sec || st.st_mtim.tv_nsec != in->changed.tv_nsec;
}

static int write_failed(const struct output *out)
{
	return cli_fail(EXIT_REFUSED, "%s cannot be written: %s%s", out->path ? out->path : "standard output", strerror(errno),
		out->regular ? "; nothing was changed" : "");
}

/* What ends a command takes its temporary file along; what its caller wants ignored (nohup, a job in the background) stays so. A file that may not grow
 * any more is a failure to write. */
static void catch_signals(void)
{
	static const int endings[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGXCPU };
	struct sigaction action = { .sa_handler = on_signal }, before;
	for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++)
		if (sigaction(endings[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN) sigaction(endings[i], &action, NULL);
	signal(SIGXFSZ, SIG_IGN);
}

int output_open(const char *path, struct output *out)
{
	struct stat st;
	*out = (struct output){ .fd = STDOUT_FILENO };
	if (!path || strcmp(path, "-") == 0) return EXIT_DONE;
	out->path = path;
	/* Devices and pipes are written in place; a file, also one behind a link, is replaced. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode)) {
		out->fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
		return out->fd < 0 ? write_failed(out) : EXIT_DONE;
	}
	out->regular = true;
	if (snprintf(out->temporary, sizeof out->temporary, "%s.part-XXXXXX", path) >= (int)sizeof out->temporary)
		return cli_fail(EXIT_REFUSED, "the path %s is too long", path);
	out->fd = mkostemp(out->temporary, O_CLOEXEC);
	if (out->fd < 0) {
		out->temporary[0] = '\0';
		return write_failed(out);
	}
	memcpy(pending, out->temporary, sizeof pending);
	catch_signals();
	return EXIT_DONE;
}

/* What was written goes to the disk while more is made, so that output_commit has little to wait for. */
static void start_write_back(struct output *out)
{
	if (!out->regular || out->written - out->started < WRITE_BACK_STEP) return;
	(void)sync_file_range(out->fd, out->started, out->written - out->started, SYNC_FILE_RANGE_WRITE);
	out->started = out->written;
}

int output_write(struct output *out, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		ssize_t n = write(out->fd, bytes, len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return write_failed(out);
		bytes += n;
		len -= (size_t)n;
		out->written += n;
	}
	start_write_back(out);
	return EXIT_DONE;
}

int folder_sync(const char *folder)
{
	AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	bool is_synced = fd >= 0 ? fsync(fd) == 0 || errno == EINVAL : errno == EACCES;
	return is_synced ? EXIT_DONE : cli_fail(EXIT_REFUSED, "what was written to the folder %s may not outlive a power loss: %s; check the disk", folder, strerror(errno));
}

static int sync_folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	AUTO_FREE char *folder = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
	if (!folder) return cli_fail(EXIT_REFUSED, "out of memory");
	return folder_sync(folder);
}

/* 0 or -1, errno as of rename; EEXIST: somebody has the name. */
static int take_free_name(const char *from, const char *to)
{
	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) return 0;
	if (errno != EINVAL && errno != ENOSYS) return -1;
	if (link(from, to) == 0) { /* NFS cannot do it in one step */
		unlink(from);
		return 0;
	}
	if (errno != EPERM && errno != EOPNOTSUPP && errno != ENOSYS) return -1;
	if (access(to, F_OK) != 0) return rename(from, to); /* a file system with neither: a last look is all there is */
	errno = EEXIST;
	return -1;
}

static int move_to_place(const struct output *out)
{
	if (!out->only_new) return rename(out->temporary, out->path) == 0 ? EXIT_DONE : write_failed(out);
	if (take_free_name(out->temporary, out->path) == 0) return EXIT_DONE;
	if (errno != EEXIST) return write_failed(out);
	return cli_fail(EXIT_REFUSED, "%s exists already: another command made it while this one worked; it was left as it is, choose a new name", out->path);
}

int output_commit(struct output *out)
{
	if (!out->regular) return EXIT_DONE;
	struct stat st;
	mode_t mask = umask(077), mode = 0666 & ~mask;
	umask(mask);
	if (out->only_mine) mode = 0600;
	else if (stat(out->path, &st) == 0) mode = st.st_mode & 07777; /* a file that is replaced keeps its mode */
	if (fchmod(out->fd, mode) != 0 || fsync(out->fd) != 0) return write_failed(out);
	int status = move_to_place(out);
	if (status) return status;
	out->temporary[0] = pending[0] = '\0';
	close(out->fd);
	out->fd = -1;
	return sync_folder_of(out->path);
}

void output_abandon(struct output *out)
{
	if (out->temporary[0]) unlink(out->temporary);
	out->temporary[0] = pending[0] = '\0';
	if (out->fd > STDERR_FILENO) close(out->fd);
	out->fd = -1;
}
