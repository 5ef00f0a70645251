/* The store's calls, with the sums kept in step. */
#include "keyring/rooted_store.h"

#include <stdlib.h>
#include <string.h>

#include "keyring/rooted_internal.h"

static const struct store_ops rooted_ops;

const char rooted_twin_sentence[] = "two machines run with the identity of this node (one was cloned): another process wrote this node's part of the store; remove one, restart the other one's daemon, then run "
	"'coffer node accept NODE' there";

struct rooted *rooted_of(struct store *s)
{
	PRE(rooted_store_is(s));
	return (struct rooted *)s;
}

bool rooted_store_is(const struct store *s)
{
	return s && s->ops == &rooted_ops;
}

static void end(struct store *base)
{
	struct rooted *r = rooted_of(base);
	store_close(r->inner);
	root_mark_close(r->mark);
	free(r->peers);
	free(r->changed);
	free(r);
}

static void begin_level(struct rooted *r)
{
	r->now = r->durable;
	r->doom = ERR_OK;
	r->accepting = false;
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	TRY(store_begin(rooted_of(base)->inner, reason));
	begin_level(rooted_of(base));
	return ERR_OK;
}

static enum coffer_err begin_reading(struct store *base, struct reason *reason)
{
	TRY(store_begin_reading(rooted_of(base)->inner, reason));
	begin_level(rooted_of(base));
	return ERR_OK;
}

static void rollback(struct store *base)
{
	struct rooted *r = rooted_of(base);
	store_rollback(r->inner);
	begin_level(r);
}

/* The write count of the root's row stays; what has no generation of its own counts under that of the root's row (docs/formats.md 14.1). */
static enum coffer_err follow_generation(struct rooted *r)
{
	struct root *root = &r->now.root;
	struct root_sum actual, wanted;
	size_t faults = 0;
	if (root->generation == ring_newest(r->ring)) return ERR_OK;
	if (r->shared) TRY(rooted_need_peers(r));
	if (rooted_generation(r) == ring_newest(r->ring)) { /* another node has done it */
		root->generation = ring_newest(r->ring);
		return ERR_OK;
	}
	TRY(rooted_sum_table(r, STORE_RECOVERY, NULL, &actual, &faults));
	rooted_total(r, STORE_RECOVERY, &wanted);
	bool equal = root_sum_equal(&actual, &wanted);
	root->generation = ring_newest(r->ring);
	if (!equal) return ERR_OK;
	root_sum_part(&root->tables[STORE_RECOVERY], &wanted);
	TRY(rooted_sum_table(r, STORE_RECOVERY, NULL, &actual, &faults));
	root_sum_join(&root->tables[STORE_RECOVERY], &actual);
	return ERR_OK;
}

enum coffer_err rooted_write(struct rooted *r)
{
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row;
	if (r->shared) TRY(rooted_check_own(r));
	TRY(follow_generation(r));
	if (r->shared) TRY(rooted_write_change(r));
	r->now.root.version++;
	TRY(root_to_row(r->ring, &r->now.root, &row, &body));
	TRY(store_put(r->inner, STORE_DOMAIN, &row, true));
	return r->shared ? rooted_wrote_own(r, buf_view(&body)) : ERR_OK;
}

static void tell_commit(struct rooted *r)
{
	bool everything = r->accepting || r->now.changed > ROOTED_CHANGED_MAX;
	if (!r->commits || !r->now.dirty || (!everything && r->now.changed == 0)) return;
	r->commits(r->commits_arg, everything ? NULL : r->changed, everything ? 0 : r->now.changed, everything);
}

static enum coffer_err commit(struct store *base, struct reason *reason)
{
	struct rooted *r = rooted_of(base);
	enum coffer_err err = r->doom;
	if (!err && r->now.dirty) err = rooted_write(r);
	if (err) {
		rollback(base);
		if (r->twin && err == ERR_EXISTS) return reason_fail(reason, err, "%s", rooted_twin_sentence);
		return reason_fail(reason, err, "the store took back the whole change because a write in it failed: %s", err_text(err));
	}
	tell_commit(r);
	err = store_commit(r->inner, reason);
	if (!err) {
		bool wrote = r->now.dirty;
		bool accepted = r->accepting;
		if (accepted) r->verdict = ERR_OK;
		if (wrote && r->mark && (accepted || r->founding)) root_mark_clear(r->mark);
		if (wrote) r->founding = false;
		r->now.dirty = r->accepting = false;
		r->now.changed = 0;
		r->durable = r->now;
		if (accepted && r->shared) rooted_accepted_peers(r);
		if (wrote && r->mark) root_mark_write(r->mark, r->ring, r->durable.root.version);
	} else if (err != ERR_UNKNOWN_OUTCOME) {
		r->now = r->durable;
	} else {
		r->in_doubt = true;
	}
	return err;
}

