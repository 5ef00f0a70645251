/* Looking at everything in the file, also at what cannot be used. */
#include <string.h>

#include "store/sqlite_internal.h"

static struct sqlite_store *self(struct store *base)
{
	return (struct sqlite_store *)base;
}

/* The id of the row that the statement stands at, cut where it is too long. False: it is none at all. */
static bool take_id(sqlite3_stmt *stmt, struct store_row *out)
{
	const void *ptr = sqlite3_column_blob(stmt, 0);
	int len = sqlite3_column_bytes(stmt, 0);
	*out = (struct store_row){ .id_len = 0 };
	if (len <= 0 || !ptr) return false;
	out->id_len = (size_t)len < STORE_ID_MAX ? (size_t)len : STORE_ID_MAX;
	memcpy(out->id, ptr, out->id_len);
	return (size_t)len <= STORE_ID_MAX && sqlite3_column_type(stmt, 0) == SQLITE_BLOB;
}

enum coffer_err sqlite_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	enum coffer_err err = ERR_OK;
	int rc = SQLITE_DONE;
	TRY(sqlite_ready(s));
	if (!from.len) sqlite3_db_release_memory(s->db); /* pages that memory has are not what the file says now */
	TRY(sqlite_stmt_for(s, STMT_SURVEY, table, from, &stmt));
	TRY(sqlite_judge(s, sqlite3_bind_int64(stmt, 3, sqlite_limit_of(limit)), false));
	while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_row row;
		err = sqlite_load_row(stmt, &row);
		bool is_whole = err == ERR_OK;
		if (err == ERR_CORRUPT) {
			take_id(stmt, &row);
			err = ERR_OK;
		}
		if (!err) err = fn(arg, &row, is_whole);
	}
	sqlite3_reset(stmt);
	return err ? err : sqlite_judge(s, rc, false);
}

/* The entries as the index by row has them. */
static enum coffer_err same_by_row(struct sqlite_store *s, enum store_table table, struct view id, struct view index, bool *out_same)
{
	sqlite3_stmt *stmt = NULL;
	size_t count = store_index_count(index), at = 0;
	bool same = true;
	int rc;
	TRY(sqlite_stmt_for(s, STMT_COPIES, table, id, &stmt));
	for (; (rc = sqlite3_step(stmt)) == SQLITE_ROW; at++) {
		const uint8_t *token = sqlite3_column_blob(stmt, 1);
		bool fits = at < count && token && sqlite3_column_bytes(stmt, 1) == STORE_TOKEN_LEN;
		const uint8_t *entry = fits ? store_index_entry(index, at) : NULL;
		same = same && fits && sqlite3_column_int64(stmt, 0) == entry[0] && memcmp(token, entry + 1, STORE_TOKEN_LEN) == 0;
	}
	sqlite3_reset(stmt);
	TRY(sqlite_judge(s, rc, false));
	*out_same = same && at == count;
	return ERR_OK;
}

/* One entry where a search looks for it, which is another tree of the file. */
static enum coffer_err is_searchable(struct sqlite_store *s, enum store_table table, struct view id, const uint8_t *entry, bool *out)
{
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_stmt_for(s, STMT_COPY, table, id, &stmt));
	int rc = sqlite3_bind_int(stmt, 3, entry[0]);
	if (!rc) rc = sqlite_bind_view(stmt, 4, view_of(entry + 1, STORE_TOKEN_LEN));
	if (!rc) rc = sqlite3_step(stmt);
	*out = rc == SQLITE_ROW;
	sqlite3_reset(stmt);
	return sqlite_judge(s, rc, false);
}

enum coffer_err sqlite_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same)
{
	struct sqlite_store *s = self(base);
	bool same = true;
	TRY(sqlite_ready(s));
	TRY(same_by_row(s, table, id, index, &same));
	for (size_t i = 0; i < store_index_count(index) && same; i++) TRY(is_searchable(s, table, id, store_index_entry(index, i), &same));
	*out_same = same;
	return ERR_OK;
}

enum coffer_err sqlite_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn,
	void *arg)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	enum coffer_err err = ERR_OK;
	int rc = SQLITE_DONE;
	TRY(sqlite_ready(s));
	TRY(sqlite_stmt_for(s, STMT_ORPHANS, table, from, &stmt));
	TRY(sqlite_judge(s, sqlite3_bind_int64(stmt, 3, sqlite_limit_of(limit)), false));
	while (!err && (rc = sqlite3_step(stmt)) == SQLITE_ROW) {
		struct store_row row;
		bool is_id = take_id(stmt, &row);
		err = fn(arg, &row, is_id && sqlite3_column_int(stmt, 1) == 1);
	}
	sqlite3_reset(stmt);
	return err ? err : sqlite_judge(s, rc, false);
}

enum coffer_err sqlite_strays(struct store *base, uint64_t *out)
{
	struct sqlite_store *s = self(base);
	sqlite3_stmt *stmt = NULL;
	TRY(sqlite_ready(s));
	TRY(sqlite_stmt(s, STMT_STRAYS, &stmt));
	int rc = sqlite3_bind_int(stmt, 1, STORE_TABLE_END);
	if (!rc) rc = sqlite3_bind_int(stmt, 2, STORE_LEASE);
	if (!rc) rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW) *out = (uint64_t)sqlite3_column_int64(stmt, 0);
	sqlite3_reset(stmt);
	return sqlite_judge(s, rc, false);
}
