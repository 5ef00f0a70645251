/* Threads for requests that may wait: token calls, init, status, unsealing. */
#ifndef COFFER_DAEMON_ADMIN_POOL_H
#define COFFER_DAEMON_ADMIN_POOL_H

#include "daemon/daemon.h"

enum coffer_err admin_pool_start(struct daemon *d) MUST_USE;
/* Runs fn(arg) on one of the threads. False when the daemon is stopping. Any thread. */
bool admin_pool_call(struct daemon *d, void (*fn)(void *arg), void *arg);
/* Ends when the queue is empty. */
void admin_pool_stop(struct daemon *d);

#endif
