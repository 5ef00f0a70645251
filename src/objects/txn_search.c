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
static enum coffer_err check_hits(struct txn *txn, const struct page *p, const struct record_index_entry *entry, txn_object_fn *fn,
	void *arg)
{
	for (size_t i = 0; i < p->count; i++) {
		AUTO_OBJECT struct object *o = NULL;
		enum coffer_err err = txn_object(txn, p->ids[i], &o);
		if (err == ERR_NOT_FOUND) return ERR_CORRUPT;
		TRY(err);
		ENSURE(object_index_has(o, entry), ERR_CORRUPT);
		TRY(fn(arg, o));
	}
	return ERR_OK;
}

/* Every hit under one generation's token, in pages. */
static enum coffer_err find_in(struct txn *txn, uint32_t generation, const struct record_index_entry *entry, txn_object_fn *fn, void *arg)
{
	uint8_t token[STORE_TOKEN_LEN], last[UUID_LEN];
	struct view after = { NULL, 0 };
	struct page p = { .count = HITS_PAGE };
	TRY(record_token(txn->ring, generation, STORE_OBJECT, entry->index, entry->value, token));
	while (p.count == HITS_PAGE) {
		p.count = 0;
		TRY(store_index_find(txn->store, STORE_OBJECT, entry->index, view_of(token, sizeof token), after, HITS_PAGE, take_hit, &p));
		TRY(check_hits(txn, &p, entry, fn, arg));
		if (p.count == 0) break;
		memcpy(last, p.ids[p.count - 1], UUID_LEN);
		after = view_of(last, UUID_LEN);
	}
	return ERR_OK;
}

/* Tokens are made under the generation that sealed the row: ask for every generation in the ring, newest first. */
enum coffer_err txn_find(struct txn *txn, const struct record_index_entry *entry, txn_object_fn *fn, void *arg)
{
	ENSURE(txn->ring, ERR_SEALED);
	for (unsigned i = ring_count(txn->ring); i-- > 0;)
		TRY(find_in(txn, ring_generation_at(txn->ring, i), entry, fn, arg));
	return ERR_OK;
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
	uint8_t (*ids)[UUID_LEN];
	size_t kept, read;
	uint8_t last[UUID_LEN];
};

static enum coffer_err scan_row(void *arg, const struct store_row *row)
{
	struct scan *s = arg;
	bool keep = true;
	ENSURE(row->id_len == UUID_LEN, ERR_CORRUPT);
	if (s->keep) TRY(s->keep(s->arg, row, &keep));
	memcpy(s->last, row->id, UUID_LEN);
	s->read++;
	if (keep) memcpy(s->ids[s->kept++], row->id, UUID_LEN);
	return ERR_OK;
}

/* Ids first, in pages, then each object: the callback may use the store. */
enum coffer_err txn_scan_kept(struct txn *txn, struct view after, size_t limit, txn_row_fn *keep, txn_object_fn *fn, void *arg)
{
	uint8_t ids[SCAN_PAGE][UUID_LEN], last[UUID_LEN];
	ENSURE(txn->ring, ERR_SEALED);
	while (limit > 0) {
		struct scan s = { .keep = keep, .arg = arg, .ids = ids };
		size_t want = limit < SCAN_PAGE ? limit : SCAN_PAGE;
		TRY(store_scan(txn->store, STORE_OBJECT, after, false, want, scan_row, &s));
		for (size_t i = 0; i < s.kept; i++) {
			AUTO_OBJECT struct object *o = NULL;
			TRY(txn_look_at(txn, ids[i], &o));
			TRY(fn(arg, o));
		}
		if (s.read < want) break;
		limit -= s.read;
		memcpy(last, s.last, UUID_LEN);
		after = view_of(last, UUID_LEN);
	}
	return ERR_OK;
}

enum coffer_err txn_scan(struct txn *txn, struct view after, size_t limit, txn_object_fn *fn, void *arg)
{
	return txn_scan_kept(txn, after, limit, NULL, fn, arg);
}
