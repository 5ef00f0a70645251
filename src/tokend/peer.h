/* Who is at the other end of the channel, for a helper that a service manager starts for each connection to a socket. */
#ifndef COFFER_TOKEND_PEER_H
#define COFFER_TOKEND_PEER_H

#include "base/err.h"
#include "base/reason.h"

/* user: a name or decimal id. ERR_USAGE: there is no such user, or this process is root; ERR_AUTH: somebody else connected; ERR_IO. */
enum coffer_err peer_check(int channel_fd, const char *user, struct reason *reason) MUST_USE;

#endif
