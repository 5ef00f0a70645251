/* The inside of a transaction, shared by txn.c (life), txn_objects.c (reads and writes of objects), txn_search.c and reindex.c. */
#ifndef COFFER_OBJECTS_TXN_INTERNAL_H
#define COFFER_OBJECTS_TXN_INTERNAL_H

#include "objects/txn.h"

/* One staged thing: a snapshot (reference held), one that is removed, or a pair of functions. */
struct txn_step {
	struct object *object;
	bool removed; /* object is the one that goes */
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
	uint64_t created_us;          /* of the newest object made here */
	bool indexed;                 /* every object has the index column of schema 3 (reindex.h) */
	bool open, marked, want_scrub;
	bool reading;                 /* the transaction under way changes no object */
	bool apart;                   /* and takes none from memory, nor puts one there */
	_Atomic bool scrub_due;       /* one that failed */
	bool scrub_lacks_room;        /* because the disk is full */
};

bool txn_is_live(const struct object *o);
/* As txn_object, but what is loaded does not push others out of memory: for reading through many. */
enum coffer_err txn_look_at(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out) MUST_USE;
/* Writes the row and stages the snapshot; record_version as it stands. */
enum coffer_err txn_write_object(struct txn *txn, struct object *o, bool replace) MUST_USE;
enum coffer_err txn_stage(struct txn *txn, const struct txn_step *step) MUST_USE;

#endif
