/* The domain at a glance: each node's record and its last sign of life (docs/formats.md section 23.7), kept in memory so that status tells it with the database away as well. */
#ifndef COFFER_OPS_SIGNS_H
#define COFFER_OPS_SIGNS_H

#include "domain/admission.h"
#include "domain/sign_row.h"
#include "keyring/kind.h"
#include "ops/engine.h"
#include "ops/json_out.h"

#define SIGNS_MAX 100u /* nodes that status names; the others are counted */

struct sign_entry {
	char name[ADMISSION_NAME_MAX + 1];
	char token_kind[KIND_NAME_MAX];
	bool has_sign;         /* `sign` has more than the node id */
	struct node_sign sign;
	uint32_t level;        /* the format level that its program knows */
};

struct signs {
	pthread_mutex_t lock; /* guards all of it */
	uint64_t read_s;      /* wall clock: when it was read; 0: not yet */
	size_t count;         /* members */
	struct sign_entry at[SIGNS_MAX]; /* the first of them, by node id */
};

/* NULL: memory is short. */
struct signs *signs_new(void);
/* Accepts NULL. */
void signs_free(struct signs *signs);

/* Store lane; nothing without a seat that is taken. This node's sign as it is now, unless the last one that it wrote is younger than `refresh_interval` and says the same: whoever
 * calls this often pays a comparison. One that says something else follows the last one after SIGNS_PAUSE_MS. True: it is to be written, and counts as tried. */
#define SIGNS_PAUSE_MS 2000u
bool signs_due(struct engine *engine, struct node_sign *out);
/* In a transaction of its own. arg: what signs_due gave. */
enum coffer_err signs_write(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;
/* Reads records and signs. What does not open is passed over. arg: unused. Errors of the store. */
enum coffer_err signs_read(struct engine *engine, struct txn *txn, void *arg, struct reason *reason) MUST_USE;

/* Any lane: "nodes" of the status; nothing before the first reading. */
void signs_json(struct engine *engine, struct json_out *j);

#endif
