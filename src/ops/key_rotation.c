/* Passes over the keys that have a schedule. */
#include "ops/key_rotation.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "kmip/enums.h"
#include "kmip/kmip_reason.h"
#include "objects/dates.h"
#include "objects/index.h"
#include "ops/kmip_key.h"
#include "ops/kmip_replace.h"
#include "ops/seat.h"

#define LOOK 64u                 /* ids read ahead */
#define AGAIN_MS 3600000u        /* a pass at least so often: keys become active, clocks are set */
#define AGAIN_TWO_KEYS_MS 60000u /* a row that is re-sealed moves from one token to another, and a pass may miss it */
#define AGAIN_FAILED_MS 60000u
#define NEVER UINT64_MAX

/* A schedule has the first entry; an object with too many values has the second in its place. */
enum which { BY_SCHEDULE, BY_PARTIAL, ENTRIES_END };

/* How far a pass has come. */
struct place {
	bool passing;
	enum which entry;
	uint64_t below;              /* generations under this one are to come; that of the token is the newest of them */
	uint8_t after[UUID_LEN];
	bool has_after;
	uint64_t scheduled, failed;  /* keys of this pass */
	uint64_t earliest_s;         /* when the next one is due */
	uint64_t replaced;           /* by this node since it started */
	uint8_t told[KEY_ROTATION_TOLD][UUID_LEN]; /* whose failure the audit log has */
	size_t told_count;
	char sentence[REASON_MAX];   /* of the last failure of this pass */
};

struct key_rotation {
	_Atomic bool wanted;
	_Atomic bool passing;
	_Atomic uint64_t next_s;     /* by the date */
	_Atomic uint64_t next_ms, not_before_ms; /* by the monotonic clock */
	struct place place, next;    /* store thread: committed, of the transaction under way */
	pthread_mutex_t lock;        /* guards the below: what the last whole pass saw */
	uint64_t scheduled, failed, replaced, earliest_s;
	char sentence[REASON_MAX];
};

struct key_rotation *key_rotation_new(void)
{
	struct key_rotation *r = calloc(1, sizeof *r);
	if (r && pthread_mutex_init(&r->lock, NULL) != 0) {
		free(r);
		return NULL;
	}
	if (!r) return NULL;
	r->wanted = true;
	r->next_s = r->earliest_s = NEVER;
	return r;
}

void key_rotation_free(struct key_rotation *r)
{
	if (!r) return;
	pthread_mutex_destroy(&r->lock);
	free(r);
}

bool key_rotation_of(const struct object *o, uint32_t *out_interval_s, uint64_t *out_due_s)
{
	bool automatic = false;
	uint64_t initial_s;
	if (!attrset_get_bool(&o->attrs, ATTR_ROTATE_AUTOMATIC, &automatic) || !automatic) return false;
	if (!attrset_get_interval(&o->attrs, ATTR_ROTATE_INTERVAL, out_interval_s)) return false;
	if (!attrset_get_time(&o->attrs, ATTR_INITIAL_DATE, &initial_s)) return false;
	*out_due_s = initial_s + *out_interval_s;
	return true;
}

bool key_rotation_wants(struct engine *engine)
{
	struct key_rotation *r = engine->key_rotation;
	if (!r || engine_store_health(engine) != STORE_WELL) return false;
	uint64_t now_ms = clock_mono_ms();
	if (now_ms < r->not_before_ms) return false;
	return r->passing || r->wanted || now_ms >= r->next_ms || clock_date_s() >= r->next_s;
}

void key_rotation_wake(struct engine *engine)
{
	if (engine->key_rotation) engine->key_rotation->wanted = true;
}

void key_rotation_wait(struct engine *engine, uint64_t ms)
{
	struct key_rotation *r = engine->key_rotation;
	if (!r) return;
	r->not_before_ms = clock_mono_ms() + ms;
	if (!r->passing) r->wanted = true; /* what the failed step was to begin */
}

/* ---- one key ---- */

static enum coffer_err protect_no_more(struct object *old, uint64_t now_s)
{
	uint64_t stop_s;
	if (attrset_get_time(&old->attrs, ATTR_PROTECT_STOP_DATE, &stop_s) && stop_s <= now_s) return ERR_OK;
	return attrset_set_time(&old->attrs, ATTR_PROTECT_STOP_DATE, now_s);
}

static enum coffer_err replace(struct op_ctx *ctx, uint64_t now_s)
{
	AUTO_OBJECT struct object *old = NULL;
	AUTO_OBJECT struct object *o = NULL;
	char id[UUID_TEXT_LEN + 1];
	TRY(kmip_key_change(ctx, now_s, &old));
	TRY(kmip_replace_check(ctx, old));
	TRY(kmip_replace_begin(old, &o));
	TRY(kmip_replace_shift(ctx, old, o, now_s));
	TRY(protect_no_more(old, now_s));
	TRY(kmip_replace_finish(ctx, old, o, now_s));
	text_uuid(o->id, id);
	snprintf(ctx->detail, sizeof ctx->detail, "by its schedule: replaced by %s, version %u", id, (unsigned)o->key_version);
	return ERR_OK;
}

