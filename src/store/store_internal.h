/* What store.c and the implementations share; nobody else includes it but what stands in front of a store (keyring/rooted_store.c). */
#ifndef COFFER_STORE_STORE_INTERNAL_H
#define COFFER_STORE_STORE_INTERNAL_H

#include "store/store.h"

/* First member of every implementation's handle. The flags belong to store.c, which keeps the order of calls. */
struct store {
	const struct store_ops *ops;
	bool in_transaction;
	bool in_savepoint;
	bool in_callback; /* a scan or search is running: no other call may come */
	struct store_snapshot *snapshot; /* NULL: none is read; its own (snapshot.c) */
};

/* What the front tells a snapshot: a row is about to be written or erased; the store is opened again. */
void store_snapshot_before(struct store_snapshot *snapshot, enum store_table table, struct view id);
void store_snapshot_break(struct store_snapshot *snapshot);

/* Entries of a valid index column, and the n-th of them (STORE_INDEX_ENTRY_LEN bytes, borrowed). */
size_t store_index_count(struct view index);
const uint8_t *store_index_entry(struct view index, size_t n);

#endif
