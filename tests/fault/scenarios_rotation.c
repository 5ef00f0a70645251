/* A change of the data key: its beginning, the re-seal, the end of the old key. Whatever fails: every generation in the ring has its wrapped key in the store and in the
 * stanza, and there is no other; a row is as it was or under the newest; what is done is not done again after a restart; and the same asked once more succeeds. */

#include <stdio.h>

#include "daemon/store_thread.h"
#include "fault/founding.h"
#include "fault/house_check.h"
#include "fault/scenario.h"
#include "keyring/slot.h"
#include "ops/rotation_internal.h"
#include "ops/store_check.h"
#include "unit/ops/fixture.h"
#include "unit/store/fault_vfs.h"

#define STEP_ROWS 3u
#define STEPS_MAX 400u

static uint32_t newest_before; /* of the round */

static struct engine *engine_of(struct yard *y)
{
	return &y->house->daemon.engine;
}

static struct ring *ring_of(struct yard *y)
{
	return txn_ring(engine_of(y)->txn);
}

/* ---- steps of the rotator, on the store thread ---- */

enum step { STEP_RESEAL, STEP_ASK, STEP_PROVE, STEP_AGAIN, STEP_RETIRE };
struct drive {
	struct engine *engine;
	enum step step;
	enum coffer_err err;
	bool proven;
	struct reason reason;
};

static void prove(struct engine *e, struct drive *d)
{
	store_check_begin(e);
	for (unsigned i = 0; i < STEPS_MAX && !store_check_step(e, 1000, 1000); i++) {}
	d->proven = rotation_is_proven(e);
}

static void one_step(void *arg)
{
	struct drive *d = arg;
	struct engine *e = d->engine;
	struct rotation_budget budget = { .rows = STEP_ROWS, .ms = 1000 };
	if (d->step == STEP_RESEAL) d->err = store_thread_within(e, rotation_reseal, &budget, &d->reason);
	if (d->step == STEP_ASK) d->proven = rotation_is_proven(e);
	if (d->step == STEP_PROVE) prove(e, d);
	if (d->step == STEP_AGAIN) rotation_again(e);
	if (d->step == STEP_RETIRE) d->err = store_thread_within(e, rotation_retire, NULL, &d->reason);
}

/* In the faults' way. A step that failed for certain has changed nothing. */
static enum coffer_err take(struct yard *y, enum step step, bool *out_proven)
{
	struct drive d = { .engine = engine_of(y), .step = step };
	house_check_begin(y->house);
	fault_back();
	fault_vfs_pause(false);
	bool ran = store_thread_do(&y->house->daemon, one_step, &d);
	fault_vfs_pause(true);
	fault_aside();
	MUST(ran);
	if (d.err && d.reason.text[0]) house_words(view_str(d.reason.text));
	if (out_proven) *out_proven = d.proven;
	if (d.err && d.err != ERR_UNKNOWN_OUTCOME && engine_store_health(d.engine) == STORE_WELL) house_check_same(y->house);
	return d.err;
}

static bool is_past_every_row(struct yard *y)
{
	const struct rotation_place *p = &engine_of(y)->rotation->place;
	return p->table > ROTATION_LAST_TABLE && p->next == p->count;
}

static enum coffer_err reseal_all(struct yard *y)
{
	unsigned i = 0;
	for (; !is_past_every_row(y) && rotation_phase(engine_of(y)) == ROTATION_RESEAL; i++) {
		if (i == STEPS_MAX) house_die("the re-seal does not end");
		TRY(take(y, STEP_RESEAL, NULL));
	}
	return ERR_OK;
}

/* To the proof, with no fault armed. */
static void go_to_proof(struct yard *y)
{
	bool proven = false;
	for (unsigned i = 0; i < 3 && !proven; i++) { /* what was held is mended by a second look */
		MUST_OK(take(y, STEP_AGAIN, NULL));
		MUST_OK(reseal_all(y));
		MUST_OK(take(y, STEP_ASK, NULL));
		MUST_OK(take(y, STEP_PROVE, &proven));
	}
	if (!proven) house_die("not proven: %s", engine_of(y)->rotation->sentence);
}

