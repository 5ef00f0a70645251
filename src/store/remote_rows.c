/* The row calls of the remote store. Pages come whole into memory before anybody is told, so what is called back cannot hold the process up. */
#include <string.h>

#include "store/remote_internal.h"

static struct remote_store *self(struct store *base)
{
	return (struct remote_store *)base;
}

enum coffer_err remote_put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	struct remote_request q = { .op = REMOTE_PUT, .table = table, .row = *row, .flags = replace ? REMOTE_REPLACE | REMOTE_QUIET : 0 };
	struct remote_answer a;
	return remote_step(self(base), &q, &a);
}

enum coffer_err remote_erase(struct store *base, enum store_table table, struct view id)
{
	struct remote_request q = { .op = REMOTE_ERASE, .table = table, .id = id };
	struct remote_answer a;
	return remote_step(self(base), &q, &a);
}

static enum coffer_err look(struct store *base, enum remote_op how, enum store_table table, struct view id, struct store_row *out)
{
	struct remote_request q = { .op = how, .table = table, .id = id };
	struct remote_answer a;
	TRY(remote_step(self(base), &q, &a));
	ENSURE(view_equal(view_of(a.row.id, a.row.id_len), id), ERR_CORRUPT);
	*out = a.row;
	return ERR_OK;
}

enum coffer_err remote_get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	return look(base, REMOTE_GET, table, id, out);
}

enum coffer_err remote_hold(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	return look(base, REMOTE_HOLD, table, id, out);
}

enum coffer_err remote_count(struct store *base, enum store_table table, uint64_t *out)
{
	struct remote_request q = { .op = REMOTE_COUNT, .table = table };
	struct remote_answer a;
	TRY(remote_step(self(base), &q, &a));
	*out = a.number;
	return ERR_OK;
}

enum coffer_err remote_strays(struct store *base, uint64_t *out)
{
	struct remote_request q = { .op = REMOTE_STRAYS };
	struct remote_answer a;
	TRY(remote_step(self(base), &q, &a));
	*out = a.number;
	return ERR_OK;
}

enum coffer_err remote_index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same)
{
	struct remote_request q = { .op = REMOTE_SAME, .table = table, .id = id, .token = index };
	struct remote_answer a;
	TRY(remote_step(self(base), &q, &a));
	*out_same = a.same;
	return ERR_OK;
}

/* A walk through pages. */
struct walk {
	struct remote_request q;
	size_t limit, page;               /* rows that are still wanted; at most in a page */
	store_row_fn *row;
	store_id_fn *id;
	store_survey_fn *survey;
	void *arg;
	uint8_t last[STORE_ID_MAX + 1];   /* what q.id shows of the last page */
};

static void keep_place(struct walk *v, struct view at)
{
	if (at.len) memmove(v->last, at.ptr, at.len);
	v->q.id = view_of(v->last, at.len);
}

static enum coffer_err tell(struct walk *v, struct reader *r)
{
	struct store_row row;
	struct view id;
	bool whole;
	if (v->id) {
		TRY(remote_take_id(r, &id));
		keep_place(v, id);
		return v->id(v->arg, id);
	}
	TRY(remote_take_row(r, &row, &whole));
	if (!v->row) return v->survey(v->arg, &row, whole);
	keep_place(v, view_of(row.id, row.id_len));
	return v->row(v->arg, &row);
}

/* *out_more false: it was the last one. */
static enum coffer_err page(struct remote_store *s, struct walk *v, bool *out_more)
{
	struct remote_answer a;
	struct reader r;
	unsigned flags = v->q.flags;
	v->q.limit = (uint32_t)(v->limit < v->page ? v->limit : v->page);
	TRY(remote_step(s, &v->q, &a));
	v->q.flags = flags; /* BEGIN is for the first */
	if (a.count > v->q.limit) return remote_failed(s, v->q.op, ERR_CLOSED);
	reader_init(&r, a.items);
	for (uint32_t i = 0; i < a.count; i++) TRY(tell(v, &r));
	if (a.err) return remote_failed(s, v->q.op, a.err);
	if (v->survey) keep_place(v, a.place);
	v->limit -= a.count;
	*out_more = a.more && v->limit;
	return ERR_OK;
}

static enum coffer_err walk(struct remote_store *s, struct walk *v)
{
	for (bool more = v->limit > 0; more;) TRY(page(s, v, &more));
	return ERR_OK;
}

enum coffer_err remote_scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit, store_row_fn *fn, void *arg)
{
	struct walk v = { .q = { .op = REMOTE_SCAN, .table = table, .id = after, .flags = backwards ? REMOTE_BACKWARDS : 0 }, .limit = limit, .page = REMOTE_PAGE_ROWS,
		.row = fn, .arg = arg };
	return walk(self(base), &v);
}

enum coffer_err remote_index_find(struct store *base, enum store_table table, uint8_t index, struct view token, struct view after, size_t limit,
	store_id_fn *fn, void *arg)
{
	struct walk v = { .q = { .op = REMOTE_FIND, .table = table, .id = after, .index = index, .token = token }, .limit = limit, .page = REMOTE_PAGE_IDS, .id = fn,
		.arg = arg };
	return walk(self(base), &v);
}

enum coffer_err remote_survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	struct walk v = { .q = { .op = REMOTE_SURVEY, .table = table, .id = from }, .limit = limit, .page = REMOTE_PAGE_ROWS, .survey = fn, .arg = arg };
	return walk(self(base), &v);
}

enum coffer_err remote_index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	struct walk v = { .q = { .op = REMOTE_ORPHANS, .table = table, .id = from }, .limit = limit, .page = REMOTE_PAGE_ROWS, .survey = fn, .arg = arg };
	return walk(self(base), &v);
}
