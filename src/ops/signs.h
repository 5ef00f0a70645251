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
	bool cloned;           /* two machines run with its identity, somebody found */
	bool timed;            /* its clock was compared: one of its signs was written between two readings */
	int64_t off_s;         /* by which its clock is ahead of this node's, at the least */
};

struct signs {
	pthread_mutex_t lock; /* guards all of it */
	uint64_t read_s;      /* wall clock: when it was read; 0: not yet */
	uint64_t read_ms;     /* clock_mono_ms of the same */
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

/* Any lane. Whether the clock of another node and this one's differ by more than SIGNS_CLOCK_SLACK_S, and a sentence that says whose is to be set: where two or more were compared and all of them differ, it
 * is this node's. */
#define SIGNS_CLOCK_SLACK_S 60u /* what clocks are set back by in ordinary life */
bool signs_clock_is_off(struct engine *engine, char *sentence, size_t cap);
/* Any lane. Whether there are two of another node, as the database notes, and a sentence that names one. */
bool signs_cloned(struct engine *engine, char *sentence, size_t cap);
/* In a transaction, store lane: the latest time that a member's sign of life names, in ms; 0: there is none. Errors of the store. */
enum coffer_err signs_latest_ms(struct txn *txn, uint64_t *out) MUST_USE;

/* Any lane: of this node's cache now, and its name in status. */
enum sign_cache signs_cache(const struct engine_cache *cache);
const char *signs_cache_name(enum sign_cache cache);
/* Store lane. In how many ms it is this node's turn to do what each member of the domain does after a pause of interval_ms, and all of them need not do at once: by the wall clock (wall_ms), one after
 * the other in the order of their node ids, a place every interval_ms. interval_ms where there is one node, or nobody was read yet. */
uint64_t signs_turn_ms(struct engine *engine, uint64_t interval_ms, uint64_t wall_ms);
/* Any lane. Since this node last read what the others changed, in ms; false: it did not yet. */
bool signs_lag(struct engine *engine, uint64_t *out_ms);

/* Any lane: "nodes" of the status; nothing before the first reading. */
void signs_json(struct engine *engine, struct json_out *j);

#endif
