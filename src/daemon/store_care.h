/* What becomes of the store when its disk fails. It is opened again by itself as soon as that helps; until then what is in memory is served, changes
 * are refused with the sentence that status shows, and nothing is acknowledged that is not on the disk.
 *
 *   well ──no room────────────► full: the reserve file is given back, and only Destroy, Revoke and Revoke Grant are carried out (OP_WHEN_FULL),
 *     ▲                          until there is room to take it again
 *     ├──no writes allowed─────► read-only
 *     └──two lost commits in a row, or no reopening ──► failed: no change is tried
 *
 * A database behind coffer-stored (store/remote.h) is failed while it cannot be opened; nothing waits for it then.
 *
 * About every PAUSE it is tried whether an audit record can be written; when it can, the store is well. */
#ifndef COFFER_DAEMON_STORE_CARE_H
#define COFFER_DAEMON_STORE_CARE_H

#include "daemon/daemon.h"

#define STORE_RESERVE_NAME "store.reserve"
#define STORE_RESERVE_LEN STORE_LOG_ROOM     /* bytes: when it is given back, what is destroyed leaves the log */

/* Before the threads, the store is open: takes the reserve beside it. A disk without room for it is not a failure: the store is then full. */
enum coffer_err store_care_start(struct daemon *d, struct reason *reason) MUST_USE;
void store_care_stop(struct daemon *d);

/* The rest on the store thread, outside a transaction. */

/* ERR_IO: the store is away, with its sentence; after a try to mend what is broken when the last one is some time ago. For reads as well. */
enum coffer_err store_care_readable(struct daemon *d, struct reason *reason) MUST_USE;
/* The same, and txn_begin. */
enum coffer_err store_care_begin(struct daemon *d, struct reason *reason) MUST_USE;
/* Whether a request may run now: ERR_FULL or ERR_IO with the sentence when not. */
enum coffer_err store_care_admit(struct daemon *d, const struct request *r, struct reason *reason) MUST_USE;
/* After txn_commit, or an earlier failure of the transaction, with what it said; wrote: the transaction had changes. Not after ERR_UNKNOWN_OUTCOME. */
void store_care_after(struct daemon *d, bool wrote, enum coffer_err err);
/* After ERR_UNKNOWN_OUTCOME: opens the store again, so that what it holds can be read. The caller then settles the transaction, and calls
 * store_care_reload unless everything in it was durable. */
enum coffer_err store_care_reopen(struct daemon *d, struct reason *reason) MUST_USE;
/* Memory is what the store holds: the small tables are compared with the root, audit chain and grants are read, objects forgotten. When it fails
 * the store is away. ERR_OK too when another node's root is under a data key that waits for this node: it is compared and read when that is here. */
enum coffer_err store_care_reload(struct daemon *d, struct reason *reason) MUST_USE;
/* The others' roots were read and are well: what waited for that is done. As store_care_reload. */
enum coffer_err store_care_heard(struct daemon *d) MUST_USE;
/* What the other nodes changed cannot be read, and why: nothing is sealed or changed until store_care_heard. The store is there, so that it can be read again, accepted, and hand over a data key. */
void store_care_deaf(struct daemon *d, const struct reason *why);
/* What the store holds could not be read: it is away until it was opened and read again, and status says so, or what it said already. */
void store_care_away(struct daemon *d);
/* After a failure of another process's store: a connection that was lost makes it away. Nothing for a file. */
void store_care_lost(struct daemon *d, enum coffer_err err);
/* The same, and opens it again at once where only the connection was lost (a server that was started anew, coffer-stored that ended). False: it is away, or was not lost. */
bool store_care_mend(struct daemon *d, enum coffer_err err);
/* Main thread, about every STORE_CARE_TICK_MS: notices a file system that turned read-only, and has the store thread try what is not well. */
void store_care_tick(struct daemon *d);
#define STORE_CARE_TICK_MS 500u

#endif
