/* What the parts of the cache's care share. */
#ifndef COFFER_DAEMON_STORE_CACHE_INTERNAL_H
#define COFFER_DAEMON_STORE_CACHE_INTERNAL_H

#include "daemon/store_cache.h"

/* What status says of it, from what it is now. Store thread. */
void store_cache_tell(struct daemon *d);
/* Whoever changes rows or loads objects calls the cache from now on. Before the threads. */
void store_cache_watch(struct daemon *d);

#endif
