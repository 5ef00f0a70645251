/* The format level of the domain while a node runs (docs/formats.md section 23.8): heard of with the other nodes' changes, and raised by the master server. Store thread, outside a transaction. */
#ifndef COFFER_DAEMON_LEVEL_WATCH_H
#define COFFER_DAEMON_LEVEL_WATCH_H

#include "daemon/daemon.h"
#include "ops/shared_news.h"

/* After the others' changes were read. A node whose program does not know the domain's level closes, and its process is started anew. */
void level_watch_heard(struct daemon *d, const struct shared_news *news);
/* Often: where this node is master server and each member knows a higher level than the domain has, that becomes the domain's. What goes wrong is logged, and tried again. */
void level_watch_raise(struct daemon *d);

#endif