/* ---- what belongs together ---- */

struct look {
	struct ring *ring;
	unsigned slots, old_rows, rows;
};

static enum coffer_err look_at_slot(void *arg, const struct store_row *row)
{
	struct look *l = arg;
	MUST_OK(slot_verify(l->ring, row)); /* ERR_NOT_FOUND: of a generation that the ring lacks */
	l->slots++;
	return ERR_OK;
}

static enum coffer_err look_at_row(void *arg, const struct store_row *row)
{
	struct look *l = arg;
	l->rows++;
	l->old_rows += row->generation < ring_newest(l->ring);
	return ERR_OK;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct look *l = arg;
	(void)engine;
	(void)reason;
	fault_aside();
	l->ring = txn_ring(txn);
	enum coffer_err err = store_scan(txn_store(txn), STORE_SLOT, view_of(NULL, 0), false, 4096, look_at_slot, l);
	for (unsigned t = STORE_OBJECT; !err && t <= ROTATION_LAST_TABLE; t++)
		err = store_scan(txn_store(txn), (enum store_table)t, view_of(NULL, 0), false, 4096, look_at_row, l);
	fault_back();
	return err;
}

/* Also while the fault goes on; it may keep the store from being looked at. */
static enum coffer_err check_together(struct yard *y, enum coffer_err err)
{
	struct engine *e = engine_of(y);
	struct look l = { .slots = 0 };
	fault_vfs_pause(true);
	if (!y->house->away && e->on_store(e, look, &l, NULL) == ERR_OK) MUST(l.slots == ring_count(l.ring));
	return err;
}

static void judge_whole(struct yard *y, struct look *l)
{
	struct engine *e = engine_of(y);
	MUST_OK(e->on_store(e, look, l, NULL));
	MUST(l->slots == ring_count(l->ring));
	MUST_OK(founding_test_shares(y, y->shares));
	y->house->ring = l->ring;
	house_check_begin(y->house);
	house_judge(y->house);
}

/* ---- the place ---- */

static void make_keys(struct yard *y)
{
	struct ask a;
	char name[16];
	for (unsigned i = 0; i < 3; i++) {
		snprintf(name, sizeof name, "key-%u", i);
		ask_one(&a, OPERATION_CREATE);
		ask_key(&a, &(struct key_wish){ .name = name }, HOUSE_NOW_S);
		MUST_OK(founding_send(y, &a));
	}
}

static void *open_changing(void)
{
	struct yard *y = founding_open();
	struct engine *e = engine_of(y);
	e->check = store_check_new();
	e->rotation = rotation_new();
	MUST(e->check && e->rotation);
	MUST_OK(e->on_store(e, rotation_load, NULL, NULL));
	y->house->ring = ring_of(y);
	make_keys(y);
	return y;
}

static void close_changing(void *place)
{
	struct yard *y = place;
	struct rotation *rotation = engine_of(y)->rotation;
	struct store_check *check = engine_of(y)->check;
	founding_close(y);
	rotation_free(rotation);
	store_check_free(check);
}

static enum coffer_err rotate(struct yard *y)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_ROTATE_DATA_KEY);
	return founding_send_audited(y, &a);
}

/* One data key, and nothing under way. */
static void prepare_begin(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	if (rotation_phase(engine_of(y)) != ROTATION_NONE) {
		go_to_proof(y);
		MUST_OK(take(y, STEP_RETIRE, NULL));
	}
	MUST(ring_count(ring_of(y)) == 1);
	newest_before = ring_newest(ring_of(y));
}

