/* The parts of the SQLite store: handle, statements, files and errors. Only src/store/ and its tests include it. */
#ifndef COFFER_STORE_SQLITE_INTERNAL_H
#define COFFER_STORE_SQLITE_INTERNAL_H

#include <sqlite3.h>

#include "store/sqlite_redo.h"
#include "store/store_internal.h"

/* Every statement is fixed text, prepared once and kept: STMT(name, sql). The values are bound. */
enum sqlite_stmt_id {
#define STMT(name, sql) STMT_##name,
#include "store/sqlite_stmt.def"
#undef STMT
	STMT_COUNT
};

struct sqlite_store {
	struct store base;
	char *path;                       /* absolute, no symbolic link in it; ours */
	sqlite3 *db;                      /* NULL after a reopen that failed */
	sqlite3_stmt *stmts[STMT_COUNT];  /* NULL until first used */
	size_t cache;                     /* bytes that its pages may take in memory; 0: SQLite's own number */
	sqlite3_stmt *lent;               /* its current row was handed out; reset by the next call */
	enum coffer_err doom;             /* a write of this transaction failed: it can only be rolled back */
	struct sqlite_redo redo;          /* what the transaction wrote */
	bool wrote;                       /* something since it began, or since the savepoint */
	bool saved_here;                  /* the savepoint is a place in what was written; SQLite has none */
	bool unknown;                     /* outcome of a commit is unknown: only reopen helps */
};

/* sqlite_err.c: the only place that knows SQLite's codes. */
enum coffer_err sqlite_err(int rc) MUST_USE;
/* Translates rc and records the sentence for people; db may be NULL. Never ERR_OK. */
enum coffer_err sqlite_fail(sqlite3 *db, int rc, const char *path, struct reason *reason);
/* The same for a failed COMMIT: ERR_FULL and ERR_BUSY mean rolled back, everything else ERR_UNKNOWN_OUTCOME. */
enum coffer_err sqlite_commit_fail(sqlite3 *db, int rc, const char *path, struct reason *reason);

/* sqlite_file.c: the files, seen from outside SQLite. */
/* An absolute name for path in a directory that exists, is ours and closed to others. Caller frees. ERR_USAGE, ERR_MEMORY. */
enum coffer_err sqlite_file_resolve(const char *path, char **out_path, struct reason *reason) MUST_USE;
/* Judges the database file and its companions. ERR_USAGE, ERR_CORRUPT, ERR_IO. */
enum coffer_err sqlite_file_check(const char *path, bool *out_exists, struct reason *reason) MUST_USE;
/* Makes an empty file of mode 0600 beside path and locks it against a second maker. *out_new: its name, freed by the caller;
 * *out_fd: holds the lock until closed. ERR_EXISTS when path appeared meanwhile; ERR_BUSY, ERR_IO, ERR_FULL. */
enum coffer_err sqlite_file_make(const char *path, char **out_new, int *out_fd, struct reason *reason) MUST_USE;
/* Gives the finished file its name, durably. */
enum coffer_err sqlite_file_adopt(const char *new_path, const char *path, struct reason *reason) MUST_USE;
void sqlite_file_discard(const char *new_path);

/* sqlite_open.c: a configured connection whose schema is the newest and exactly ours. may_create: path may be missing.
 * Caller closes with sqlite3_close. */
enum coffer_err sqlite_connect(const char *path, bool may_create, sqlite3 **out, struct reason *reason) MUST_USE;
/* A TRUNCATE checkpoint: everything durable in the database file, the log empty, durably so. */
enum coffer_err sqlite_checkpoint(sqlite3 *db, const char *path, struct reason *reason) MUST_USE;

/* sqlite_vfs.c: the layer over SQLite's file access, registered under this name once per process. SQLite's code. */
#define SQLITE_STORE_VFS "coffer"
#define SQLITE_STORE_PAGE_LEN 4096
#define SQLITE_STORE_PAGE_COUNT_MAX 16777215 /* 64 GiB; the layer needs page numbers below 2^24 */
/* Pages in the log (16 MiB) before a commit brings them into the database file. With SQLite's own 1000 that came every fifth commit of 32 creates, and a page that many
 * commits changed was written there each time. */
#define SQLITE_STORE_LOG_PAGES 4000
_Static_assert((unsigned)SQLITE_STORE_LOG_PAGES * SQLITE_STORE_PAGE_LEN <= STORE_LOG_MAX, "a full disk's reserve is for a log of this length");
int sqlite_vfs_register(void);

/* sqlite_stmt.c */
/* The prepared statement, reset and without bindings. Borrowed. */
enum coffer_err sqlite_stmt(struct sqlite_store *s, enum sqlite_stmt_id id, sqlite3_stmt **out) MUST_USE;
/* Resets what was lent and refuses a store that is doomed or unknown. Begins every call. */
enum coffer_err sqlite_ready(struct sqlite_store *s) MUST_USE;
void sqlite_stmt_return_lent(struct sqlite_store *s);
void sqlite_stmt_finalize_all(struct sqlite_store *s);
/* Steps a statement without result to its end and resets it; returns SQLite's code. */
int sqlite_stmt_run(sqlite3_stmt *stmt);
/* Translates rc of a statement inside the store's calls; dooms the transaction unless it is ERR_OK or ERR_EXISTS. */
enum coffer_err sqlite_judge(struct sqlite_store *s, int rc, bool wrote) MUST_USE;
int sqlite_bind_view(sqlite3_stmt *stmt, int at, struct view bytes);

/* sqlite_rows.c: the row calls of the interface. */
enum coffer_err sqlite_put(struct store *base, enum store_table table, const struct store_row *row, bool replace);
enum coffer_err sqlite_get(struct store *base, enum store_table table, struct view id, struct store_row *out);
enum coffer_err sqlite_erase(struct store *base, enum store_table table, struct view id);
/* Of a sqlite_store: does once more what sqlite_put (row) or sqlite_erase (NULL) did. */
enum coffer_err sqlite_write_again(void *store, enum store_table table, struct view id, const struct store_row *row, bool replace);
enum coffer_err sqlite_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg);
enum coffer_err sqlite_count(struct store *base, enum store_table table, uint64_t *out);
enum coffer_err sqlite_index_find(struct store *base, enum store_table table, uint8_t index, struct view token,
	struct view after, size_t limit, store_id_fn *fn, void *arg);
/* sqlite_survey.c: the calls for checking. */
enum coffer_err sqlite_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);
enum coffer_err sqlite_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same);
enum coffer_err sqlite_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn,
	void *arg);
enum coffer_err sqlite_strays(struct store *base, uint64_t *out);

/* Shared by the two. */
/* A prepared statement with table and id (or bound) set. */
enum coffer_err sqlite_stmt_for(struct sqlite_store *s, enum sqlite_stmt_id which, enum store_table table, struct view id,
	sqlite3_stmt **out) MUST_USE;
sqlite3_int64 sqlite_limit_of(size_t limit);
/* The row that a statement stands at: every column is checked against the limits that store_put keeps. ERR_CORRUPT. */
enum coffer_err sqlite_load_row(sqlite3_stmt *stmt, struct store_row *out) MUST_USE;

#endif
