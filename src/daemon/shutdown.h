/* Orderly ends: drain on SIGTERM, and configuration read again on SIGHUP. Main thread. */
#ifndef COFFER_DAEMON_SHUTDOWN_H
#define COFFER_DAEMON_SHUTDOWN_H

#include "daemon/daemon.h"

/* Catches SIGTERM, SIGINT and SIGHUP on d->base; SIGPIPE is ignored. */
enum coffer_err shutdown_catch_signals(struct daemon *d) MUST_USE;
/* No more connections; what is under way ends, at the latest after drain_timeout; then the loop of the main thread ends. */
void shutdown_begin(struct daemon *d);
/* Reads the configuration again: a bad file changes nothing and is said so. A token that was stopped is tried once more. */
void shutdown_reload(struct daemon *d);

#endif