static enum coffer_err savepoint(struct store *base)
{
	struct rooted *r = rooted_of(base);
	TRY(r->doom);
	TRY(store_savepoint(r->inner));
	r->saved = r->now;
	return ERR_OK;
}

static void release(struct store *base, bool keep)
{
	struct rooted *r = rooted_of(base);
	store_release(r->inner, keep);
	if (!keep) r->now = r->saved;
}

static bool is_seen(const struct rooted *r, enum store_table table, struct view id)
{
	if (!r->pass.active || table > r->pass.table) return false;
	return table < r->pass.table || r->pass.in_orphans || store_place_is_past(&r->pass.place, id);
}

/* The row that stands under an id, if there is one: its write count, and what its entry is. */
struct found {
	bool there;
	uint32_t version; /* 0: there is none */
	uint8_t entry[ROOT_SUM_LEN];
};

static enum coffer_err find(struct rooted *r, enum store_table table, struct view id, struct found *out)
{
	struct store_row row;
	enum coffer_err err = store_get(r->inner, table, id, &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	ENSURE(!ring_is_behind(r->ring, row.generation), ERR_BUSY); /* its entry would be another one */
	out->version = row.version;
	TRY(root_entry(r->ring, rooted_generation(r), table, &row, out->entry));
	out->there = true;
	return ERR_OK;
}

/* What is written was made from an older row than the one that stands there: another node was faster, and what it did would be lost. */
static bool is_behind(const struct rooted *r, enum store_table table, const struct store_row *row, uint32_t version)
{
	return r->shared && !r->accepting && table != STORE_AUDIT && table != STORE_REQUEST && row->version != version + 1;
}

/* row NULL: erases. */
static enum coffer_err write_row(struct rooted *r, enum store_table table, struct view id, const struct store_row *row, bool replace)
{
	uint8_t after[ROOT_SUM_LEN];
	struct rooted_level *now = &r->now;
	struct found before = { .there = false };
	bool seen = is_seen(r, table, id);
	if (r->shared && table == STORE_RECOVERY) TRY(rooted_need_peers(r)); /* whose generation stands in for the row's */
	if (!row || replace) TRY(find(r, table, id, &before));
	ENSURE(row || before.there, ERR_NOT_FOUND);
	ENSURE(!row || !replace || !is_behind(r, table, row, before.version), ERR_BUSY);
	if (row) TRY(root_entry(r->ring, rooted_generation(r), table, row, after));
	TRY(row ? store_put(r->inner, table, row, replace) : store_erase(r->inner, table, id));
	now->dirty = true;
	if (r->shared) rooted_note_change(r, table, id);
	if (before.there) root_sum_take(&now->root.tables[table], before.entry);
	if (row) root_sum_add(&now->root.tables[table], after);
	if (before.there && seen) root_sum_take(&now->seen[table], before.entry);
	if (row && seen) root_sum_add(&now->seen[table], after);
	if (row && table == STORE_AUDIT) root_head_follow(&now->root.head, row);
	return ERR_OK;
}

/* Before init there is no root and no row; the ring's generation is that of the root to be. Who asks to join has no ring yet. */
static enum coffer_err ready_to_write(struct rooted *r, enum store_table table)
{
	TRY(r->doom);
	if (!r->ring && table == STORE_ADMISSION) return ERR_OK;
	ENSURE(r->ring, ERR_SEALED);
	return r->accepting ? ERR_OK : r->verdict;
}

static enum coffer_err change(struct store *base, enum store_table table, struct view id, const struct store_row *row, bool replace)
{
	struct rooted *r = rooted_of(base);
	TRY(ready_to_write(r, table));
	ENSURE(!rooted_is_root(r, table, id) && table != STORE_CHANGE, ERR_FIELD);
	enum coffer_err err;
	if (table >= STORE_TABLE_END) err = row ? store_put(r->inner, table, row, replace) : store_erase(r->inner, table, id); /* counts nowhere */
	else err = write_row(r, table, id, row, replace);
	if (err && err != ERR_EXISTS && err != ERR_NOT_FOUND && err != ERR_FIELD && err != ERR_TOO_LARGE) r->doom = err;
	return err;
}

static enum coffer_err put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	return change(base, table, view_of(row->id, row->id_len), row, replace);
}

