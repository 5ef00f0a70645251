/* coffer-stored's work: requests of the channel, answered from a store. One thread. */
#ifndef COFFER_STORED_SERVE_H
#define COFFER_STORED_SERVE_H

#include "store/remote_wire.h"

/* What the answer to OPEN says of it. */
struct stored_server {
	char name[REMOTE_NAME_MAX + 1]; /* host and port, for people */
	uint32_t version, timeline;
	uint64_t system;
};

/* Opens the store that a request names, once. Errors of the store's opening. */
struct stored_opener {
	enum coffer_err (*open)(void *arg, const struct remote_request *q, struct store **out, struct stored_server *server, struct reason *reason);
	void *arg;
};

/* Until the other end closes the channel: ERR_OK. ERR_INPUT: it broke the protocol. ERR_IO, ERR_MEMORY. A store that is open then is closed. */
enum coffer_err stored_serve(int fd, const struct stored_opener *opener) MUST_USE;

#endif
