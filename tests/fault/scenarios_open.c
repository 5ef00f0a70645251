/* A sealed node is opened, by its token, by a PIN and by shares, the way the daemon does it, with a counter in the token; and one whose store is older than the counter is not, until an administrator takes
 * it. Whatever fails: a node is open, sealed, or at a fault that it names; open it has its own data key and a store that the counter stands by; a store that was taken is taken once, with one record
 * in the audit log; and the same asked once more succeeds. */
#include <stdlib.h>
#include <string.h>

#include "daemon/alert_thread.h"
#include "daemon/link.h"
#include "daemon/mover.h"
#include "daemon/unseal.h"
#include "fault/counter.h"
#include "fault/founding.h"
#include "fault/house_check.h"
#include "fault/scenario.h"
#include "ops/anchor.h"
#include "ops/attend.h"
#include "ops/open_again.h"
#include "unit/ops/fixture.h"
#include "unit/store/fault_vfs.h"

#define AHEAD 3u /* of the store that was put back */

static struct engine *engine_of(struct yard *y)
{
	return &y->house->daemon.engine;
}

/* ---- what a daemon has beside it, and this one does not ---- */

void link_status(struct daemon *d, const char *text)
{
	(void)d, (void)text;
}

void alert_thread_know(struct daemon *d)
{
	(void)d;
}

bool mover_goes_first(struct daemon *d, enum coffer_err (*then)(struct daemon *d, struct reason *reason))
{
	(void)d, (void)then;
	return false;
}

enum coffer_err mover_settle(struct engine *engine, struct reason *reason)
{
	(void)engine, (void)reason;
	return ERR_OK;
}

void mover_opened(struct engine *engine)
{
	(void)engine;
}

/* ---- the place ---- */

static void seal(struct yard *y)
{
	struct engine *e = engine_of(y);
	counter_forget(y->house);
	attend_set_opening(e->attend, "");
	pthread_mutex_lock(&e->admin_lock);
	e->state = ENGINE_SEALED;
	e->slot_fault = false;
	MUST_OK(e->set_ring(e, NULL));
	pthread_mutex_unlock(&e->admin_lock);
}

/* In no fault's way. */
static enum coffer_err open_by_token(struct yard *y)
{
	struct reason why = { "" };
	enum coffer_err err = unseal_by_token(engine_of(y), &why);
	house_words(view_str(why.text));
	return err;
}

static void make_key(struct yard *y)
{
	static unsigned number;
	struct ask a;
	char name[32];
	snprintf(name, sizeof name, "key-%u", ++number);
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = name }, HOUSE_NOW_S);
	MUST_OK(founding_send(y, &a));
}

static void *open_sealed(void)
{
	counter_chip = (struct counter_chip){ .there = false };
	struct yard *y = founding_open();
	struct engine *e = engine_of(y);
	y->token.on_counter = counter_answers;
	e->attend = attend_new();
	MUST(e->attend);
	e->set_ring = unseal_set_ring;
	e->open = unseal_open;
	e->open_by_token = unseal_by_token;
	e->open_later = unseal_later;
	MUST_OK(job_queue_init(&y->house->daemon.admin_jobs, false));
	job_queue_close(&y->house->daemon.admin_jobs); /* nobody would finish what is put in there */
	seal(y);
	MUST_OK(open_by_token(y));
	y->house->ring = txn_ring(e->txn);
	make_key(y);
	return y;
}

static void close_sealed(void *place)
{
	struct yard *y = place;
	struct engine *e = engine_of(y);
	struct attend *attend = e->attend;
	job_queue_done(&y->house->daemon.admin_jobs);
	anchor_free(TAKE(e->anchor));
	founding_close(y);
	attend_free(attend);
}

/* ---- what a node knows ---- */

struct look {
	uint64_t counter, overridden_to; /* of the anchor's record */
	unsigned overridden;
	unsigned taken;                  /* records of the audit log that say so */
	uint8_t key[32];
};

static enum coffer_err count_taken(void *arg, const struct audit_event *event)
{
	((struct look *)arg)->taken += event->operation == OPERATION_COFFER_ANCHOR_ACCEPT && event->status == RESULT_STATUS_SUCCESS;
	return ERR_OK;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct look *l = arg;
	const struct secret *key;
	struct anchor_record record = ANCHOR_RECORD_NONE;
	struct ring *ring = txn_ring(txn);
	(void)reason;
	fault_aside();
	MUST_OK(ring_data_key(ring, ring_newest(ring), &key));
	MUST(secret_len(key) == sizeof l->key);
	memcpy(l->key, secret_bytes(key), sizeof l->key);
	enum coffer_err err = anchor_record_read(txn_store(txn), ring, &record);
	l->counter = record.counter;
	l->overridden = record.overridden;
	l->overridden_to = record.overridden_to;
	anchor_record_clear(&record);
	if (!err && engine->audit) err = audit_read(engine->audit, txn, 1, SIZE_MAX, count_taken, l);
	fault_back();
	return err;
}

