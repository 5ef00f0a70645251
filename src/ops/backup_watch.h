/* Telling, once a day, that no backup is verified (docs/formats.md section 16.4). */
#ifndef COFFER_OPS_BACKUP_WATCH_H
#define COFFER_OPS_BACKUP_WATCH_H

#include "ops/engine.h"

#define BACKUP_WATCH_AGAIN_MS (24u * 60u * 60u * 1000u) /* between two times that it is told */
#define BACKUP_WATCH_SENTENCE 256u

struct backup_watch {
	bool hushed;                          /* in: less than BACKUP_WATCH_AGAIN_MS of the monotonic clock have passed since this process told it */
	bool told;                            /* out: the audit record is in the transaction; the caller tells the log when that is committed */
	bool judged, missing;                 /* out: whether it could be judged, and that one is missing */
	char sentence[BACKUP_WATCH_SENTENCE]; /* out: missing: what is, or would be, told */
};

/* One look: when it is due, audit record and the time of telling are written. engine_store_fn; arg: struct backup_watch. Nothing is done without audit chain; with backup_max_age = 0,
 * or on a store that several nodes share, whose backups are the database's, none is missing. */
enum coffer_err backup_watch(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;

#endif
