/* Looking at everything in the schema, also at what cannot be used. */
#include <string.h>

#include "store/postgres_internal.h"

static struct postgres_store *self(struct store *base)
{
	return (struct postgres_store *)base;
}

/* The id of a row, cut where it is too long. False: it is none that this interface has. */
static bool take_id(const PGresult *result, int at, struct store_row *out)
{
	size_t len = PQgetisnull(result, at, 0) ? 0 : (size_t)PQgetlength(result, at, 0);
	*out = (struct store_row){ .id_len = len < STORE_ID_MAX ? len : STORE_ID_MAX };
	memcpy(out->id, PQgetvalue(result, at, 0), out->id_len);
	return len >= 1 && len <= STORE_ID_MAX;
}

/* The caller's pages are small. */
static enum coffer_err page(struct postgres_store *s, enum postgres_stmt_id id, enum store_table table, struct view from, size_t limit, PGresult **out)
{
	struct postgres_values v = { .count = 0 };
	TRY(postgres_ready(s));
	postgres_add_u16(&v, (uint16_t)table);
	postgres_add_bytes(&v, from);
	postgres_add_i64(&v, limit > INT64_MAX ? INT64_MAX : (int64_t)limit);
	return postgres_step(s, id, &v, out);
}

enum coffer_err postgres_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	PGresult *result = NULL;
	enum coffer_err err = ERR_OK;
	TRY(page(self(base), PG_SURVEY, table, from, limit, &result));
	for (int i = 0; i < PQntuples(result) && !err; i++) {
		struct store_row row;
		bool is_whole = postgres_load_row(result, i, &row) == ERR_OK;
		if (!is_whole) take_id(result, i, &row);
		err = fn(arg, &row, is_whole);
	}
	PQclear(result);
	return err;
}

enum coffer_err postgres_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	TRY(postgres_ready(s));
	postgres_add_u16(&v, (uint16_t)table);
	postgres_add_bytes(&v, id);
	TRY(postgres_step(s, PG_COPIES, &v, &result));
	bool same = (size_t)PQntuples(result) == store_index_count(index);
	for (size_t i = 0; same && i < store_index_count(index); i++) {
		const uint8_t *entry = store_index_entry(index, i);
		uint64_t number;
		same = postgres_load_u64(result, (int)i, 0, &number) == ERR_OK && number == entry[0] && PQgetlength(result, (int)i, 1) == STORE_TOKEN_LEN &&
			memcmp(PQgetvalue(result, (int)i, 1), entry + 1, STORE_TOKEN_LEN) == 0;
	}
	PQclear(result);
	*out_same = same;
	return ERR_OK;
}

enum coffer_err postgres_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	PGresult *result = NULL;
	enum coffer_err err = ERR_OK;
	TRY(page(self(base), PG_ORPHANS, table, from, limit, &result));
	for (int i = 0; i < PQntuples(result) && !err; i++) {
		struct store_row row;
		uint64_t there = 0;
		bool is_id = take_id(result, i, &row);
		err = postgres_load_u64(result, i, 1, &there);
		if (!err) err = fn(arg, &row, is_id && there == 1);
	}
	PQclear(result);
	return err;
}

enum coffer_err postgres_strays(struct store *base, uint64_t *out)
{
	struct postgres_store *s = self(base);
	struct postgres_values v = { .count = 0 };
	PGresult *result = NULL;
	TRY(postgres_ready(s));
	postgres_add_u16(&v, STORE_TABLE_END);
	postgres_add_u16(&v, STORE_LEASE);
	TRY(postgres_step(s, PG_STRAYS, &v, &result));
	enum coffer_err err = PQntuples(result) == 1 ? postgres_load_u64(result, 0, 0, out) : ERR_CORRUPT;
	PQclear(result);
	return err;
}
