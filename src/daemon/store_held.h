/* Audit records that a node holds while its database does not answer (audit/held.h, docs/formats.md section 23.9): the file beside its cache, and the way into the log. Store thread but where it says otherwise. */
#ifndef COFFER_DAEMON_STORE_HELD_H
#define COFFER_DAEMON_STORE_HELD_H

#include "daemon/daemon.h"

#define STORE_HELD_NAME "held.db"

/* Before the threads, the store is open. A file that cannot be opened is no failure: what has to be on record is refused then while the database is away. Nothing where one node writes the store. ERR_USAGE. */
enum coffer_err store_held_start(struct daemon *d, struct reason *reason) MUST_USE;
/* After the threads. */
void store_held_stop(struct daemon *d);

/* The node has opened with these data keys. */
void store_held_attach(struct daemon *d, struct ring *ring);
/* They are in another ring now; NULL: the node has none. */
void store_held_follow_ring(struct daemon *d, struct ring *ring);
/* Whether records are to be held now: the database does not answer, and they can be. */
bool store_held_is_on(struct daemon *d);
/* What status says of it. */
void store_held_tell(struct daemon *d);
/* Every STORE_NEWS_TICK_MS: what is held goes into the log, a little at a time, when the database takes it. */
void store_held_care(struct daemon *d);

#endif
