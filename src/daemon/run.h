/* The life of the key-holding process: everything opened, run, drained, closed. */
#ifndef COFFER_DAEMON_RUN_H
#define COFFER_DAEMON_RUN_H

#include "config/config.h"
#include "daemon/options.h"

/* Takes config. Returns the exit status. The arena and OpenSSL are ready. */
int daemon_run(struct config *config, const struct options *options);

#endif
