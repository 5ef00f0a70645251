/* A store whose tables are counted and summed up, so that a row that is gone, that should not be there or that is old is found (docs/formats.md section
 * 14). It stands in front of another store: puts and erases move the sums, and a commit writes the root in the same transaction. Its users see a store as any
 * other; the root's row is hidden from them. Store thread. */
#ifndef COFFER_KEYRING_ROOTED_STORE_H
#define COFFER_KEYRING_ROOTED_STORE_H

#include "keyring/ring.h"
#include "keyring/root.h"
#include "keyring/root_mark.h"
#include "store/store.h"

/* Moves inner in. Until a ring is attached it can be read and not written (ERR_SEALED), but for what a joining node asks (STORE_ADMISSION). ERR_MEMORY. Close with store_close. */
enum coffer_err rooted_store_new(struct store *inner, struct store **out) MUST_USE;
/* False for any other store: the functions below then do nothing and find nothing. */
bool rooted_store_is(const struct store *s);
/* Moves the mark in; before a ring is attached. Without one an older store put back is not noticed. */
void rooted_store_set_mark(struct store *s, struct root_mark *mark);

/* The mark, borrowed; NULL: there is none. */
struct root_mark *rooted_store_mark(struct store *s);

/* The store is one that several nodes write: each has a root of its own, of what it changed (docs/formats.md section 23.1). Before a ring is attached, for good. Then:
 * - a write made from an older row than the one that stands there dooms its transaction (ERR_BUSY): rooted_store_refresh, and run it again;
 * - what others changed is told by rooted_store_refresh alone.
 * ERR_MEMORY. */
bool rooted_store_is_shared(const struct store *s);
enum coffer_err rooted_store_share(struct store *s) MUST_USE;
/* Whether a second process with this node's identity was found to write this node's root (a commit and a refresh are ERR_EXISTS then; or it was there when the store was opened again), and that it is gone. */
bool rooted_store_has_twin(const struct store *s);
void rooted_store_forget_twin(struct store *s);

typedef void rooted_changed_fn(void *arg, enum store_table table, struct view id);
/* Before each commit of this node: the rows that it changes, so that copies of them elsewhere leave before it is there. everything: all that there are (rows is NULL). What fn keeps it mends by itself. */
struct rooted_row_id {
	uint8_t table, id_len;
	uint8_t id[STORE_ID_MAX];
};
typedef void rooted_commits_fn(void *arg, const struct rooted_row_id *rows, size_t count, bool everything);
void rooted_store_on_commit(struct store *s, rooted_commits_fn *fn, void *arg);
/* Reads the other nodes' roots, and tells fn each row that they changed since the last time (of every table but audit and requests; no store call in it).
 * *out_everything: more may have changed than was told, so that all that was read from the store is to be forgotten. Outside a transaction; nothing for any other store.
 * ERR_CORRUPT: the verdict, which is renewed by this: a root is older than was seen, cannot be used, or this node's was written by somebody else; ERR_STATE: a root is under a
 * data key that this node has not fetched yet. Then nothing counts as told. */
enum coffer_err rooted_store_refresh(struct store *s, rooted_changed_fn *fn, void *arg, bool *out_everything, struct reason *reason) MUST_USE;
/* Inside a transaction: the root of a node that writes no more (it was removed) is sealed again under the newest data key, as it is, so that it can be read when the older ones
 * have left. One that is, or is not there, stays. ERR_CORRUPT: it does not open. */
enum coffer_err rooted_store_reseal_root(struct store *s, const uint8_t node_id[static UUID_LEN]) MUST_USE;
/* What the last refresh told was not taken in: the next one tells everything. */
void rooted_store_hear_again(struct store *s);
/* A node's root that may not be older than this: what was said of it at admission. With a ring. ERR_MEMORY. */
enum coffer_err rooted_store_floor(struct store *s, const uint8_t node_id[static UUID_LEN], uint64_t version) MUST_USE;
/* Inside a transaction: reads the other nodes' roots as they stand in it, and the verdict. Nothing for a store that one node writes. */
enum coffer_err rooted_store_look_again(struct store *s, struct reason *reason) MUST_USE;
/* Behind that: whether what the other nodes changed is known here as far as this transaction sees it (rooted_store_refresh). */
bool rooted_store_has_heard(const struct store *s);
/* How far each node's root is that was read last, this node's too; rising by node id. At most `cap`; *out_count: how many there are. */
struct rooted_node_version {
	uint8_t node_id[UUID_LEN];
	uint64_t version;
};
void rooted_store_versions(const struct store *s, struct rooted_node_version *out, size_t cap, size_t *out_count);
/* The highest epoch that a node's root names, and naming one: inside a transaction, whose commit makes it durable; a lower one changes nothing. */
uint64_t rooted_store_epoch(const struct store *s);
void rooted_store_note_epoch(struct store *s, uint64_t epoch);

