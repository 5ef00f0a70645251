/* What must hold for every answer and after every change. */
#include <string.h>

#include "audit/chain.h"
#include "fuzz/world_internal.h"
#include "kmip/attr.h"
#include "kmip/names.h"
#include "objects/codec.h"
#include "objects/names.h"

#define ITEMS_OF_ANSWER 1000000u /* as libcoffer takes them */

/* ---- the answer ---- */

static bool failed(const struct kmip_response_item *item)
{
	return item->status == RESULT_STATUS_OPERATION_FAILED;
}

/* A sentence is always there, but where the client's Maximum Response Size has no room for it. */
static void check_failure(const struct kmip_response_item *item, bool tight)
{
	struct reason text = { "" };
	REQUIRE(item->err != ERR_OK && kmip_enum_has(ENUM_RESULT_REASON, item->reason));
	REQUIRE((item->message.len > 0 || tight) && item->message.len < sizeof text.text);
	if (!item->message.len) return;
	memcpy(text.text, item->message.ptr, item->message.len);
	text.text[item->message.len] = '\0';
	fuzz_check_reason(&text);
}

/* Answers stand in the order of the items and say which one they answer. */
static void check_echo(const struct kmip_request *q, const struct kmip_response *a)
{
	REQUIRE(a->version.major == q->version.major && a->version.minor == q->version.minor);
	REQUIRE(a->count >= 1 && a->count <= q->count);
	for (size_t i = 0; i < a->count; i++) {
		const struct kmip_item_id *asked = &q->items[i].id, *said = &a->items[i].id;
		REQUIRE(said->operation == asked->operation && said->has_unique_id == asked->has_unique_id);
		if (asked->has_unique_id) REQUIRE(view_equal(said->unique_id, asked->unique_id));
	}
}

/* KMIP 1.4 section 6.13: Stop ends at the first failure, Continue answers all, Undo leaves nothing done. */
static void check_batch(const struct kmip_request *q, const struct kmip_response *a)
{
	uint32_t option = q->header.error_continuation;
	size_t failures = 0, undone = 0;
	for (size_t i = 0; i < a->count; i++) {
		failures += failed(&a->items[i]);
		undone += a->items[i].status == RESULT_STATUS_OPERATION_UNDONE;
	}
	if (!failures || option == BATCH_ERROR_CONTINUATION_OPTION_CONTINUE) REQUIRE(a->count == q->count && undone == 0);
	else REQUIRE(failures == 1 && failed(&a->items[a->count - 1]));
	if (option == BATCH_ERROR_CONTINUATION_OPTION_UNDO && failures && q->count > 1) REQUIRE(undone == a->count - 1);
	else REQUIRE(undone == 0);
}

/* Only to say what went wrong may an answer be larger than the client takes. */
static void check_size(const struct world *w, const struct request *r, const struct kmip_response *a)
{
	const struct kmip_request_header *h = &r->parsed->header;
	size_t limit = w->config.max_message;
	if (h->has_max_response_size && h->max_response_size < limit) limit = h->max_response_size;
	bool refused = false;
	for (size_t i = 0; i < a->count; i++) refused = refused || a->items[i].status != RESULT_STATUS_SUCCESS;
	REQUIRE(r->answer.len <= limit || refused);
}

static bool has_request_id(const struct kmip_request *q)
{
	for (size_t i = 0; i < q->count; i++)
		if (q->items[i].has_request_id) return true;
	return false;
}

static void note_done(struct world *w, uint32_t operation)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count && i < WORLD_OPERATIONS_MAX; i++)
		if (rows[i].operation == operation) w->done[i] = true;
}

void world_check_answer(struct world *w, struct request *r, enum coffer_err classified, size_t staged)
{
	static struct kmip_response a;
	struct ttlv_limits limits = ttlv_limits_of(w->config.max_message + (256u << 10));
	bool any_success = false;
	limits.max_items = ITEMS_OF_ANSWER;
	REQUIRE(r->answer.len > 0 && kmip_response_parse(buf_view(&r->answer), &limits, &a, NULL) == ERR_OK && a.count >= 1);
	for (size_t i = 0; i < a.count; i++) {
		if (failed(&a.items[i])) check_failure(&a.items[i], r->parsed && r->parsed->header.has_max_response_size);
		if (a.items[i].status == RESULT_STATUS_SUCCESS) any_success = true;
		if (a.items[i].err == ERR_OK) w->ok++;
		else w->failed++;
		if (a.items[i].err == ERR_OK) note_done(w, a.items[i].id.operation);
	}
	if (classified != ERR_OK) {
		REQUIRE(!r->parsed && a.count == 1 && failed(&a.items[0]));
	} else if (staged || !has_request_id(r->parsed)) { /* an answer that was given before is given again as it was */
		check_echo(r->parsed, &a);
		check_batch(r->parsed, &a);
		check_size(w, r, &a);
	}
	world_check_store(w, any_success);
}

/* ---- the store ---- */

