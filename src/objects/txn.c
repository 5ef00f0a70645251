/* Transactions: begin, mark, undo, commit; what was staged becomes visible only when it is durable. */
#include "objects/txn.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "objects/txn_internal.h"

struct txn *txn_new(struct store *store, struct object_table *table)
{
	struct txn *txn = calloc(1, sizeof *txn);
	if (!txn) return NULL;
	txn->store = store;
	txn->table = table;
	return txn;
}

void txn_free(struct txn *txn)
{
	if (!txn) return;
	if (txn->open) txn_abort(txn);
	free(txn->steps);
	free(txn);
}

void txn_set_ring(struct txn *txn, struct ring *ring)
{
	PRE(!txn->open);
	if (!ring || !txn->ring) txn->indexed = false; /* another store perhaps */
	txn->ring = ring;
}

struct ring *txn_ring(struct txn *txn)
{
	return txn->ring;
}

struct store *txn_store(struct txn *txn)
{
	return txn->store;
}

enum coffer_err txn_begin(struct txn *txn, struct reason *reason)
{
	PRE(!txn->open && txn->step_count == 0);
	TRY(store_begin(txn->store, reason));
	txn->open = true;
	txn->want_scrub = false;
	return ERR_OK;
}

enum coffer_err txn_begin_reading(struct txn *txn, struct reason *reason)
{
	PRE(!txn->open && txn->step_count == 0);
	TRY(store_begin_reading(txn->store, reason));
	txn->open = txn->reading = true;
	txn->want_scrub = false;
	return ERR_OK;
}

void txn_read_apart(struct txn *txn)
{
	PRE(txn->reading);
	txn->apart = true;
}

bool txn_is_reading(const struct txn *txn)
{
	return txn && txn->reading;
}

enum coffer_err txn_stage(struct txn *txn, const struct txn_step *step)
{
	if (txn->step_count == txn->step_cap) {
		size_t cap = txn->step_cap ? txn->step_cap * 2 : 64;
		struct txn_step *steps = realloc(txn->steps, cap * sizeof *steps);
		ENSURE(steps, ERR_MEMORY);
		txn->steps = steps;
		txn->step_cap = cap;
	}
	txn->steps[txn->step_count++] = *step;
	return ERR_OK;
}

enum coffer_err txn_on_commit(struct txn *txn, void (*fn)(void *arg), void (*undo)(void *arg), void *arg)
{
	return txn_stage(txn, &(struct txn_step){ .commit = fn, .undo = undo, .arg = arg });
}

bool txn_has_changes(const struct txn *txn)
{
	return txn->step_count > 0;
}

void txn_want_scrub(struct txn *txn)
{
	txn->want_scrub = true;
}

bool txn_wants_scrub(const struct txn *txn)
{
	return txn->want_scrub;
}

/* Newest first, so that every undo finds what it left. */
static void drop_steps(struct txn *txn, size_t down_to)
{
	while (txn->step_count > down_to) {
		struct txn_step *step = &txn->steps[--txn->step_count];
		if (step->object) object_unref(step->object);
		else if (step->undo) step->undo(step->arg);
	}
}

/* In order. A snapshot that does not fit into memory is loaded from the store when it is wanted. */
static void publish_steps(struct txn *txn)
{
	for (size_t i = 0; i < txn->step_count; i++) {
		struct txn_step *step = &txn->steps[i];
		if (!step->object) {
			step->commit(step->arg);
			continue;
		}
		if (step->removed) {
			object_table_remove(txn->table, step->object->id);
		} else if (object_table_publish(txn->table, step->object) != ERR_OK) {
			log_warn("memory is short: objects in memory are dropped");
			object_table_clear(txn->table);
		}
		object_unref(step->object);
	}
	txn->step_count = 0;
}

enum coffer_err txn_mark(struct txn *txn)
{
	PRE(txn->open && !txn->marked);
	TRY(store_savepoint(txn->store));
	txn->marked = true;
	txn->mark = txn->step_count;
	return ERR_OK;
}

void txn_keep(struct txn *txn)
{
	PRE(txn->marked);
	store_release(txn->store, true);
	txn->marked = false;
}

void txn_undo(struct txn *txn)
{
	PRE(txn->marked);
	store_release(txn->store, false);
	drop_steps(txn, txn->mark);
	txn->marked = false;
}

static void finish(struct txn *txn, bool durable)
{
	if (durable) publish_steps(txn);
	else drop_steps(txn, 0);
	txn->open = txn->marked = txn->reading = txn->apart = false;
}

void txn_end_reading(struct txn *txn, bool done)
{
	PRE(txn->open && txn->reading);
	store_rollback(txn->store);
	finish(txn, done);
}

void txn_abort(struct txn *txn)
{
	PRE(txn->open);
	store_rollback(txn->store);
	finish(txn, false);
}

/* The commit stands; that old bytes linger in the log is said, not an error of the request. */
static void scrub(struct txn *txn)
{
	struct reason reason = { "" };
	enum coffer_err err = store_scrub_deleted(txn->store, &reason);
	if (err && !txn->scrub_due) log_warn("deleted bytes are still in the store's log, it is tried again: %s", reason_text(&reason, err));
	if (!err && txn->scrub_due) log_info("deleted bytes are gone from the store's log");
	txn->scrub_due = err != ERR_OK;
	txn->scrub_lacks_room = err == ERR_FULL;
}

bool txn_scrub_due(const struct txn *txn)
{
	return txn->scrub_due;
}

bool txn_scrub_lacks_room(const struct txn *txn)
{
	return txn->scrub_lacks_room;
}

void txn_scrub(struct txn *txn)
{
	PRE(!txn->open);
	scrub(txn);
}

void txn_scrub_again(struct txn *txn)
{
	PRE(!txn->open);
	if (txn->scrub_due) scrub(txn);
}

enum coffer_err txn_commit(struct txn *txn, struct reason *reason)
{
	PRE(txn->open && !txn->marked);
	enum coffer_err err = store_commit(txn->store, reason);
	if (err == ERR_UNKNOWN_OUTCOME) return err;
	finish(txn, err == ERR_OK);
	if (!err && txn->want_scrub) scrub(txn);
	return err;
}

enum coffer_err txn_settle(struct txn *txn, bool was_durable)
{
	PRE(txn->open);
	finish(txn, was_durable);
	if (was_durable && txn->want_scrub) scrub(txn);
	return ERR_OK;
}
