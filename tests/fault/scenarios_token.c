/* Wrapped data keys are bound anew, a PIN is changed, the anchor is raised and checked. Whatever fails: rows, node.id and what the daemon believes belong together or a restart puts them
 * together, every wrapped key opens under the binding that its row names, and the counter is never behind the record by more than one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fault/counter.h"
#include "fault/founding.h"
#include "fault/scenario.h"
#include "keyring/slot.h"
#include "ops/anchor_internal.h"
#include "unit/ops/fake_token.h"
#include "unit/ops/fixture.h"
#include "unit/store/fault_vfs.h"

struct bound {
	struct fake_token token;
	struct house *house;
	bool restart; /* was asked for */
};

static enum coffer_err token_answers(void)
{
	return fault_strikes(FAULT_AT_TOKEN) ? (enum coffer_err)fault_code() : ERR_OK;
}

static enum coffer_err send_one(struct bound *b, struct ask *a)
{
	ask_item_end(a, NULL);
	ask_end(a);
	return house_send(b->house, a);
}

static void found(struct bound *b)
{
	struct ask a, c;
	uint8_t id[16];
	ask_one(&a, OPERATION_COFFER_INIT);
	ttlv_put_str(&a.w, TAG_COFFER_TOKEN_URI, "tpm2:device");
	ttlv_put_i32(&a.w, TAG_COFFER_RECOVERY_MODE, 3);
	MUST(send_one(b, &a) == ERR_OK);
	struct view field = house_field(b->house, TAG_COFFER_INIT_ID);
	MUST(field.len == sizeof id);
	memcpy(id, field.ptr, sizeof id);
	ask_one(&c, OPERATION_COFFER_INIT_CONFIRM);
	ttlv_put_bytes(&c.w, TAG_COFFER_INIT_ID, view_of(id, sizeof id));
	MUST(send_one(b, &c) == ERR_OK);
}

static void *open_bound(void)
{
	struct bound *b = calloc(1, sizeof *b);
	MUST(b);
	fake_token_init(&b->token);
	b->token.on_thread = fault_aside;
	b->token.on_call = token_answers;
	b->token.on_wire = founding_wire;
	b->house = house_open_empty(&b->token.spawner);
	found(b);
	b->house->ring = txn_ring(b->house->daemon.engine.txn); /* for who judges objects */
	return b;
}

static void close_bound(void *place)
{
	struct bound *b = place;
	house_close(b->house);
	fake_token_done(&b->token);
	free(b);
}

/* ---- what belongs together ---- */

struct look {
	struct engine *engine;
	struct token_binding binding; /* of the row */
	unsigned rows;
};

static enum coffer_err look_at_slot(void *arg, const struct store_row *row)
{
	struct look *l = arg;
	struct slot slot;
	const struct secret *key;
	MUST_OK(slot_verify(txn_ring(l->engine->txn), row));
	MUST_OK(slot_parse(row, &slot, NULL));
	MUST_OK(ring_data_key(txn_ring(l->engine->txn), slot.generation, &key));
	MUST(slot.binding_data.len <= sizeof l->binding.data && slot.blob.len == secret_len(key));
	memcpy(l->binding.data, slot.binding_data.ptr, slot.binding_data.len);
	l->binding.data_len = slot.binding_data.len;
	for (size_t i = 0; i < slot.blob.len; i++) MUST((slot.blob.ptr[i] ^ fake_token_mask(&l->binding)) == secret_bytes(key)[i]);
	l->rows++;
	return ERR_OK;
}

static enum coffer_err look_at_rows(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)reason;
	fault_aside();
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, look_at_slot, arg);
	fault_back();
	return err;
}

static bool same(const struct token_binding *a, const struct token_binding *b)
{
	return a->data_len == b->data_len && memcmp(a->data, b->data, a->data_len) == 0;
}

/* Of what was asked just now. A fault that goes on may keep the store from being looked at; the judge comes when it is over. */
static enum coffer_err check_together(struct bound *b, enum coffer_err asked)
{
	struct engine *e = &b->house->daemon.engine;
	struct look l = { .engine = e };
	struct identity id;
	b->restart = asked != ERR_OK && house_said("restart the daemon");
	if (b->restart || b->house->away || e->on_store(e, look_at_rows, &l, NULL) != ERR_OK) return asked;
	MUST(l.rows == 1);
	MUST_OK(identity_read(b->house->dir, &id, NULL));
	MUST(same(&e->identity.binding, &l.binding) && strcmp(id.token_uri, e->identity.token_uri) == 0);
	MUST(same(&id.binding, &l.binding) || asked == ERR_OK); /* published by the next change or start */
	return asked;
}

static void settle(struct bound *b)
{
	founding_recover(b->house, b->restart);
	b->restart = false;
}

/* ---- reseal and change of the PIN ---- */

static void prepare(void *place, unsigned k)
{
	(void)k;
	settle(place);
}

static enum coffer_err run_reseal(void *place, unsigned k)
{
	struct bound *b = place;
	struct ask a;
	char text[32];
	if (fault_place() == FAULT_AT_NOTHING) settle(b); /* asked again */
	snprintf(text, sizeof text, "pcrs=sha256:%u", k % 24);
	ask_one(&a, OPERATION_COFFER_TOKEN_RESEAL);
	ttlv_put_str(&a.w, TAG_COFFER_POLICY_CHANGES, text);
	return check_together(b, send_one(b, &a));
}

