/* Rows of two kinds in a small store: the base, which says what is in the database, and the records behind it. */
#include "audit/held.h"

#include <stdlib.h>
#include <string.h>

#include "audit/held_internal.h"
#include "base/clock.h"

struct audit_held *audit_held_new(struct store *rows, uint64_t most_records, uint64_t most_bytes)
{
	struct audit_held *h = calloc(1, sizeof *h);
	if (!h) return NULL;
	h->rows = rows;
	h->most_records = most_records;
	h->most_bytes = most_bytes;
	return h;
}

void audit_held_free(struct audit_held *h)
{
	if (!h) return;
	audit_held_drop(h);
	free(h->pending);
	store_close(h->rows);
	free(h);
}

void audit_held_detach(struct audit_held *h)
{
	audit_held_drop(h);
	h->ring = NULL;
	h->mark = NULL;
	h->ready = h->settled = false;
}

void audit_held_set_ring(struct audit_held *h, struct ring *ring)
{
	if (h->ring) h->ring = ring;
}

bool audit_held_is_attached(const struct audit_held *h)
{
	return h->ring != NULL;
}

bool audit_held_is_ready(const struct audit_held *h)
{
	return h->ring && h->ready;
}

uint64_t audit_held_waiting(const struct audit_held *h)
{
	return h->newest - h->base.number;
}

bool audit_held_is_due(const struct audit_held *h)
{
	return h->ring && (!h->ready || !h->settled || h->newest != h->base.number || h->base_generation != ring_newest(h->ring));
}

/* ---- as it is found ---- */

static enum coffer_err note_newest(void *arg, const struct store_row *row)
{
	struct audit_held *h = arg;
	uint64_t number;
	enum coffer_err err = held_row_number(h->ring, row, &number);
	if (err) return err == ERR_NOT_FOUND ? ERR_OK : err;
	if (number > h->newest) h->newest = number;
	h->records++;
	h->bytes += row->body.len;
	return ERR_OK;
}

static enum coffer_err take_mark(void *arg, const uint8_t node_id[static UUID_LEN], uint64_t number)
{
	struct audit_held *h = arg;
	uint8_t own[UUID_LEN];
	root_seen_held_id(ring_domain(h->ring)->node_id, own);
	if (memcmp(node_id, own, UUID_LEN) == 0) h->marked = number;
	return ERR_OK;
}

/* Each behind the one before, from the base to the newest and to the mark. */
static enum coffer_err follow_all(struct audit_held *h, struct reason *reason)
{
	struct held_link link;
	memcpy(link.bytes, h->base.link, sizeof link.bytes);
	link.known = true;
	for (uint64_t n = h->base.number + 1; n <= h->newest; n++) {
		AUTO_BUF struct buf plain = BUF_EMPTY;
		struct audit_event event;
		enum coffer_err err = held_row_read(h, n, &link, &plain, &event);
		if (err == ERR_CORRUPT) return reason_fail(reason, err, "record %llu of it is missing or was changed", (unsigned long long)n);
		TRY(err);
	}
	memcpy(h->link, link.bytes, sizeof h->link);
	if (h->newest < h->marked)
		return reason_fail(reason, ERR_CORRUPT, "%llu records at its end are missing, an older copy was put back or it was cut", (unsigned long long)(h->marked - h->newest));
	return ERR_OK;
}

static enum coffer_err attach(struct audit_held *h, struct reason *reason)
{
	h->newest = h->marked = h->records = h->bytes = 0;
	h->base = (struct audit_held_place){ .number = 0 };
	TRY(root_seen_load(h->mark, h->ring, take_mark, h));
	enum coffer_err scan = store_scan(h->rows, STORE_DOMAIN, view_of(NULL, 0), false, SIZE_MAX, note_newest, h);
	enum coffer_err err = held_base_read(h);
	if (err == ERR_NOT_FOUND && h->newest == 0 && h->marked == 0 && !scan) return err;
	if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) return reason_fail(reason, ERR_CORRUPT, "it does not say what it follows, or is another node's");
	TRY(err);
	if (h->newest < h->base.number) h->newest = h->base.number;
	if (scan == ERR_CORRUPT) return reason_fail(reason, scan, "it has records of another node");
	TRY(scan);
	return follow_all(h, reason);
}

