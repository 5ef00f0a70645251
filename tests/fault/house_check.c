/* The judge: an answer is whole or there is none; what says that it failed changed nothing; what says that it was done is on the disk. */
#include "fault/house_check.h"

#include <string.h>

#include "fault/fault.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "unit/store/fault_vfs.h"

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++) sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static enum coffer_err print_row(void *arg, const struct store_row *row)
{
	struct house_print *p = arg;
	uint32_t numbers[] = { row->version, row->state, row->generation, (uint32_t)row->header.len, (uint32_t)row->index.len };
	MUST(p->count < HOUSE_ROWS_MAX);
	memset(p->ids[p->count], 0, STORE_ID_MAX);
	memcpy(p->ids[p->count], row->id, row->id_len);
	uint64_t sum = mix(UINT64_C(0xcbf29ce484222325), numbers, sizeof numbers);
	sum = mix(sum, row->header.ptr, row->header.len);
	sum = mix(sum, row->index.ptr, row->index.len);
	p->sums[p->count++] = mix(sum, row->body.ptr, row->body.len);
	return ERR_OK;
}

static void print_table(struct house *h, enum store_table table, struct house_print *out)
{
	out->count = 0;
	MUST_OK(store_scan(h->daemon.engine.store, table, view_of(NULL, 0), false, HOUSE_ROWS_MAX + 1, print_row, out));
}

static bool same(const struct house_print *a, const struct house_print *b)
{
	return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof a->ids[0]) == 0 &&
		memcmp(a->sums, b->sums, a->count * sizeof a->sums[0]) == 0;
}

static bool knows(const struct house_print *p, const uint8_t *id, uint64_t sum)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->sums[i] == sum && memcmp(p->ids[i], id, STORE_ID_MAX) == 0) return true;
	return false;
}

static bool is_gone(const struct object *o)
{
	return o->state == OBJECT_DESTROYED || o->state == OBJECT_DESTROYED_COMPROMISED;
}

static void check_names(struct house *h, const struct object *o)
{
	struct view name;
	for (size_t i = 0; !is_gone(o) && names_at(&o->attrs, i, &name); i++) {
		struct object *found = NULL;
		MUST_OK(txn_object_by_name(h->daemon.engine.txn, name, &found));
		MUST(memcmp(found->id, o->id, UUID_LEN) == 0);
		object_unref(found);
	}
}

/* A row opens, is whole, and is what memory has. */
static void check_object(struct house *h, const uint8_t *id)
{
	struct engine *e = &h->daemon.engine;
	struct store_row row;
	struct object *o = NULL, *cached = object_table_get(e->objects, id);
	MUST_OK(store_get(e->store, STORE_OBJECT, view_of(id, UUID_LEN), &row));
	MUST_OK(object_from_row(h->ring, &row, &o));
	MUST(is_gone(o) ? !o->material : o->material != NULL);
	if (cached) {
		MUST(cached->record_version == o->record_version && cached->state == o->state && cached->attrs.count == o->attrs.count);
		MUST(!cached->material == !o->material);
		if (o->material) MUST(view_equal(secret_view(o->material), secret_view(cached->material)));
	}
	check_names(h, o);
	object_unref(cached);
	object_unref(o);
}

/* Rows that are new or changed are looked at. */
static void check_changes(struct house *h, const struct house_print *after)
{
	for (size_t i = 0; i < after->count; i++)
		if (!knows(&h->objects, after->ids[i], after->sums[i])) check_object(h, after->ids[i]);
}

/* After a failed commit and a failed reopening nothing can be read until the store is back; then it may be as before or as after. */
static bool is_away(struct house *h)
{
	uint64_t count;
	if (store_count(h->daemon.engine.store, STORE_GRANT, &count) != ERR_UNKNOWN_OUTCOME) return false;
	h->away = true;
	return true;
}

struct own {
	const uint8_t *node_id;
	uint64_t count;
};

static enum coffer_err count_own(void *arg, const struct store_row *row)
{
	struct own *o = arg;
	o->count += memcmp(row->id, o->node_id, UUID_LEN) == 0;
	return ERR_OK;
}

/* Of this node: a store that was restored has the records of another one beside them. */
static uint64_t own_records(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	struct own o = { .node_id = e->domain.node_id };
	MUST(store_scan(e->store, STORE_AUDIT, view_of(NULL, 0), false, SIZE_MAX, count_own, &o) == ERR_OK);
	return o.count;
}

static void check_store(struct house *h, bool may_differ)
{
	static struct house_print objects, grants;
	struct engine *e = &h->daemon.engine;
	MUST(!e->staged_grants);
	if (is_away(h)) return;
	if (h->away) may_differ = true;
	h->away = false;
	print_table(h, STORE_OBJECT, &objects);
	print_table(h, STORE_GRANT, &grants);
	if (!same(&objects, &h->objects) || !same(&grants, &h->grants)) {
		if (!may_differ) house_die("a request that failed changed the store");
		check_changes(h, &objects);
	}
	if (engine_state_get(e) == ENGINE_OPEN) {
		MUST(grants_count(e->grants) == grants.count);
		MUST(audit_chain_length(e->audit) - audit_chain_base(e->audit)->seq == own_records(h));
	}
	h->objects = objects;
	h->grants = grants;
}

