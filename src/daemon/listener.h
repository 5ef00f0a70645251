/* The local socket: bound safely, accepted on the main thread, connections handed to the workers in turn. */
#ifndef COFFER_DAEMON_LISTENER_H
#define COFFER_DAEMON_LISTENER_H

#include "daemon/daemon.h"

/* Binds config->socket: refuses to replace anything but a dead socket of its own, in a directory that strangers cannot write. */
enum coffer_err listener_open(struct daemon *d, struct reason *reason) MUST_USE;
/* Accepts on d->base. */
enum coffer_err listener_start(struct daemon *d) MUST_USE;
/* No more connections; removes the socket. */
void listener_close(struct daemon *d);

#endif