static enum coffer_err run_begin(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) { /* asked again */
		founding_recover(y->house, false);
		MUST_OK(check_together(y, ERR_OK));
		if (ring_newest(ring_of(y)) > newest_before) return ERR_OK; /* done, though the answer was lost */
	}
	return check_together(y, rotate(y));
}

static void judge_begin(void *place, unsigned k)
{
	struct look l = { .slots = 0 };
	struct yard *y = place;
	(void)k;
	judge_whole(y, &l);
	MUST(ring_newest(l.ring) == newest_before + 1 && l.slots == 2 && rotation_phase(engine_of(y)) == ROTATION_RESEAL);
}

static void prepare_reseal(void *place, unsigned k)
{
	prepare_begin(place, k);
	MUST_OK(rotate(place));

}

static enum coffer_err run_reseal(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) founding_recover(y->house, false); /* asked again */
	return reseal_all(y);
}

/* Nothing is under the old key, no row was passed over; and a start knows that. */
static void judge_reseal(void *place, unsigned k)
{
	struct look l = { .slots = 0 };
	struct yard *y = place;
	struct engine *e = engine_of(y);
	(void)k;
	uint64_t written = e->rotation->place.written;
	MUST(e->rotation->place.held == 0 && written > 0);
	judge_whole(y, &l);
	MUST(l.old_rows == 0 && l.rows >= written);
	MUST_OK(e->on_store(e, rotation_load, NULL, NULL)); /* as a start */
	MUST(rotation_phase(e) == ROTATION_RESEAL && is_past_every_row(y) && e->rotation->place.written == written);
}

/* A re-seal that passed every row over, and believes that it is done. */
static void prepare_lie(void *place, unsigned k)
{
	struct yard *y = place;
	prepare_reseal(place, k);
	engine_of(y)->rotation->place = (struct rotation_place){ .table = (enum store_table)(ROTATION_LAST_TABLE + 1) };
	MUST_OK(take(y, STEP_ASK, NULL));
}

/* Nothing that fails makes a proof of it. */
static enum coffer_err run_lie(void *place, unsigned k)
{
	bool proven = false;
	(void)k;
	MUST_OK(take(place, STEP_PROVE, &proven));
	if (proven) house_die("proven, and every row is under the old key");
	return ERR_OK;
}

static void judge_lie(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	MUST(ring_count(ring_of(y)) == 2 && rotation_phase(engine_of(y)) != ROTATION_NONE);
	go_to_proof(y);
}

static void prepare_retire(void *place, unsigned k)
{
	prepare_reseal(place, k);
	go_to_proof(place);
}

static enum coffer_err run_retire(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) founding_recover(y->house, false); /* asked again */
	return check_together(y, take(y, STEP_RETIRE, NULL));
}

static void judge_retire(void *place, unsigned k)
{
	struct look l = { .slots = 0 };
	struct yard *y = place;
	(void)k;
	judge_whole(y, &l);
	MUST(l.slots == 1 && l.old_rows == 0 && ring_newest(l.ring) == newest_before + 1 && rotation_phase(engine_of(y)) == ROTATION_NONE);
}

#define CHANGING .each = 1, .rounds = 20, .open = open_changing, .close = close_changing
const struct scenario rotation_scenarios[] = {
	{ .name = "data key changed", .places = AT_HOUSE | AT(TOKEN) | AT(WIRE), .stride = 67, .prepare = prepare_begin, .run = run_begin, .judge = judge_begin, CHANGING },
	{ .name = "data key re-sealed", .places = AT_HOUSE, .stride = 131, .prepare = prepare_reseal, .run = run_reseal, .judge = judge_reseal, CHANGING },
	{ .name = "data key not proven", .places = AT_HOUSE, .stride = 131, .prepare = prepare_lie, .run = run_lie, .judge = judge_lie, CHANGING },
	{ .name = "data key retired", .places = AT_HOUSE, .stride = 67, .prepare = prepare_retire, .run = run_retire, .judge = judge_retire, CHANGING },
	{ .name = NULL },
};
