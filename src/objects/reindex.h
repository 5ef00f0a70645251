/* Once in the life of a store: objects that an older program wrote get the index column of schema 3 (docs/formats.md section 7). Store thread. */
#ifndef COFFER_OBJECTS_REINDEX_H
#define COFFER_OBJECTS_REINDEX_H

#include "objects/txn.h"

struct reindex {
	uint8_t after[UUID_LEN]; /* the last id that was looked at */
	bool begun, done;
	uint64_t written, failed;
};

/* One page of objects, inside a transaction; begin with a zeroed struct and go on, each time in a new transaction, until done. Then the store
 * remembers it, and txn_indexed becomes true with the commit. An object that does not open or cannot be written is counted, logged and
 * passed over; then txn_indexed stays false and the next start tries again. ERR_VERSION: a newer program indexed this store. */
enum coffer_err txn_reindex(struct txn *txn, struct reindex *r, struct reason *reason) MUST_USE;

#endif