static enum coffer_err erase(struct store *base, enum store_table table, struct view id)
{
	return change(base, table, id, NULL, false);
}

static enum coffer_err get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	struct rooted *r = rooted_of(base);
	TRY(r->doom);
	ENSURE(!rooted_is_root(r, table, id), ERR_NOT_FOUND);
	return store_get(r->inner, table, id, out);
}

static enum coffer_err hold(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	struct rooted *r = rooted_of(base);
	TRY(r->doom);
	ENSURE(!rooted_is_root(r, table, id), ERR_NOT_FOUND);
	return store_hold(r->inner, table, id, out);
}

/* A scan that passes over the rows of roots. */
struct hiding {
	const struct rooted *r;
	store_row_fn *fn;
	void *arg;
	enum store_table table;
	size_t left;
	enum coffer_err err; /* of fn */
};

static enum coffer_err hide_row(void *arg, const struct store_row *row)
{
	struct hiding *h = arg;
	if (rooted_is_root(h->r, h->table, view_of(row->id, row->id_len))) return ERR_OK;
	h->err = h->fn(h->arg, row);
	if (h->err) return h->err;
	return --h->left ? ERR_OK : ERR_EXISTS; /* enough */
}

static enum coffer_err scan(struct store *base, enum store_table table, struct view after, bool backwards, size_t limit,
	store_row_fn *fn, void *arg)
{
	struct rooted *r = rooted_of(base);
	struct hiding h = { .r = r, .fn = fn, .arg = arg, .table = table, .left = limit };
	TRY(r->doom);
	if (table != STORE_DOMAIN || limit == 0) return store_scan(r->inner, table, after, backwards, limit, fn, arg);
	enum coffer_err err = store_scan(r->inner, table, after, backwards, SIZE_MAX, hide_row, &h);
	return err == ERR_EXISTS && !h.err && h.left == 0 ? ERR_OK : err;
}

static enum coffer_err count_shown(void *arg, const struct store_row *row)
{
	(void)row;
	++*(uint64_t *)arg;
	return ERR_OK;
}

static enum coffer_err count(struct store *base, enum store_table table, uint64_t *out)
{
	struct rooted *r = rooted_of(base);
	struct hiding h = { .r = r, .fn = count_shown, .arg = out, .table = table, .left = SIZE_MAX };
	TRY(r->doom);
	if (table != STORE_DOMAIN || !r->shared) {
		struct store_row row;
		TRY(store_count(r->inner, table, out));
		if (table != STORE_DOMAIN) return ERR_OK;
		enum coffer_err err = store_get(r->inner, STORE_DOMAIN, view_str(ROOT_ID), &row);
		if (!err) --*out;
		return err == ERR_NOT_FOUND ? ERR_OK : err;
	}
	*out = 0;
	return store_scan(r->inner, table, view_of(NULL, 0), false, SIZE_MAX, hide_row, &h);
}

static enum coffer_err index_find(struct store *base, enum store_table table, uint8_t index, struct view token, struct view after,
	size_t limit, store_id_fn *fn, void *arg)
{
	struct rooted *r = rooted_of(base);
	TRY(r->doom);
	return store_index_find(r->inner, table, index, token, after, limit, fn, arg);
}

static enum coffer_err survey(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn, void *arg)
{
	struct rooted *r = rooted_of(base);
	return r->inner->ops->survey(r->inner, table, from, limit, fn, arg);
}

static enum coffer_err index_same(struct store *base, enum store_table table, struct view id, struct view index, bool *out_same)
{
	return store_index_same(rooted_of(base)->inner, table, id, index, out_same);
}

