/* The store: durable records of sealed bytes with a few clear columns, in one transaction at a time.
 *
 * One small interface with several implementations: sqlite.c (the embedded default), memory.c (tests; keeps nothing).
 * The store is untrusted for secrecy and integrity, trusted for availability and order (architecture.md section 3): what
 * must be secret or authentic is sealed or MACed by the layers above before it comes here.
 *
 * Threads: a handle belongs to one thread at a time (cofferd: the store thread). Views handed to callbacks and row
 * fields of store_get die with the next call on the handle. Ids and keys are compared as raw bytes, in memcmp order. */
#ifndef COFFER_STORE_STORE_H
#define COFFER_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"

/* Numbers and ids are those of docs/formats.md section 6. */
enum store_table {
	STORE_OBJECT = 1, /* managed objects; id: UUID (16) */
	STORE_GRANT,      /* roles of principals; id: random (16) */
	STORE_AUDIT,      /* the audit chain; id: node id (16) | sequence number (8) */
	STORE_REQUEST,    /* answers already given; id: 32, a digest or behind a time */
	STORE_DOMAIN,     /* id: ASCII name: "domain-key", "recovery" ... */
	STORE_NODE,       /* id: node id (16) */
	STORE_SLOT,       /* wrapped data keys; id: node id (16) | generation (4) */
	STORE_RECOVERY,   /* recovery stanzas; id: recovery-key id (16) */
	STORE_TABLE_END,
	/* Shared by the nodes of a domain, outside of version roots, snapshots and archives; its rows are authentic by themselves (docs/formats.md section 23.2). */
	STORE_LEASE = 64,   /* id: ASCII name */
	STORE_ADMISSION = 65, /* the domain's card and requests to join (section 23.3); id: node id (16) */
	STORE_CHANGE = 66,  /* what a node's commits changed; id: node id (16) | number (8) */
	STORE_REFRESH = 67, /* later generations of the data key for a member (section 23.3); id: node id (16) | generation (4) */
	STORE_MOVE = 68,    /* what a move of the store from one place to another left there (store/move.h); id: "mark" */
	STORE_SHARED_END = 69
};
#define STORE_SHARED_COUNT (STORE_SHARED_END - STORE_LEASE)

#define STORE_ID_MAX 64u                      /* bytes */
#define STORE_TOKEN_LEN 32u                   /* bytes of an index token */
#define STORE_INDEX_ENTRY_LEN 33u             /* index number u8 | token (32) */
#define STORE_INDEX_MAX 256u                  /* entries of one row */
#define STORE_HEADER_MAX (4u * 1024u)         /* bytes */
#define STORE_BODY_MAX (4u * 1024u * 1024u)   /* bytes */
#define STORE_LOG_MAX (16u * 1024u * 1024u)   /* bytes of pages in a file's log before the commit that brings them into the file; that one's come on top */
/* Bytes that must be free for the log to be emptied: each page of it may be new to the file, and the commit that found no room there may have a largest row. */
#define STORE_LOG_ROOM (STORE_LOG_MAX + STORE_BODY_MAX)

struct store_row {
	uint8_t id[STORE_ID_MAX];
	size_t id_len;         /* 1..STORE_ID_MAX */
	uint32_t version;      /* format version of header and body, chosen by the layer above */
	uint32_t state;        /* meaning by table */
	uint32_t generation;   /* data-key generation that sealed the body */
	struct view header;    /* clear bytes that the AAD or MAC covers */
	struct view index;     /* the index column of docs/formats.md section 7: count u16 | count * (index u8 | token (32));
	                          empty means no entries. store_put makes the searchable copies from it */
	struct view body;      /* sealed bytes */
};

/* One row of a scan; return ERR_OK to go on, anything else ends the scan and is returned (a callback that has enough
 * returns ERR_EXISTS or the like and its caller knows). No store call may be made from inside. */
typedef enum coffer_err store_row_fn(void *arg, const struct store_row *row);
typedef enum coffer_err store_id_fn(void *arg, struct view id);

/* One row of a survey. is_whole false: a column is outside of the limits above, and only id is set (cut to STORE_ID_MAX). */
typedef enum coffer_err store_survey_fn(void *arg, const struct store_row *row, bool is_whole);

/* How far a survey has come: the lowest id that it has not seen. Zeroed: the beginning. */
struct store_place {
	uint8_t at[STORE_ID_MAX + 1];
	size_t len;
};

struct store; /* opaque; every implementation's handle begins with it (store_internal.h) */

