/* Where a result lands. */
#include "client/landing.h"

#include <sys/socket.h>

#include "base/ct.h"

ssize_t landing_recv(struct landing *l, int fd)
{
	struct iovec parts[2];
	size_t count = 0, behind = l->got > l->len ? l->got - l->len : 0;
	if (l->got < l->len) parts[count++] = (struct iovec){ l->out + l->got, l->len - l->got };
	if (behind < l->padding) parts[count++] = (struct iovec){ l->zeros + behind, l->padding - behind };
	ssize_t n = recvmsg(fd, &(struct msghdr){ .msg_iov = parts, .msg_iovlen = count }, 0);
	if (n > 0) l->got += (size_t)n;
	return n;
}

size_t landing_left(const struct landing *l)
{
	return l->len + l->padding - l->got;
}

bool landing_is_well(const struct landing *l)
{
	uint8_t all = 0;
	for (size_t i = 0; i < l->padding; i++) all |= l->zeros[i];
	return all == 0;
}

void landing_drop(struct landing *l)
{
	wipe(l->out, l->got < l->len ? l->got : l->len);
}
