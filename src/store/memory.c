/* The store in memory, for tests: a sorted array for each table and a list of what to undo. */
#include <stdlib.h>
#include <string.h>

#include "store/store_internal.h"

struct mem_row {
	struct store_row row; /* its views lead into bytes */
	uint8_t bytes[];
};

struct mem_table {
	struct mem_row **rows; /* in id order */
	size_t count, cap;
};

/* What stood under an id before a write. */
struct mem_undo {
	enum store_table table;
	struct mem_row *before; /* NULL: nothing stood there; owned */
	uint8_t id[STORE_ID_MAX];
	size_t id_len;
};

struct mem_store {
	struct store base;
	struct mem_table tables[STORE_TABLE_END]; /* 0, which is no table's number, is STORE_LEASE's */
	struct mem_undo *undo;
	size_t undo_count, undo_cap;
	size_t mark; /* undo_count at the savepoint */
};

static struct mem_store *self(struct store *base)
{
	return (struct mem_store *)base;
}

static struct mem_table *table_of(struct mem_store *s, enum store_table table)
{
	return &s->tables[table == STORE_LEASE ? 0 : table];
}

static int compare_ids(struct view a, struct view b)
{
	int order = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
	return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static struct view row_id(const struct mem_row *r)
{
	return view_of(r->row.id, r->row.id_len);
}

/* Position of the first row whose id is not below `id`. */
static size_t lower_bound(const struct mem_table *t, struct view id)
{
	size_t low = 0, high = t->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare_ids(row_id(t->rows[mid]), id) < 0) low = mid + 1;
		else high = mid;
	}
	return low;
}

static bool is_at(const struct mem_table *t, size_t at, struct view id)
{
	return at < t->count && view_equal(row_id(t->rows[at]), id);
}

/* The array with room for one more, moved perhaps; NULL when memory is short, and the old one stays. */
static void *make_room(void *array, size_t count, size_t *cap, size_t item_len)
{
	if (count < *cap) return array;
	size_t wider = *cap ? *cap * 2 : 16;
	void *grown = reallocarray(array, wider, item_len);
	if (grown) *cap = wider;
	return grown;
}

static struct mem_row *copy_row(const struct store_row *row)
{
	struct mem_row *r = malloc(sizeof *r + row->header.len + row->index.len + row->body.len);
	if (!r) return NULL;
	r->row = *row;
	struct view *parts[] = { &r->row.header, &r->row.index, &r->row.body };
	uint8_t *at = r->bytes;
	for (size_t i = 0; i < 3; i++) {
		if (parts[i]->len) memcpy(at, parts[i]->ptr, parts[i]->len);
		parts[i]->ptr = at;
		at += parts[i]->len;
	}
	return r;
}

/* Puts r under its id (NULL: takes the row of `id` away) and returns what stood there. There is room. */
static struct mem_row *exchange(struct mem_table *t, struct view id, struct mem_row *r)
{
	size_t at = lower_bound(t, id);
	struct mem_row *before = is_at(t, at, id) ? t->rows[at] : NULL;
	if (!r && !before) return NULL;
	INVARIANT(t->rows);
	struct mem_row **place = t->rows + at;
	if (r && before) {
		*place = r;
	} else if (r) {
		memmove(place + 1, place, (t->count - at) * sizeof *place);
		*place = r;
		t->count++;
	} else {
		memmove(place, place + 1, (t->count - at - 1) * sizeof *place);
		t->count--;
	}
	return before;
}

static void forget_undo(struct mem_store *s)
{
	for (size_t i = 0; i < s->undo_count; i++) free(s->undo[i].before);
	s->undo_count = 0;
}

static void undo_to(struct mem_store *s, size_t mark)
{
	while (s->undo_count > mark) {
		struct mem_undo *u = &s->undo[--s->undo_count];
		free(exchange(table_of(s, u->table), view_of(u->id, u->id_len), u->before));
	}
}

static void end(struct store *base)
{
	struct mem_store *s = self(base);
	forget_undo(s);
	for (size_t t = 0; t < STORE_TABLE_END; t++) {
		for (size_t i = 0; i < s->tables[t].count; i++) free(s->tables[t].rows[i]);
		free(s->tables[t].rows);
	}
	free(s->undo);
	free(s);
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	(void)base;
	(void)reason;
	return ERR_OK;
}

static enum coffer_err commit(struct store *base, struct reason *reason)
{
	(void)reason;
	forget_undo(self(base));
	return ERR_OK;
}

static void rollback(struct store *base)
{
	undo_to(self(base), 0);
}

static enum coffer_err savepoint(struct store *base)
{
	struct mem_store *s = self(base);
	s->mark = s->undo_count;
	return ERR_OK;
}

static void release(struct store *base, bool keep)
{
	struct mem_store *s = self(base);
	if (!keep) undo_to(s, s->mark);
}

