/* The writes of a transaction, one behind the other. */
#include "store/sqlite_redo.h"

#include <stdlib.h>
#include <string.h>

#include "base/ct.h"

struct entry {
	enum store_table table;
	bool erases, replace;
	struct store_row row; /* of an erasure only the id; the views' bytes stand behind the entry, in their order */
};

void sqlite_redo_begin(struct sqlite_redo *redo)
{
	redo->len = redo->mark = 0;
	redo->full = redo->used = false;
}

void sqlite_redo_wipe(struct sqlite_redo *redo)
{
	if (redo->used_to) wipe(redo->bytes, redo->used_to);
	redo->used_to = redo->len = redo->mark = 0;
}

void sqlite_redo_free(struct sqlite_redo *redo)
{
	sqlite_redo_wipe(redo);
	free(redo->bytes);
	redo->bytes = NULL;
}

static void add(struct sqlite_redo *redo, const void *bytes, size_t len)
{
	if (len) memcpy(redo->bytes + redo->len, bytes, len);
	redo->len += len;
	if (redo->used_to < redo->len) redo->used_to = redo->len;
}

void sqlite_redo_note(struct sqlite_redo *redo, enum store_table table, struct view id, const struct store_row *row, bool replace)
{
	struct entry e = { .table = table, .erases = !row, .replace = replace };
	if (row) e.row = *row;
	else memcpy(e.row.id, id.ptr, e.row.id_len = id.len);
	if (redo->full || redo->used) return;
	if (!redo->bytes) redo->bytes = malloc(SQLITE_REDO_MAX);
	size_t len = sizeof e + e.row.header.len + e.row.index.len + e.row.body.len;
	redo->full = !redo->bytes || len > SQLITE_REDO_MAX - redo->len;
	if (redo->full) return;
	add(redo, &e, sizeof e);
	add(redo, e.row.header.ptr, e.row.header.len);
	add(redo, e.row.index.ptr, e.row.index.len);
	add(redo, e.row.body.ptr, e.row.body.len);
}

bool sqlite_redo_mark(struct sqlite_redo *redo)
{
	redo->mark = redo->len;
	return !redo->full && !redo->used;
}

static struct view take(const struct sqlite_redo *redo, size_t *at, size_t len)
{
	struct view v = view_of(redo->bytes + *at, len);
	*at += len;
	return v;
}

enum coffer_err sqlite_redo_again(struct sqlite_redo *redo, sqlite_redo_fn *fn, void *arg)
{
	struct entry e;
	redo->used = redo->mark > 0;
	redo->len = redo->mark;
	redo->full = false;
	for (size_t at = 0; at < redo->len;) {
		memcpy(&e, take(redo, &at, sizeof e).ptr, sizeof e);
		e.row.header = take(redo, &at, e.row.header.len);
		e.row.index = take(redo, &at, e.row.index.len);
		e.row.body = take(redo, &at, e.row.body.len);
		TRY(fn(arg, e.table, view_of(e.row.id, e.row.id_len), e.erases ? NULL : &e.row, e.replace));
	}
	return ERR_OK;
}
