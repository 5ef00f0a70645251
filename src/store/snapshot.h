/* A snapshot of a store: its rows as they stood at one moment, read in pieces while other transactions write. What they change is kept aside before it
 * is changed, until the snapshot has read past it. Works over every implementation; a store that stands in front of another one is read below it, so that
 * nothing is hidden. One at a time for each store. Same thread as the store. */
#ifndef COFFER_STORE_SNAPSHOT_H
#define COFFER_STORE_SNAPSHOT_H

#include "store/store.h"

struct store_snapshot;

struct store_snapshot_plan {
	unsigned tables;       /* bit t: table t is read */
	size_t keep_max;       /* bytes of ordinary memory for what is kept aside */
	uint64_t idle_ms;      /* given up when nothing was read for so long */
};

/* Inside a transaction only before it has written. ERR_BUSY: the store has one; ERR_MEMORY. Caller ends it, before the store is closed. */
enum coffer_err store_snapshot_begin(struct store *s, const struct store_snapshot_plan *plan, struct store_snapshot **out) MUST_USE;
/* The next rows, by table and then by id, until about `bytes` bytes went to fn; at least one row unless there are no more. *out_done: that was the last. fn as
 * with store_scan; its error ends the snapshot. What a transaction that is under way has written is not in it. Errors: those of reading (ERR_CORRUPT: a row that cannot be used), ERR_LIMIT: more
 * was changed than may be kept aside, ERR_TIMEOUT: idle for too long, ERR_UNKNOWN_OUTCOME: the store was opened again meanwhile. After an error every call returns it. */
typedef enum coffer_err store_snapshot_fn(void *arg, enum store_table table, const struct store_row *row);
enum coffer_err store_snapshot_read(struct store_snapshot *snapshot, size_t bytes, store_snapshot_fn *fn, void *arg, bool *out_done) MUST_USE;
/* Accepts NULL. */
void store_snapshot_end(struct store_snapshot *snapshot);
/* Whether the store has one that is still good for reading: what its rows need must not go. */
bool store_snapshot_is_read(struct store *s);
/* Ends the one that the store has, whoever began it: for who could not end his own. */
void store_snapshot_clear(struct store *s);

#endif