static struct look before; /* of the round */

static void look_before(struct yard *y)
{
	struct engine *e = engine_of(y);
	before = (struct look){ .taken = 0 };
	MUST_OK(e->on_store(e, look, &before, NULL));
}

/* Open, its audit log whole; and what the counter says is what the store says. */
static void judge_open(void *place, unsigned k)
{
	struct look l = { .taken = 0 };
	struct yard *y = place;
	struct engine *e = engine_of(y);
	struct anchor_facts facts;
	(void)k;
	founding_recover(y->house, false);
	MUST(engine_state_get(e) == ENGINE_OPEN && !e->slot_fault);
	anchor_facts(e->anchor, &facts);
	if (facts.uncompared) MUST_OK(anchor_compare_late(e, NULL)); /* shares open without the token */
	anchor_facts(e->anchor, &facts);
	MUST(facts.level == ANCHOR_TOKEN && facts.counter == counter_chip.value);
	y->house->ring = txn_ring(e->txn);
	house_check_begin(y->house);
	house_judge(y->house);
	make_key(y);
	MUST_OK(anchor_raise(e, NULL, NULL, NULL)); /* as the thread does that raises; the record may be one ahead before it */
	MUST_OK(e->on_store(e, look, &l, NULL));
	MUST(l.counter == counter_chip.value && memcmp(l.key, before.key, sizeof l.key) == 0);
	MUST(l.overridden == l.taken);
}

/* ---- unseal ---- */

static void prepare_sealed(void *place, unsigned k)
{
	struct yard *y = place;
	(void)k;
	founding_recover(y->house, false);
	look_before(y);
	seal(y);
}

/* A token's word that will not be another one at the next try is believed until a restart. */
static bool says_for_good(void)
{
	return fault_place() == FAULT_AT_TOKEN && !open_failure_passes((enum coffer_err)fault_code());
}

/* Given again: what a token said is asked anew, by a restart where it was believed. */
static void settle(struct yard *y, bool restart)
{
	struct engine *e = engine_of(y);
	founding_recover(y->house, false);
	if (restart && engine_state_get(e) == ENGINE_FAULT && !e->slot_fault) seal(y);
}

static enum coffer_err unseal(struct yard *y, int way)
{
	struct engine *e = engine_of(y);
	struct ask a;
	if (fault_place() == FAULT_AT_NOTHING) settle(y, true); /* asked again */
	if (engine_state_get(e) == ENGINE_OPEN) return ERR_OK;                    /* done, though the answer was lost */
	attend_forget_shares(e->attend);                                          /* of a try before */
	ask_one(&a, OPERATION_COFFER_UNSEAL);
	ttlv_put_i32(&a.w, TAG_COFFER_UNSEAL_WAY, way);
	if (way == 2) ttlv_put_bytes(&a.w, TAG_COFFER_TOKEN_PIN, view_str("1234"));
	for (unsigned i = 0; way == 3 && i < 2; i++) ttlv_put_str(&a.w, TAG_COFFER_SHARE, y->shares[i]);
	enum coffer_err err = founding_send(y, &a);
	enum engine_state state = engine_state_get(e);
	MUST(state == ENGINE_OPEN || state == ENGINE_SEALED || (state == ENGINE_FAULT && (says_for_good() || (e->slot_fault && !e->anchor_fault))));
	MUST(err || state == ENGINE_OPEN);
	MUST(state != ENGINE_OPEN || txn_ring(e->txn));
	return err;
}

static enum coffer_err run_by_token(void *place, unsigned k)
{
	(void)k;
	return unseal(place, 1);
}

static enum coffer_err run_by_pin(void *place, unsigned k)
{
	(void)k;
	return unseal(place, 2);
}

static enum coffer_err run_by_shares(void *place, unsigned k)
{
	(void)k;
	return unseal(place, 3);
}

/* ---- an older store ---- */

static bool was_taken; /* and the token then said for good that it does not open */

/* The counter went on, and this store does not know of it. */
static void prepare_old(void *place, unsigned k)
{
	prepare_sealed(place, k);
	counter_chip.value += AHEAD;
}

/* It is refused, or nobody could say; a token that does not answer opens nothing. */
static enum coffer_err run_refused(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = engine_of(y);
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) settle(y, true); /* asked again */
	if (engine_state_get(e) == ENGINE_FAULT && e->anchor_fault) return ERR_OK;
	fault_back();
	fault_vfs_pause(false);
	enum coffer_err err = open_by_token(y);
	fault_vfs_pause(true);
	fault_aside();
	MUST(err && engine_state_get(e) != ENGINE_OPEN);
	return e->anchor_fault ? ERR_OK : err;
}