/* The interface. All members but `beneath`, `begin_reading` and `news` are present in every implementation (one without `hold` holds nothing: ERR_UNSUPPORTED). The functions below are the only callers: they have
 * checked order, sizes and ids before. */
struct store_ops {
	const char *name; /* "sqlite", "memory" */
	void (*close)(struct store *s);
	enum coffer_err (*begin)(struct store *s, struct reason *reason);
	enum coffer_err (*begin_reading)(struct store *s, struct reason *reason); /* NULL: begin does */
	enum coffer_err (*commit)(struct store *s, struct reason *reason);
	void (*rollback)(struct store *s);
	enum coffer_err (*savepoint)(struct store *s);
	void (*release)(struct store *s, bool keep);
	enum coffer_err (*put)(struct store *s, enum store_table table, const struct store_row *row, bool replace);
	enum coffer_err (*get)(struct store *s, enum store_table table, struct view id, struct store_row *out);
	enum coffer_err (*hold)(struct store *s, enum store_table table, struct view id, struct store_row *out);
	enum coffer_err (*erase)(struct store *s, enum store_table table, struct view id);
	enum coffer_err (*scan)(struct store *s, enum store_table table, struct view after, bool backwards, size_t limit,
		store_row_fn *fn, void *arg);
	enum coffer_err (*count)(struct store *s, enum store_table table, uint64_t *out);
	enum coffer_err (*index_find)(struct store *s, enum store_table table, uint8_t index, struct view token,
		struct view after, size_t limit, store_id_fn *fn, void *arg);
	enum coffer_err (*survey)(struct store *s, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
	enum coffer_err (*index_same)(struct store *s, enum store_table table, struct view id, struct view index, bool *out_same);
	enum coffer_err (*index_orphans)(struct store *s, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
	enum coffer_err (*strays)(struct store *s, uint64_t *out);
	enum coffer_err (*set_cache)(struct store *s, size_t bytes);
	enum coffer_err (*scrub_deleted)(struct store *s, struct reason *reason);
	enum coffer_err (*reopen)(struct store *s, struct reason *reason);
	enum coffer_err (*news)(struct store *s, bool *out); /* NULL: there never are any */
	struct store *(*beneath)(struct store *s); /* the store that this one stands in front of; NULL where it is the last */
};

/* Opens or makes the database file `path` (mode 0600) and migrates it to the newest schema. ERR_SCHEMA when it is newer
 * than this program, or has tables, triggers or views that are not ours; ERR_CORRUPT (an empty file too: a new one is
 * made under another name and renamed when it is whole); ERR_IO; ERR_FULL; ERR_BUSY when another handle has it. What is there
 * when it returns is durable, and the log is empty unless the disk is full.
 * The directory must exist; it and the files must belong to the effective user and not be writable by others, and the
 * files must not be symbolic links (ERR_USAGE). Caller closes. */
enum coffer_err store_open_sqlite(const char *path, struct store **out, struct reason *reason) MUST_USE;
/* An empty store in memory. ERR_MEMORY. Caller closes. */
enum coffer_err store_open_memory(struct store **out) MUST_USE;

/* Releases everything; an open transaction is rolled back; accepts NULL. */
void store_close(struct store *s);

/* Transactions do not nest. Writes outside one abort (PRE). Reads are allowed with or without one.
 * A write that fails with ERR_FULL, ERR_IO, ERR_MEMORY, ERR_CORRUPT or ERR_STORE dooms its transaction: every later call
 * in it returns the same error, and so does store_commit, which then has rolled back. */
enum coffer_err store_begin(struct store *s, struct reason *reason) MUST_USE;
/* A transaction that only reads and ends with store_rollback: all that it sees stood there at one moment, and it hinders no writer. */
enum coffer_err store_begin_reading(struct store *s, struct reason *reason) MUST_USE;
/* Durable when it returns ERR_OK (SQLite: WAL, synchronous=FULL). ERR_UNKNOWN_OUTCOME: the transaction may or may not be
 * there; every call but store_reopen and store_close returns it from now on: call store_reopen, read again, only then
 * answer. Any other error: rolled back for certain. In each case the transaction is over. */
enum coffer_err store_commit(struct store *s, struct reason *reason) MUST_USE;
/* Does nothing without a transaction (so it may follow a failed store_commit). */
void store_rollback(struct store *s);
/* One level inside a transaction, so that many requests share one commit: store_savepoint, then
 * store_release(s, true) to keep or (s, false) to undo what was written since. */
enum coffer_err store_savepoint(struct store *s) MUST_USE;
void store_release(struct store *s, bool keep);

/* Writes a row and its index entries (replacing the old ones). replace=false: ERR_EXISTS when the id is there. A malformed
 * index column is ERR_FIELD, a header or body over its limit ERR_TOO_LARGE; neither dooms the transaction. */
enum coffer_err store_put(struct store *s, enum store_table table, const struct store_row *row, bool replace) MUST_USE;
/* ERR_NOT_FOUND. out's views are borrowed until the next call. */
enum coffer_err store_get(struct store *s, enum store_table table, struct view id, struct store_row *out) MUST_USE;
/* store_get inside a transaction, and nobody else writes the row before this transaction ends: who changes it afterwards stands behind this transaction, also in the
 * order in which commits are confirmed. ERR_BUSY: another connection has changed it since this transaction began, or is doing so: the transaction is doomed, run it again.
 * A row that is not there is not held. */
enum coffer_err store_hold(struct store *s, enum store_table table, struct view id, struct store_row *out) MUST_USE;
/* ERR_NOT_FOUND. Old bytes are overwritten (secure_delete); the log keeps them until store_scrub_deleted. */
enum coffer_err store_erase(struct store *s, enum store_table table, struct view id) MUST_USE;
/* Rows in id order after `after` (empty: from the start; backwards: before it, or from the end), at most limit. */
enum coffer_err store_scan(struct store *s, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg) MUST_USE;
enum coffer_err store_count(struct store *s, enum store_table table, uint64_t *out) MUST_USE;

/* Ids of the rows whose index column holds (index, token), in id order after `after`, at most limit. store_put keeps the
 * copies in step with the row's index column, store_erase takes them away. */
enum coffer_err store_index_find(struct store *s, enum store_table table, uint8_t index, struct view token,
	struct view after, size_t limit, store_id_fn *fn, void *arg) MUST_USE;

/* For checking, not for use: rows in id order from *place on, at most limit, those that cannot be used too; *place moves behind the last one.
 * At the beginning what memory has of the file is forgotten, so that it is the file which is looked at. */
enum coffer_err store_survey(struct store *s, enum store_table table, struct store_place *place, size_t limit, store_survey_fn *fn,
	void *arg) MUST_USE;
/* Whether the searchable copies of a row are exactly those of its index column. */
enum coffer_err store_index_same(struct store *s, enum store_table table, struct view id, struct view index, bool *out_same) MUST_USE;
/* Ids that have searchable copies, in pages as store_survey; is_whole false: there is no such row. Only id is set. */
enum coffer_err store_index_orphans(struct store *s, enum store_table table, struct store_place *place, size_t limit, store_survey_fn *fn,
	void *arg) MUST_USE;
/* Rows and searchable copies in tables that this interface does not have. */
enum coffer_err store_strays(struct store *s, uint64_t *out) MUST_USE;
/* True when there is nothing from `place` on. */
bool store_place_is_end(const struct store_place *place);
/* Whether the id comes before the place, so that a survey has seen it. */
bool store_place_is_past(const struct store_place *place, struct view id);

/* Ordinary memory that pages of the file may take, from now on and after a reopen (SQLite: 2 MB unless it is said). Outside a transaction. */
enum coffer_err store_set_cache(struct store *s, size_t bytes) MUST_USE;
/* Makes deleted bytes really gone (SQLite: TRUNCATE checkpoint). Outside a transaction. */
enum coffer_err store_scrub_deleted(struct store *s, struct reason *reason) MUST_USE;
/* Closes and opens again after ERR_UNKNOWN_OUTCOME or ERR_IO; an open transaction is rolled back. What is there afterwards
 * is the truth, and durable. When it fails the handle stays unusable and store_reopen may be called again. */
enum coffer_err store_reopen(struct store *s, struct reason *reason) MUST_USE;

/* Whether another connection has committed a row of STORE_CHANGE since the last call, as far as the store was told; true also after it was opened, when nobody listened before.
 * Asks no server. Outside a transaction. ERR_CLOSED: the connection is lost. */
enum coffer_err store_take_news(struct store *s, bool *out) MUST_USE;

/* The one below all that stand in front of it. */
struct store *store_lowest(struct store *s);
/* True when the number is a table's. */
bool store_is_table(enum store_table table);
/* True when the bytes are an index column: empty, or count and exactly that many entries, sorted as bytes, none doubled. */
bool store_index_is_valid(struct view index);

/* The newest schema, the one that every open store has. */
#define STORE_SCHEMA_VERSION 1u

#endif
