/* The store's front: checks the order of calls and the sizes, then dispatches through the implementation's table. */
#include "store/store.h"

#include <string.h>

#include "store/store_internal.h"

#define INDEX_COUNT_LEN 2u /* bytes before the first entry */

size_t store_index_count(struct view index)
{
	return index.len ? (size_t)index.ptr[0] << 8 | index.ptr[1] : 0;
}

const uint8_t *store_index_entry(struct view index, size_t n)
{
	return index.ptr + INDEX_COUNT_LEN + n * STORE_INDEX_ENTRY_LEN;
}

bool store_index_is_valid(struct view index)
{
	if (!index.len) return true;
	if (index.len < INDEX_COUNT_LEN) return false;
	size_t count = store_index_count(index);
	if (count > STORE_INDEX_MAX || index.len != INDEX_COUNT_LEN + count * STORE_INDEX_ENTRY_LEN) return false;
	for (size_t i = 1; i < count; i++)
		if (memcmp(store_index_entry(index, i - 1), store_index_entry(index, i), STORE_INDEX_ENTRY_LEN) >= 0) return false;
	return true;
}

struct store *store_lowest(struct store *s)
{
	while (s->ops->beneath) s = s->ops->beneath(s);
	return s;
}

bool store_is_table(enum store_table table)
{
	return (table >= STORE_OBJECT && table < STORE_TABLE_END) || (table >= STORE_LEASE && table < STORE_SHARED_END);
}

static bool is_id(struct view id)
{
	return id.len >= 1 && id.len <= STORE_ID_MAX;
}

void store_close(struct store *s)
{
	if (!s) return;
	PRE(!s->in_callback);
	s->ops->close(s);
}

enum coffer_err store_begin(struct store *s, struct reason *reason)
{
	PRE(!s->in_transaction && !s->in_callback);
	TRY(s->ops->begin(s, reason));
	s->in_transaction = true;
	return ERR_OK;
}

enum coffer_err store_begin_reading(struct store *s, struct reason *reason)
{
	PRE(!s->in_transaction && !s->in_callback);
	TRY(s->ops->begin_reading ? s->ops->begin_reading(s, reason) : s->ops->begin(s, reason));
	s->in_transaction = true;
	return ERR_OK;
}

enum coffer_err store_commit(struct store *s, struct reason *reason)
{
	PRE(s->in_transaction && !s->in_savepoint && !s->in_callback);
	enum coffer_err err = s->ops->commit(s, reason);
	s->in_transaction = false;
	return err;
}

void store_rollback(struct store *s)
{
	PRE(!s->in_callback);
	if (!s->in_transaction) return;
	s->ops->rollback(s);
	s->in_transaction = false;
	s->in_savepoint = false;
}

enum coffer_err store_savepoint(struct store *s)
{
	PRE(s->in_transaction && !s->in_savepoint && !s->in_callback);
	TRY(s->ops->savepoint(s));
	s->in_savepoint = true;
	return ERR_OK;
}

void store_release(struct store *s, bool keep)
{
	PRE(s->in_savepoint && !s->in_callback);
	s->ops->release(s, keep);
	s->in_savepoint = false;
}

enum coffer_err store_put(struct store *s, enum store_table table, const struct store_row *row, bool replace)
{
	PRE(s->in_transaction && !s->in_callback);
	PRE(store_is_table(table));
	PRE(row->id_len >= 1 && row->id_len <= STORE_ID_MAX);
	ENSURE(row->header.len <= STORE_HEADER_MAX && row->body.len <= STORE_BODY_MAX, ERR_TOO_LARGE);
	ENSURE(store_index_is_valid(row->index), ERR_FIELD);
	if (s->snapshot && table < STORE_TABLE_END) store_snapshot_before(s->snapshot, table, view_of(row->id, row->id_len));
	return s->ops->put(s, table, row, replace);
}

enum coffer_err store_get(struct store *s, enum store_table table, struct view id, struct store_row *out)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table) && is_id(id));
	return s->ops->get(s, table, id, out);
}

enum coffer_err store_hold(struct store *s, enum store_table table, struct view id, struct store_row *out)
{
	PRE(s->in_transaction && !s->in_callback);
	PRE(store_is_table(table) && is_id(id));
	ENSURE(s->ops->hold, ERR_UNSUPPORTED);
	return s->ops->hold(s, table, id, out);
}

enum coffer_err store_erase(struct store *s, enum store_table table, struct view id)
{
	PRE(s->in_transaction && !s->in_callback);
	PRE(store_is_table(table) && is_id(id));
	if (s->snapshot && table < STORE_TABLE_END) store_snapshot_before(s->snapshot, table, id);
	return s->ops->erase(s, table, id);
}

