/* What the transaction wrote so far, kept in memory: with it a savepoint costs nothing.
 *
 * SQLite copies each page that changes behind a savepoint for the first time, and nearly every savepoint is kept. So none is made: what is undone is begun anew, and what stood
 * before the savepoint is written once more. With locking_mode = EXCLUSIVE nobody comes between. Where that would be much work, or was done before in this transaction, SQLite's own
 * savepoints serve. */
#ifndef COFFER_STORE_SQLITE_REDO_H
#define COFFER_STORE_SQLITE_REDO_H

#include "store/store.h"

#define SQLITE_REDO_MAX (512u * 1024u) /* bytes of rows kept at most */

struct sqlite_redo {
	uint8_t *bytes; /* SQLITE_REDO_MAX of them, made when first wanted; ours */
	size_t len;
	size_t mark;    /* of them stand before the savepoint */
	size_t used_to; /* none behind it was written since they were wiped */
	bool full;      /* something of this transaction is not kept */
	bool used;      /* it was written once more already */
};

/* How one write is done again: row NULL erases. */
typedef enum coffer_err sqlite_redo_fn(void *arg, enum store_table table, struct view id, const struct store_row *row, bool replace);

/* A transaction begins. */
void sqlite_redo_begin(struct sqlite_redo *redo);
/* This was written. row NULL: erased. */
void sqlite_redo_note(struct sqlite_redo *redo, enum store_table table, struct view id, const struct store_row *row, bool replace);
/* True: the savepoint is here. False: everything behind it could not be undone from here, or should not. */
bool sqlite_redo_mark(struct sqlite_redo *redo);
/* The transaction was begun anew: writes once more what stood before the mark, and forgets the rest. The first error of fn. */
enum coffer_err sqlite_redo_again(struct sqlite_redo *redo, sqlite_redo_fn *fn, void *arg) MUST_USE;
/* Between two transactions: what is deleted from the store is not kept here either. */
void sqlite_redo_wipe(struct sqlite_redo *redo);
/* Wipes it too. */
void sqlite_redo_free(struct sqlite_redo *redo);

#endif
