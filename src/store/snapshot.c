/* Snapshots: the store as it is now, with what was changed since laid over it. */
#include "store/snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "base/clock.h"
#include "store/store_internal.h"

/* What stood under an id before its first change. */
struct kept {
	struct store_row row; /* its views lead into bytes; without a row only the id counts */
	bool there;
	uint8_t bytes[];
};

struct layer {
	struct kept **rows; /* in id order */
	size_t count, cap;
};

struct store_snapshot {
	struct store *store;             /* the one below all others */
	struct store_snapshot_plan plan;
	struct layer layers[STORE_TABLE_END];
	size_t bytes;                    /* kept aside */
	unsigned table;                  /* the one that is read; STORE_TABLE_END: all are */
	uint8_t last[STORE_ID_MAX];      /* the last id of it that was read */
	size_t last_len;                 /* 0: none yet */
	uint64_t read_mono_ms;
	enum coffer_err broken;
};

static int compare(struct view a, struct view b)
{
	size_t shared = a.len < b.len ? a.len : b.len;
	int order = shared ? memcmp(a.ptr, b.ptr, shared) : 0;
	return order ? order : a.len < b.len ? -1 : a.len > b.len;
}

static struct view id_of(const struct store_row *row)
{
	return view_of(row->id, row->id_len);
}

static void forget(struct store_snapshot *s)
{
	for (unsigned t = 0; t < STORE_TABLE_END; t++) {
		for (size_t i = 0; i < s->layers[t].count; i++) free(s->layers[t].rows[i]);
		free(s->layers[t].rows);
		s->layers[t] = (struct layer){ NULL, 0, 0 };
	}
	s->bytes = 0;
}

static enum coffer_err give_up(struct store_snapshot *s, enum coffer_err err)
{
	if (!s->broken) s->broken = err;
	forget(s);
	return s->broken;
}

/* Position of the first one whose id is not below. */
static size_t lower_bound(const struct layer *l, struct view id)
{
	size_t low = 0, high = l->count;
	while (low < high) {
		size_t mid = low + (high - low) / 2;
		if (compare(id_of(&l->rows[mid]->row), id) < 0) low = mid + 1;
		else high = mid;
	}
	return low;
}

static bool is_at(const struct layer *l, size_t at, struct view id)
{
	return at < l->count && compare(id_of(&l->rows[at]->row), id) == 0;
}

static bool is_read(const struct store_snapshot *s, enum store_table table, struct view id)
{
	if (!(s->plan.tables & 1u << table) || (unsigned)table < s->table) return true;
	return (unsigned)table == s->table && s->last_len && compare(id, view_of(s->last, s->last_len)) <= 0;
}

static struct kept *copy(struct view id, const struct store_row *row)
{
	size_t len = row ? row->header.len + row->index.len + row->body.len : 0;
	struct kept *k = malloc(sizeof *k + len);
	if (!k) return NULL;
	k->there = row != NULL;
	k->row = row ? *row : (struct store_row){ .id_len = id.len };
	memcpy(k->row.id, id.ptr, id.len);
	if (!row) return k;
	struct view *parts[] = { &k->row.header, &k->row.index, &k->row.body };
	uint8_t *at = k->bytes;
	for (size_t i = 0; i < 3; i++) {
		if (parts[i]->len) memcpy(at, parts[i]->ptr, parts[i]->len);
		parts[i]->ptr = at;
		at += parts[i]->len;
	}
	return k;
}

static size_t size_of(const struct kept *k)
{
	return sizeof *k + 2 * sizeof(void *) + (k->there ? k->row.header.len + k->row.index.len + k->row.body.len : 0);
}

static enum coffer_err insert(struct store_snapshot *s, struct layer *l, size_t at, struct kept *k)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct kept **wider = reallocarray(l->rows, cap, sizeof(struct kept *));
		ENSURE(wider, ERR_MEMORY);
		l->rows = wider;
		l->cap = cap;
	}
	memmove(l->rows + at + 1, l->rows + at, (l->count - at) * sizeof(struct kept *));
	l->rows[at] = k;
	l->count++;
	s->bytes += size_of(k);
	return ERR_OK;
}

static enum coffer_err keep(struct store_snapshot *s, enum store_table table, struct view id)
{
	struct layer *l = &s->layers[table];
	struct store_row row;
	size_t at = lower_bound(l, id);
	if (is_at(l, at, id)) return ERR_OK;
	enum coffer_err err = s->store->ops->get(s->store, table, id, &row);
	if (err && err != ERR_NOT_FOUND) return err;
	struct kept *k = copy(id, err ? NULL : &row);
	ENSURE(k, ERR_MEMORY);
	err = insert(s, l, at, k);
	if (err) free(k);
	TRY(err);
	return s->bytes > s->plan.keep_max ? ERR_LIMIT : ERR_OK;
}

void store_snapshot_before(struct store_snapshot *s, enum store_table table, struct view id)
{
	if (s->broken || is_read(s, table, id)) return;
	enum coffer_err err = clock_mono_ms() - s->read_mono_ms > s->plan.idle_ms ? ERR_TIMEOUT : keep(s, table, id);
	if (err) (void)give_up(s, err);
}