/* Exchange and remember; r NULL erases. Takes r on success. */
static enum coffer_err change(struct mem_store *s, enum store_table table, struct view id, struct mem_row *r)
{
	struct mem_table *t = table_of(s, table);
	struct mem_undo *undo = make_room(s->undo, s->undo_count, &s->undo_cap, sizeof *undo);
	ENSURE(undo, ERR_MEMORY);
	s->undo = undo;
	struct mem_row **rows = make_room(t->rows, t->count, &t->cap, sizeof *rows);
	ENSURE(rows, ERR_MEMORY);
	t->rows = rows;
	struct mem_undo *u = &s->undo[s->undo_count++];
	*u = (struct mem_undo){ .table = table, .id_len = id.len };
	memcpy(u->id, id.ptr, id.len);
	u->before = exchange(t, id, r);
	return ERR_OK;
}

static enum coffer_err put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	struct mem_store *s = self(base);
	struct view id = view_of(row->id, row->id_len);
	size_t at = lower_bound(table_of(s, table), id);
	if (!replace) ENSURE(!is_at(table_of(s, table), at, id), ERR_EXISTS);
	struct mem_row *r = copy_row(row);
	ENSURE(r, ERR_MEMORY);
	enum coffer_err err = change(s, table, row_id(r), r);
	if (err) free(r);
	return err;
}

static enum coffer_err get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	const struct mem_table *t = table_of(self(base), table);
	size_t at = lower_bound(t, id);
	ENSURE(is_at(t, at, id), ERR_NOT_FOUND);
	*out = t->rows[at]->row;
	return ERR_OK;
}

/* Everything is one writer's. */
static enum coffer_err hold(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	return get(base, table, id, out);
}

static enum coffer_err erase(struct store *base, enum store_table table, struct view id)
{
	struct mem_store *s = self(base);
	ENSURE(is_at(table_of(s, table), lower_bound(table_of(s, table), id), id), ERR_NOT_FOUND);
	return change(s, table, id, NULL);
}

/* Position of the first row after `after`. */
static size_t first_after(const struct mem_table *t, struct view after)
{
	if (!after.len) return 0;
	size_t at = lower_bound(t, after);
	return is_at(t, at, after) ? at + 1 : at;
}

static enum coffer_err scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg)
{
	const struct mem_table *t = table_of(self(base), table);
	if (backwards) {
		for (size_t at = after.len ? lower_bound(t, after) : t->count; at > 0 && limit > 0; at--, limit--)
			TRY(fn(arg, &t->rows[at - 1]->row));
		return ERR_OK;
	}
	for (size_t at = first_after(t, after); at < t->count && limit > 0; at++, limit--) TRY(fn(arg, &t->rows[at]->row));
	return ERR_OK;
}

static enum coffer_err count(struct store *base, enum store_table table, uint64_t *out)
{
	*out = table_of(self(base), table)->count;
	return ERR_OK;
}

static bool has_token(const struct store_row *row, uint8_t index, struct view token)
{
	for (size_t i = 0; i < store_index_count(row->index); i++) {
		const uint8_t *entry = store_index_entry(row->index, i);
		if (entry[0] == index && view_equal(view_of(entry + 1, STORE_TOKEN_LEN), token)) return true;
	}
	return false;
}

static enum coffer_err index_find(struct store *base, enum store_table table, uint8_t index, struct view token,
	struct view after, size_t limit, store_id_fn *fn, void *arg)
{
	const struct mem_table *t = table_of(self(base), table);
	for (size_t at = first_after(t, after); at < t->count && limit > 0; at++) {
		if (!has_token(&t->rows[at]->row, index, token)) continue;
		TRY(fn(arg, row_id(t->rows[at])));
		limit--;
	}
	return ERR_OK;
}

static enum coffer_err survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	const struct mem_table *t = table_of(self(base), table);
	for (size_t at = lower_bound(t, from); at < t->count && limit > 0; at++, limit--) TRY(fn(arg, &t->rows[at]->row, true));
	return ERR_OK;
}

/* There are no copies: the column itself is searched. */
static enum coffer_err index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same)
{
	(void)base;
	(void)table;
	(void)id;
	(void)index;
	*out_same = true;
	return ERR_OK;
}

static enum coffer_err index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn,
	void *arg)
{
	(void)base;
	(void)table;
	(void)from;
	(void)limit;
	(void)fn;
	(void)arg;
	return ERR_OK;
}

static enum coffer_err strays(struct store *base, uint64_t *out)
{
	(void)base;
	*out = 0;
	return ERR_OK;
}

static enum coffer_err set_cache(struct store *base, size_t bytes)
{
	(void)base;
	(void)bytes;
	return ERR_OK;
}

static enum coffer_err scrub_deleted(struct store *base, struct reason *reason)
{
	(void)base;
	(void)reason;
	return ERR_OK;
}

static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	(void)base;
	(void)reason;
	return ERR_OK;
}

static const struct store_ops memory_ops = {
	.name = "memory",
	.close = end,
	.begin = begin,
	.commit = commit,
	.rollback = rollback,
	.savepoint = savepoint,
	.release = release,
	.put = put,
	.get = get,
	.hold = hold,
	.erase = erase,
	.scan = scan,
	.count = count,
	.index_find = index_find,
	.survey = survey,
	.index_same = index_same,
	.index_orphans = index_orphans,
	.strays = strays,
	.set_cache = set_cache,
	.scrub_deleted = scrub_deleted,
	.reopen = reopen,
};

enum coffer_err store_open_memory(struct store **out)
{
	struct mem_store *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	s->base.ops = &memory_ops;
	*out = (struct store *)s;
	return ERR_OK;
}
