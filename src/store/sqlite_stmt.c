/* Prepared statements of the SQLite store: the cache, binding, stepping, and what a failed step means. */
#include "store/sqlite_internal.h"

static const char *const stmt_sql[STMT_COUNT] = {
#define STMT(name, sql) sql,
#include "store/sqlite_stmt.def"
#undef STMT
};

enum coffer_err sqlite_stmt(struct sqlite_store *s, enum sqlite_stmt_id id, sqlite3_stmt **out)
{
	if (!s->stmts[id]) {
		int rc = sqlite3_prepare_v3(s->db, stmt_sql[id], -1, SQLITE_PREPARE_PERSISTENT, &s->stmts[id], NULL);
		if (rc != SQLITE_OK) return sqlite_judge(s, rc, false);
	}
	sqlite3_reset(s->stmts[id]);
	sqlite3_clear_bindings(s->stmts[id]);
	*out = s->stmts[id];
	return ERR_OK;
}

void sqlite_stmt_return_lent(struct sqlite_store *s)
{
	if (s->lent) sqlite3_reset(s->lent);
	s->lent = NULL;
}

void sqlite_stmt_finalize_all(struct sqlite_store *s)
{
	s->lent = NULL;
	for (size_t i = 0; i < STMT_COUNT; i++) {
		sqlite3_finalize(s->stmts[i]);
		s->stmts[i] = NULL;
	}
}

enum coffer_err sqlite_ready(struct sqlite_store *s)
{
	sqlite_stmt_return_lent(s);
	ENSURE(s->db && !s->unknown, ERR_UNKNOWN_OUTCOME);
	return s->doom;
}

int sqlite_stmt_run(sqlite3_stmt *stmt)
{
	int rc = sqlite3_step(stmt);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return rc == SQLITE_DONE ? SQLITE_OK : rc;
}

enum coffer_err sqlite_judge(struct sqlite_store *s, int rc, bool wrote)
{
	enum coffer_err err = sqlite_err(rc);
	if (err == ERR_OK || err == ERR_EXISTS || !s->base.in_transaction) return err;
	/* SQLite may have rolled back by itself; a later write must not land in a transaction of its own. */
	if (wrote || sqlite3_get_autocommit(s->db)) s->doom = err;
	return err;
}

int sqlite_bind_view(sqlite3_stmt *stmt, int at, struct view bytes)
{
	/* A NULL pointer would bind SQL NULL; the bytes outlive the step. */
	return sqlite3_bind_blob64(stmt, at, bytes.len ? (const void *)bytes.ptr : "", bytes.len, SQLITE_STATIC);
}
