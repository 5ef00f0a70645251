/* Opening the database, as the first request of the channel says. */
#ifndef COFFER_STORED_OPEN_H
#define COFFER_STORED_OPEN_H

#include "stored/serve.h"

/* Confines the process to what this connection needs, then connects: stored_opener.open of the program. One try in the life of a process. */
enum coffer_err stored_open(void *arg, const struct remote_request *q, struct store **out, struct stored_server *server, struct reason *reason);

#endif