/* With the data keys the root is read. What is wrong with it is kept as the verdict; until it is mended nothing can be written. A store
 * with rows and no root is refused, whoever may have written it: an operator accepts it. The ring is borrowed until the next call; NULL: takes it away. Outside
 * a transaction. Errors are those of reading and writing, not the verdict. */
enum coffer_err rooted_store_attach(struct store *s, struct ring *ring, struct reason *reason) MUST_USE;
/* ERR_OK; ERR_CORRUPT (root missing or damaged, store older than its mark), ERR_VERSION, with a sentence. */
enum coffer_err rooted_store_verdict(const struct store *s, struct reason *reason) MUST_USE;

struct rooted_facts {
	bool rooted;            /* false: another store, or no ring */
	bool mark_missing;      /* the last attach found no mark that holds */
	uint64_t version;
	uint64_t mark;          /* what the mark said at the last attach; 0: nothing */
	uint32_t accepted;
	uint64_t accepted_ms, accepted_from;
	bool two_administrators; /* as the root says */
};
void rooted_store_facts(const struct store *s, struct rooted_facts *out);

/* Rows of each table as the root counts them; zeros where there is none. */
void rooted_store_counts(const struct store *s, uint64_t out[static STORE_TABLE_END]);

enum rooted_fault_kind {
	ROOTED_ROW_UNUSABLE, /* a column outside its limits */
	ROOTED_ROW_DAMAGED,  /* it does not open, or its contents do not fit */
	ROOTED_COPIES,       /* its searchable copies are not those of its index column */
	ROOTED_ORPHAN,       /* copies of a row that is not there */
	ROOTED_STRAYS,       /* rows in tables that there are not */
	ROOTED_MISSING, ROOTED_EXTRA, ROOTED_CHANGED, /* a table as a whole */
	ROOTED_HEAD          /* the newest audit row is not the last one written */
};

struct rooted_fault {
	enum rooted_fault_kind kind;
	enum store_table table;
	uint8_t id[STORE_ID_MAX];
	size_t id_len;            /* 0: not known which row */
	uint64_t expected, found; /* rows of the table; audit: sequence numbers */
};

/* The root's own row as it was last committed, copied: its views point into *to (appended). Not while a transaction has written. ERR_NOT_FOUND: there is none. The verdict, when it is not well. */
enum coffer_err rooted_store_root_row(struct store *s, struct store_row *out, struct buf *to, struct reason *reason) MUST_USE;
/* A store that is filled from an archive goes on where the archived one was: the root version is higher than `version` from the next commit on, and what an operator accepted stays
 * known. Inside the transaction that fills it. */
void rooted_store_continue(struct store *s, const struct root *archived, bool accept, uint64_t now_ms);

/* Whether the root, which must be well, says that the audit chain of this node ends with this row. link: 32 bytes. */
bool rooted_store_is_head(const struct store *s, uint64_t seq, const uint8_t link[static 32]);

/* Who watches a check. row: looks into one row, copied, store calls allowed; ERR_CORRUPT and ERR_VERSION make it a fault, any other error ends the
 * check. May be NULL. */
struct rooted_watch {
	enum coffer_err (*row)(void *arg, enum store_table table, const struct store_row *row);
	void (*fault)(void *arg, const struct rooted_fault *fault);
	void *arg;
};

/* The small tables (grant, domain, node, slot, recovery) in full and the end of the audit chain: before a node serves. *out_faults: how many. */
enum coffer_err rooted_store_check_small(struct store *s, const struct rooted_watch *watch, size_t *out_faults) MUST_USE;

/* One pass over everything, in steps; writes may come between them. begin again starts over. Outside a transaction. */
void rooted_store_pass_begin(struct store *s);
/* At most `rows` rows more. ERR_STATE: no pass is under way (a reopen ends it). */
enum coffer_err rooted_store_pass_step(struct store *s, size_t rows, const struct rooted_watch *watch, bool *out_done) MUST_USE;

/* Takes the store as it is: all sums and searchable copies anew, and a root where there is none. Inside a transaction, whose commit writes it. */
enum coffer_err rooted_store_accept(struct store *s, uint64_t now_ms) MUST_USE;
/* Says in the root whether two administrators are needed, with the transaction under way. Nothing where it says so already, or for any other store. */
void rooted_store_need_two(struct store *s, bool two);
/* Syncs the mark. */
void rooted_store_sync_mark(struct store *s);

#endif
