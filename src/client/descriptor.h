/* Reading from a socket where a descriptor may come along. Used by client/ only. */
#ifndef COFFER_CLIENT_DESCRIPTOR_H
#define COFFER_CLIENT_DESCRIPTOR_H

#include <stddef.h>
#include <sys/types.h>

#define DESCRIPTOR_NONE (-1)
#define DESCRIPTOR_MANY (-2) /* more than one came: all are closed, and so is whatever comes later */

/* recv, with the one descriptor that comes (close-on-exec) put into *io_fd, which holds what came before. */
ssize_t descriptor_recv(int socket, void *buf, size_t cap, int *io_fd);

#endif