/* Nothing but an administrator's word opens it. */
static void judge_refused(void *place, unsigned k)
{
	struct look l = { .taken = 0 };
	struct yard *y = place;
	struct engine *e = engine_of(y);
	(void)k;
	MUST(engine_state_get(e) == ENGINE_FAULT && e->anchor_fault);
	MUST_OK(e->on_store(e, look, &l, NULL));
	MUST(l.overridden == before.overridden && l.counter == before.counter);
	counter_chip.value -= AHEAD;
	seal(y);
	MUST_OK(open_by_token(y));
}

static void prepare_taken(void *place, unsigned k)
{
	struct yard *y = place;
	prepare_old(place, k);
	MUST(open_by_token(y) == ERR_CORRUPT && engine_of(y)->anchor_fault && engine_state_get(engine_of(y)) == ENGINE_FAULT);
}

/* The token's counter was removed: another one is made. */
static void prepare_gone(void *place, unsigned k)
{
	struct yard *y = place;
	prepare_sealed(place, k);
	counter_chip.there = false;
	MUST(open_by_token(y) == ERR_CORRUPT && engine_of(y)->anchor_fault);
}

/* Refused as before, and nothing was written; or taken, and said once; open only when it was taken. */
static bool check_taken(struct yard *y)
{
	struct look l = { .taken = 0 };
	struct engine *e = engine_of(y);
	enum engine_state state = engine_state_get(e);
	if (y->house->away || !txn_ring(e->txn) || e->on_store(e, look, &l, NULL) != ERR_OK) return false;
	const unsigned taken = l.overridden - before.overridden;
	if (taken > 1) house_die("taken %u times", taken);
	if (e->audit && l.taken != before.taken + taken) house_die("taken %u, and said %u times, %s", taken, l.taken - before.taken, engine_state_name(state));
	if (state == ENGINE_OPEN) MUST(taken == 1);
	else MUST(taken ? state == ENGINE_SEALED || state == ENGINE_FAULT : state == ENGINE_FAULT && e->anchor_fault && l.counter == before.counter);
	const bool anew = fault_place() == FAULT_AT_TOKEN && fault_code() == ERR_UNSUPPORTED; /* another verdict: it cannot count */
	MUST(!taken || !e->anchor_fault || anew);
	return taken > 0;
}

static enum coffer_err run_taken(void *place, unsigned k)
{
	struct yard *y = place;
	struct engine *e = engine_of(y);
	struct ask a;
	(void)k;
	if (fault_place() == FAULT_AT_NOTHING) settle(y, was_taken);          /* asked again */
	was_taken = false;
	if (engine_state_get(e) == ENGINE_OPEN) return ERR_OK;                /* done, though the answer was lost */
	if (engine_state_get(e) == ENGINE_SEALED) return open_by_token(y);    /* as the next tick does: accepted, and it did not open yet */
	ask_one(&a, OPERATION_COFFER_ANCHOR_ACCEPT);
	enum coffer_err err = founding_send(y, &a);
	was_taken = check_taken(y) && says_for_good();
	MUST(err || engine_state_get(e) == ENGINE_OPEN);
	return err;
}

static void judge_taken(void *place, unsigned k)
{
	struct look l = { .taken = 0 };
	struct yard *y = place;
	struct engine *e = engine_of(y);
	const uint64_t said = before.counter + AHEAD;
	judge_open(place, k);
	MUST_OK(e->on_store(e, look, &l, NULL));
	MUST(l.overridden == before.overridden + 1 && l.taken == before.taken + 1);
	MUST(counter_chip.there && (l.overridden_to == 0 || (l.overridden_to == said && counter_chip.value > said)));
	MUST_OK(counter_check_anew(y->house));
}

#define SEALED .each = 3, .stride = 61, .rounds = 20, .open = open_sealed, .close = close_sealed
#define EVERYWHERE .places = AT_HOUSE | AT(CALL) | AT(TOKEN) | AT(WIRE)
const struct scenario open_scenarios[] = {
	{ .name = "unseal by the token", EVERYWHERE, .prepare = prepare_sealed, .run = run_by_token, .judge = judge_open, SEALED },
	{ .name = "unseal by a PIN", .places = AT(HEAP) | AT(ARENA) | AT(TOKEN) | AT(WIRE), .prepare = prepare_sealed, .run = run_by_pin, .judge = judge_open, SEALED },
	{ .name = "unseal by shares, with a counter", EVERYWHERE, .prepare = prepare_sealed, .run = run_by_shares, .judge = judge_open, SEALED },
	{ .name = "older store, refused", EVERYWHERE, .prepare = prepare_old, .run = run_refused, .judge = judge_refused, SEALED },
	{ .name = "older store, taken", EVERYWHERE, .prepare = prepare_taken, .run = run_taken, .judge = judge_taken, SEALED },
	{ .name = "store without its counter, taken", EVERYWHERE, .prepare = prepare_gone, .run = run_taken, .judge = judge_taken, SEALED },
	{ .name = NULL },
};
