/* One store transaction over managed objects, grants and audit, shared by many requests. Changes are staged: seen by later reads of the same
 * transaction at once, by everybody else only after txn_commit returned ERR_OK. Store thread only.
 *
 *   txn_begin → { txn_mark, handler…, txn_keep | txn_undo }* → txn_commit | txn_abort
 */
#ifndef COFFER_OBJECTS_TXN_H
#define COFFER_OBJECTS_TXN_H

#include "base/err.h"
#include "base/reason.h"
#include "keyring/record.h"
#include "keyring/ring.h"
#include "objects/object.h"
#include "objects/table.h"
#include "store/store.h"

struct txn;

/* The parts are borrowed and outlive the txn; the ring may be swapped with txn_set_ring between transactions. */
struct txn *txn_new(struct store *store, struct object_table *table);
void txn_free(struct txn *txn);
void txn_set_ring(struct txn *txn, struct ring *ring);
struct ring *txn_ring(struct txn *txn);
struct store *txn_store(struct txn *txn);

enum coffer_err txn_begin(struct txn *txn, struct reason *reason) MUST_USE;
/* For what only reads, over what stood there at one moment: no object is changed (ERR_IO, with a sentence). Ends as any other; or with txn_end_reading: nothing was written to the store, and what was staged with
 * txn_on_commit is done or dropped. */
enum coffer_err txn_begin_reading(struct txn *txn, struct reason *reason) MUST_USE;
void txn_end_reading(struct txn *txn, bool done);
/* In the transaction under way, one of those: memory may have another state of an object than the store, so that is not asked. */
void txn_read_apart(struct txn *txn);
/* Whether the transaction under way is one of those. NULL: none is. */
bool txn_is_reading(const struct txn *txn);
/* Durable, then published. ERR_UNKNOWN_OUTCOME: nothing is published; the caller reopens the store, reads the truth, and
 * calls txn_settle(true) when the writes are there, (false) when not. Any other error: nothing happened. */
enum coffer_err txn_commit(struct txn *txn, struct reason *reason) MUST_USE;
void txn_abort(struct txn *txn);
enum coffer_err txn_settle(struct txn *txn, bool was_durable) MUST_USE;

enum coffer_err txn_mark(struct txn *txn) MUST_USE;
void txn_keep(struct txn *txn);
void txn_undo(struct txn *txn); /* undoes store writes and staged snapshots since the mark */

/* A new reference to the newest state: staged, in memory, or loaded from the store (and put into the table).
 * ERR_NOT_FOUND; ERR_CORRUPT when the row does not open. */
enum coffer_err txn_object(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out) MUST_USE;
/* By Name, verified against the opened object; a live one before destroyed ones. ERR_NOT_FOUND. */
enum coffer_err txn_object_by_name(struct txn *txn, struct view name, struct object **out) MUST_USE;
/* Writes a new object. ERR_EXISTS when one of its Names is taken by a live object (reason names it). */
enum coffer_err txn_create(struct txn *txn, struct object *o, struct reason *reason) MUST_USE;
/* ERR_EXISTS with a sentence when a live object other than except_id (NULL: any) has the name; names of destroyed objects are free again. */
enum coffer_err txn_name_free(struct txn *txn, struct view name, const uint8_t *except_id, struct reason *reason) MUST_USE;
/* Writes a changed copy; raises record_version. ERR_STATE: the state move is not in the table; ERR_EXISTS: a Name that it did not have
 * before is taken; ERR_BUG: the copy is not of the newest snapshot. */
enum coffer_err txn_update(struct txn *txn, struct object *o, struct reason *reason) MUST_USE;
/* Removes the whole row of an object: nothing of it is found any more, its Names are free at once. ERR_NOT_FOUND. */
enum coffer_err txn_remove(struct txn *txn, struct object *o) MUST_USE;
/* An error ends the walk and is returned. */
typedef enum coffer_err txn_object_fn(void *arg, struct object *o);
/* Every object in id order after `after`, opened one by one; at most limit. */
enum coffer_err txn_scan(struct txn *txn, struct view after, size_t limit, txn_object_fn *fn, void *arg) MUST_USE;
/* The same, of rows that `keep` wants opened (all of them are read and count); keep sees the row before it is authentic and makes no store call.
 * The whole table is read in pages and nothing that is read stays in memory. */
typedef enum coffer_err txn_row_fn(void *arg, const struct store_row *row, bool *out_keep);

/* What a search went past: rows that do not open or cannot even be read as one, and index entries that lead to no object with their value. Zeroed:
 * none so far; one may collect several searches, and an object is counted once while there are TXN_PASSED_IDS or fewer. */
#define TXN_PASSED_IDS 16u
struct txn_passed {
	size_t count;
	uint8_t ids[TXN_PASSED_IDS][UUID_LEN]; /* of the first ones; all zero where a row's id is none of an object */
};

/* passed NULL: a row that does not open ends the walk with ERR_CORRUPT or ERR_VERSION, else it is added there. Whatever is not about one row ends it. */
enum coffer_err txn_scan_kept(struct txn *txn, struct view after, size_t limit, txn_row_fn *keep, txn_object_fn *fn, void *arg,
	struct txn_passed *passed) MUST_USE;

/* Every object with the index entry (objects/index.h), each checked against the opened object: ERR_CORRUPT when a hit lacks the value. Without
 * txn_indexed, entries other than Names and Object Groups do not find everything. */
enum coffer_err txn_find(struct txn *txn, const struct record_index_entry *entry, txn_object_fn *fn, void *arg) MUST_USE;
/* The same; with passed not NULL a hit that does not open, or lacks the value, is added there and the others are found. */
enum coffer_err txn_find_passing(struct txn *txn, const struct record_index_entry *entry, txn_object_fn *fn, void *arg,
	struct txn_passed *passed) MUST_USE;
/* How many there are, at most limit; told by the index alone. */
enum coffer_err txn_count(struct txn *txn, const struct record_index_entry *entry, size_t limit, size_t *out) MUST_USE;
/* How many objects that are not destroyed the principal owns, at most limit. Needs txn_indexed to be the whole number. */
enum coffer_err txn_count_owned(struct txn *txn, struct view owner, size_t limit, size_t *out) MUST_USE;
/* Whether every object has all its index entries (objects/reindex.h). */
bool txn_indexed(const struct txn *txn);

/* Runs fn(arg) when the transaction became durable (in order); dropped on abort and undo. For staging what is not an object (grants, audit tail).
 * undo(arg), may be NULL, runs when it is dropped. */
enum coffer_err txn_on_commit(struct txn *txn, void (*fn)(void *arg), void (*undo)(void *arg), void *arg) MUST_USE;
/* Whether the transaction under way staged anything so far. */
bool txn_has_changes(const struct txn *txn);
/* Set by Destroy: after the commit the store scrubs deleted bytes before the answer goes out. */
void txn_want_scrub(struct txn *txn);
/* Whether the transaction under way, or the last one, asked for it. */
bool txn_wants_scrub(const struct txn *txn);
/* Whether a scrub failed, so that deleted bytes are still in the store's log. Any thread. */
bool txn_scrub_due(const struct txn *txn);
/* Whether that was for want of room on the disk. */
bool txn_scrub_lacks_room(const struct txn *txn);
/* Scrubs now, outside of a transaction. */
void txn_scrub(struct txn *txn);
/* The same where one failed. Also every later commit that asks for one does. */
void txn_scrub_again(struct txn *txn);

#endif
