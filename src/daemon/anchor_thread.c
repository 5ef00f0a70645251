/* The thread that raises. */
#include "daemon/anchor_thread.h"

#include <stdlib.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/anchor_pace.h"
#include "daemon/conn.h"
#include "ops/anchor.h"

#define ASK_AGAIN_MS 1000u
#define ASK_UNWELL_AGAIN_MS 10000u /* with a helper of its own each time */

struct job_list {
	struct job *first, **end;
};

struct anchor_thread {
	struct daemon *daemon;
	pthread_t thread;
	pthread_mutex_t lock;    /* guards everything below */
	pthread_cond_t wake;
	bool stop;
	bool opened;             /* raise: the node has opened */
	bool wanted;             /* raise: something that ends something was committed since the last record */
	bool parked;             /* waits without an end: nothing was to be raised */
	bool failing;            /* the last raise failed: nobody waits until one goes well */
	struct job_list held;    /* committed after the last record was written */
	struct job_list covered; /* committed before it: the raise under way is theirs */
	uint64_t held_ms, covered_ms; /* since when the oldest waits */
	struct anchor_pace pace;
};

static void list_clear(struct job_list *l)
{
	*l = (struct job_list){ .first = NULL };
	l->end = &l->first;
}

static void list_append(struct job_list *l, struct job *job)
{
	job->next = NULL;
	*l->end = job;
	l->end = &job->next;
}

static void list_move(struct job_list *to, struct job_list *from)
{
	if (!from->first) return;
	*to->end = from->first;
	to->end = from->end;
	list_clear(from);
}

static void give_back(struct job *job)
{
	for (struct job *next; job; job = next) {
		next = job->next;
		conn_return_job(job);
	}
}

/* Both lists, under the lock. */
static struct job *take_all(struct anchor_thread *t)
{
	list_move(&t->covered, &t->held);
	struct job *first = t->covered.first;
	list_clear(&t->covered);
	return first;
}

/* ---- pace, under the lock ---- */

/* Not before this. */
static uint64_t allowed_ms(const struct anchor_thread *t)
{
	return anchor_pace_allowed(&t->pace, t->daemon->engine.config->anchor_interval_ms);
}

static uint64_t next_ms(const struct anchor_thread *t)
{
	struct engine *e = &t->daemon->engine;
	uint64_t period = e->config->anchor_period_ms;
	if (engine_state_get(e) != ENGINE_OPEN || !anchor_protects(e->anchor)) return UINT64_MAX;
	if (t->opened) return 0;
	if (t->wanted) return allowed_ms(t);
	if (!period || !t->pace.last_ms) return UINT64_MAX;
	uint64_t due = t->pace.last_ms + period, allowed = allowed_ms(t);
	return due > allowed ? due : allowed;
}

static void note_begin(struct anchor_thread *t)
{
	anchor_pace_take(&t->pace, clock_mono_ms());
	t->opened = false;
}

/* ---- raising ---- */

/* On the store thread, with the record in the transaction: who is held was committed before it. */
static void recorded(void *arg)
{
	struct anchor_thread *t = arg;
	pthread_mutex_lock(&t->lock);
	if (t->held.first) t->covered_ms = t->held_ms;
	list_move(&t->covered, &t->held);
	t->wanted = false;
	pthread_mutex_unlock(&t->lock);
}

/* Called and returns with the lock held. */
static void raise_now(struct anchor_thread *t)
{
	struct reason reason = { "" };
	note_begin(t);
	pthread_mutex_unlock(&t->lock);
	enum coffer_err err = anchor_raise(&t->daemon->engine, recorded, t, &reason);
	pthread_mutex_lock(&t->lock);
	bool turned = err == ERR_BUSY; /* `rotate master` is at the token: that is no failure, and it comes to an end */
	if (!turned) t->failing = err != ERR_OK;
	if (err) t->wanted = true; /* again after the interval */
	struct job *done = t->covered.first;
	if (err && !turned) done = take_all(t);
	else list_clear(&t->covered);
	pthread_mutex_unlock(&t->lock);
	give_back(done);
	pthread_mutex_lock(&t->lock);
}

static void wait_until(struct anchor_thread *t, uint64_t at_ms)
{
	if (at_ms == UINT64_MAX) {
		t->parked = true;
		pthread_cond_wait(&t->wake, &t->lock);
		t->parked = false;
		return;
	}
	struct timespec at = { (time_t)(at_ms / 1000), (long)(at_ms % 1000) * 1000000 };
	pthread_cond_timedwait(&t->wake, &t->lock, &at);
}

static void *anchor_main(void *arg)
{
	struct anchor_thread *t = arg;
	prctl(PR_SET_NAME, "anchor");
	pthread_mutex_lock(&t->lock);
	while (!t->stop) {
		uint64_t at = next_ms(t);
		if (clock_mono_ms() < at) wait_until(t, at);
		else raise_now(t);
	}
	if (t->daemon->engine.token && engine_state_get(&t->daemon->engine) == ENGINE_OPEN) raise_now(t);
	struct job *left = take_all(t);
	pthread_mutex_unlock(&t->lock);
	give_back(left);
	return NULL;
}

