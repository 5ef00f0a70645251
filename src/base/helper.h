/* What helper programs begin with: the channel to cofferd is descriptor 3, and they are started by the monitor, or (--peer) by a service manager that accepted a
 * connection from cofferd. Before there are threads. */
#ifndef COFFER_BASE_HELPER_H
#define COFFER_BASE_HELPER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/reason.h"

#define HELPER_CHANNEL_FD 3

struct helper_arguments {
	bool debug;
	const char *peer; /* NULL: started by the monitor */
};

/* --debug and --peer USER, and nothing else. */
bool helper_parse(int argc, char **argv, struct helper_arguments *out);
/* Descriptor 3 is a socket of this type (SOCK_STREAM, SOCK_SEQPACKET); it closes at exec from now on. */
bool helper_has_channel(int type);
/* No other descriptor, process_harden, and with a peer (a name or decimal id) the look who is at the other end. ERR_USAGE: there is no such user, or this process is
 * root; ERR_AUTH: somebody else connected; ERR_IO. */
enum coffer_err helper_prepare(const char *peer, struct reason *reason) MUST_USE;

#endif