static enum coffer_err append(const struct op_ctx *ctx, enum coffer_err failure)
{
	char details[REASON_MAX + 32];
	if (failure) snprintf(details, sizeof details, "by its schedule: %s", reason_text(&ctx->reason, failure));
	const struct audit_event event = { .principal = view_str(ctx->principal->text), .operation = OPERATION_RE_KEY,
		.status = failure ? RESULT_STATUS_OPERATION_FAILED : RESULT_STATUS_SUCCESS,
		.result_reason = !failure ? 0 : ctx->result_reason ? ctx->result_reason : kmip_reason_of(failure),
		.object_id = view_of(ctx->object->id, UUID_LEN), .details = view_str(failure ? details : ctx->detail) };
	return audit_append(ctx->engine->audit, ctx->txn, &event);
}

/* What is wrong with one key does not keep the others. */
static bool is_about_one(enum coffer_err err)
{
	return err == ERR_CORRUPT || err == ERR_VERSION || err == ERR_LIMIT || err == ERR_TOO_LARGE || err == ERR_FIELD || err == ERR_STATE ||
		err == ERR_EXISTS || err == ERR_UNSUPPORTED || err == ERR_ARCHIVED;
}

/* Whether the audit log has not heard of it yet. */
static bool is_news(struct place *place, const uint8_t id[static UUID_LEN])
{
	for (size_t i = 0; i < place->told_count; i++)
		if (memcmp(place->told[i], id, UUID_LEN) == 0) return false;
	if (place->told_count == KEY_ROTATION_TOLD) return false;
	memcpy(place->told[place->told_count++], id, UUID_LEN);
	return true;
}

static enum coffer_err note_failure(struct op_ctx *ctx, struct place *place, enum coffer_err failure)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(ctx->object, label);
	place->failed++;
	snprintf(place->sentence, sizeof place->sentence, "%s: %.300s", label, reason_text(&ctx->reason, failure));
	if (!is_news(place, ctx->object->id)) return ERR_OK;
	log_warn("a key that is due cannot be replaced: %s", place->sentence);
	return append(ctx, failure);
}

static enum coffer_err replace_kept(struct op_ctx *ctx, struct place *place, uint64_t now_s)
{
	TRY(txn_mark(ctx->txn));
	enum coffer_err err = replace(ctx, now_s);
	if (!err) err = append(ctx, ERR_OK);
	if (!err) txn_keep(ctx->txn);
	else txn_undo(ctx->txn);
	if (!err) place->replaced++;
	return err && is_about_one(err) ? note_failure(ctx, place, err) : err;
}

static enum coffer_err look_at(struct engine *engine, struct txn *txn, struct place *place, const uint8_t id[static UUID_LEN], unsigned *replaced)
{
	static const struct principal node = { .text = "node" };
	struct op_ctx ctx = { .engine = engine, .principal = &node, .txn = txn, .version_major = 1, .version_minor = 4 };
	uint32_t interval_s;
	uint64_t due_s, now_s = clock_date_s();
	enum coffer_err err = txn_object(txn, id, &ctx.object);
	if (is_about_one(err) || err == ERR_NOT_FOUND) return ERR_OK; /* the scrub tells of it */
	TRY(err);
	bool scheduled = key_rotation_of(ctx.object, &interval_s, &due_s);
	bool serves = scheduled && dates_state(ctx.object, now_s) == OBJECT_ACTIVE && !ctx.object->archived;
	if (scheduled) place->scheduled++;
	if (serves && due_s <= now_s) {
		uint64_t before = place->replaced;
		err = replace_kept(&ctx, place, now_s);
		if (place->replaced > before) ++*replaced;
		due_s = place->replaced > before ? now_s + interval_s : NEVER;
	}
	if (serves && due_s < place->earliest_s) place->earliest_s = due_s;
	object_unref(ctx.object);
	return err;
}

/* ---- the pass ---- */

struct page {
	uint8_t ids[LOOK][UUID_LEN];
	size_t count;
};

static enum coffer_err take_id(void *arg, struct view id)
{
	struct page *p = arg;
	ENSURE(id.len == UUID_LEN, ERR_CORRUPT);
	memcpy(p->ids[p->count++], id.ptr, UUID_LEN);
	return ERR_OK;
}

struct token_of {
	struct txn *txn;
	uint32_t generation;
	uint8_t bytes[STORE_TOKEN_LEN];
	uint8_t index;
};

static enum coffer_err make_token(void *arg, const struct record_index_entry *entry)
{
	struct token_of *t = arg;
	t->index = entry->index;
	return record_token(txn_ring(t->txn), t->generation, STORE_OBJECT, entry->index, entry->value, t->bytes);
}

static enum coffer_err token_for(struct txn *txn, enum which which, uint32_t generation, struct token_of *out)
{
	uint8_t bytes[16];
	struct writer w;
	struct kmip_attr_value automatic = { .id = ATTR_ROTATE_AUTOMATIC, .has_value = true };
	*out = (struct token_of){ .txn = txn, .generation = generation };
	if (which == BY_PARTIAL) return make_token(out, &(struct record_index_entry){ OBJECT_INDEX_PARTIAL, view_of(NULL, 0) });
	writer_init(&w, bytes, sizeof bytes);
	ttlv_put_bool(&w, TAG_ROTATE_AUTOMATIC, true);
	TRY(writer_done(&w));
	TRY(ttlv_root(writer_view(&w), &automatic.value));
	return object_index_of_value(&automatic, make_token, out);
}

