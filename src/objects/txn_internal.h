/* The inside of a transaction, shared by txn.c (life) and txn_objects.c (reads and writes of objects). */
#ifndef COFFER_OBJECTS_TXN_INTERNAL_H
#define COFFER_OBJECTS_TXN_INTERNAL_H

#include "objects/txn.h"

/* One staged thing: a snapshot (reference held), or a pair of functions. */
struct txn_step {
	struct object *object;
	void (*commit)(void *arg);
	void (*undo)(void *arg);
	void *arg;
};

struct txn {
	struct store *store;
	struct object_table *table;
	struct ring *ring;
	struct txn_step *steps;
	size_t step_count, step_cap;
	size_t mark;
	bool open, marked, want_scrub;
};

enum coffer_err txn_stage(struct txn *txn, const struct txn_step *step) MUST_USE;

#endif
