/* Descriptors that come over a socket: one is wanted, every other is closed. */
#include "client/descriptor.h"

#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define ROOM 4u /* descriptors; the kernel closes those beyond it */

static void keep(int fd, int *io_fd)
{
	if (*io_fd == DESCRIPTOR_NONE) {
		*io_fd = fd;
		return;
	}
	close(fd);
	if (*io_fd >= 0) close(*io_fd);
	*io_fd = DESCRIPTOR_MANY;
}

static void take_all(struct msghdr *m, int *io_fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
		size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			keep(fd, io_fd);
		}
	}
}

ssize_t descriptor_recv(int socket, void *buf, size_t cap, int *io_fd)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(ROOM * sizeof(int))];
	} control;
	struct iovec io = { buf, cap };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	ssize_t n = recvmsg(socket, &m, MSG_CMSG_CLOEXEC);
	if (n < 0) return n;
	take_all(&m, io_fd);
	return n;
}
