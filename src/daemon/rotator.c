/* A timer on the main thread sends the store thread a step while there is something to be done. */
#include "daemon/rotator.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/store_thread.h"
#include "ops/key_rotation.h"
#include "ops/rotation.h"
#include "ops/rotation_owed.h"
#include "ops/seat.h"

#define TICK_MS 100u
#define STEP_MS 10u           /* for how long the store thread is held at most, but for the row that is under way and the commit */
#define STEP_ROWS_MAX 4096u
#define HELD_AGAIN_MS 60000u  /* what held the old key may be mended */
#define NODE_AGAIN_MS 1000u   /* a node fetches the new key soon after it hears of it */
#define FAILED_AGAIN_MS 2000u /* a disk that is full, memory that is short */
#define OWED_AGAIN_MS 5000u   /* a token that is away, a node that cannot be handed anything */

struct rotator {
	struct daemon *daemon;
	struct event *timer;      /* main thread */
	struct job job;           /* in the store thread's queue while `queued` */
	_Atomic bool queued;
	_Atomic uint64_t not_before_mono_ms;
	_Atomic bool changing;    /* a change that is owed is begun, on the admin lane */
	_Atomic uint64_t owed_after_ms;
	uint64_t row_thousandths; /* store thread: of a row, not used yet */
	bool failed, keys_failed; /* store thread: said once */
};

/* On the store thread. */
static void wait_a_while(struct rotator *r, uint64_t ms)
{
	r->not_before_mono_ms = clock_mono_ms() + ms;
}

/* What a tick may seal again; what is less than a row goes into the next one. */
static size_t rows_of_step(struct rotator *r)
{
	uint64_t thousandths = r->row_thousandths + (uint64_t)r->daemon->engine.config->reseal_rate * TICK_MS, rows = thousandths / 1000;
	r->row_thousandths = thousandths % 1000;
	return rows < STEP_ROWS_MAX ? (size_t)rows : STEP_ROWS_MAX;
}

static enum coffer_err run(struct rotator *r, struct reason *reason)
{
	struct engine *e = &r->daemon->engine;
	struct rotation_budget budget = { .rows = rows_of_step(r), .ms = STEP_MS };
	if (rotation_phase(e) == ROTATION_HELD) rotation_again(e);
	if (rotation_phase(e) == ROTATION_RESEAL && !budget.rows) return ERR_OK;
	if (rotation_phase(e) == ROTATION_RESEAL) TRY(store_thread_within(e, rotation_reseal, &budget, reason));
	if (!rotation_is_proven(e)) return ERR_OK;
	return store_thread_within(e, rotation_retire, NULL, reason);
}

/* Keys that are due by their schedule. */
static void replace_keys(struct rotator *r)
{
	struct engine *e = &r->daemon->engine;
	struct reason reason = { "" };
	unsigned ms = STEP_MS;
	if (engine_state_get(e) != ENGINE_OPEN || !key_rotation_wants(e) || !seat_is_master(e)) return;
	enum coffer_err err = store_thread_within(e, key_rotation_step, &ms, &reason);
	if (err && !r->keys_failed) log_warn("keys that are due by their schedule wait: %s", reason_text(&reason, err));
	r->keys_failed = err != ERR_OK;
	if (err) key_rotation_wait(e, FAILED_AGAIN_MS);
}

static bool has_rows(struct rotator *r)
{
	struct engine *e = &r->daemon->engine;
	return rotation_phase(e) != ROTATION_NONE && seat_is_master(e) && clock_mono_ms() >= r->not_before_mono_ms;
}

/* ---- a change that is owed ---- */

/* Admin lane: the token is asked. */
static void begin_owed(void *arg)
{
	struct rotator *r = arg;
	struct engine *e = &r->daemon->engine;
	struct reason why = { "" };
	uint32_t generation;
	pthread_mutex_lock(&e->admin_lock);
	bool wanted = engine_state_get(e) == ENGINE_OPEN && rotation_is_owed(e); /* who removed the node may have changed it by then */
	enum coffer_err err = wanted ? rotation_run(e, "node", &generation, &why) : ERR_OK;
	pthread_mutex_unlock(&e->admin_lock);
	rotation_owed_waits(e, err ? reason_text(&why, err) : "");
	r->owed_after_ms = err ? clock_mono_ms() + OWED_AGAIN_MS : 0;
	r->changing = false;
}

/* To be read, or begun. */
static bool wants_owed(struct rotator *r)
{
	struct engine *e = &r->daemon->engine;
	return !r->changing && clock_mono_ms() >= r->owed_after_ms && (rotation_owed_unread(e) || (rotation_is_owed(e) && seat_is_master(e)));
}

static void look_at_owed(struct rotator *r)
{
	struct engine *e = &r->daemon->engine;
	if (engine_state_get(e) != ENGINE_OPEN || !wants_owed(r)) return;
	if (r->daemon->care.away || e->cache.offline || rotation_owed_read(e) != ERR_OK) r->owed_after_ms = clock_mono_ms() + FAILED_AGAIN_MS;
	if (!rotation_is_owed(e) || !wants_owed(r)) return;
	r->changing = true;
	if (!admin_pool_call(r->daemon, begin_owed, r)) r->changing = false;
}

static void step(void *arg)
{
	struct rotator *r = arg;
	struct engine *e = &r->daemon->engine;
	struct reason reason = { "" };
	replace_keys(r);
	look_at_owed(r);
	if (engine_state_get(e) == ENGINE_OPEN && has_rows(r)) {
		enum coffer_err err = run(r, &reason);
		if (err && !r->failed) log_warn("the change of the data key waits: %s", reason_text(&reason, err));
		r->failed = err != ERR_OK;
		if (err) wait_a_while(r, FAILED_AGAIN_MS);
		else if (rotation_phase(e) == ROTATION_HELD) wait_a_while(r, rotation_awaits_node(e) ? NODE_AGAIN_MS : HELD_AGAIN_MS);
	}
	r->queued = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct rotator *r = arg;
	struct engine *e = &r->daemon->engine;
	struct timeval tick = { 0, TICK_MS * 1000 };
	(void)fd;
	(void)what;
	bool work = engine_state_get(e) == ENGINE_OPEN && (has_rows(r) || key_rotation_wants(e) || wants_owed(r));
	if (work && !atomic_exchange(&r->queued, true) && !store_thread_put(r->daemon, &r->job)) r->queued = false;
	event_add(r->timer, &tick);
}

enum coffer_err rotator_start(struct daemon *d)
{
	struct timeval soon = { 0, TICK_MS * 1000 };
	struct rotator *r = calloc(1, sizeof *r);
	ENSURE(r, ERR_MEMORY);
	r->daemon = d;
	r->job = (struct job){ .kind = JOB_CALL, .call = step, .arg = r };
	r->timer = event_new(d->base, -1, 0, on_timer, r);
	if (!r->timer || event_add(r->timer, &soon) != 0) {
		if (r->timer) event_free(r->timer);
		free(r);
		return ERR_MEMORY;
	}
	d->rotator = r;
	return ERR_OK;
}

void rotator_stop(struct daemon *d)
{
	struct rotator *r = d->rotator;
	if (!r) return;
	event_free(r->timer);
	free(r);
	d->rotator = NULL;
}