void store_snapshot_break(struct store_snapshot *s)
{
	(void)give_up(s, ERR_UNKNOWN_OUTCOME);
}

enum coffer_err store_snapshot_begin(struct store *s, const struct store_snapshot_plan *plan, struct store_snapshot **out)
{
	struct store *store = store_lowest(s);
	PRE(!store->in_callback && !store->in_savepoint);
	ENSURE(!store->snapshot, ERR_BUSY);
	struct store_snapshot *snapshot = calloc(1, sizeof *snapshot);
	ENSURE(snapshot, ERR_MEMORY);
	snapshot->store = store;
	snapshot->plan = *plan;
	snapshot->table = STORE_OBJECT;
	snapshot->read_mono_ms = clock_mono_ms();
	store->snapshot = snapshot;
	*out = snapshot;
	return ERR_OK;
}

/* Reading one piece. */
struct piece {
	struct store_snapshot *s;
	store_snapshot_fn *fn;
	void *arg;
	size_t bytes, most;
	size_t at; /* in the table's layer: the next one to be merged */
	enum coffer_err fn_err;
};

static bool is_full(const struct piece *p)
{
	return p->bytes >= p->most;
}

static enum coffer_err give(struct piece *p, const struct store_row *row, bool there)
{
	struct store_snapshot *s = p->s;
	memcpy(s->last, row->id, row->id_len);
	s->last_len = row->id_len;
	if (!there) return ERR_OK;
	p->bytes += 64 + row->header.len + row->index.len + row->body.len;
	p->fn_err = p->fn(p->arg, (enum store_table)s->table, row);
	return p->fn_err;
}

/* What is kept aside and comes before `id` (empty: all of it): rows that were erased since. */
static enum coffer_err give_kept(struct piece *p, struct view id)
{
	const struct layer *l = &p->s->layers[p->s->table];
	while (p->at < l->count && (!id.len || compare(id_of(&l->rows[p->at]->row), id) < 0)) {
		if (is_full(p)) return ERR_EXISTS;
		const struct kept *k = l->rows[p->at++];
		TRY(give(p, &k->row, k->there));
	}
	return ERR_OK;
}

static enum coffer_err merge(void *arg, const struct store_row *row)
{
	struct piece *p = arg;
	const struct layer *l = &p->s->layers[p->s->table];
	TRY(give_kept(p, id_of(row)));
	if (is_full(p)) return ERR_EXISTS;
	if (!is_at(l, p->at, id_of(row))) return give(p, row, true);
	const struct kept *k = l->rows[p->at++];
	return give(p, &k->row, k->there);
}

/* *out_end: the table has no more rows. */
static enum coffer_err read_table(struct piece *p, bool *out_end)
{
	struct store_snapshot *s = p->s;
	struct view after = view_of(s->last, s->last_len);
	uint8_t from[STORE_ID_MAX];
	memcpy(from, s->last, s->last_len);
	p->at = lower_bound(&s->layers[s->table], after);
	if (s->last_len && is_at(&s->layers[s->table], p->at, after)) p->at++;
	s->store->in_callback = true;
	enum coffer_err err = s->store->ops->scan(s->store, (enum store_table)s->table, view_of(from, after.len), false, SIZE_MAX, merge, p);
	s->store->in_callback = false;
	if (!err) err = give_kept(p, view_of(NULL, 0));
	*out_end = err == ERR_OK;
	return err == ERR_EXISTS && !p->fn_err ? ERR_OK : err;
}

enum coffer_err store_snapshot_read(struct store_snapshot *s, size_t bytes, store_snapshot_fn *fn, void *arg, bool *out_done)
{
	struct piece p = { .s = s, .fn = fn, .arg = arg, .most = bytes ? bytes : 1 };
	PRE(!s->store->in_callback);
	if (!s->broken && clock_mono_ms() - s->read_mono_ms > s->plan.idle_ms) return give_up(s, ERR_TIMEOUT);
	TRY(s->broken);
	while (s->table < STORE_TABLE_END && !is_full(&p)) {
		bool end = true;
		enum coffer_err err = s->plan.tables & 1u << s->table ? read_table(&p, &end) : ERR_OK;
		if (err) return give_up(s, err);
		if (!end) break;
		s->table++;
		s->last_len = 0;
	}
	s->read_mono_ms = clock_mono_ms();
	*out_done = s->table == STORE_TABLE_END;
	return ERR_OK;
}

bool store_snapshot_is_read(struct store *s)
{
	const struct store_snapshot *snapshot = store_lowest(s)->snapshot;
	return snapshot && !snapshot->broken && clock_mono_ms() - snapshot->read_mono_ms <= snapshot->plan.idle_ms;
}

void store_snapshot_clear(struct store *s)
{
	store_snapshot_end(store_lowest(s)->snapshot);
}

void store_snapshot_end(struct store_snapshot *s)
{
	if (!s) return;
	s->store->snapshot = NULL;
	forget(s);
	free(s);
}