static enum coffer_err run_change_pin(void *place, unsigned k)
{
	struct bound *b = place;
	struct ask a;
	char pin[16];
	if (fault_place() == FAULT_AT_NOTHING) settle(b); /* asked again */
	snprintf(pin, sizeof pin, "%08u", k);
	ask_one(&a, OPERATION_COFFER_TOKEN_CHANGE_PIN);
	ttlv_put_bytes(&a.w, TAG_COFFER_TOKEN_PIN, view_str(pin));
	return check_together(b, send_one(b, &a));
}

static void judge_bound(void *place, unsigned k)
{
	struct bound *b = place;
	struct engine *e = &b->house->daemon.engine;
	struct look l = { .engine = e };
	struct identity next;
	char pending[128];
	(void)k;
	MUST(!b->restart && engine_state_get(e) == ENGINE_OPEN);
	MUST_OK(e->on_store(e, look_at_rows, &l, NULL));
	MUST(l.rows == 1);
	/* One that could not be put at its place is the one that is in force, and the next start or change puts it there. */
	snprintf(pending, sizeof pending, "%s/pending", b->house->dir);
	if (identity_read(pending, &next, NULL) == ERR_OK) MUST(same(&next.binding, &e->identity.binding));
	else MUST(check_together(b, ERR_OK) == ERR_OK && identity_read(b->house->dir, &next, NULL) == ERR_OK && same(&next.binding, &l.binding));
}

/* ---- the anchor ---- */

static void *open_anchored(void)
{
	counter_chip = (struct counter_chip){ .there = false };
	struct bound *b = open_bound();
	b->token.on_counter = counter_answers;
	MUST_OK(counter_check_anew(b->house));
	return b;
}

static void close_anchored(void *place)
{
	struct bound *b = place;
	anchor_free(TAKE(b->house->daemon.engine.anchor));
	close_bound(b);
}

static enum coffer_err make_key(struct bound *b, unsigned k)
{
	struct ask a;
	static unsigned number;
	char name[32];
	(void)k;
	snprintf(name, sizeof name, "key-%u", ++number);
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = name }, HOUSE_NOW_S);
	return send_one(b, &a);
}

/* Something is committed without a fault, then raised with one. */
static void prepare_raise(void *place, unsigned k)
{
	settle(place);
	MUST_OK(make_key(place, k));
}

static enum coffer_err run_raise(void *place, unsigned k)
{
	struct bound *b = place;
	struct engine *e = &b->house->daemon.engine;
	struct reason why = { "" };
	uint64_t before = counter_chip.value;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) settle(b); /* asked again */
	fault_back();
	fault_vfs_pause(false);
	enum coffer_err err = anchor_raise(e, NULL, NULL, &why);
	fault_vfs_pause(true);
	fault_aside();
	MUST(err == ERR_OK || why.text[0]);
	house_words(view_str(why.text));
	MUST(counter_chip.value - before <= 1 && counter_chip.there);
	return err;
}

/* What a start says to it. */
static void judge_raise(void *place, unsigned k)
{
	struct anchor_facts f;
	struct bound *b = place;
	(void)k;
	anchor_facts(b->house->daemon.engine.anchor, &f);
	MUST(f.counter == counter_chip.value && !f.late);
	MUST_OK(counter_check_anew(b->house));
}

static enum coffer_err run_check(void *place, unsigned k)
{
	struct bound *b = place;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) settle(b); /* asked again */
	enum coffer_err err = counter_check_anew(b->house);
	if (err) return err;
	struct anchor_facts f;
	anchor_facts(b->house->daemon.engine.anchor, &f);
	return f.level == ANCHOR_TOKEN ? ERR_OK : ERR_TOKEN; /* a counter that could not be made is no failure of the start */
}

static void *open_unanchored(void)
{
	counter_chip = (struct counter_chip){ .there = false };
	struct bound *b = open_bound();
	b->token.on_counter = counter_answers;
	return b;
}

const struct scenario token_scenarios[] = {
	{ .name = "token reseal", .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE), .rounds = 3, .stride = 17, .open = open_bound, .prepare = prepare, .run = run_reseal, .judge = judge_bound,
	  .close = close_bound },
	{ .name = "token change-pin", .places = AT(HEAP) | AT(ARENA) | AT(DISK) | AT(CALL) | AT(TOKEN) | AT(WIRE), .rounds = 3, .stride = 17, .open = open_bound, .prepare = prepare, .run = run_change_pin,
	  .judge = judge_bound, .close = close_bound },
	{ .name = "anchor raised", .places = AT_HOUSE | AT(TOKEN) | AT(WIRE), .rounds = 3, .stride = 17, .open = open_anchored, .prepare = prepare_raise, .run = run_raise,
	  .judge = judge_raise, .close = close_anchored },
	{ .name = "anchor made", .places = AT(HEAP) | AT(ARENA) | AT(DISK) | AT(RANDOM) | AT(TOKEN) | AT(WIRE), .rounds = 1, .stride = 17, .open = open_unanchored, .run = run_check,
	  .close = close_anchored },
	{ .name = NULL },
};
