/* Searching inside a transaction: by index entry, and through the whole table. */
#include <string.h>

#include "objects/codec.h"
#include "objects/index.h"
#include "objects/names.h"
#include "objects/txn_internal.h"

#define HITS_PAGE 64u
#define SCAN_PAGE 64u

bool txn_indexed(const struct txn *txn)
{
	return txn->indexed;
}

/* What is wrong with one row is not the search's fault when it may pass over it. */
static bool is_about_one(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION;
}

static void pass_over(struct txn_passed *passed, struct view id)
{
	static const uint8_t none[UUID_LEN];
	const uint8_t *ptr = id.len == UUID_LEN ? id.ptr : none;
	size_t known = passed->count < TXN_PASSED_IDS ? passed->count : TXN_PASSED_IDS;
	for (size_t i = 0; i < known && ptr != none; i++)
		if (memcmp(passed->ids[i], ptr, UUID_LEN) == 0) return;
	if (known < TXN_PASSED_IDS) memcpy(passed->ids[known], ptr, UUID_LEN);
	passed->count++;
}

struct page {
	uint8_t ids[HITS_PAGE][UUID_LEN];
	size_t count;
};

static enum coffer_err take_hit(void *arg, struct view id)
{
	struct page *p = arg;
	ENSURE(id.len == UUID_LEN, ERR_CORRUPT);
	memcpy(p->ids[p->count++], id.ptr, UUID_LEN);
	return ERR_OK;
}

/* Index rows are copies that anybody with the database can edit: a hit counts only when the opened object has the value. */
static enum coffer_err open_hit(struct txn *txn, const uint8_t id[static UUID_LEN], const struct record_index_entry *entry, struct object **out)
{
	enum coffer_err err = txn_object(txn, id, out);
	if (err == ERR_NOT_FOUND) return ERR_CORRUPT;
	TRY(err);
	return object_index_has(*out, entry) ? ERR_OK : ERR_CORRUPT;
}

struct finding {
	const struct record_index_entry *entry;
	txn_object_fn *fn;
	void *arg;
	struct txn_passed *passed;
};

static enum coffer_err check_hits(struct txn *txn, const struct page *p, const struct finding *f)
{
	for (size_t i = 0; i < p->count; i++) {
		AUTO_OBJECT struct object *o = NULL;
		enum coffer_err err = open_hit(txn, p->ids[i], f->entry, &o);
		if (f->passed && is_about_one(err)) {
			pass_over(f->passed, view_of(p->ids[i], UUID_LEN));
			continue;
		}
		TRY(err);
		TRY(f->fn(f->arg, o));
	}
	return ERR_OK;
}

/* Every hit under one generation's token, in pages. */
static enum coffer_err find_in(struct txn *txn, uint32_t generation, const struct finding *f)
{
	const struct record_index_entry *entry = f->entry;
	uint8_t token[STORE_TOKEN_LEN], last[UUID_LEN];
	struct view after = { NULL, 0 };
	struct page p = { .count = HITS_PAGE };
	TRY(record_token(txn->ring, generation, STORE_OBJECT, entry->index, entry->value, token));
	while (p.count == HITS_PAGE) {
		p.count = 0;
		TRY(store_index_find(txn->store, STORE_OBJECT, entry->index, view_of(token, sizeof token), after, HITS_PAGE, take_hit, &p));
		TRY(check_hits(txn, &p, f));
		if (p.count == 0) break;
		memcpy(last, p.ids[p.count - 1], UUID_LEN);
		after = view_of(last, UUID_LEN);
	}
	return ERR_OK;
}

/* Tokens are made under the generation that sealed the row: ask for every generation in the ring, newest first. */
enum coffer_err txn_find_passing(struct txn *txn, const struct record_index_entry *entry, txn_object_fn *fn, void *arg, struct txn_passed *passed)
{
	const struct finding f = { entry, fn, arg, passed };
	ENSURE(txn->ring, ERR_SEALED);
	for (unsigned i = ring_count(txn->ring); i-- > 0;) TRY(find_in(txn, ring_generation_at(txn->ring, i), &f));
	return ERR_OK;
}

enum coffer_err txn_find(struct txn *txn, const struct record_index_entry *entry, txn_object_fn *fn, void *arg)
{
	return txn_find_passing(txn, entry, fn, arg, NULL);
}

static enum coffer_err count_hit(void *arg, struct view id)
{
	(void)id;
	++*(size_t *)arg;
	return ERR_OK;
}

enum coffer_err txn_count(struct txn *txn, const struct record_index_entry *entry, size_t limit, size_t *out)
{
	size_t count = 0;
	ENSURE(txn->ring, ERR_SEALED);
	for (unsigned i = ring_count(txn->ring); i-- > 0 && count < limit;) {
		uint8_t token[STORE_TOKEN_LEN];
		TRY(record_token(txn->ring, ring_generation_at(txn->ring, i), STORE_OBJECT, entry->index, entry->value, token));
		TRY(store_index_find(txn->store, STORE_OBJECT, entry->index, view_of(token, sizeof token), view_of(NULL, 0), limit - count,
			count_hit, &count));
	}
	*out = count;
	return ERR_OK;
}

