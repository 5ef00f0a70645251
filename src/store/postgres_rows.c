/* The row calls of the PostgreSQL store. */
#include <string.h>

#include "store/postgres_internal.h"

/* Above every id: one byte longer than the longest and all ones. */
static const uint8_t above_all[STORE_ID_MAX + 1] = { [0 ... STORE_ID_MAX] = 0xff };

static struct postgres_store *self(struct store *base)
{
	return (struct postgres_store *)base;
}

static enum coffer_err column_view(const PGresult *result, int row, int column, size_t max, struct view *out)
{
	ENSURE(column < PQnfields(result) && !PQgetisnull(result, row, column), ERR_CORRUPT);
	int len = PQgetlength(result, row, column);
	ENSURE(len >= 0 && (size_t)len <= max, ERR_CORRUPT);
	*out = view_of(PQgetvalue(result, row, column), (size_t)len);
	return ERR_OK;
}

enum coffer_err postgres_load_u64(const PGresult *result, int row, int column, uint64_t *out)
{
	struct view bytes;
	uint64_t value = 0;
	TRY(column_view(result, row, column, 8, &bytes));
	ENSURE(bytes.len == 8 && !(bytes.ptr[0] & 0x80), ERR_CORRUPT);
	for (size_t i = 0; i < 8; i++) value = value << 8 | bytes.ptr[i];
	*out = value;
	return ERR_OK;
}

static enum coffer_err column_u32(const PGresult *result, int row, int column, uint32_t *out)
{
	uint64_t value;
	TRY(postgres_load_u64(result, row, column, &value));
	ENSURE(value <= UINT32_MAX, ERR_CORRUPT);
	*out = (uint32_t)value;
	return ERR_OK;
}

/* The database may have been edited. */
enum coffer_err postgres_load_row(const PGresult *result, int at, struct store_row *out)
{
	struct store_row row = { .id_len = 0 };
	struct view id;
	TRY(column_view(result, at, 0, STORE_ID_MAX, &id));
	ENSURE(id.len >= 1, ERR_CORRUPT);
	memcpy(row.id, id.ptr, id.len);
	row.id_len = id.len;
	TRY(column_u32(result, at, 1, &row.version));
	TRY(column_u32(result, at, 2, &row.state));
	TRY(column_u32(result, at, 3, &row.generation));
	TRY(column_view(result, at, 4, STORE_HEADER_MAX, &row.header));
	TRY(column_view(result, at, 5, 2 + (size_t)STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN, &row.index));
	ENSURE(store_index_is_valid(row.index), ERR_CORRUPT);
	TRY(column_view(result, at, 6, STORE_BODY_MAX, &row.body));
	*out = row;
	return ERR_OK;
}

static void add_place(struct postgres_values *v, enum store_table table, struct view id)
{
	postgres_add_u16(v, (uint16_t)table);
	postgres_add_bytes(v, id);
}

/* What a function of the schema says: 1 it did it, 0 it found that it could not. */
static enum coffer_err ask(struct postgres_store *s, enum postgres_stmt_id id, const struct postgres_values *v, enum coffer_err otherwise)
{
	PGresult *result = NULL;
	uint64_t said = 2;
	TRY(postgres_step(s, id, v, &result));
	enum coffer_err err = PQntuples(result) == 1 ? postgres_load_u64(result, 0, 0, &said) : ERR_CORRUPT;
	PQclear(result);
	if (!err && said > 1) err = ERR_CORRUPT;
	if (err) s->doom = err;
	TRY(err);
	return said ? ERR_OK : otherwise;
}

enum coffer_err postgres_put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	TRY(postgres_ready(s));
	add_place(&v, table, view_of(row->id, row->id_len));
	postgres_add_i64(&v, row->version);
	postgres_add_i64(&v, row->state);
	postgres_add_i64(&v, row->generation);
	postgres_add_bytes(&v, row->header);
	postgres_add_bytes(&v, row->index);
	postgres_add_bytes(&v, row->body);
	postgres_add_u16(&v, replace);
	if (replace) TRY(postgres_send(s, PG_PUT, &v));
	else TRY(ask(s, PG_PUT, &v, ERR_EXISTS));
	return table == STORE_CHANGE ? postgres_tell(s) : ERR_OK;
}