enum coffer_err store_scan(struct store *s, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table) && after.len <= STORE_ID_MAX);
	s->in_callback = true;
	enum coffer_err err = s->ops->scan(s, table, after, backwards, limit, fn, arg);
	s->in_callback = false;
	return err;
}

enum coffer_err store_count(struct store *s, enum store_table table, uint64_t *out)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table));
	return s->ops->count(s, table, out);
}

enum coffer_err store_index_find(struct store *s, enum store_table table, uint8_t index, struct view token,
	struct view after, size_t limit, store_id_fn *fn, void *arg)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table) && token.len == STORE_TOKEN_LEN && after.len <= STORE_ID_MAX);
	s->in_callback = true;
	enum coffer_err err = s->ops->index_find(s, table, index, token, after, limit, fn, arg);
	s->in_callback = false;
	return err;
}

#define PLACE_END (STORE_ID_MAX + 1u) /* a place of this length, all ones, is behind every id */

bool store_place_is_end(const struct store_place *place)
{
	return place->len == PLACE_END && place->at[0] == 0xff && memcmp(place->at, place->at + 1, PLACE_END - 1) == 0;
}

bool store_place_is_past(const struct store_place *place, struct view id)
{
	size_t shared = id.len < place->len ? id.len : place->len;
	int order = shared ? memcmp(id.ptr, place->at, shared) : 0;
	return order ? order < 0 : id.len < place->len;
}

/* Behind every id that begins with these STORE_ID_MAX bytes. */
static void skip_prefix(struct store_place *place, const uint8_t *prefix)
{
	memcpy(place->at, prefix, STORE_ID_MAX);
	place->len = STORE_ID_MAX;
	while (place->len > 0 && place->at[place->len - 1] == 0xff) place->len--;
	if (place->len > 0) {
		place->at[place->len - 1]++;
		return;
	}
	memset(place->at, 0xff, PLACE_END);
	place->len = PLACE_END;
}

struct survey {
	struct store_place *place;
	store_survey_fn *fn;
	void *arg;
};

/* The next id there can be is this one with a zero byte behind it. An id that was cut may be any that begins so. */
static enum coffer_err survey_row(void *arg, const struct store_row *row, bool is_whole)
{
	struct survey *v = arg;
	if (row->id_len == STORE_ID_MAX && !is_whole) {
		skip_prefix(v->place, row->id);
	} else {
		memcpy(v->place->at, row->id, row->id_len);
		v->place->at[row->id_len] = 0;
		v->place->len = row->id_len + 1;
	}
	return v->fn(v->arg, row, is_whole);
}

typedef enum coffer_err walk_fn(struct store *s, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg);

static enum coffer_err walk(struct store *s, walk_fn *op, enum store_table table, struct store_place *place, size_t limit,
	store_survey_fn *fn, void *arg)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table) && place->len <= PLACE_END);
	struct survey v = { place, fn, arg };
	struct store_place from = *place;
	s->in_callback = true;
	enum coffer_err err = op(s, table, view_of(from.at, from.len), limit, survey_row, &v);
	s->in_callback = false;
	return err;
}

enum coffer_err store_survey(struct store *s, enum store_table table, struct store_place *place, size_t limit, store_survey_fn *fn,
	void *arg)
{
	return walk(s, s->ops->survey, table, place, limit, fn, arg);
}

enum coffer_err store_index_orphans(struct store *s, enum store_table table, struct store_place *place, size_t limit, store_survey_fn *fn,
	void *arg)
{
	return walk(s, s->ops->index_orphans, table, place, limit, fn, arg);
}

enum coffer_err store_index_same(struct store *s, enum store_table table, struct view id, struct view index, bool *out_same)
{
	PRE(!s->in_callback);
	PRE(store_is_table(table) && is_id(id) && store_index_is_valid(index));
	return s->ops->index_same(s, table, id, index, out_same);
}

enum coffer_err store_strays(struct store *s, uint64_t *out)
{
	PRE(!s->in_callback);
	return s->ops->strays(s, out);
}

enum coffer_err store_set_cache(struct store *s, size_t bytes)
{
	PRE(!s->in_transaction && !s->in_callback);
	return s->ops->set_cache(s, bytes);
}

enum coffer_err store_scrub_deleted(struct store *s, struct reason *reason)
{
	PRE(!s->in_transaction && !s->in_callback);
	return s->ops->scrub_deleted(s, reason);
}

enum coffer_err store_reopen(struct store *s, struct reason *reason)
{
	PRE(!s->in_callback);
	store_rollback(s);
	if (s->snapshot) store_snapshot_break(s->snapshot);
	return s->ops->reopen(s, reason);
}

enum coffer_err store_take_news(struct store *s, bool *out)
{
	PRE(!s->in_transaction && !s->in_callback);
	*out = false;
	return s->ops->news ? s->ops->news(s, out) : ERR_OK;
}
