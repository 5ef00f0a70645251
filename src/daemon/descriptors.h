/* The limit of descriptors: raised as far as it goes, and divided. Main thread. */
#ifndef COFFER_DAEMON_DESCRIPTORS_H
#define COFFER_DAEMON_DESCRIPTORS_H

#include "base/reason.h"
#include "daemon/daemon.h"

/* Raises RLIMIT_NOFILE for max_connections and sets d->connection_room: how many connections there may be at a time, with a reserve left for the
 * daemon's own needs (token helper, store, configuration, refusing a connection). ERR_USAGE: not even a few connections would fit. */
enum coffer_err descriptors_prepare(struct daemon *d, unsigned workers, struct reason *reason) MUST_USE;

#endif
