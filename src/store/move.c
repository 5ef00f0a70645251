/* Copying a store's rows, and comparing them. */
#include "store/move.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_ROWS 256u
#define PAGE_BYTES (1u << 20)

struct held {
	struct store_row row; /* its views lead into bytes */
	uint8_t *bytes;
};

struct store_move_page {
	struct held rows[PAGE_ROWS];
	size_t count, bytes;
};

static struct view id_of(const struct store_row *row)
{
	return view_of(row->id, row->id_len);
}

static void empty_page(struct store_move_page *p)
{
	for (size_t i = 0; i < p->count; i++) free(p->rows[i].bytes);
	p->count = p->bytes = 0;
}

enum coffer_err store_move_begin(struct store_move *m, struct store *from, struct store *to, const struct store_move_mark *mark)
{
	*m = (struct store_move){ .from = store_lowest(from), .to = store_lowest(to), .mark = *mark, .phase = STORE_MOVE_ADMIT };
	m->page = calloc(1, sizeof *m->page);
	return m->page ? ERR_OK : ERR_MEMORY;
}

void store_move_end(struct store_move *m)
{
	if (m->page) empty_page(m->page);
	free(m->page);
	m->page = NULL;
}

/* All but the mark's own: 0 behind the last one. */
static unsigned next_table(unsigned table)
{
	if (table + 1 == STORE_TABLE_END) return STORE_LEASE;
	return table + 1 == STORE_MOVE ? 0 : table + 1;
}

static void go_to(struct store_move *m, enum store_move_phase phase)
{
	m->phase = phase;
	m->table = STORE_OBJECT;
	m->placed = false;
	m->last_len = 0;
}

static void next(struct store_move *m, enum store_move_phase then)
{
	unsigned table = next_table(m->table);
	go_to(m, table ? m->phase : then);
	if (table) m->table = table;
}

/* ---- whether it may be ---- */

static enum coffer_err note_row(void *arg, const struct store_row *row, bool is_whole)
{
	(void)row;
	(void)is_whole;
	*(bool *)arg = true;
	return ERR_OK;
}

static enum coffer_err has_rows(struct store *s, bool *out)
{
	*out = false;
	for (unsigned t = STORE_OBJECT; t && !*out; t = next_table(t)) {
		struct store_place place = { .len = 0 };
		TRY(store_survey(s, (enum store_table)t, &place, 1, note_row, out));
	}
	return ERR_OK;
}

static bool is_ours(const struct store_move_mark *a, const struct store_move_mark *b)
{
	return memcmp(a->domain_id, b->domain_id, UUID_LEN) == 0 && memcmp(a->node_id, b->node_id, UUID_LEN) == 0;
}

/* *out: the mark that stands there. */
static enum coffer_err look(struct store *to, const struct store_move_mark *mark, struct store_move_mark *out, struct reason *reason)
{
	bool any = false;
	enum coffer_err err = store_move_mark_get(to, out);
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "the place to which the store is to be moved has the mark of a move that this version cannot read; give it an empty place");
	TRY(err);
	if (out->state != STORE_MOVE_NONE && !is_ours(out, mark))
		return reason_fail(reason, ERR_EXISTS, "the place to which the store is to be moved is that of another domain or node (it has the mark of a move of theirs); give it an empty place");
	if (out->state != STORE_MOVE_NONE) return ERR_OK;
	TRY(has_rows(to, &any));
	return any ? reason_fail(reason, ERR_EXISTS, "the place to which the store is to be moved holds a store already, and nothing says that it was left; nothing is written over: give it an empty place") : ERR_OK;
}

enum coffer_err store_move_admits(struct store *to, const struct store_move_mark *mark, struct reason *reason)
{
	struct store_move_mark there;
	return look(to, mark, &there, reason);
}

static enum coffer_err set_mark(struct store_move *m, enum store_move_state state, struct reason *reason)
{
	m->mark.state = state;
	return store_move_mark_set(m->to, &m->mark, reason);
}

static enum coffer_err admit(struct store_move *m, struct reason *reason)
{
	struct store_move_mark there;
	TRY(look(m->to, &m->mark, &there, reason));
	bool same = memcmp(there.move_id, m->mark.move_id, sizeof there.move_id) == 0;
	if (there.state == STORE_MOVE_NONE) {
		TRY(set_mark(m, STORE_MOVE_INCOMPLETE, reason));
		go_to(m, STORE_MOVE_COPY);
	} else if (there.state == STORE_MOVE_INCOMPLETE && same) {
		go_to(m, STORE_MOVE_COPY);
	} else {
		TRY(set_mark(m, STORE_MOVE_CLEARING, reason));
		go_to(m, STORE_MOVE_CLEAR);
	}
	return ERR_OK;
}

/* ---- pages ---- */

static enum coffer_err hold(void *arg, const struct store_row *row)
{
	struct store_move_page *p = arg;
	struct held *h = &p->rows[p->count];
	size_t len = row->header.len + row->index.len + row->body.len;
	*h = (struct held){ .row = *row, .bytes = malloc(len ? len : 1) };
	ENSURE(h->bytes, ERR_MEMORY);
	struct view *parts[] = { &h->row.header, &h->row.index, &h->row.body };
	uint8_t *at = h->bytes;
	for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
		if (parts[i]->len) memcpy(at, parts[i]->ptr, parts[i]->len);
		parts[i]->ptr = at;
		at += parts[i]->len;
	}
	p->count++;
	p->bytes += len;
	return p->bytes < PAGE_BYTES ? ERR_OK : ERR_EXISTS; /* enough */
}

