/* The row calls of the SQLite store. */
#include <string.h>

#include "store/sqlite_internal.h"

/* Above every id: one byte longer than the longest and all ones. */
static const uint8_t above_all[STORE_ID_MAX + 1] = { [0 ... STORE_ID_MAX] = 0xff };

static struct sqlite_store *self(struct store *base)
{
	return (struct sqlite_store *)base;
}

sqlite3_int64 sqlite_limit_of(size_t limit)
{
	return limit > INT64_MAX ? INT64_MAX : (sqlite3_int64)limit;
}

enum coffer_err sqlite_stmt_for(struct sqlite_store *s, enum sqlite_stmt_id which, enum store_table table, struct view id,
	sqlite3_stmt **out)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt(s, which, &stmt));
	int rc = sqlite3_bind_int(stmt, 1, (int)table);
	if (!rc) rc = sqlite_bind_view(stmt, 2, id);
	if (rc) return sqlite_judge(s, rc, false);
	*out = stmt;
	return ERR_OK;
}

static enum coffer_err column_view(sqlite3_stmt *stmt, int at, size_t max, struct view *out)
{
	ENSURE(sqlite3_column_type(stmt, at) == SQLITE_BLOB, ERR_CORRUPT);
	const void *ptr = sqlite3_column_blob(stmt, at);
	int len = sqlite3_column_bytes(stmt, at);
	ENSURE(len >= 0 && (size_t)len <= max, ERR_CORRUPT);
	ENSURE(ptr || len == 0, ERR_MEMORY);
	*out = view_of(ptr, (size_t)len);
	return ERR_OK;
}

static enum coffer_err column_u32(sqlite3_stmt *stmt, int at, uint32_t *out)
{
	ENSURE(sqlite3_column_type(stmt, at) == SQLITE_INTEGER, ERR_CORRUPT);
	sqlite3_int64 v = sqlite3_column_int64(stmt, at);
	ENSURE(v >= 0 && v <= UINT32_MAX, ERR_CORRUPT);
	*out = (uint32_t)v;
	return ERR_OK;
}

/* The file may have been edited. */
enum coffer_err sqlite_load_row(sqlite3_stmt *stmt, struct store_row *out)
{
	struct store_row row = { .id_len = 0 };
	struct view id;
	TRY(column_view(stmt, 0, STORE_ID_MAX, &id));
	ENSURE(id.len >= 1, ERR_CORRUPT);
	memcpy(row.id, id.ptr, id.len);
	row.id_len = id.len;
	TRY(column_u32(stmt, 1, &row.version));
	TRY(column_u32(stmt, 2, &row.state));
	TRY(column_u32(stmt, 3, &row.generation));
	TRY(column_view(stmt, 4, STORE_HEADER_MAX, &row.header));
	TRY(column_view(stmt, 5, 2 + (size_t)STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN, &row.index));
	ENSURE(store_index_is_valid(row.index), ERR_CORRUPT);
	TRY(column_view(stmt, 6, STORE_BODY_MAX, &row.body));
	*out = row;
	return ERR_OK;
}

static enum coffer_err put_record(struct sqlite_store *s, enum store_table table, const struct store_row *row, bool replace)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt_for(s, replace ? STMT_REPLACE : STMT_INSERT, table, view_of(row->id, row->id_len), &stmt));
	int rc = sqlite3_bind_int64(stmt, 3, row->version);
	if (!rc) rc = sqlite3_bind_int64(stmt, 4, row->state);
	if (!rc) rc = sqlite3_bind_int64(stmt, 5, row->generation);
	if (!rc) rc = sqlite_bind_view(stmt, 6, row->header);
	if (!rc) rc = sqlite_bind_view(stmt, 7, row->index);
	if (!rc) rc = sqlite_bind_view(stmt, 8, row->body);
	if (!rc) rc = sqlite_stmt_run(stmt);
	return sqlite_judge(s, rc, true);
}

static enum coffer_err erase_search(struct sqlite_store *s, enum store_table table, struct view id)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt_for(s, STMT_SEARCH_ERASE, table, id, &stmt));
	return sqlite_judge(s, sqlite_stmt_run(stmt), true);
}

static enum coffer_err put_search(struct sqlite_store *s, enum store_table table, struct view id, const uint8_t *entry)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt_for(s, STMT_SEARCH_INSERT, table, id, &stmt));
	int rc = sqlite3_bind_int(stmt, 3, entry[0]);
	if (!rc) rc = sqlite_bind_view(stmt, 4, view_of(entry + 1, STORE_TOKEN_LEN));
	if (!rc) rc = sqlite_stmt_run(stmt);
	return sqlite_judge(s, rc, true);
}