static uint64_t mix(uint64_t sum, const void *bytes, size_t len)
{
	const uint8_t *b = bytes;
	for (size_t i = 0; i < len; i++) sum = (sum ^ b[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static enum coffer_err print_row(void *arg, const struct store_row *row)
{
	struct world_print *p = arg;
	uint64_t sum = UINT64_C(0xcbf29ce484222325);
	uint32_t numbers[] = { row->version, row->state, row->generation, (uint32_t)row->header.len, (uint32_t)row->index.len };
	REQUIRE(p->count < WORLD_ROWS_MAX);
	memset(p->ids[p->count], 0, STORE_ID_MAX);
	memcpy(p->ids[p->count], row->id, row->id_len);
	sum = mix(sum, numbers, sizeof numbers);
	sum = mix(sum, row->header.ptr, row->header.len);
	size_t tag = row->body.len < 16 ? row->body.len : 16; /* of sealed bytes: no two bodies have the same */
	p->sums[p->count++] = mix(sum, row->body.ptr + row->body.len - tag, tag);
	return ERR_OK;
}

void world_print_table(struct world *w, enum store_table table, struct world_print *out)
{
	out->count = 0;
	REQUIRE(store_scan(w->engine.store, table, view_of(NULL, 0), false, WORLD_ROWS_MAX + 1, print_row, out) == ERR_OK);
}

static bool same_print(const struct world_print *a, const struct world_print *b)
{
	return a->count == b->count && memcmp(a->ids, b->ids, a->count * sizeof a->ids[0]) == 0 &&
		memcmp(a->sums, b->sums, a->count * sizeof a->sums[0]) == 0;
}

static bool knows(const struct world_print *p, const uint8_t *id, uint64_t sum)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->sums[i] == sum && memcmp(p->ids[i], id, STORE_ID_MAX) == 0) return true;
	return false;
}

static bool is_gone(const struct object *o)
{
	return o->state == OBJECT_DESTROYED || o->state == OBJECT_DESTROYED_COMPROMISED;
}

/* KMIP 1.4 section 3.41: registered without a Key Value, which is elsewhere. */
static bool has_no_value(const struct object *o)
{
	bool present = true;
	attrset_get_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, &present);
	return !present || o->type == OBJECT_TYPE_TEMPLATE;
}

/* Names lead to the live object that has them. */
static void check_names(struct world *w, const struct object *o)
{
	struct view name;
	for (size_t i = 0; !is_gone(o) && names_at(&o->attrs, i, &name); i++) {
		struct object *found = NULL;
		REQUIRE(txn_object_by_name(w->engine.txn, name, &found) == ERR_OK && memcmp(found->id, o->id, UUID_LEN) == 0);
		object_unref(found);
	}
}

struct sought { struct world *w; const struct object *o; };

static enum coffer_err is_it(void *arg, struct object *found)
{
	const struct sought *s = arg;
	return memcmp(found->id, s->o->id, UUID_LEN) == 0 ? ERR_EXISTS : ERR_OK;
}

/* Whatever an object can be searched by finds it. */
static enum coffer_err check_entry(void *arg, const struct record_index_entry *entry)
{
	struct sought *s = arg;
	REQUIRE(txn_find(s->w->engine.txn, entry, is_it, s) == ERR_EXISTS);
	return ERR_OK;
}

/* A row that was written opens, is whole, and is what memory has. */
static void check_object(struct world *w, const uint8_t *id)
{
	struct store_row row;
	struct object *o = NULL, *cached = object_table_get(w->engine.objects, id);
	REQUIRE(store_get(w->engine.store, STORE_OBJECT, view_of(id, UUID_LEN), &row) == ERR_OK);
	REQUIRE(object_from_row(w->ring, &row, &o) == ERR_OK);
	REQUIRE(is_gone(o) ? !o->material : o->material || has_no_value(o));
	if (cached) {
		REQUIRE(cached->record_version == o->record_version && cached->state == o->state && cached->attrs.count == o->attrs.count);
		REQUIRE(!cached->material == !o->material);
		if (o->material) REQUIRE(view_equal(secret_view(o->material), secret_view(cached->material)));
	}
	check_names(w, o);
	REQUIRE(object_index_each(o, check_entry, &(struct sought){ w, o }) == ERR_OK);
	object_unref(cached);
	object_unref(o);
}

/* Object rows never go away, and which state follows which is a table. */
static void check_moves(const struct world_print *before, const struct world_print *after)
{
	for (size_t i = 0; i < before->count; i++) {
		bool there = false;
		for (size_t k = 0; k < after->count && !there; k++) there = memcmp(before->ids[i], after->ids[k], STORE_ID_MAX) == 0;
		REQUIRE(there);
	}
}

void world_check_store(struct world *w, bool any_success)
{
	static struct world_print objects, grant_rows;
	uint64_t bad;
	REQUIRE(!w->engine.staged_grants);
	world_print_table(w, STORE_OBJECT, &objects);
	world_print_table(w, STORE_GRANT, &grant_rows);
	bool same = same_print(&objects, &w->objects) && same_print(&grant_rows, &w->grant_rows);
	REQUIRE(any_success || same); /* what failed left nothing behind */
	REQUIRE(same || w->changed);
	if (w->changed) REQUIRE(audit_verify(w->engine.audit, w->engine.txn, &bad, NULL) == ERR_OK);
	if (same) return;
	for (size_t i = 0; i < objects.count; i++)
		if (!knows(&w->objects, objects.ids[i], objects.sums[i])) check_object(w, objects.ids[i]);
	check_moves(&w->objects, &objects);
	REQUIRE(grants_count(w->engine.grants) == grant_rows.count);
	w->objects = objects;
	w->grant_rows = grant_rows;
}