void house_check_begin(struct house *h)
{
	print_table(h, STORE_OBJECT, &h->objects);
	print_table(h, STORE_GRANT, &h->grants);
}

void house_check_same(struct house *h)
{
	check_store(h, false);
}

void house_judge(struct house *h)
{
	struct engine *e = &h->daemon.engine;
	struct reason reason = { "" };
	uint64_t bad;
	check_store(h, false);
	for (size_t i = 0; i < h->objects.count; i++) check_object(h, h->objects.ids[i]);
	MUST_OK(txn_begin(e->txn, NULL));
	enum coffer_err err = audit_verify(e->audit, e->txn, &bad, &reason);
	txn_abort(e->txn);
	if (err) house_die("the audit log does not verify at %llu: %s", (unsigned long long)bad, reason_text(&reason, err));
}

/* One sentence: it begins in lower case or with a name, has no line break, and is not too long for the field. */
static void check_sentence(struct view text)
{
	if (text.len == 0 && fault_place() == FAULT_AT_ARENA) return; /* not even for that is there room */
	MUST(text.len >= 10 && text.len < REASON_MAX);
	for (size_t i = 0; i < text.len; i++) MUST(text.ptr[i] >= ' ' && text.ptr[i] != 0x7f);
}

/* An answer is whole, or the connection ends without one. */
static bool parse(struct house *h, const struct request *r)
{
	struct ttlv_limits limits = ttlv_limits_of(2u << 20);
	limits.max_items = 100000;
	if (h->answer.len == 0) {
		MUST(r->close_after);
		h->closed++;
		return false;
	}
	enum coffer_err err = kmip_response_parse(buf_view(&h->answer), &limits, &h->response, NULL);
	if (err) house_die("an answer of %zu bytes that is none: %s", h->answer.len, err_name(err));
	MUST(h->response.count >= 1);
	return true;
}

enum coffer_err house_check_answer(struct house *h, struct request *r)
{
	bool changed = false, unknown = false, failed = false;
	bool unsynced = fault_vfs_log_is_unsynced();
	h->response.count = 0;
	if (!parse(h, r)) {
		check_store(h, true);
		return ERR_CLOSED;
	}
	for (size_t i = 0; i < h->response.count; i++) {
		const struct kmip_response_item *item = &h->response.items[i];
		if (item->status == RESULT_STATUS_SUCCESS) changed = true;
		if (item->status != RESULT_STATUS_OPERATION_FAILED) continue;
		failed = true;
		if (item->err == ERR_UNKNOWN_OUTCOME) unknown = true;
		house_words(item->message);
		check_sentence(item->message);
	}
	if (unknown) h->unknown++;
	if (changed && !failed && r->lane == OP_LANE_STORE && unsynced) house_die("acknowledged before it was on the disk");
	/* An init that was written and did not open says so. */
	enum engine_state state = engine_state_get(&h->daemon.engine);
	bool told = h->empty && (state == ENGINE_FAULT || state == ENGINE_SEALED || house_said("this was done"));
	check_store(h, changed || unknown || told);
	const struct kmip_response_item *first = &h->response.items[0];
	for (size_t i = h->response.count; i-- > 0;)
		if (h->response.items[i].status == RESULT_STATUS_OPERATION_FAILED) first = &h->response.items[i];
	/* A request that could not be read, or has no room for an answer to each item, is refused in KMIP's own words, which have none for this. */
	if (first->err == ERR_IO && first->message.len == 0 && fault_place() == FAULT_AT_ARENA) return ERR_MEMORY;
	if (first->err == ERR_IO && view_equal(first->message, view_str(err_text(ERR_MEMORY)))) return ERR_MEMORY;
	return first->err;
}

uint64_t house_count(struct house *h, enum store_table table)
{
	uint64_t count;
	MUST_OK(store_count(h->daemon.engine.store, table, &count));
	return count;
}

uint32_t house_state(struct house *h, const char *name)
{
	struct object *o = NULL;
	enum coffer_err err = txn_object_by_name(h->daemon.engine.txn, view_str(name), &o);
	if (err == ERR_NOT_FOUND) return 0;
	MUST_OK(err);
	uint32_t state = o->state;
	object_unref(o);
	return state;
}

struct view house_field(struct house *h, uint32_t tag)
{
	MUST(h->response.count >= 1 && h->response.items[0].err == ERR_OK);
	struct ttlv_cursor c = h->response.items[0].payload;
	struct ttlv_item item;
	while (ttlv_next(&c, &item))
		if (item.tag == tag) return item.value;
	house_die("the answer has no field %06x", (unsigned)tag);
}

void house_id(struct house *h, char out[static UUID_TEXT_LEN + 1])
{
	struct view text = house_field(h, TAG_UNIQUE_IDENTIFIER);
	MUST(text.len == UUID_TEXT_LEN);
	memcpy(out, text.ptr, UUID_TEXT_LEN);
	out[UUID_TEXT_LEN] = '\0';
}