/* ---- the daemon's side ---- */

enum coffer_err anchor_thread_start(struct daemon *d)
{
	pthread_condattr_t attr;
	struct anchor_thread *t = calloc(1, sizeof *t);
	ENSURE(t, ERR_MEMORY);
	t->daemon = d;
	list_clear(&t->held);
	list_clear(&t->covered);
	pthread_mutex_init(&t->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&t->wake, &attr);
	pthread_condattr_destroy(&attr);
	d->anchor_thread = t;
	if (pthread_create(&t->thread, NULL, anchor_main, t) == 0) return ERR_OK;
	d->anchor_thread = NULL;
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
	return ERR_LIMIT;
}

void anchor_thread_opened(struct daemon *d)
{
	struct anchor_thread *t = d->anchor_thread;
	if (!t) return;
	pthread_mutex_lock(&t->lock);
	t->opened = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
}

static bool token_is_well(struct engine *e)
{
	struct token_health health;
	token_proxy_health(e->token, &health);
	return health.state == TOKEN_WELL;
}

bool anchor_thread_hold(struct daemon *d, struct job *job)
{
	struct anchor_thread *t = d->anchor_thread;
	struct engine *e = &d->engine;
	if (!t || !anchor_protects(e->anchor) || engine_state_get(e) != ENGINE_OPEN || !e->token) return false;
	bool well = token_is_well(e) && engine_store_health(e) == STORE_WELL;
	pthread_mutex_lock(&t->lock);
	uint64_t now = clock_mono_ms();
	bool waits = well && !t->stop && !t->failing && now >= allowed_ms(t);
	if (waits) {
		if (!t->held.first) t->held_ms = now;
		list_append(&t->held, job);
	}
	if (!t->wanted) pthread_cond_signal(&t->wake);
	t->wanted = true;
	pthread_mutex_unlock(&t->lock);
	return waits;
}

/* ---- a token that comes back to a node that was opened without it ---- */

static bool is_to_be_asked(struct engine *e)
{
	struct anchor_facts facts;
	anchor_facts(e->anchor, &facts);
	return facts.uncompared && engine_state_get(e) == ENGINE_OPEN;
}

static void ask_late(void *arg)
{
	struct daemon *d = arg;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	pthread_mutex_lock(&e->admin_lock);
	const bool asks = is_to_be_asked(e) && e->token && token_proxy_counts(e->token), well = asks && token_is_well(e);
	if (asks) {
		enum coffer_err err = anchor_compare_late(e, &reason);
		if (!err) anchor_thread_opened(d);
	}
	pthread_mutex_unlock(&e->admin_lock);
	d->ask_anchor_after_ms = clock_mono_ms() + (asks && !well ? ASK_UNWELL_AGAIN_MS : ASK_AGAIN_MS);
	d->asking_anchor = false;
}

/* Main thread. The token is there as long as the node is open or at a fault. */
static void look_for_late(struct daemon *d)
{
	struct engine *e = &d->engine;
	if (!is_to_be_asked(e) || clock_mono_ms() < d->ask_anchor_after_ms || atomic_exchange(&d->asking_anchor, true)) return;
	if (!admin_pool_call(d, ask_late, d)) d->asking_anchor = false;
}

void anchor_thread_tick(struct daemon *d)
{
	struct anchor_thread *t = d->anchor_thread;
	struct job *late = NULL;
	if (!t) return;
	look_for_late(d);
	pthread_mutex_lock(&t->lock);
	uint64_t now = clock_mono_ms();
	bool held = t->held.first && now - t->held_ms >= ANCHOR_WAIT_MS, covered = t->covered.first && now - t->covered_ms >= ANCHOR_WAIT_MS;
	if (held || covered) late = take_all(t);
	if (t->parked && next_ms(t) != UINT64_MAX) pthread_cond_signal(&t->wake); /* the token counts again, after a change of the master secret */
	pthread_mutex_unlock(&t->lock);
	if (late) log_warn("the token is slow: what was destroyed or revoked is acknowledged before its counter is raised");
	give_back(late);
}

void anchor_thread_stop(struct daemon *d)
{
	struct anchor_thread *t = d->anchor_thread;
	if (!t) return;
	pthread_mutex_lock(&t->lock);
	t->stop = true;
	pthread_cond_signal(&t->wake);
	pthread_mutex_unlock(&t->lock);
	pthread_join(t->thread, NULL);
}

void anchor_thread_free(struct daemon *d)
{
	struct anchor_thread *t = d->anchor_thread;
	if (!t) return;
	d->anchor_thread = NULL;
	pthread_cond_destroy(&t->wake);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

uint64_t anchor_thread_spacing_ms(struct daemon *d)
{
	struct anchor_thread *t = d->anchor_thread;
	uint64_t interval = d->engine.config->anchor_interval_ms;
	if (!t) return interval;
	pthread_mutex_lock(&t->lock);
	uint64_t spacing = anchor_pace_spacing(&t->pace, interval);
	pthread_mutex_unlock(&t->lock);
	return spacing;
}
