/* Several nodes: a new data key goes to each member, and the old one stays until each has it (docs/formats.md section 23.3). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/answer.h"
#include "domain/node_record.h"
#include "keyring/generation.h"
#include "keyring/rooted_store.h"
#include "kmip/enums.h"
#include "ops/rotation_internal.h"
#include "ops/seat.h"

#define HEADER 1u
#define REMOVED_PAGE 64u

struct nodes {
	size_t count;
	struct node_record at[ANSWER_ROOTS_MAX];
};

static void nodes_free(struct nodes **nodes)
{
	free(*nodes);
}

static enum coffer_err note(void *arg, const struct node_record *record)
{
	struct nodes *n = arg;
	if (record->state == NODE_REMOVED) return ERR_OK;
	ENSURE(n->count < sizeof n->at / sizeof n->at[0], ERR_LIMIT);
	n->at[n->count++] = *record;
	return ERR_OK;
}

/* All that were not removed, and are not this one. */
static enum coffer_err others(struct txn *txn, struct nodes **out, struct reason *reason)
{
	struct nodes *n = calloc(1, sizeof *n);
	ENSURE(n, ERR_MEMORY);
	const uint8_t *own = ring_domain(txn_ring(txn))->node_id;
	enum coffer_err err = node_record_each(txn_store(txn), txn_ring(txn), note, n);
	for (size_t i = 0; i < n->count; i++)
		if (memcmp(n->at[i].node_id, own, UUID_LEN) == 0) n->at[i--] = n->at[--n->count];
	*out = n;
	return err ? reason_default(reason, err, "the records of the domain's nodes cannot be read: %s", err_text(err)) : ERR_OK;
}

void rotation_slot_id(const uint8_t node_id[static UUID_LEN], uint32_t generation, uint8_t out[static ROTATION_SLOT_ID])
{
	memcpy(out, node_id, UUID_LEN);
	for (unsigned i = 0; i < 4; i++) out[UUID_LEN + i] = (uint8_t)(generation >> (24 - 8 * i));
}

