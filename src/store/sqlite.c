/* The store on SQLite: one file, one connection, transactions and what a failed one means. */
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "store/sqlite_internal.h"

static struct sqlite_store *self(struct store *base)
{
	return (struct sqlite_store *)base;
}

static enum coffer_err run(struct sqlite_store *s, enum sqlite_stmt_id id, int *out_rc)
{
	sqlite3_stmt *stmt;
	TRY(sqlite_stmt(s, id, &stmt));
	*out_rc = sqlite_stmt_run(stmt);
	return sqlite_judge(s, *out_rc, true);
}

static void disconnect(struct sqlite_store *s)
{
	sqlite_stmt_finalize_all(s);
	sqlite3_close(s->db);
	s->db = NULL;
}

static void end(struct store *base)
{
	struct sqlite_store *s = self(base);
	disconnect(s);
	sqlite_redo_free(&s->redo);
	free(s->path);
	free(s);
}

/* Before a transaction begins, so that ending it never needs memory for a statement. */
static enum coffer_err prepare_endings(struct sqlite_store *s)
{
	static const enum sqlite_stmt_id ids[] = { STMT_COMMIT, STMT_ROLLBACK, STMT_RELEASE, STMT_ROLLBACK_TO };
	sqlite3_stmt *stmt;
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) TRY(sqlite_stmt(s, ids[i], &stmt));
	return ERR_OK;
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	struct sqlite_store *s = self(base);
	int rc = SQLITE_OK;
	enum coffer_err err = sqlite_ready(s);
	if (err == ERR_UNKNOWN_OUTCOME)
		return reason_fail(reason, err, "the store %s failed and was not opened again since; restart the daemon", s->path);
	TRY(err);
	TRY(prepare_endings(s));
	s->wrote = false;
	sqlite_redo_begin(&s->redo);
	err = run(s, STMT_BEGIN, &rc);
	return rc ? sqlite_fail(s->db, rc, s->path, reason) : err;
}

static void rollback(struct store *base)
{
	struct sqlite_store *s = self(base);
	int rc;
	sqlite_stmt_return_lent(s);
	s->doom = ERR_OK;
	if (!s->db || s->unknown) return;
	enum coffer_err err = sqlite3_get_autocommit(s->db) ? ERR_OK : run(s, STMT_ROLLBACK, &rc);
	s->doom = ERR_OK;
	/* Not to be ended by any means: the next user must not write into it. */
	if (err && !sqlite3_get_autocommit(s->db)) s->unknown = true;
}

static enum coffer_err commit(struct store *base, struct reason *reason)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt;
	enum coffer_err err = sqlite_ready(s);
	if (err == ERR_UNKNOWN_OUTCOME)
		return reason_fail(reason, err, "the store %s failed; it must be opened again before its contents are known", s->path);
	if (!err) err = sqlite_stmt(s, STMT_COMMIT, &stmt);
	if (err) {
		rollback(base);
		return reason_fail(reason, err, "the store %s took back the whole change because a write in it failed: %s", s->path,
			err_text(err));
	}
	int rc = sqlite_stmt_run(stmt);
	if (rc == SQLITE_OK) return ERR_OK;
	err = sqlite_commit_fail(s->db, rc, s->path, reason);
	if (err == ERR_UNKNOWN_OUTCOME) s->unknown = true;
	else rollback(base);
	return err;
}

static enum coffer_err savepoint(struct store *base)
{
	struct sqlite_store *s = self(base);
	int rc;
	TRY(sqlite_ready(s));
	s->wrote = false;
	s->saved_here = sqlite_redo_mark(&s->redo);
	return s->saved_here ? ERR_OK : run(s, STMT_SAVEPOINT, &rc);
}

static enum coffer_err begin_anew(struct sqlite_store *s)
{
	int rc;
	TRY(run(s, STMT_ROLLBACK, &rc));
	TRY(run(s, STMT_BEGIN, &rc));
	enum coffer_err err = sqlite_redo_again(&s->redo, sqlite_write_again, s);
	/* It went well before: the file is not what it was, and nobody may take that for an answer about a row. */
	return err == ERR_EXISTS || err == ERR_NOT_FOUND ? ERR_CORRUPT : err;
}

