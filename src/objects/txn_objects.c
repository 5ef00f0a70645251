/* Objects inside a transaction: staged first, then memory, then the store. */
#include <string.h>

#include "keyring/record.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "objects/txn_internal.h"

static struct object *staged(struct txn *txn, const uint8_t id[static UUID_LEN])
{
	for (size_t i = txn->step_count; i-- > 0;) {
		struct object *o = txn->steps[i].object;
		if (o && memcmp(o->id, id, UUID_LEN) == 0) return object_ref(o);
	}
	return NULL;
}

static enum coffer_err load(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out)
{
	struct store_row row;
	AUTO_OBJECT struct object *o = NULL;
	ENSURE(txn->ring, ERR_SEALED);
	TRY(store_get(txn->store, STORE_OBJECT, view_of(id, UUID_LEN), &row));
	TRY(object_from_row(txn->ring, &row, &o));
	TRY(object_table_publish(txn->table, o));
	*out = TAKE(o);
	return ERR_OK;
}

enum coffer_err txn_object(struct txn *txn, const uint8_t id[static UUID_LEN], struct object **out)
{
	struct object *o = staged(txn, id);
	if (!o) o = object_table_get(txn->table, id);
	if (!o) return load(txn, id, out);
	*out = o;
	return ERR_OK;
}

#define HITS_PAGE 16u

struct hits {
	uint8_t ids[HITS_PAGE][UUID_LEN];
	size_t count;
};

static enum coffer_err take_hit(void *arg, struct view id)
{
	struct hits *h = arg;
	ENSURE(id.len == UUID_LEN, ERR_CORRUPT);
	memcpy(h->ids[h->count++], id.ptr, UUID_LEN);
	return ERR_OK;
}

static bool is_live(const struct object *o)
{
	return o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED;
}

/* A hit counts only when the opened object really has the name: index rows are copies that anybody with the database can edit. The live
 * object with the name comes before destroyed ones, whose names are free again. */
static enum coffer_err check_hits(struct txn *txn, const struct hits *h, struct view name, struct object **best)
{
	for (size_t i = 0; i < h->count && !(*best && is_live(*best)); i++) {
		AUTO_OBJECT struct object *o = NULL;
		TRY(txn_object(txn, h->ids[i], &o));
		if (!object_has_name(o, name)) return ERR_CORRUPT;
		if (*best && !is_live(o)) continue;
		object_unref(*best);
		*best = TAKE(o);
	}
	return ERR_OK;
}

/* Every hit under one generation's token, in pages. */
static enum coffer_err look_up(struct txn *txn, uint32_t generation, struct view name, struct object **best)
{
	uint8_t token[STORE_TOKEN_LEN], last[UUID_LEN];
	struct view after = { NULL, 0 };
	struct hits h = { .count = HITS_PAGE };
	TRY(record_token(txn->ring, generation, STORE_OBJECT, OBJECT_INDEX_NAME, name, token));
	while (h.count == HITS_PAGE && !(*best && is_live(*best))) {
		h.count = 0;
		TRY(store_index_find(txn->store, STORE_OBJECT, OBJECT_INDEX_NAME, view_of(token, sizeof token), after, HITS_PAGE, take_hit, &h));
		TRY(check_hits(txn, &h, name, best));
		if (h.count == 0) break;
		memcpy(last, h.ids[h.count - 1], UUID_LEN);
		after = view_of(last, UUID_LEN);
	}
	return ERR_OK;
}

/* Tokens are made under the generation that sealed the row: ask for every generation in the ring, newest first. */
enum coffer_err txn_object_by_name(struct txn *txn, struct view name, struct object **out)
{
	AUTO_OBJECT struct object *best = NULL;
	ENSURE(txn->ring, ERR_SEALED);
	for (unsigned i = ring_count(txn->ring); i-- > 0 && !(best && is_live(best));)
		TRY(look_up(txn, ring_generation_at(txn->ring, i), name, &best));
	ENSURE(best, ERR_NOT_FOUND);
	*out = TAKE(best);
	return ERR_OK;
}

static enum coffer_err write_object(struct txn *txn, struct object *o, bool replace)
{
	struct store_row row;
	AUTO_BUF struct buf header = BUF_EMPTY;
	AUTO_BUF struct buf index = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	TRY(object_to_row(txn->ring, o, &row, &header, &index, &body));
	TRY(store_put(txn->store, STORE_OBJECT, &row, replace));
	TRY(txn_stage(txn, &(struct txn_step){ .object = o }));
	object_ref(o);
	return ERR_OK;
}

enum coffer_err txn_name_free(struct txn *txn, struct view name, const uint8_t *except_id, struct reason *reason)
{
	AUTO_OBJECT struct object *other = NULL;
	char shown[64];
	enum coffer_err err = txn_object_by_name(txn, name, &other);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	if (!is_live(other) || (except_id && memcmp(other->id, except_id, UUID_LEN) == 0)) return ERR_OK;
	text_printable(name, shown, sizeof shown);
	return reason_fail(reason, ERR_EXISTS, "the name '%s' is taken; choose another one", shown);
}

enum coffer_err txn_create(struct txn *txn, struct object *o, struct reason *reason)
{
	struct view name;
	PRE(txn->open);
	ENSURE(txn->ring, ERR_SEALED);
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++) TRY(txn_name_free(txn, name, o->id, reason));
	o->record_version = 1;
	return write_object(txn, o, false);
}

enum coffer_err txn_update(struct txn *txn, struct object *o, struct reason *reason)
{
	AUTO_OBJECT struct object *before = NULL;
	struct view name;
	PRE(txn->open);
	ENSURE(txn->ring, ERR_SEALED);
	TRY(txn_object(txn, o->id, &before));
	if (before->state != o->state && !lifecycle_allows(before->state, o->state))
		return reason_fail(reason, ERR_STATE, "an object that is %s cannot become %s", lifecycle_name(before->state),
			lifecycle_name(o->state));
	for (size_t i = 0; names_at(&o->attrs, i, &name); i++)
		if (!object_has_name(before, name)) TRY(txn_name_free(txn, name, o->id, reason));
	ENSURE(before->record_version < UINT32_MAX - 1, ERR_LIMIT);
	o->record_version = before->record_version + 1;
	return write_object(txn, o, true);
}

struct scan {
	uint8_t (*ids)[UUID_LEN];
	size_t count;
};

static enum coffer_err scan_id(void *arg, const struct store_row *row)
{
	struct scan *s = arg;
	ENSURE(row->id_len == UUID_LEN, ERR_CORRUPT);
	memcpy(s->ids[s->count++], row->id, UUID_LEN);
	return ERR_OK;
}

/* Ids first, in pages, then each object: the callback may use the store. */
enum coffer_err txn_scan(struct txn *txn, struct view after, size_t limit, txn_object_fn *fn, void *arg)
{
	enum { PAGE = 64 };
	uint8_t ids[PAGE][UUID_LEN], last[UUID_LEN];
	while (limit > 0) {
		struct scan s = { .ids = ids, .count = 0 };
		size_t want = limit < PAGE ? limit : PAGE;
		TRY(store_scan(txn->store, STORE_OBJECT, after, false, want, scan_id, &s));
		for (size_t i = 0; i < s.count; i++) {
			AUTO_OBJECT struct object *o = NULL;
			TRY(txn_object(txn, ids[i], &o));
			TRY(fn(arg, o));
		}
		if (s.count < want) break;
		limit -= s.count;
		memcpy(last, ids[s.count - 1], UUID_LEN);
		after = view_of(last, UUID_LEN);
	}
	return ERR_OK;
}