static enum coffer_err has_row(struct txn *txn, enum store_table table, const uint8_t node_id[static UUID_LEN], uint32_t generation, bool *out)
{
	uint8_t id[ROTATION_SLOT_ID];
	struct store_row row;
	rotation_slot_id(node_id, generation, id);
	enum coffer_err err = store_get(txn_store(txn), table, view_of(id, sizeof id), &row);
	*out = err == ERR_OK;
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* The founder of a domain has no transport key until it has made one: then it cannot be handed anything. */
static bool has_transport(const struct node_record *n)
{
	static const uint8_t none[HPKE_PUBLIC_LEN];
	return memcmp(n->transport_key, none, sizeof none) != 0;
}

static enum coffer_err append_handed(struct engine *engine, struct txn *txn, const struct node_record *n, uint32_t generation, const char *principal)
{
	char node[UUID_TEXT_LEN + 1], details[256];
	text_uuid(n->node_id, node);
	snprintf(details, sizeof details, "data key: generation %u was wrapped for node '%s' (%s)", generation, n->name, node);
	const struct audit_event event = { .principal = view_str(principal), .operation = OPERATION_COFFER_ROTATE_DATA_KEY, .status = RESULT_STATUS_SUCCESS,
		.details = view_str(details) };
	return audit_append(engine->audit, txn, &event);
}

/* The row of table 67, and the record that there is one. */
static enum coffer_err hand(struct engine *engine, struct txn *txn, const struct secret *seed, const struct node_record *n, uint32_t generation, const char *principal)
{
	static const uint8_t header[] = { HEADER }, no_entries[] = { 0, 0 };
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row row = { .id_len = ROTATION_SLOT_ID, .version = 1, .state = 1, .generation = generation - 1, .header = view_of(header, sizeof header),
		.index = view_of(no_entries, sizeof no_entries) };
	uint64_t epoch = engine->seat ? role_mine(&engine->seat->role)->epoch : 0;
	rotation_slot_id(n->node_id, generation, row.id);
	TRY(refresh_make(txn_ring(txn), seed, n->node_id, n->transport_key, generation, epoch, &body));
	row.body = buf_view(&body);
	TRY(store_put(txn_store(txn), STORE_REFRESH, &row, true)); /* anybody may have written there */
	return append_handed(engine, txn, n, generation, principal);
}

/* Who is admitted and has not joined: the answer that waits for it lacks the new generation. */
static enum coffer_err refuse_admitted(struct txn *txn, struct node_record *n)
{
	static const uint8_t header[] = { HEADER }, no_entries[] = { 0, 0 };
	static const char sentence[] = "the data key was changed before this node had joined; add --anew to ask again";
	AUTO_BUF struct buf old = BUF_EMPTY;
	AUTO_BUF struct buf body = BUF_EMPTY;
	struct store_row found, row = { .id_len = UUID_LEN, .version = 1, .state = 1, .header = view_of(header, sizeof header), .index = view_of(no_entries, sizeof no_entries) };
	struct admission_row asked;
	uint64_t now_ms = clock_wall_s() * 1000;
	n->state = NODE_REMOVED;
	n->removed_ms = now_ms > n->admitted_ms ? now_ms : n->admitted_ms + 1;
	TRY(node_record_put(txn_store(txn), txn_ring(txn), n));
	enum coffer_err err = store_get(txn_store(txn), STORE_ADMISSION, view_of(n->node_id, UUID_LEN), &found);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	TRY(buf_append(&old, found.body));
	if (admission_row_read(buf_view(&old), &asked, NULL) != ERR_OK) return ERR_OK; /* its own affair */
	TRY(admission_row_write(&(struct admission_row){ .state = ADMISSION_REFUSED, .request = asked.request, .sentence = view_str(sentence) }, &body));
	memcpy(row.id, n->node_id, UUID_LEN);
	row.body = buf_view(&body);
	return store_put(txn_store(txn), STORE_ADMISSION, &row, true);
}

enum coffer_err rotation_hand_over(struct engine *engine, struct txn *txn, const struct secret *seed, const struct rotation_fresh *fresh, struct reason *reason)
{
	AUTO(nodes_free) struct nodes *n = NULL;
	if (!rooted_store_is_shared(engine->store)) return ERR_OK;
	TRY(others(txn, &n, reason));
	for (size_t i = 0; i < n->count; i++) {
		struct node_record *node = &n->at[i];
		if (node->state == NODE_MEMBER && !has_transport(node))
			return reason_fail(reason, ERR_STATE, "node '%s' has no transport key, so no new data key can be handed to it; see 'coffer status' there, or remove it", node->name);
		enum coffer_err err = node->state == NODE_MEMBER ? hand(engine, txn, seed, node, fresh->generation, fresh->principal) : refuse_admitted(txn, node);
		if (err) return reason_default(reason, err, "the new data key cannot be wrapped for node '%s': %s", node->name, err_text(err));
	}
	return ERR_OK;
}

/* The ids of all slots, in order, so that a domain of many nodes is looked through with a few questions. */
struct slot_ids {
	size_t count, cap;
	uint8_t (*at)[ROTATION_SLOT_ID];
};

static void slot_ids_free(struct slot_ids *s)
{
	free(s->at);
}

static enum coffer_err note_slot(void *arg, const struct store_row *row)
{
	struct slot_ids *s = arg;
	if (row->id_len != ROTATION_SLOT_ID) return ERR_OK;
	if (s->count == s->cap) {
		size_t cap = s->cap ? 2 * s->cap : 2 * (size_t)ANSWER_ROOTS_MAX;
		uint8_t (*wider)[ROTATION_SLOT_ID] = reallocarray(s->at, cap, sizeof *wider);
		ENSURE(wider, ERR_MEMORY);
		s->at = wider;
		s->cap = cap;
	}
	memcpy(s->at[s->count++], row->id, ROTATION_SLOT_ID);
	return ERR_OK;
}

static int by_slot_id(const void *a, const void *b)
{
	return memcmp(a, b, ROTATION_SLOT_ID);
}

static bool has_slot(const struct slot_ids *s, const uint8_t node_id[static UUID_LEN], uint32_t generation)
{
	uint8_t id[ROTATION_SLOT_ID];
	rotation_slot_id(node_id, generation, id);
	return s->count && bsearch(id, s->at, s->count, sizeof *s->at, by_slot_id);
}

/* Each generation that it has not got; a row that somebody took away is written again. */
static enum coffer_err look_after(struct engine *engine, struct txn *txn, const struct slot_ids *slots, const struct node_record *node, bool *out_has)
{
	AUTO_SECRET struct secret *seed = NULL;
	struct ring *ring = txn_ring(txn);
	for (unsigned i = 1; i < ring_count(ring); i++) {
		uint32_t generation = ring_generation_at(ring, i);
		bool waits;
		*out_has = has_slot(slots, node->node_id, generation);
		if (*out_has) continue;
		TRY(has_row(txn, STORE_REFRESH, node->node_id, generation, &waits));
		if (waits || ring_generation_at(ring, i - 1) != generation - 1 || !has_transport(node)) continue;
		if (!seed) TRY(generation_get_domain_key(txn_store(txn), ring, &seed));
		TRY(hand(engine, txn, seed, node, generation, "node"));
	}
	return ERR_OK;
}

enum coffer_err rotation_look_after(struct engine *engine, struct txn *txn, char out_waits_for[static ROTATION_WAITS], struct reason *reason)
{
	AUTO(nodes_free) struct nodes *n = NULL;
	AUTO(slot_ids_free) struct slot_ids slots = { .count = 0 };
	size_t waiting = 0;
	out_waits_for[0] = '\0';
	if (!rooted_store_is_shared(engine->store) || ring_count(txn_ring(txn)) < 2) return ERR_OK;
	TRY(others(txn, &n, reason));
	TRY(store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, SIZE_MAX, note_slot, &slots));
	for (size_t i = 0; i < n->count; i++) {
		bool has = true;
		if (n->at[i].state == NODE_MEMBER) TRY(look_after(engine, txn, &slots, &n->at[i], &has));
		if (!has && !waiting++) snprintf(out_waits_for, ROTATION_WAITS, "node '%s'", n->at[i].name);
	}
	size_t len = strlen(out_waits_for);
	if (waiting > 1) snprintf(out_waits_for + len, ROTATION_WAITS - len, " and %zu more", waiting - 1);
	return ERR_OK;
}