static enum coffer_err read_page(struct store_move *m, struct store *from)
{
	empty_page(m->page);
	enum coffer_err err = store_scan(from, (enum store_table)m->table, view_of(m->last, m->last_len), false, PAGE_ROWS, hold, m->page);
	return err == ERR_EXISTS && m->page->bytes >= PAGE_BYTES ? ERR_OK : err;
}

/* The page is dealt with. */
static void step_behind(struct store_move *m)
{
	const struct store_row *row = &m->page->rows[m->page->count - 1].row;
	memcpy(m->last, row->id, row->id_len);
	m->last_len = row->id_len;
}

static enum coffer_err end_page(struct store_move *m, enum coffer_err err, struct reason *reason)
{
	if (!err) return store_commit(m->to, reason);
	store_rollback(m->to);
	return err;
}

static enum coffer_err clear(struct store_move *m, struct reason *reason)
{
	m->last_len = 0; /* what was there is gone */
	TRY(read_page(m, m->to));
	if (!m->page->count) {
		if (!next_table(m->table)) TRY(set_mark(m, STORE_MOVE_INCOMPLETE, reason));
		next(m, STORE_MOVE_COPY);
		return ERR_OK;
	}
	TRY(store_begin(m->to, reason));
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < m->page->count && !err; i++) err = store_erase(m->to, (enum store_table)m->table, id_of(&m->page->rows[i].row));
	return end_page(m, err, reason);
}

static enum coffer_err take_place(void *arg, const struct store_row *row)
{
	struct store_move *m = arg;
	memcpy(m->last, row->id, row->id_len);
	m->last_len = row->id_len;
	return ERR_OK;
}

/* Rows come in the order of their ids and page by page: what is there is the beginning. */
static enum coffer_err find_place(struct store_move *m)
{
	m->last_len = 0;
	if (!m->placed) TRY(store_scan(m->to, (enum store_table)m->table, view_of(NULL, 0), true, 1, take_place, m));
	m->placed = true;
	return ERR_OK;
}

static enum coffer_err copy(struct store_move *m, struct reason *reason)
{
	if (!m->placed) TRY(find_place(m));
	enum coffer_err err = read_page(m, m->from);
	if (err == ERR_CORRUPT) return reason_fail(reason, err, "a row of table %u of the store cannot be read, so it is not moved; run 'coffer store check'", m->table);
	TRY(err);
	if (!m->page->count) {
		next(m, STORE_MOVE_COMPARE);
		return ERR_OK;
	}
	m->placed = false; /* until the commit is known to be there */
	TRY(store_begin(m->to, reason));
	for (size_t i = 0; i < m->page->count && !err; i++) err = store_put(m->to, (enum store_table)m->table, &m->page->rows[i].row, false);
	TRY(end_page(m, err, reason));
	m->copied += m->page->count;
	step_behind(m);
	m->placed = true;
	return ERR_OK;
}

/* ---- comparing ---- */

struct comparing {
	const struct store_move_page *page;
	size_t at;
	bool differs;
};

static bool is_same(const struct store_row *a, const struct store_row *b)
{
	return view_equal(id_of(a), id_of(b)) && a->version == b->version && a->state == b->state && a->generation == b->generation && view_equal(a->header, b->header) &&
		view_equal(a->index, b->index) && view_equal(a->body, b->body);
}

static enum coffer_err compare_row(void *arg, const struct store_row *row)
{
	struct comparing *c = arg;
	c->differs = c->differs || c->at >= c->page->count || !is_same(&c->page->rows[c->at].row, row);
	c->at++;
	return ERR_OK;
}

static enum coffer_err compare(struct store_move *m, struct reason *reason)
{
	TRY(read_page(m, m->from));
	struct comparing c = { .page = m->page };
	size_t count = m->page->count;
	TRY(store_scan(m->to, (enum store_table)m->table, view_of(m->last, m->last_len), false, count ? count : 1, compare_row, &c));
	if (c.differs || c.at != count)
		return reason_fail(reason, ERR_CORRUPT, "table %u of the store is not the same in its new place as in its old one: somebody else writes to one of them; nothing was switched over", m->table);
	m->compared += count;
	if (count) step_behind(m);
	else next(m, STORE_MOVE_DONE);
	return ERR_OK;
}

enum coffer_err store_move_step(struct store_move *m, bool *out_done, struct reason *reason)
{
	static enum coffer_err (*const steps[])(struct store_move *, struct reason *) = {
		[STORE_MOVE_ADMIT] = admit, [STORE_MOVE_CLEAR] = clear, [STORE_MOVE_COPY] = copy, [STORE_MOVE_COMPARE] = compare
	};
	*out_done = m->phase == STORE_MOVE_DONE;
	if (*out_done) return ERR_OK;
	enum coffer_err err = steps[m->phase](m, reason);
	*out_done = m->phase == STORE_MOVE_DONE;
	return err ? reason_default(reason, err, "the store cannot be moved: %s", err_text(err)) : ERR_OK;
}
