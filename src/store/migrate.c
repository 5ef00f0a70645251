/* Schema steps: each in one transaction, the schema compared before and after with a reference made by the same steps. */
#include "store/migrate.h"

#include <stdio.h>
#include <string.h>

#include "store/migrate_internal.h"
#include "store/sqlite_internal.h"

/* A released step is never edited; a change of the schema is a new one. */
static const char *const steps_sql[] = {
	/* 1: records of every table in one, and the searchable copies of their index columns. */
	"CREATE TABLE record (tbl INTEGER NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, state INTEGER NOT NULL,"
	" generation INTEGER NOT NULL, header BLOB NOT NULL, idx BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tbl, id)) STRICT;"
	"CREATE TABLE search (tbl INTEGER NOT NULL, idx INTEGER NOT NULL, token BLOB NOT NULL, id BLOB NOT NULL,"
	" PRIMARY KEY (tbl, idx, token, id)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX search_row ON search (tbl, id);",
};
_Static_assert(sizeof steps_sql / sizeof steps_sql[0] == STORE_SCHEMA_VERSION, "one step for each schema");

const struct migrate_steps migrate_steps_all = { steps_sql, sizeof steps_sql / sizeof steps_sql[0] };

static const char select_schema[] = "SELECT type, name, tbl_name, sql FROM sqlite_schema ORDER BY type, name";
#define SCHEMA_COLUMNS 4
#define NAME_COLUMN 1

static int pragma_number(sqlite3 *db, const char *sql, sqlite3_int64 *out)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);
	if (!rc) rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) *out = sqlite3_column_int64(stmt, 0);
	int end = sqlite3_finalize(stmt);
	return rc == SQLITE_ROW ? SQLITE_OK : end ? end : SQLITE_ERROR;
}

/* One step with its version number, whole or not at all. */
static int apply_step(sqlite3 *db, const char *sql, size_t version)
{
	char mark[96];
	snprintf(mark, sizeof mark, "PRAGMA application_id = %d; PRAGMA user_version = %zu;", MIGRATE_APPLICATION_ID, version);
	int rc = sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	if (!rc) rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
	if (!rc) rc = sqlite3_exec(db, mark, NULL, NULL, NULL);
	if (!rc) rc = sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	/* Its own failure adds nothing: the connection is closed by the caller, which rolls back too. */
	if (rc && !sqlite3_get_autocommit(db)) (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return rc;
}

static bool is_same_text(sqlite3_stmt *a, sqlite3_stmt *b, int column)
{
	const unsigned char *x = sqlite3_column_text(a, column), *y = sqlite3_column_text(b, column);
	if (!x || !y) return x == y;
	return strcmp((const char *)x, (const char *)y) == 0;
}

static int compare_names(sqlite3_stmt *a, sqlite3_stmt *b)
{
	for (int i = 0; i <= NAME_COLUMN; i++) {
		const unsigned char *x = sqlite3_column_text(a, i), *y = sqlite3_column_text(b, i);
		int order = strcmp(x ? (const char *)x : "", y ? (const char *)y : "");
		if (order) return order;
	}
	return 0;
}

static enum coffer_err refuse_object(sqlite3_stmt *at, const char *path, const char *what, struct reason *reason)
{
	const unsigned char *type = sqlite3_column_text(at, 0), *name = sqlite3_column_text(at, NAME_COLUMN);
	return reason_fail(reason, ERR_SCHEMA, "the store %s is not as Coffer made it: %s '%s' %s; restore it from a backup", path,
		type ? (const char *)type : "object", name ? (const char *)name : "", what);
}

/* Walks both sorted lists together. */
static enum coffer_err compare_schemas(sqlite3_stmt *found, sqlite3_stmt *wanted, const char *path,
	struct reason *reason, int *out_rc)
{
	for (;;) {
		int f = sqlite3_step(found), w = sqlite3_step(wanted);
		if ((f != SQLITE_ROW && f != SQLITE_DONE) || (w != SQLITE_ROW && w != SQLITE_DONE)) {
			*out_rc = f != SQLITE_ROW && f != SQLITE_DONE ? f : w;
			return ERR_STORE;
		}
		if (f == SQLITE_DONE && w == SQLITE_DONE) return ERR_OK;
		int order = f == SQLITE_DONE ? 1 : w == SQLITE_DONE ? -1 : compare_names(found, wanted);
		if (order < 0) return refuse_object(found, path, "does not belong there", reason);
		if (order > 0) return refuse_object(wanted, path, "is missing", reason);
		for (int i = 0; i < SCHEMA_COLUMNS; i++)
			if (!is_same_text(found, wanted, i)) return refuse_object(found, path, "was changed", reason);
	}
}

/* The schema must be exactly what the first `version` steps make. */
static enum coffer_err check_schema(sqlite3 *db, const struct migrate_steps *steps, size_t version, const char *path,
	struct reason *reason)
{
	sqlite3 *reference = NULL;
	sqlite3_stmt *found = NULL, *wanted = NULL;
	enum coffer_err err = ERR_STORE;
	int rc = sqlite3_open_v2(":memory:", &reference, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_MEMORY, NULL);
	for (size_t i = 0; i < version && !rc; i++) rc = apply_step(reference, steps->sql[i], i + 1);
	if (!rc) rc = sqlite3_prepare_v2(reference, select_schema, -1, &wanted, NULL);
	if (!rc) rc = sqlite3_prepare_v2(db, select_schema, -1, &found, NULL);
	if (!rc) err = compare_schemas(found, wanted, path, reason, &rc);
	if (rc) err = sqlite_fail(NULL, rc, path, reason);
	sqlite3_finalize(found);
	sqlite3_finalize(wanted);
	sqlite3_close(reference);
	return err;
}

/* The schema version found; 0 for an empty database. */
static enum coffer_err find_version(sqlite3 *db, const struct migrate_steps *steps, const char *path, size_t *out,
	struct reason *reason)
{
	sqlite3_int64 version = 0, application = 0, objects = 0;
	int rc = pragma_number(db, "PRAGMA user_version", &version);
	if (!rc) rc = pragma_number(db, "PRAGMA application_id", &application);
	if (!rc) rc = pragma_number(db, "SELECT count(*) FROM sqlite_schema", &objects);
	if (rc) return sqlite_fail(db, rc, path, reason);
	bool fresh = version == 0 && application == 0 && objects == 0;
	if (!fresh && (application != MIGRATE_APPLICATION_ID || version < 1))
		return reason_fail(reason, ERR_SCHEMA, "%s is a database of another program, not a Coffer store; give the store another path",
			path);
	if ((size_t)version > steps->count)
		return reason_fail(reason, ERR_SCHEMA, "the store %s has schema %lld and this program knows schemas up to %zu; use the newer "
			"version of Coffer that wrote it", path, (long long)version, steps->count);
	*out = (size_t)version;
	return ERR_OK;
}

enum coffer_err migrate_run(sqlite3 *db, const struct migrate_steps *steps, const char *path, struct reason *reason)
{
	size_t version = 0;
	TRY(find_version(db, steps, path, &version, reason));
	TRY(check_schema(db, steps, version, path, reason));
	if (version == steps->count) return ERR_OK;
	for (; version < steps->count; version++) {
		int rc = apply_step(db, steps->sql[version], version + 1);
		if (rc) return sqlite_fail(db, rc, path, reason);
	}
	return check_schema(db, steps, version, path, reason);
}

enum coffer_err migrate_to_newest(sqlite3 *db, const char *path, struct reason *reason)
{
	return migrate_run(db, &migrate_steps_all, path, reason);
}