/* The next generation under which there are tokens; false: none. */
static bool generation_now(struct ring *ring, const struct place *place, uint32_t *out)
{
	for (unsigned i = ring_count(ring); i-- > 0;) {
		*out = ring_generation_at(ring, i);
		if (*out < place->below) return true;
	}
	return false;
}

static enum coffer_err next_page(struct txn *txn, const struct place *place, uint32_t generation, struct page *p)
{
	struct token_of token;
	TRY(token_for(txn, place->entry, generation, &token));
	return store_index_find(txn_store(txn), STORE_OBJECT, token.index, view_of(token.bytes, sizeof token.bytes),
		place->has_after ? view_of(place->after, UUID_LEN) : view_of(NULL, 0), LOOK, take_id, p);
}

/* After the last page of a token: the older data key's, then the other entry, then the end. */
static void move_on(struct ring *ring, struct place *place, uint32_t generation)
{
	uint32_t older;
	place->below = generation;
	place->has_after = false;
	if (generation_now(ring, place, &older)) return;
	place->below = NEVER;
	place->entry++;
	if (place->entry == ENTRIES_END) place->passing = false;
}

static enum coffer_err walk(struct engine *engine, struct txn *txn, struct place *place, uint64_t until_ms)
{
	struct page p = { .count = 0 };
	unsigned replaced = 0;
	uint32_t generation;
	if (!generation_now(txn_ring(txn), place, &generation)) { /* the older data key left meanwhile */
		move_on(txn_ring(txn), place, 0);
		return ERR_OK;
	}
	TRY(next_page(txn, place, generation, &p));
	size_t at = 0;
	while (at < p.count && replaced < KEY_ROTATION_STEP && (at == 0 || clock_mono_ms() < until_ms)) {
		TRY(look_at(engine, txn, place, p.ids[at], &replaced));
		memcpy(place->after, p.ids[at++], UUID_LEN);
		place->has_after = true;
	}
	if (at == p.count && p.count < LOOK) move_on(txn_ring(txn), place, generation);
	return ERR_OK;
}

static void end_pass(struct engine *engine)
{
	struct key_rotation *r = engine->key_rotation;
	const struct place *p = &r->place;
	uint64_t again_ms = p->failed ? AGAIN_FAILED_MS : ring_count(txn_ring(engine->txn)) > 1 ? AGAIN_TWO_KEYS_MS : AGAIN_MS;
	r->next_s = p->earliest_s;
	r->next_ms = clock_mono_ms() + again_ms;
	pthread_mutex_lock(&r->lock);
	r->scheduled = p->scheduled;
	r->failed = p->failed;
	r->earliest_s = p->earliest_s;
	memcpy(r->sentence, p->sentence, sizeof r->sentence);
	pthread_mutex_unlock(&r->lock);
}

static void moved(void *arg)
{
	struct engine *engine = arg;
	struct key_rotation *r = engine->key_rotation;
	uint64_t before = r->place.replaced;
	r->place = r->next;
	pthread_mutex_lock(&r->lock);
	r->replaced = r->place.replaced;
	pthread_mutex_unlock(&r->lock);
	if (r->place.replaced > before) log_info("keys replaced by their schedule: %llu", (unsigned long long)(r->place.replaced - before));
	if (!r->place.passing) end_pass(engine);
	r->passing = r->place.passing;
}

enum coffer_err key_rotation_step(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct key_rotation *r = engine->key_rotation;
	uint64_t until_ms = clock_mono_ms() + *(const unsigned *)arg;
	if (!r || !txn_ring(txn)) return ERR_OK;
	TRY(seat_check_master(engine, reason)); /* where another node took over meanwhile, it is that one's */
	r->next = r->place;
	struct place *place = &r->next;
	if (!place->passing) {
		r->wanted = false; /* what is set from now on asks again */
		place->passing = true;
		place->entry = BY_SCHEDULE;
		place->below = place->earliest_s = NEVER;
		place->scheduled = place->failed = 0;
		place->sentence[0] = '\0';
		place->has_after = false;
	}
	TRY(txn_on_commit(txn, moved, NULL, engine));
	return walk(engine, txn, place, until_ms);
}

/* ---- for status ---- */

void key_rotation_json(struct engine *engine, struct json_out *j)
{
	struct key_rotation *r = engine->key_rotation;
	if (!r) return;
	pthread_mutex_lock(&r->lock);
	json_begin(j, "key_rotation");
	json_u64(j, "scheduled", r->scheduled);
	json_u64(j, "replaced", r->replaced);
	json_u64(j, "failed", r->failed);
	json_u64(j, "next", r->earliest_s == NEVER ? 0 : r->earliest_s);
	json_str(j, "sentence", r->sentence);
	json_end(j);
	pthread_mutex_unlock(&r->lock);
}
