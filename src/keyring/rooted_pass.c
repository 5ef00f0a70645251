/* Reading what is there and comparing it with the root: a table at once, or everything in steps. */
#include <stdlib.h>
#include <string.h>

#include "base/ct.h"
#include "keyring/rooted_internal.h"

#define ORPHANS_PAGE 64u     /* looked at in the time of one row */
#define NAME_ROWS_MAX 65536u /* of a table: where the one row too many is looked for */

/* Where several nodes write: one snapshot. Without a root that is under a data key to come nothing can be compared. */
static enum coffer_err look(struct rooted *r)
{
	enum coffer_err err = rooted_look(r, NULL);
	if (err) return err == ERR_EXISTS ? ERR_STATE : err; /* what this process knows of its own part is not so any more */
	if (r->verdict != ERR_STATE) return ERR_OK;
	store_rollback(r->inner);
	return ERR_STATE;
}

static const struct rooted_watch nobody = { .row = NULL };

/* One row, out of the store's hands. Sealed bytes: on the ordinary heap. */
struct held {
	struct store_row row;
	uint8_t *bytes;
	size_t cap;
	bool there, is_whole;
};

static struct view hold_part(uint8_t **at, struct view part)
{
	uint8_t *to = *at;
	if (part.len) memcpy(to, part.ptr, part.len);
	*at += part.len;
	return view_of(to, part.len);
}

static enum coffer_err hold(void *arg, const struct store_row *row, bool is_whole)
{
	struct held *h = arg;
	h->there = true;
	h->is_whole = is_whole;
	h->row = *row;
	if (!is_whole) return ERR_OK;
	size_t need = row->header.len + row->index.len + row->body.len + 1;
	if (need > h->cap) {
		uint8_t *wider = realloc(h->bytes, need);
		ENSURE(wider, ERR_MEMORY);
		h->bytes = wider;
		h->cap = need;
	}
	uint8_t *at = h->bytes;
	h->row.header = hold_part(&at, row->header);
	h->row.index = hold_part(&at, row->index);
	h->row.body = hold_part(&at, row->body);
	return ERR_OK;
}

static enum coffer_err next_row(struct rooted *r, enum store_table table, struct store_place *place, struct held *h)
{
	h->there = false;
	if (store_place_is_end(place)) return ERR_OK;
	return store_survey(r->inner, table, place, 1, hold, h);
}

static void report(const struct rooted_watch *watch, size_t *faults, const struct rooted_fault *fault)
{
	++*faults;
	if (watch->fault) watch->fault(watch->arg, fault);
}

static void report_row(const struct rooted_watch *watch, size_t *faults, enum rooted_fault_kind kind, enum store_table table,
	const struct store_row *row)
{
	struct rooted_fault fault = { .kind = kind, .table = table, .id_len = row->id_len };
	memcpy(fault.id, row->id, row->id_len);
	report(watch, faults, &fault);
}

static enum coffer_err look_into(struct rooted *r, enum store_table table, const struct held *h, const struct rooted_watch *watch,
	size_t *faults)
{
	bool same = true;
	if (h->row.id_len) TRY(store_index_same(r->inner, table, view_of(h->row.id, h->row.id_len), h->row.index, &same));
	if (!same) report_row(watch, faults, ROOTED_COPIES, table, &h->row);
	enum coffer_err err = watch->row ? watch->row(watch->arg, table, &h->row) : ERR_OK;
	if (err == ERR_CORRUPT || err == ERR_VERSION) {
		report_row(watch, faults, ROOTED_ROW_DAMAGED, table, &h->row);
		return ERR_OK;
	}
	return err;
}

static enum coffer_err add_row(struct rooted *r, enum store_table table, const struct held *h, const struct rooted_watch *watch,
	struct root_sum *sum, size_t *faults)
{
	uint8_t entry[ROOT_SUM_LEN];
	if (!h->is_whole) {
		report_row(watch, faults, ROOTED_ROW_UNUSABLE, table, &h->row);
		return ERR_OK;
	}
	if (rooted_is_root(r, table, view_of(h->row.id, h->row.id_len))) return ERR_OK;
	TRY(root_entry(r->ring, rooted_generation(r), table, &h->row, entry));
	root_sum_add(sum, entry);
	return watch == &nobody ? ERR_OK : look_into(r, table, h, watch, faults);
}

enum coffer_err rooted_sum_table(struct rooted *r, enum store_table table, const struct rooted_watch *watch, struct root_sum *out,
	size_t *faults)
{
	struct root_sum sum = { .count = 0 };
	struct store_place place = { .len = 0 };
	struct held h = { .bytes = NULL };
	enum coffer_err err = next_row(r, table, &place, &h);
	while (!err && h.there) {
		err = add_row(r, table, &h, watch ? watch : &nobody, &sum, faults);
		if (!err) err = next_row(r, table, &place, &h);
	}
	free(h.bytes);
	if (!err) *out = sum;
	return err;
}