static enum coffer_err put_all(struct sqlite_store *s, enum store_table table, const struct store_row *row, bool replace)
{
	struct view id = view_of(row->id, row->id_len);
	TRY(put_record(s, table, row, replace));
	if (replace) TRY(erase_search(s, table, id));
	for (size_t i = 0; i < store_index_count(row->index); i++)
		TRY(put_search(s, table, id, store_index_entry(row->index, i)));
	return ERR_OK;
}

static enum coffer_err erase_all(struct sqlite_store *s, enum store_table table, struct view id)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt_for(s, STMT_ERASE, table, id, &stmt));
	TRY(sqlite_judge(s, sqlite_stmt_run(stmt), true));
	ENSURE(sqlite3_changes(s->db) > 0, ERR_NOT_FOUND);
	enum coffer_err err = erase_search(s, table, id);
	if (err) s->doom = err;
	return err;
}

enum coffer_err sqlite_write_again(void *store, enum store_table table, struct view id, const struct store_row *row, bool replace)
{
	return row ? put_all(store, table, row, replace) : erase_all(store, table, id);
}

enum coffer_err sqlite_put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	struct sqlite_store *s = self(base);
	TRY(sqlite_ready(s));
	s->wrote = true;
	enum coffer_err err = put_all(s, table, row, replace);
	if (!err) sqlite_redo_note(&s->redo, table, view_of(row->id, row->id_len), row, replace);
	/* A statement that could not even be prepared may follow one that wrote. */
	if (err && err != ERR_EXISTS) s->doom = err;
	return err;
}

enum coffer_err sqlite_erase(struct store *base, enum store_table table, struct view id)
{
	struct sqlite_store *s = self(base);
	TRY(sqlite_ready(s));
	s->wrote = true;
	enum coffer_err err = erase_all(s, table, id);
	if (!err) sqlite_redo_note(&s->redo, table, id, NULL, false);
	return err;
}

enum coffer_err sqlite_get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_ready(s));
	TRY(sqlite_stmt_for(s, STMT_GET, table, id, &stmt));
	int rc = sqlite3_step(stmt);
	s->lent = stmt;
	if (rc == SQLITE_DONE) {
		sqlite_stmt_return_lent(s);
		return ERR_NOT_FOUND;
	}
	TRY(sqlite_judge(s, rc, false));
	return sqlite_load_row(stmt, out);
}

/* Steps through a query, one callback for each row; leaves the statement reset. */
static enum coffer_err each_row(struct sqlite_store *s, sqlite3_stmt *stmt, store_row_fn *fn, void *arg)
{
	enum coffer_err err = ERR_OK;
	int rc = SQLITE_DONE;
	while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_row row;
		err = sqlite_load_row(stmt, &row);
		if (!err) err = fn(arg, &row);
	}
	sqlite3_reset(stmt);
	return err ? err : sqlite_judge(s, rc, false);
}

enum coffer_err sqlite_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_ready(s));
	if (backwards && !after.len) after = view_of(above_all, sizeof above_all);
	TRY(sqlite_stmt_for(s, backwards ? STMT_SCAN_BACK : STMT_SCAN, table, after, &stmt));
	TRY(sqlite_judge(s, sqlite3_bind_int64(stmt, 3, sqlite_limit_of(limit)), false));
	return each_row(s, stmt, fn, arg);
}

enum coffer_err sqlite_count(struct store *base, enum store_table table, uint64_t *out)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_ready(s));
	TRY(sqlite_stmt(s, STMT_COUNT_ROWS, &stmt));
	int rc = sqlite3_bind_int(stmt, 1, (int)table);
	if (!rc) rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) *out = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return sqlite_judge(s, rc, false);
}

enum coffer_err sqlite_index_find(struct store *base, enum store_table table, uint8_t index, struct view token,
	struct view after, size_t limit, store_id_fn *fn, void *arg)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_ready(s));
	TRY(sqlite_stmt_for(s, STMT_SEARCH, table, after, &stmt));
	int rc = sqlite3_bind_int(stmt, 3, index);
	if (!rc) rc = sqlite_bind_view(stmt, 4, token);
	if (!rc) rc = sqlite3_bind_int64(stmt, 5, sqlite_limit_of(limit));
	TRY(sqlite_judge(s, rc, false));
	enum coffer_err err = ERR_OK;
	while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct view id;
		err = column_view(stmt, 0, STORE_ID_MAX, &id);
		if (!err) err = id.len ? fn(arg, id) : ERR_CORRUPT;
	}
	sqlite3_reset(stmt);
	return err ? err : sqlite_judge(s, rc, false);
}