enum coffer_err audit_held_attach(struct audit_held *h, struct ring *ring, struct root_mark *mark, struct reason *reason)
{
	audit_held_detach(h);
	h->ring = ring;
	h->mark = mark;
	enum coffer_err err = attach(h, reason);
	h->ready = err == ERR_OK;
	return err;
}

/* ---- appending ---- */

static void pop(struct audit_held *h)
{
	struct held_pending *last = &h->pending[--h->pending_count];
	h->pending_bytes -= last->plain.len;
	buf_free(&last->plain);
}

void audit_held_drop(struct audit_held *h)
{
	while (h->pending_count) pop(h);
}

static void step_keep(void *arg)
{
	(void)arg;
}

static void step_undo(void *arg)
{
	struct audit_held *h = arg;
	if (h->pending_count) pop(h); /* else it was committed, or dropped */
}

static enum coffer_err make_room(struct audit_held *h)
{
	if (h->pending_count < h->pending_cap) return ERR_OK;
	size_t cap = h->pending_cap ? 2 * h->pending_cap : 16;
	struct held_pending *wider = reallocarray(h->pending, cap, sizeof *wider);
	ENSURE(wider, ERR_MEMORY);
	h->pending = wider;
	h->pending_cap = cap;
	return ERR_OK;
}

enum coffer_err audit_held_append(struct audit_held *h, struct txn *txn, const struct audit_event *event)
{
	struct audit_event e = *event;
	struct held_pending *next;
	ENSURE(audit_held_is_ready(h), ERR_STATE);
	ENSURE(h->records + h->pending_count < h->most_records, ERR_FULL);
	TRY(make_room(h));
	next = &h->pending[h->pending_count];
	*next = (struct held_pending){ .plain = BUF_EMPTY, .generation = ring_newest(h->ring) };
	const uint8_t *before = h->pending_count ? next[-1].link : h->link;
	e.seq = h->newest + h->pending_count + 1;
	e.epoch = 0;
	e.time_ms = clock_wall_s() * 1000;
	enum coffer_err err = held_record_make(h->ring, &e, before, next);
	if (!err && h->bytes + h->pending_bytes + next->plain.len + HELD_ROW_COST > h->most_bytes) err = ERR_FULL;
	if (!err && txn) err = txn_on_commit(txn, step_keep, step_undo, h);
	if (err) {
		buf_free(&next->plain);
		return err;
	}
	h->pending_bytes += next->plain.len;
	h->pending_count++;
	return ERR_OK;
}

static enum coffer_err write_pending(struct audit_held *h, uint64_t *out_bytes)
{
	*out_bytes = 0;
	for (size_t i = 0; i < h->pending_count; i++) TRY(held_row_write(h, h->newest + 1 + i, &h->pending[i], out_bytes));
	return ERR_OK;
}

static void set_mark(struct audit_held *h, uint64_t number)
{
	uint8_t own[UUID_LEN];
	root_seen_held_id(ring_domain(h->ring)->node_id, own);
	h->marked = number;
	if (number) root_seen_write(h->mark, h->ring, own, number);
}

/* What stands there after a commit that failed is not known before it was read anew. */
static enum coffer_err commit_rows(struct audit_held *h, enum coffer_err written, struct reason *reason)
{
	if (written) {
		store_rollback(h->rows);
		return written;
	}
	enum coffer_err err = store_commit(h->rows, reason);
	if (err == ERR_UNKNOWN_OUTCOME) {
		h->ready = false;
		if (store_reopen(h->rows, NULL) == ERR_OK && attach(h, NULL) == ERR_OK) h->ready = true;
	}
	return err;
}

enum coffer_err audit_held_commit(struct audit_held *h, struct reason *reason)
{
	uint64_t bytes, newest = h->newest + h->pending_count;
	if (h->pending_count == 0) return ERR_OK;
	ENSURE(audit_held_is_ready(h), ERR_STATE);
	TRY(store_begin(h->rows, reason));
	enum coffer_err err = commit_rows(h, write_pending(h, &bytes), reason);
	bool found = err == ERR_UNKNOWN_OUTCOME && h->ready && h->newest == newest; /* as they were read again */
	if (!found) TRY(err);
	if (!err) {
		memcpy(h->link, h->pending[h->pending_count - 1].link, sizeof h->link);
		h->newest = newest;
		h->records += h->pending_count;
		h->bytes += bytes;
	}
	audit_held_drop(h);
	set_mark(h, h->newest);
	return ERR_OK;
}