/* ---- the old generation leaves ---- */

struct slots {
	const uint8_t *own;
	uint32_t newest;
	size_t count;
	uint8_t ids[ANSWER_ROOTS_MAX][ROTATION_SLOT_ID];
};

static enum coffer_err note_old(void *arg, const struct store_row *row)
{
	struct slots *s = arg;
	if (row->id_len != ROTATION_SLOT_ID || row->generation >= s->newest || memcmp(row->id, s->own, UUID_LEN) == 0) return ERR_OK;
	if (s->count == sizeof s->ids / sizeof s->ids[0]) return ERR_EXISTS;
	memcpy(s->ids[s->count++], row->id, ROTATION_SLOT_ID);
	return ERR_OK;
}

static enum coffer_err erase_old_slots(struct txn *txn)
{
	struct slots s;
	do {
		s = (struct slots){ .own = ring_domain(txn_ring(txn))->node_id, .newest = ring_newest(txn_ring(txn)) };
		enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, SIZE_MAX, note_old, &s);
		if (err && err != ERR_EXISTS) return err;
		for (size_t i = 0; i < s.count; i++) TRY(store_erase(txn_store(txn), STORE_SLOT, view_of(s.ids[i], ROTATION_SLOT_ID)));
	} while (s.count);
	return ERR_OK;
}

/* Of nodes that were removed there may be any number: their records stay for ever. */
struct removed {
	size_t count;
	uint8_t after[UUID_LEN], ids[REMOVED_PAGE][UUID_LEN]; /* after: zeros, which are no node's id, at first */
};

static enum coffer_err note_removed(void *arg, const struct node_record *record)
{
	struct removed *r = arg;
	if (record->state != NODE_REMOVED || memcmp(record->node_id, r->after, UUID_LEN) <= 0) return ERR_OK;
	if (r->count == REMOVED_PAGE) return ERR_EXISTS;
	memcpy(r->ids[r->count++], record->node_id, UUID_LEN);
	return ERR_OK;
}

static enum coffer_err reseal_roots_of_removed(struct txn *txn)
{
	struct removed r = { .count = 0 };
	enum coffer_err err;
	do {
		r.count = 0;
		err = node_record_each(txn_store(txn), txn_ring(txn), note_removed, &r);
		if (err && err != ERR_EXISTS) return err;
		for (size_t i = 0; i < r.count; i++) TRY(rooted_store_reseal_root(txn_store(txn), r.ids[i]));
		if (r.count) memcpy(r.after, r.ids[r.count - 1], UUID_LEN);
	} while (err);
	return ERR_OK;
}

enum coffer_err rotation_leave_others(struct engine *engine, struct txn *txn)
{
	if (!rooted_store_is_shared(engine->store)) return ERR_OK;
	TRY(reseal_roots_of_removed(txn));
	return erase_old_slots(txn);
}

void rotation_await(struct engine *engine, const char *who)
{
	rotation_wait(engine, "%s has not fetched generation %u yet: the older data keys stay until it has, or was removed ('coffer node remove')", who, ring_newest(txn_ring(engine->txn)));
	rotation_tell(engine);
}

bool rotation_awaits_node(struct engine *engine)
{
	return rotation_phase(engine) == ROTATION_HELD && engine->rotation->awaits;
}

/* In a transaction that only reads: what left the store leaves the ring. */
static enum coffer_err follow(struct engine *engine)
{
	struct txn *txn = engine->txn;
	struct ring *ring = txn_ring(txn);
	const uint8_t *own = ring_domain(ring)->node_id;
	uint32_t gone[ROTATION_GENERATIONS_MAX];
	unsigned count = 0;
	for (unsigned i = 0; i + 1 < ring_count(ring) && count < ROTATION_GENERATIONS_MAX; i++) {
		bool there;
		TRY(has_row(txn, STORE_SLOT, own, ring_generation_at(ring, i), &there));
		if (!there) gone[count++] = ring_generation_at(ring, i);
	}
	if (!count) return ERR_OK;
	for (unsigned i = 0; i < count; i++) ring_remove(ring, gone[i]);
	log_info("%u older generations of the data key left, %u is the newest", count, ring_newest(ring));
	if (ring_count(ring) == 1) rotation_set_phase(engine, ROTATION_NONE);
	rotation_tell(engine);
	return rotation_load_audit_keys(txn_store(txn), ring);
}

enum coffer_err rotation_follow(struct engine *engine)
{
	if (!engine->rotation || !txn_ring(engine->txn) || !rooted_store_is_shared(engine->store) || engine->rotation->doubt) return ERR_OK;
	if (ring_count(txn_ring(engine->txn)) < 2) return ERR_OK;
	TRY(txn_begin(engine->txn, NULL));
	enum coffer_err err = follow(engine);
	txn_abort(engine->txn);
	return err;
}
