/* Exact reads and writes with deadlines, and descriptors that travel over a socket. */
#include "base/fdio.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/ct.h"

#define READ_CHUNK 4096u  /* bytes read at a time when the length is not known */
#define FDS_MAX 16u       /* descriptors that one message may carry and we can still close */

static enum coffer_err err_of_errno(void)
{
	switch (errno) {
	case EPIPE: case ECONNRESET: case ENOTCONN: return ERR_CLOSED;
	case ENOSPC: case EDQUOT: return ERR_FULL;
	case EMSGSIZE: return ERR_TOO_LARGE;
	default: return ERR_IO;
	}
}

/* Waits until fd is ready for events, has an error or has ended. */
static enum coffer_err wait_ready(int fd, short events, uint64_t deadline_mono_ms)
{
	for (;;) {
		struct pollfd p = { .fd = fd, .events = events };
		int timeout = -1;
		if (deadline_mono_ms != FDIO_NO_DEADLINE) {
			uint64_t now = clock_mono_ms(), left = deadline_mono_ms > now ? deadline_mono_ms - now : 0;
			timeout = left > INT_MAX ? INT_MAX : (int)left;
		}
		int n = poll(&p, 1, timeout);
		if (n > 0) return p.revents & POLLNVAL ? ERR_IO : ERR_OK;
		if (n < 0 && errno != EINTR) return ERR_IO;
		if (n == 0 && timeout >= 0 && clock_mono_ms() >= deadline_mono_ms) return ERR_TIMEOUT;
	}
}

static bool is_retry(void)
{
	return errno == EINTR || errno == EAGAIN || errno == EWOULDBLOCK;
}

/* One read that does not block on sockets; other descriptors were polled before. */
static ssize_t read_some(int fd, void *ptr, size_t len)
{
	ssize_t n = recv(fd, ptr, len, MSG_DONTWAIT);
	return n < 0 && errno == ENOTSOCK ? read(fd, ptr, len) : n;
}

/* A pipe that polls as writable takes PIPE_BUF bytes without blocking. */
static ssize_t write_some(int fd, const void *ptr, size_t len)
{
	ssize_t n = send(fd, ptr, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 && errno == ENOTSOCK ? write(fd, ptr, len < PIPE_BUF ? len : PIPE_BUF) : n;
}

enum coffer_err fdio_read_exact(int fd, void *ptr, size_t len, uint64_t deadline_mono_ms)
{
	uint8_t *at = ptr;
	size_t done = 0;
	while (done < len) {
		TRY(wait_ready(fd, POLLIN, deadline_mono_ms));
		ssize_t n = read_some(fd, at + done, len - done);
		if (n == 0) return done ? ERR_TRUNCATED : ERR_CLOSED;
		if (n < 0 && !is_retry()) return err_of_errno();
		if (n > 0) done += (size_t)n;
	}
	return ERR_OK;
}

enum coffer_err fdio_write_exact(int fd, const void *ptr, size_t len, uint64_t deadline_mono_ms)
{
	const uint8_t *at = ptr;
	size_t done = 0;
	while (done < len) {
		TRY(wait_ready(fd, POLLOUT, deadline_mono_ms));
		ssize_t n = write_some(fd, at + done, len - done);
		if (n < 0 && !is_retry()) return err_of_errno();
		if (n > 0) done += (size_t)n;
	}
	return ERR_OK;
}

enum coffer_err fdio_write_all(int fd, struct view bytes)
{
	return fdio_write_exact(fd, bytes.ptr, bytes.len, FDIO_NO_DEADLINE);
}

/* Reads to the end into the room behind out->len, without moving out->len past what was read. */
static enum coffer_err read_to_end(int fd, size_t max, struct buf *out)
{
	size_t begin = out->len;
	for (;;) {
		TRY(wait_ready(fd, POLLIN, FDIO_NO_DEADLINE));
		TRY(buf_reserve(out, READ_CHUNK));
		ssize_t n = read_some(fd, out->ptr + out->len, READ_CHUNK);
		if (n == 0) return ERR_OK;
		if (n < 0 && !is_retry()) return err_of_errno();
		if (n > 0) out->len += (size_t)n;
		if (out->len - begin > max) return ERR_TOO_LARGE;
	}
}

enum coffer_err fdio_read_all(int fd, size_t max, struct buf *out)
{
	size_t begin = out->len;
	enum coffer_err err = read_to_end(fd, max, out);
	if (err == ERR_OK) return ERR_OK;
	if (out->len > begin) wipe(out->ptr + begin, out->len - begin);
	out->len = begin;
	return err;
}

/* Room for control data, aligned as its header. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

enum coffer_err fdio_send_fd(int sock, struct view message, int fd, uint64_t deadline_mono_ms)
{
	union control control = { .bytes = { 0 } };
	union { const uint8_t *in; void *out; } base = { .in = message.ptr }; /* iovec has no const */
	struct iovec part = { base.out, message.len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1 };
	PRE(message.len > 0);
	if (fd >= 0) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(sizeof fd);
		struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	for (;;) {
		TRY(wait_ready(sock, POLLOUT, deadline_mono_ms));
		ssize_t n = sendmsg(sock, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n >= 0) return (size_t)n == message.len ? ERR_OK : ERR_IO;
		if (!is_retry()) return err_of_errno();
	}
}

/* The first descriptor of the message, or -1; closes the others. */
static int take_first_fd(struct msghdr *msg)
{
	int first = -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (first < 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

enum coffer_err fdio_recv_fd(int sock, void *message, size_t cap, uint64_t deadline_mono_ms, size_t *out_len, int *out_fd)
{
	union control control;
	struct iovec part = { message, cap };
	struct msghdr msg;
	ssize_t n;
	do {
		TRY(wait_ready(sock, POLLIN, deadline_mono_ms));
		msg = (struct msghdr){ .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes,
			.msg_controllen = sizeof control.bytes };
		n = recvmsg(sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n < 0 && !is_retry()) return err_of_errno();
	} while (n < 0);

	int fd = take_first_fd(&msg);
	enum coffer_err err = n == 0 ? ERR_CLOSED : msg.msg_flags & MSG_TRUNC ? ERR_TOO_LARGE :
		msg.msg_flags & MSG_CTRUNC ? ERR_INPUT : ERR_OK;
	if (err != ERR_OK) {
		if (fd >= 0) close(fd);
		return err;
	}
	*out_len = (size_t)n;
	*out_fd = fd;
	return ERR_OK;
}
