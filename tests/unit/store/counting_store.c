/* Counting between a store and its users. */
#include "unit/store/counting_store.h"

#include <string.h>

#include "store/store_internal.h"

static const struct store_ops *real_ops;
static struct store_ops counting_ops;
static size_t rows_read;
static struct store_row spoilt; /* its id */

static enum coffer_err counting_get(struct store *s, enum store_table table, struct view id, struct store_row *out)
{
	rows_read++;
	return real_ops->get(s, table, id, out);
}

struct counted {
	store_row_fn *row;
	store_id_fn *id;
	void *arg;
};

static bool is_spoilt(const struct store_row *row)
{
	return spoilt.id_len && view_equal(view_of(row->id, row->id_len), view_of(spoilt.id, spoilt.id_len));
}

static enum coffer_err count_row(void *arg, const struct store_row *row)
{
	struct counted *c = arg;
	rows_read++;
	return is_spoilt(row) ? ERR_CORRUPT : c->row(c->arg, row);
}

static enum coffer_err count_id(void *arg, struct view id)
{
	struct counted *c = arg;
	rows_read++;
	return c->id(c->arg, id);
}

static enum coffer_err counting_scan(struct store *s, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg)
{
	return real_ops->scan(s, table, after, backwards, limit, count_row, &(struct counted){ .row = fn, .arg = arg });
}

static enum coffer_err counting_find(struct store *s, enum store_table table, uint8_t index, struct view token, struct view after,
	size_t limit, store_id_fn *fn, void *arg)
{
	return real_ops->index_find(s, table, index, token, after, limit, count_id, &(struct counted){ .id = fn, .arg = arg });
}

/* Counting reads them all. */
static enum coffer_err counting_count(struct store *s, enum store_table table, uint64_t *out)
{
	enum coffer_err err = real_ops->count(s, table, out);
	if (!err) rows_read += (size_t)*out;
	return err;
}

struct surveyed {
	store_survey_fn *fn;
	void *arg;
};

static enum coffer_err count_surveyed(void *arg, const struct store_row *row, bool is_whole)
{
	struct surveyed *s = arg;
	rows_read++;
	return s->fn(s->arg, row, is_whole && !is_spoilt(row));
}

static enum coffer_err counting_survey(struct store *s, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	return real_ops->survey(s, table, from, limit, count_surveyed, &(struct surveyed){ fn, arg });
}

void counting_store_begin(struct store *s)
{
	if (s->ops == &counting_ops) return;
	real_ops = s->ops;
	counting_ops = *real_ops;
	counting_ops.get = counting_get;
	counting_ops.scan = counting_scan;
	counting_ops.index_find = counting_find;
	counting_ops.count = counting_count;
	counting_ops.survey = counting_survey;
	s->ops = &counting_ops;
	rows_read = 0;
	spoilt.id_len = 0;
}

void counting_store_spoil(struct view id)
{
	memcpy(spoilt.id, id.ptr, spoilt.id_len = id.len);
}

size_t counting_store_rows(void)
{
	size_t n = rows_read;
	rows_read = 0;
	return n;
}
