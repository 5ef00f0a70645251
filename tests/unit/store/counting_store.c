/* Counting between a store and its users. */
#include "unit/store/counting_store.h"

#include "store/store_internal.h"

static const struct store_ops *real_ops;
static struct store_ops counting_ops;
static size_t rows_read;

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

static enum coffer_err count_row(void *arg, const struct store_row *row)
{
	struct counted *c = arg;
	rows_read++;
	return c->row(c->arg, row);
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

void counting_store_begin(struct store *s)
{
	if (s->ops == &counting_ops) return;
	real_ops = s->ops;
	counting_ops = *real_ops;
	counting_ops.get = counting_get;
	counting_ops.scan = counting_scan;
	counting_ops.index_find = counting_find;
	s->ops = &counting_ops;
	rows_read = 0;
}

size_t counting_store_rows(void)
{
	size_t n = rows_read;
	rows_read = 0;
	return n;
}