static void release(struct store *base, bool keep)
{
	struct sqlite_store *s = self(base);
	int rc;
	if (sqlite_ready(s) != ERR_OK) return; /* the whole transaction goes */
	enum coffer_err err = ERR_OK;
	if (s->saved_here) {
		if (!keep && s->wrote) err = begin_anew(s);
	} else {
		if (!keep) err = run(s, STMT_ROLLBACK_TO, &rc);
		if (!err) err = run(s, STMT_RELEASE, &rc);
	}
	if (err) s->doom = err;
}

/* A negative number is KiB, a positive one pages. */
static enum coffer_err apply_cache(struct sqlite_store *s, sqlite3 *db)
{
	char sql[64];
	if (s->cache == 0) return ERR_OK;
	snprintf(sql, sizeof sql, "PRAGMA cache_size = -%llu", (unsigned long long)(s->cache / 1024));
	return sqlite_err(sqlite3_exec(db, sql, NULL, NULL, NULL));
}

static enum coffer_err set_cache(struct store *base, size_t bytes)
{
	struct sqlite_store *s = self(base);
	TRY(sqlite_ready(s));
	s->cache = bytes;
	return apply_cache(s, s->db);
}

static enum coffer_err scrub_deleted(struct store *base, struct reason *reason)
{
	struct sqlite_store *s = self(base);
	sqlite_redo_wipe(&s->redo);
	TRY(sqlite_ready(s));
	return sqlite_checkpoint(s->db, s->path, reason);
}

static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	struct sqlite_store *s = self(base);
	sqlite3 *db;
	disconnect(s);
	TRY(sqlite_connect(s->path, false, &db, reason));
	/* After a failed fsync the log may read well from memory and yet not be on the disk: what it says is written anew. */
	enum coffer_err err = sqlite_checkpoint(db, s->path, reason);
	if (!err) err = apply_cache(s, db);
	if (err) {
		sqlite3_close(db);
		return err;
	}
	s->db = db;
	s->doom = ERR_OK;
	s->unknown = false;
	return ERR_OK;
}

static const struct store_ops sqlite_ops = {
	.name = "sqlite",
	.close = end,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.put = sqlite_put,
	.get = sqlite_get,
	.hold = sqlite_get, /* BEGIN IMMEDIATE: one writer at a time */
	.erase = sqlite_erase,
	.scan = sqlite_scan,
	.count = sqlite_count,
	.index_find = sqlite_index_find,
	.survey = sqlite_survey,
	.index_same = sqlite_index_same,
	.index_orphans = sqlite_index_orphans,
	.strays = sqlite_strays,
	.set_cache = set_cache,
	.scrub_deleted = scrub_deleted,
	.reopen = reopen,
};

/* What a process left in the log that was killed: a commit whose sync failed or never came, bytes of an erase before its scrub. Only on the disk is it the
 * truth. When there is no room for it in the database file it stays in the log, synced. */
static enum coffer_err empty_log(struct sqlite_store *s, struct reason *reason)
{
	struct reason why = { "" };
	enum coffer_err err = sqlite_checkpoint(s->db, s->path, &why);
	if (err == ERR_FULL) log_warn("deleted bytes may still be in the store's log: %s", reason_text(&why, err));
	return !err || err == ERR_FULL ? ERR_OK : reason_fail(reason, err, "%s", reason_text(&why, err));
}

enum coffer_err store_open_sqlite(const char *path, struct store **out, struct reason *reason)
{
	struct sqlite_store *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	s->base.ops = &sqlite_ops;
	enum coffer_err err = sqlite_file_resolve(path, &s->path, reason);
	if (!err) err = sqlite_connect(s->path, true, &s->db, reason);
	if (!err) err = empty_log(s, reason);
	if (err) {
		end(&s->base);
		return err;
	}
	*out = &s->base;
	return ERR_OK;
}