static enum coffer_err note_orphan(void *arg, const struct store_row *row, bool has_row)
{
	struct held *h = arg;
	h->there = true;
	h->is_whole = has_row;
	h->row = *row;
	return ERR_OK;
}

/* Copies of a row that is not there go as those of a row that is erased. */
static enum coffer_err drop_orphans(struct rooted *r, enum store_table table)
{
	struct store_place place = { .len = 0 };
	struct held h = { .there = true };
	while (!store_place_is_end(&place)) {
		h.there = false;
		TRY(store_index_orphans(r->inner, table, &place, 1, note_orphan, &h));
		if (!h.there) break;
		if (h.is_whole || h.row.id_len == 0) continue;
		struct store_row stand_in = { .id_len = h.row.id_len };
		memcpy(stand_in.id, h.row.id, h.row.id_len);
		TRY(store_put(r->inner, table, &stand_in, false));
		TRY(store_erase(r->inner, table, view_of(stand_in.id, stand_in.id_len)));
	}
	return ERR_OK;
}

enum coffer_err rooted_mend_copies(struct rooted *r, enum store_table table)
{
	struct store_place place = { .len = 0 };
	struct held h = { .bytes = NULL };
	enum coffer_err err = next_row(r, table, &place, &h);
	while (!err && h.there) {
		bool same = true;
		if (h.is_whole) err = store_index_same(r->inner, table, view_of(h.row.id, h.row.id_len), h.row.index, &same);
		if (!err && !same) err = store_put(r->inner, table, &h.row, true);
		if (!err) err = next_row(r, table, &place, &h);
	}
	free(h.bytes);
	return err ? err : drop_orphans(r, table);
}

/* The one row that makes the difference, when it is one too many. */
static enum coffer_err name_extra(struct rooted *r, enum store_table table, const struct root_sum *actual, const struct root_sum *wanted,
	struct rooted_fault *fault)
{
	struct root_sum difference = *actual;
	struct store_place place = { .len = 0 };
	struct held h = { .bytes = NULL };
	uint8_t entry[ROOT_SUM_LEN];
	root_sum_part(&difference, wanted);
	enum coffer_err err = next_row(r, table, &place, &h);
	while (!err && h.there && fault->id_len == 0) {
		if (h.is_whole) err = root_entry(r->ring, rooted_generation(r), table, &h.row, entry);
		if (!err && h.is_whole && ct_equal(entry, difference.sum, ROOT_SUM_LEN)) {
			memcpy(fault->id, h.row.id, h.row.id_len);
			fault->id_len = h.row.id_len;
		}
		if (!err) err = next_row(r, table, &place, &h);
	}
	free(h.bytes);
	return err;
}

static enum coffer_err judge_table(struct rooted *r, enum store_table table, const struct root_sum *actual, const struct rooted_watch *watch,
	size_t *faults)
{
	struct root_sum wanted;
	rooted_total(r, table, &wanted);
	if (root_sum_equal(actual, &wanted)) return ERR_OK;
	struct rooted_fault fault = { .table = table, .expected = wanted.count, .found = actual->count };
	fault.kind = actual->count < wanted.count ? ROOTED_MISSING : actual->count > wanted.count ? ROOTED_EXTRA : ROOTED_CHANGED;
	if (actual->count == wanted.count + 1 && actual->count <= NAME_ROWS_MAX) TRY(name_extra(r, table, actual, &wanted, &fault));
	report(watch, faults, &fault);
	return ERR_OK;
}

static enum coffer_err judge_chain(struct rooted *r, const struct root_head *wanted, const struct rooted_watch *watch, size_t *faults)
{
	struct root_head head;
	TRY(rooted_find_head(r, wanted->node_id, &head));
	if (head.seq == wanted->seq && ct_equal(head.link, wanted->link, ROOT_LINK_LEN)) return ERR_OK;
	report(watch, faults, &(struct rooted_fault){ .kind = ROOTED_HEAD, .table = STORE_AUDIT, .expected = wanted->seq, .found = head.seq });
	return ERR_OK;
}

/* The ends of the audit chains: of this node, and of those that share the store. */
static enum coffer_err judge_head(struct rooted *r, const struct rooted_watch *watch, size_t *faults)
{
	TRY(judge_chain(r, &r->now.root.head, watch, faults));
	for (size_t i = 0; i < r->peer_count; i++)
		if (r->peers[i].there) TRY(judge_chain(r, &r->peers[i].root.head, watch, faults));
	return ERR_OK;
}

static enum coffer_err check_tables(struct rooted *r, const enum store_table *tables, size_t count, const struct rooted_watch *watch, size_t *faults)
{
	struct root_sum actual;
	for (size_t i = 0; i < count; i++) {
		TRY(rooted_sum_table(r, tables[i], watch, &actual, faults));
		TRY(judge_table(r, tables[i], &actual, watch, faults));
	}
	return ERR_OK;
}

