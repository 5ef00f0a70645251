/* The node's cache of a database that several nodes write (keyring/cache.h, docs/formats.md section 23.5): what is kept, what leaves, and a start from it while the database is gone.
 *
 *   forget    rows leave before a commit of this node changes them, and before what another node changed is acted on
 *   care      what was used, or left, is read from the database again and kept; a little at a time
 *   offline   the node was opened from it: objects come from it alone, nothing is changed, until the node has opened from the database as at any start
 *
 * A cache that cannot be written is made anew; one that cannot be is refused by the mark, and the node goes on without. */
#ifndef COFFER_DAEMON_STORE_CACHE_H
#define COFFER_DAEMON_STORE_CACHE_H

#include "daemon/daemon.h"

#define STORE_CACHE_NAME "cache.db"

/* Before the threads, the store is open and has its mark. A cache that cannot be opened is no failure. Nothing where one node writes the store, the store is a file, or cache_size is 0. ERR_MEMORY. */
enum coffer_err store_cache_start(struct daemon *d, struct reason *reason) MUST_USE;
/* After the threads. */
void store_cache_stop(struct daemon *d);

/* Any lane. Whether there is one that may open the node; what is wrong with it was said otherwise. */
bool store_cache_may_open(struct daemon *d);
/* Admin lane: runs fn on the store thread over the cache's rows, also while the store is away. */
enum coffer_err store_cache_read(struct daemon *d, engine_store_fn *fn, void *arg, struct reason *reason) MUST_USE;
/* Admin lane, under admin_lock: the domain as the cache has it, with the data keys in *ring, which is moved in. The caller says OPEN then. ERR_STATE: the cache does not open it, with a sentence. */
enum coffer_err store_cache_open_domain(struct daemon *d, struct ring **ring, struct reason *reason) MUST_USE;

/* The rest on the store thread. */

/* The node has opened from the database: the cache follows it, and what it has is compared. Ends the time offline: what was served from the cache leaves memory. */
void store_cache_opened(struct daemon *d);
/* The node stops serving from the cache and is not open: what came from there leaves memory. */
void store_cache_end_offline(struct daemon *d);
/* The ring of the node is another one now; NULL: it has none. */
void store_cache_follow_ring(struct daemon *d, struct ring *ring);
/* An object for the request, from the cache. ERR_IO with a sentence: it is not there, or was not compared since this node opened from the database. */
enum coffer_err store_cache_load(struct daemon *d, struct request *r, struct reason *reason) MUST_USE;
/* ERR_IO with a sentence: some of its objects were not compared since this node opened from the database. */
enum coffer_err store_cache_compared(struct daemon *d, struct reason *reason) MUST_USE;
/* This node is not in the domain any more: nothing stays in it, and it opens nothing. */
void store_cache_leave(struct daemon *d);
/* Before grants and the like are read from the database into memory: it has them as they stand there. */
void store_cache_take_start(struct daemon *d);
/* The changes of the other nodes were read until now. */
void store_cache_heard(struct daemon *d);
/* Every STORE_NEWS_TICK_MS. */
void store_cache_care(struct daemon *d);

#endif
