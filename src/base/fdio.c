/* Descriptors. */
#include "base/fdio.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

static enum coffer_err wait_for(int fd, short events, uint64_t deadline_ms)
{
	for (;;) {
		int timeout = -1;
		if (deadline_ms != FDIO_NO_DEADLINE) {
			uint64_t now = clock_mono_ms();
			if (now >= deadline_ms) return ERR_TIMEOUT;
			timeout = deadline_ms - now > 60000 ? 60000 : (int)(deadline_ms - now);
		}
		struct pollfd p = { fd, events, 0 };
		int n = poll(&p, 1, timeout);
		if (n > 0) return ERR_OK;
		if (n < 0 && errno != EINTR) return ERR_IO;
	}
}

static bool would_block(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK;
}

enum coffer_err fdio_read_exact(int fd, void *ptr, size_t len, uint64_t deadline_ms)
{
	for (uint8_t *p = ptr; len > 0;) {
		TRY(wait_for(fd, POLLIN, deadline_ms));
		ssize_t n = read(fd, p, len);
		if (n == 0) return ERR_CLOSED;
		if (n < 0 && (errno == EINTR || would_block())) continue;
		if (n < 0) return errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum coffer_err fdio_write_exact(int fd, const void *ptr, size_t len, uint64_t deadline_ms)
{
	for (const uint8_t *p = ptr; len > 0;) {
		TRY(wait_for(fd, POLLOUT, deadline_ms));
		ssize_t n = send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == ENOTSOCK) n = write(fd, p, len);
		if (n < 0 && (errno == EINTR || would_block())) continue;
		if (n < 0) return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum coffer_err fdio_read_file(const char *path, size_t max, struct buf *out, struct reason *reason)
{
	AUTO_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return reason_fail(reason, errno == ENOENT ? ERR_NOT_FOUND : ERR_IO, "%s cannot be read: %s", path, strerror(errno));
	size_t begin = out->len;
	for (;;) {
		TRY(buf_reserve(out, 4096));
		ssize_t n = read(fd, out->ptr + out->len, out->cap - out->len);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return reason_fail(reason, ERR_IO, "%s cannot be read: %s", path, strerror(errno));
		if (n == 0) return ERR_OK;
		out->len += (size_t)n;
		if (out->len - begin > max) return reason_fail(reason, ERR_TOO_LARGE, "%s is larger than %zu bytes", path, max);
	}
}

static enum coffer_err io_fail(struct reason *reason, const char *path)
{
	return reason_fail(reason, errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO, "%s cannot be written: %s", path, strerror(errno));
}

static enum coffer_err sync_folder(const char *path, struct reason *reason)
{
	char folder[4096];
	snprintf(folder, sizeof folder, "%s", path);
	char *slash = strrchr(folder, '/');
	if (!slash) memcpy(folder, ".", 2);
	else slash[slash == folder ? 1 : 0] = '\0';
	AUTO_FD int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd) != 0) return io_fail(reason, folder);
	return ERR_OK;
}

static enum coffer_err write_temporary(const char *temporary, mode_t mode, struct view bytes, struct reason *reason)
{
	AUTO_FD int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0) return io_fail(reason, temporary);
	for (size_t at = 0; at < bytes.len;) {
		ssize_t n = write(fd, bytes.ptr + at, bytes.len - at);
		if (n < 0 && errno == EINTR) continue;
		if (n < 0) return io_fail(reason, temporary);
		at += (size_t)n;
	}
	if (fchmod(fd, mode) != 0 || fsync(fd) != 0) return io_fail(reason, temporary);
	return ERR_OK;
}

enum coffer_err fdio_write_file_atomic(const char *path, mode_t mode, struct view bytes, struct reason *reason)
{
	char temporary[4096];
	if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
		return reason_fail(reason, ERR_USAGE, "the path %s is too long", path);
	unlink(temporary); /* what a crash left */
	enum coffer_err err = write_temporary(temporary, mode, bytes, reason);
	if (!err && rename(temporary, path) != 0) err = io_fail(reason, path);
	if (err) {
		unlink(temporary);
		return err;
	}
	return sync_folder(path, reason);
}

enum coffer_err fdio_send_fd(int socket, struct view message, int pass_fd)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(sizeof(int))]; } control = { 0 };
	struct iovec iov = { (void *)(uintptr_t)message.ptr, message.len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	if (pass_fd >= 0) {
		msg.msg_control = control.space;
		msg.msg_controllen = sizeof control.space;
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(c), &pass_fd, sizeof pass_fd);
	}
	ssize_t n;
	do n = sendmsg(socket, &msg, MSG_NOSIGNAL); while (n < 0 && errno == EINTR);
	if (n < 0) return errno == EPIPE || errno == ECONNRESET ? ERR_CLOSED : would_block() ? ERR_BUSY : ERR_IO;
	return (size_t)n == message.len ? ERR_OK : ERR_IO;
}

/* Keeps the first descriptor of the message, closes the others. Returns how many there were. */
static size_t take_fds(struct msghdr *msg, int *out_fd)
{
	size_t count = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++, count++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (count == 0) *out_fd = fd;
			else close(fd);
		}
	}
	return count;
}

enum coffer_err fdio_recv_fd(int socket, void *message, size_t cap, size_t *out_len, int *out_fd)
{
	union { struct cmsghdr header; char space[CMSG_SPACE(8 * sizeof(int))]; } control = { 0 };
	struct iovec iov = { message, cap };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.space, .msg_controllen = sizeof control.space };
	ssize_t n;
	do n = recvmsg(socket, &msg, MSG_CMSG_CLOEXEC); while (n < 0 && errno == EINTR);
	if (n < 0) return would_block() ? ERR_BUSY : errno == ECONNRESET ? ERR_CLOSED : ERR_IO;
	AUTO_FD int fd = -1;
	size_t count = take_fds(&msg, &fd);
	if (n == 0 && count == 0) return ERR_CLOSED;
	if (msg.msg_flags & MSG_TRUNC) return ERR_TOO_LARGE;
	if (count > 1 || (msg.msg_flags & MSG_CTRUNC)) return ERR_INPUT;
	*out_len = (size_t)n;
	*out_fd = TAKE_FD(fd);
	return ERR_OK;
}
