/* Between the files of restore. */
#ifndef COFFER_OPS_RESTORE_INTERNAL_H
#define COFFER_OPS_RESTORE_INTERNAL_H

#include "keyring/anchor_record.h"
#include "ops/restore.h"

/* An archive that was checked, on its way into the store. */
struct restoring {
	struct engine *engine;
	const struct principal *principal;
	const struct restore_wish *wish;
	struct restore_result *result;
	struct archive *archive;
	struct ring *opened;             /* of the archive's own node */
	struct root_head old_head;       /* last audit record of the archive's node */
	struct anchor_record anchor;     /* of the archive's node; no auth: it has none */
	struct identity identity;        /* of the new node */
	struct token_proxy *proxy;
	struct ring *ring;               /* of the new node */
	struct buf *blobs;               /* a wrapped data key for each generation of the ring */
	unsigned blob_count;
};

/* restore_check.c: 16.1 and what this node knows itself. Nothing is changed. */
enum coffer_err restore_check(struct restoring *r, int fd, struct reason *reason) MUST_USE;
/* restore_token.c: the master secret, and every generation wrapped by it. */
enum coffer_err restore_provision(struct restoring *r, struct reason *reason) MUST_USE;
/* restore_counter.c: the archive beside the counter of its node in the new node's token; with the token provisioned. ERR_STATE: it may be older, and accept_older is not set;
 * a master secret that was made for this restore is destroyed again. */
enum coffer_err restore_compare_counter(struct restoring *r, struct reason *reason) MUST_USE;
/* restore_rows.c: step 5 of 16.2; engine_store_fn. arg: struct restoring. */
enum coffer_err restore_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
void restoring_done(struct restoring *r);

#endif