enum coffer_err postgres_erase(struct store *base, enum store_table table, struct view id)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	TRY(postgres_ready(s));
	add_place(&v, table, id);
	return ask(s, PG_ERASE, &v, ERR_NOT_FOUND);
}

static enum coffer_err look(struct store *base, enum postgres_stmt_id how, enum store_table table, struct view id, struct store_row *out)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	TRY(postgres_ready(s));
	add_place(&v, table, id);
	TRY(postgres_step(s, how, &v, &s->lent));
	ENSURE(PQntuples(s->lent) > 0, ERR_NOT_FOUND);
	return postgres_load_row(s->lent, 0, out);
}

enum coffer_err postgres_get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	return look(base, PG_GET, table, id, out);
}

enum coffer_err postgres_hold(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	return look(base, PG_HOLD, table, id, out);
}

/* A page of rows after `after`, which moves behind the last one. */
static enum coffer_err scan_page(struct postgres_store *s, enum store_table table, struct store_row *last, bool backwards, size_t count, size_t *out_count,
	store_row_fn *fn, void *arg)
{
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	enum coffer_err err = ERR_OK;
	struct view after = view_of(last->id, last->id_len);
	add_place(&v, table, backwards && !after.len ? view_of(above_all, sizeof above_all) : after);
	postgres_add_i64(&v, (int64_t)count);
	TRY(postgres_step(s, backwards ? PG_SCAN_BACK : PG_SCAN, &v, &result));
	int rows = PQntuples(result);
	for (int i = 0; i < rows && !err; i++) {
		struct store_row row;
		err = postgres_load_row(result, i, &row);
		if (err) break;
		memcpy(last->id, row.id, row.id_len);
		last->id_len = row.id_len;
		err = fn(arg, &row);
	}
	PQclear(result);
	*out_count = (size_t)rows;
	return err;
}

enum coffer_err postgres_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit, store_row_fn *fn, void *arg)
{
	struct postgres_store *s = self(base);
	struct store_row last = { .id_len = after.len };
	TRY(postgres_ready(s));
	if (after.len) memcpy(last.id, after.ptr, after.len);
	while (limit) {
		size_t wanted = limit < POSTGRES_PAGE ? limit : POSTGRES_PAGE, found = 0;
		TRY(scan_page(s, table, &last, backwards, wanted, &found, fn, arg));
		if (found < wanted) break;
		limit -= found;
	}
	return ERR_OK;
}

enum coffer_err postgres_count(struct store *base, enum store_table table, uint64_t *out)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	TRY(postgres_ready(s));
	postgres_add_u16(&v, (uint16_t)table);
	TRY(postgres_step(s, PG_COUNT_ROWS, &v, &result));
	enum coffer_err err = PQntuples(result) == 1 ? postgres_load_u64(result, 0, 0, out) : ERR_CORRUPT;
	PQclear(result);
	return err;
}

enum coffer_err postgres_index_find(struct store *base, enum store_table table, uint8_t index, struct view token, struct view after, size_t limit,
	store_id_fn *fn, void *arg)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	enum coffer_err err = ERR_OK;
	TRY(postgres_ready(s));
	add_place(&v, table, after);
	postgres_add_u16(&v, index);
	postgres_add_bytes(&v, token);
	postgres_add_i64(&v, limit > INT64_MAX ? INT64_MAX : (int64_t)limit); /* ids alone: 64 bytes each at most */
	TRY(postgres_step(s, PG_SEARCH, &v, &result));
	for (int i = 0; i < PQntuples(result) && !err; i++) {
		struct view id;
		err = column_view(result, i, 0, STORE_ID_MAX, &id);
		if (!err) err = id.len ? fn(arg, id) : ERR_CORRUPT;
	}
	PQclear(result);
	return err;
}