static enum coffer_err index_orphans(struct store *base, enum store_table table, struct view from, size_t limit, store_survey_fn *fn,
	void *arg)
{
	struct rooted *r = rooted_of(base);
	return r->inner->ops->index_orphans(r->inner, table, from, limit, fn, arg);
}

static enum coffer_err strays(struct store *base, uint64_t *out)
{
	return store_strays(rooted_of(base)->inner, out);
}

static enum coffer_err set_cache(struct store *base, size_t bytes)
{
	return store_set_cache(rooted_of(base)->inner, bytes);
}

static enum coffer_err scrub_deleted(struct store *base, struct reason *reason)
{
	return store_scrub_deleted(rooted_of(base)->inner, reason);
}

/* While the connection was lost, somebody else wrote this node's root: it is further than this process brought it. Behind a store that was not the right one (sound: it was) the right one is further, too. */
static void look_for_twin(struct rooted *r, bool sound)
{
	uint64_t own = r->known + r->in_doubt;
	if (sound && r->shared && r->now.own_there && r->known && r->durable.root.version > own) r->twin = true;
	r->in_doubt = false;
}

/* What is there now is the truth, unless it is older than what was durable already. A root under a data key that this node has not fetched yet is no failure, as at a start: only a store that is
 * there hands the key over. */
static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	struct rooted *r = rooted_of(base);
	const bool sound = !r->verdict || r->verdict == ERR_STATE;
	if (r->ring && r->durable.root.version > r->known) r->known = r->durable.root.version;
	r->doom = ERR_OK;
	r->pass.active = false;
	TRY(store_reopen(r->inner, reason));
	if (!r->ring) return ERR_OK;
	TRY(rooted_read(r, reason));
	if (r->verdict && r->verdict != ERR_STATE) return rooted_store_verdict(base, reason);
	look_for_twin(r, sound);
	if (r->durable.root.version < r->known)
		return reason_fail(reason, ERR_CORRUPT, "the store was opened again and is older than before (version %llu after %llu); restore it from a backup",
			(unsigned long long)r->durable.root.version, (unsigned long long)r->known);
	return ERR_OK;
}

static enum coffer_err news(struct store *base, bool *out)
{
	return store_take_news(rooted_of(base)->inner, out);
}

static struct store *beneath(struct store *base)
{
	return rooted_of(base)->inner;
}

static const struct store_ops rooted_ops = {
	.name = "rooted",
	.close = end,
	.begin = begin,
	.begin_reading = begin_reading,
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
	.news = news,
	.beneath = beneath,
};

enum coffer_err rooted_store_new(struct store *inner, struct store **out)
{
	struct rooted *r = calloc(1, sizeof *r);
	ENSURE(r, ERR_MEMORY);
	r->base.ops = &rooted_ops;
	r->inner = inner;
	*out = (struct store *)r;
	return ERR_OK;
}

enum coffer_err rooted_store_share(struct store *s)
{
	struct rooted *r = rooted_of(s);
	PRE(!r->ring && !r->shared);
	r->changed = calloc(ROOTED_CHANGED_MAX, sizeof *r->changed);
	ENSURE(r->changed, ERR_MEMORY);
	r->shared = true;
	return ERR_OK;
}

bool rooted_store_has_twin(const struct store *s)
{
	return rooted_store_is(s) && ((const struct rooted *)s)->twin;
}

void rooted_store_forget_twin(struct store *s)
{
	if (rooted_store_is(s)) rooted_of(s)->twin = false;
}

bool rooted_store_is_shared(const struct store *s)
{
	return rooted_store_is(s) && ((const struct rooted *)s)->shared;
}

void rooted_store_on_commit(struct store *s, rooted_commits_fn *fn, void *arg)
{
	struct rooted *r = rooted_of(s);
	r->commits = fn;
	r->commits_arg = arg;
}

struct root_mark *rooted_store_mark(struct store *s)
{
	return rooted_of(s)->mark;
}

void rooted_store_set_mark(struct store *s, struct root_mark *mark)
{
	struct rooted *r = rooted_of(s);
	PRE(!r->ring && !r->mark);
	r->mark = mark;
}