enum coffer_err txn_count_owned(struct txn *txn, struct view owner, size_t limit, size_t *out)
{
	return txn_count(txn, &(struct record_index_entry){ OBJECT_INDEX_OWNER, owner }, limit, out);
}

/* The live object with the name comes before destroyed ones, whose names are free again. */
static enum coffer_err prefer_live(void *arg, struct object *o)
{
	struct object **best = arg;
	bool live = txn_is_live(o);
	if (*best && !live) return ERR_OK;
	object_unref(*best);
	*best = object_ref(o);
	return live ? ERR_EXISTS : ERR_OK;
}

enum coffer_err txn_object_by_name(struct txn *txn, struct view name, struct object **out)
{
	AUTO_OBJECT struct object *best = NULL;
	enum coffer_err err = txn_find(txn, &(struct record_index_entry){ OBJECT_INDEX_NAME, name }, prefer_live, &best);
	if (err != ERR_EXISTS) TRY(err);
	ENSURE(best, ERR_NOT_FOUND);
	*out = TAKE(best);
	return ERR_OK;
}

struct scan {
	txn_row_fn *keep;
	void *arg;
	struct txn_passed *passed;
	uint8_t ids[SCAN_PAGE][UUID_LEN];
	size_t kept, read;        /* of this page */
	struct store_place place; /* behind the last row that was read */
	bool surveys;             /* a row was met that cannot be read as one */
};

static void move_behind(struct store_place *place, struct view id)
{
	memcpy(place->at, id.ptr, id.len);
	place->at[id.len] = 0;
	place->len = id.len + 1;
}

static enum coffer_err scan_row(void *arg, const struct store_row *row)
{
	struct scan *s = arg;
	struct view id = view_of(row->id, row->id_len);
	bool keep = true;
	ENSURE(id.len == UUID_LEN || s->passed, ERR_CORRUPT);
	if (id.len != UUID_LEN) pass_over(s->passed, id);
	else if (s->keep) TRY(s->keep(s->arg, row, &keep));
	if (!s->surveys) move_behind(&s->place, id);
	s->read++;
	if (keep && id.len == UUID_LEN) memcpy(s->ids[s->kept++], row->id, UUID_LEN);
	return ERR_OK;
}

static enum coffer_err survey_row(void *arg, const struct store_row *row, bool is_whole)
{
	struct scan *s = arg;
	if (is_whole) return scan_row(s, row);
	pass_over(s->passed, view_of(row->id, row->id_len));
	s->read++;
	return ERR_OK;
}

/* The place is the lowest id that comes next; a scan begins after an id, which is the same without the byte that move_behind added. */
static enum coffer_err read_page(struct txn *txn, struct scan *s, size_t want)
{
	struct store_place from = s->place;
	s->kept = s->read = 0;
	if (!s->surveys) {
		enum coffer_err err = store_scan(txn->store, STORE_OBJECT, view_of(from.at, from.len ? from.len - 1 : 0), false, want, scan_row, s);
		if (err != ERR_CORRUPT || !s->passed) return err;
		s->surveys = true;
	}
	return store_survey(txn->store, STORE_OBJECT, &s->place, want - s->read, survey_row, s);
}

static enum coffer_err show_page(struct txn *txn, const struct scan *s, txn_object_fn *fn, void *arg)
{
	for (size_t i = 0; i < s->kept; i++) {
		AUTO_OBJECT struct object *o = NULL;
		enum coffer_err err = txn_look_at(txn, s->ids[i], &o);
		if (s->passed && is_about_one(err)) {
			pass_over(s->passed, view_of(s->ids[i], UUID_LEN));
			continue;
		}
		TRY(err);
		TRY(fn(arg, o));
	}
	return ERR_OK;
}

/* Ids first, in pages, then each object: the callback may use the store. */
enum coffer_err txn_scan_kept(struct txn *txn, struct view after, size_t limit, txn_row_fn *keep, txn_object_fn *fn, void *arg,
	struct txn_passed *passed)
{
	struct scan s = { .keep = keep, .arg = arg, .passed = passed };
	ENSURE(txn->ring, ERR_SEALED);
	PRE(after.len <= STORE_ID_MAX);
	if (after.len) move_behind(&s.place, after);
	while (limit > 0) {
		size_t want = limit < SCAN_PAGE ? limit : SCAN_PAGE;
		TRY(read_page(txn, &s, want));
		TRY(show_page(txn, &s, fn, arg));
		if (s.read < want) break;
		limit -= s.read;
	}
	return ERR_OK;
}

enum coffer_err txn_scan(struct txn *txn, struct view after, size_t limit, txn_object_fn *fn, void *arg)
{
	return txn_scan_kept(txn, after, limit, NULL, fn, arg, NULL);
}