/* ---- moving ---- */

struct moving {
	struct audit_held *h;
	audit_held_fn *fn;
	void *arg;
	struct held_link link;
	uint64_t lost_from, lost; /* not told yet */
};

static enum coffer_err tell_lost(struct moving *m)
{
	const struct audit_event event = { .seq = m->lost_from };
	uint64_t lost = m->lost;
	m->lost = 0;
	return lost ? m->fn(m->arg, &event, lost) : ERR_OK;
}

static enum coffer_err move_one(struct moving *m, uint64_t number)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct audit_event event;
	enum coffer_err err = held_row_read(m->h, number, &m->link, &plain, &event);
	if (err == ERR_CORRUPT) {
		if (!m->lost) m->lost_from = number;
		m->lost++;
		return ERR_OK;
	}
	TRY(err);
	TRY(tell_lost(m));
	return m->fn(m->arg, &event, 0);
}

static uint64_t later(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

/* Moved before, and still here: they are those that were moved, or another file was put in their place and went on. */
static bool is_same_line(struct audit_held *h, const struct audit_held_place *had)
{
	uint8_t link[AUDIT_HELD_LINK_LEN];
	return had->number <= h->newest && held_row_link(h, had->number, link) == ERR_OK && memcmp(link, had->link, sizeof link) == 0;
}

/* What comes next is linked to what the database has; where that is older than this file's base, to the base, and what was in between is told. */
static void start(struct moving *m, const struct audit_held_place *had)
{
	struct audit_held *h = m->h;
	bool older = had->number < h->base.number;
	m->link.known = true;
	memcpy(m->link.bytes, older ? h->base.link : had->link, sizeof m->link.bytes);
	if (older) {
		m->lost_from = had->number + 1;
		m->lost = h->base.number - had->number;
	} else if (had->number > h->base.number && h->newest > h->base.number && !is_same_line(h, had)) {
		m->lost_from = h->base.number + 1;
		m->lost = h->newest - h->base.number;
	}
}

enum coffer_err audit_held_move(struct audit_held *h, struct txn *txn, size_t most, audit_held_fn *fn, void *arg, struct audit_held_place *out)
{
	struct audit_held_place had;
	struct moving m = { .h = h, .fn = fn, .arg = arg };
	ENSURE(h->ring && h->pending_count == 0, ERR_STATE);
	TRY(held_place_read(txn_store(txn), h->ring, &had));
	start(&m, &had);
	TRY(tell_lost(&m));
	uint64_t from = later(had.number, h->base.number), last = later(from, later(h->newest, h->marked)), to = last - from > most ? from + most : last;
	for (uint64_t n = from + 1; n <= to; n++) TRY(move_one(&m, n));
	TRY(tell_lost(&m));
	*out = (struct audit_held_place){ .number = to, .all = to == last };
	memcpy(out->link, m.link.bytes, sizeof out->link);
	return to == had.number ? ERR_OK : held_place_write(txn_store(txn), h->ring, out);
}

static enum coffer_err erase_moved(struct audit_held *h, const struct audit_held_place *to)
{
	TRY(held_base_write(h, to));
	if (to->all) return held_rows_erase(h, UINT64_MAX);
	return held_rows_erase(h, to->number);
}

enum coffer_err audit_held_moved(struct audit_held *h, const struct audit_held_place *to)
{
	if (h->ready && h->base.number == to->number && h->newest == to->number && h->base_generation == ring_newest(h->ring)) {
		h->settled = true;
		return ERR_OK;
	}
	TRY(store_begin(h->rows, NULL));
	TRY(commit_rows(h, erase_moved(h, to), NULL));
	if (to->all) set_mark(h, to->number);
	enum coffer_err err = attach(h, NULL);
	h->ready = err == ERR_OK;
	h->settled = to->all;
	return err == ERR_CORRUPT && !to->all ? ERR_OK : err;
}