enum coffer_err rooted_store_check_small(struct store *s, const struct rooted_watch *watch, size_t *out_faults)
{
	static const enum store_table small[] = { STORE_GRANT, STORE_DOMAIN, STORE_NODE, STORE_SLOT, STORE_RECOVERY };
	*out_faults = 0;
	if (!rooted_store_is(s) || !rooted_of(s)->ring) return ERR_OK;
	struct rooted *r = rooted_of(s);
	PRE(!s->in_transaction);
	if (r->shared) TRY(look(r));
	r->now = r->durable;
	enum coffer_err err = check_tables(r, small, sizeof small / sizeof small[0], watch, out_faults);
	if (!err) err = judge_head(r, watch, out_faults);
	if (r->shared) store_rollback(r->inner);
	return err;
}

void rooted_store_pass_begin(struct store *s)
{
	if (!rooted_store_is(s) || !rooted_of(s)->ring) return;
	struct rooted *r = rooted_of(s);
	PRE(!s->in_transaction);
	r->pass = (struct rooted_pass){ .active = true, .table = STORE_OBJECT };
	memset(r->durable.seen, 0, sizeof r->durable.seen);
}

struct orphans {
	const struct rooted_watch *watch;
	enum store_table table;
	size_t faults, seen;
};

static enum coffer_err judge_copy(void *arg, const struct store_row *row, bool has_row)
{
	struct orphans *o = arg;
	o->seen++;
	if (!has_row) report_row(o->watch, &o->faults, ROOTED_ORPHAN, o->table, row);
	return ERR_OK;
}

static enum coffer_err count_strays(struct rooted *r, const struct rooted_watch *watch)
{
	uint64_t strays;
	size_t faults = 0;
	TRY(store_strays(r->inner, &strays));
	if (strays) report(watch, &faults, &(struct rooted_fault){ .kind = ROOTED_STRAYS, .found = strays });
	return ERR_OK;
}

static enum coffer_err end_table(struct rooted *r, const struct rooted_watch *watch)
{
	struct rooted_pass *pass = &r->pass;
	size_t faults = 0;
	if (!r->shared) TRY(judge_table(r, pass->table, &r->now.seen[pass->table], watch, &faults));
	if (!r->shared && pass->table == STORE_AUDIT) TRY(judge_head(r, watch, &faults));
	*pass = (struct rooted_pass){ .active = true, .table = pass->table + 1 };
	if (pass->table < STORE_TABLE_END) return ERR_OK;
	pass->active = false;
	return count_strays(r, watch);
}

/* Others write between two steps: a table is one step, and what is compared stood there at one moment. */
static enum coffer_err whole_table(struct rooted *r, const struct rooted_watch *watch)
{
	enum store_table table = r->pass.table;
	size_t faults = 0;
	TRY(look(r));
	enum coffer_err err = check_tables(r, &table, 1, watch, &faults);
	if (!err && table == STORE_AUDIT) err = judge_head(r, watch, &faults);
	store_rollback(r->inner);
	r->pass.in_orphans = true;
	return err;
}

/* Rows of the table, then the copies that belong to it. */
static enum coffer_err one_step(struct rooted *r, struct held *h, size_t *rows, const struct rooted_watch *watch)
{
	struct rooted_pass *pass = &r->pass;
	size_t faults = 0;
	if (!pass->in_orphans && r->shared) {
		--*rows;
		return whole_table(r, watch ? watch : &nobody);
	}
	if (!pass->in_orphans) {
		TRY(next_row(r, pass->table, &pass->place, h));
		--*rows;
		if (h->there) return add_row(r, pass->table, h, watch, &r->now.seen[pass->table], &faults);
		pass->in_orphans = true;
		pass->place = (struct store_place){ .len = 0 };
		return ERR_OK;
	}
	struct orphans o = { .watch = watch, .table = pass->table };
	--*rows;
	if (!store_place_is_end(&pass->place)) TRY(store_index_orphans(r->inner, pass->table, &pass->place, ORPHANS_PAGE, judge_copy, &o));
	return o.seen == 0 ? end_table(r, watch) : ERR_OK;
}

enum coffer_err rooted_store_pass_step(struct store *s, size_t rows, const struct rooted_watch *watch, bool *out_done)
{
	*out_done = true;
	if (!rooted_store_is(s) || !rooted_of(s)->ring) return ERR_OK;
	struct rooted *r = rooted_of(s);
	struct held h = { .bytes = NULL };
	enum coffer_err err = ERR_OK;
	PRE(!s->in_transaction);
	ENSURE(r->pass.active, ERR_STATE);
	r->now = r->durable;
	while (!err && rows > 0 && r->pass.active) err = one_step(r, &h, &rows, watch);
	free(h.bytes);
	memcpy(r->durable.seen, r->now.seen, sizeof r->durable.seen);
	if (err) r->pass.active = false;
	*out_done = !r->pass.active;
	return err;
}
