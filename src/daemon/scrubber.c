/* A timer on the main thread sends the store thread a step; a pass that somebody waits for sends itself on. */
#include "daemon/scrubber.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/link.h"
#include "daemon/store_thread.h"
#include "ops/signs.h"
#include "ops/store_check.h"

#define TICK_MS 100u    /* between steps of an unhurried pass */
#define STEP_MS 3u      /* for how long the store thread is held at most, but for the row that is under way */
#define STEP_ROWS 4096u

struct scrubber {
	struct daemon *daemon;
	struct event *timer;     /* main thread */
	struct job job;          /* in the store thread's queue while `queued` */
	_Atomic bool queued;
	_Atomic bool wanted;     /* somebody asks for a pass that begins from now on */
	_Atomic bool running;
	_Atomic uint64_t next_mono_ms; /* when the next unhurried pass begins */
	bool hurried;            /* store thread: the pass under way is waited for */
	bool was_well;           /* store thread: what the monitor was told */
};

static bool can_check(struct engine *e)
{
	return engine_state_get(e) == ENGINE_OPEN || e->integrity_fault;
}

/* The monitor's status line says it too. */
static void tell(struct scrubber *s)
{
	struct engine *e = &s->daemon->engine;
	char sentence[STORE_CHECK_SENTENCE + 64], text[STORE_CHECK_SENTENCE + 96];
	bool well = store_check_is_well(e->check);
	if (well == s->was_well) return;
	s->was_well = well;
	store_check_sentence(e->check, sentence, sizeof sentence);
	snprintf(text, sizeof text, well ? "%s" : "%s; integrity: %s", engine_state_name(engine_state_get(e)), sentence);
	link_status(s->daemon, text);
}

static void end_pass(struct scrubber *s)
{
	struct engine *e = &s->daemon->engine;
	struct reason reason = { "" };
	s->running = s->hurried = false;
	s->next_mono_ms = clock_mono_ms() + signs_turn_ms(e, e->config->scrub_interval_ms, clock_wall_s() * 1000); /* the others go over the same rows */
	tell(s);
	if (engine_state_get(e) != ENGINE_OPEN || !store_check_is_news(e)) return;
	enum coffer_err err = store_thread_within(e, store_check_note, NULL, &reason);
	if (err) log_error("the audit log could not be told of it: %s", reason_text(&reason, err));
}

static size_t rows_of_step(const struct scrubber *s)
{
	size_t rows = s->daemon->engine.config->scrub_rate / (1000u / TICK_MS);
	return s->hurried ? STEP_ROWS : rows ? rows : 1;
}

/* On the store thread. */
static void step(void *arg)
{
	struct scrubber *s = arg;
	struct engine *e = &s->daemon->engine;
	bool again = false;
	const struct store_care *care = &s->daemon->care;
	if (can_check(e) && (!care->away || care->distrusted)) { /* what is closed cannot be read, and that is no fault of what it holds */
		if (!s->running) {
			s->hurried = atomic_exchange(&s->wanted, false);
			s->running = true;
			store_check_begin(e);
		} else if (s->wanted) {
			s->hurried = true; /* to its end, then one more: who asks again and again must not keep it from ending */
		}
		if (store_check_step(e, rows_of_step(s), STEP_MS)) end_pass(s);
		again = s->wanted || (s->running && s->hurried);
	}
	s->queued = false;
	if (again && !atomic_exchange(&s->queued, true) && !store_thread_put(s->daemon, &s->job)) s->queued = false;
}

static void send_step(struct scrubber *s)
{
	if (atomic_exchange(&s->queued, true)) return;
	if (!store_thread_put(s->daemon, &s->job)) s->queued = false;
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct scrubber *s = arg;
	struct timeval tick = { 0, TICK_MS * 1000 };
	(void)fd;
	(void)what;
	bool due = clock_mono_ms() >= s->next_mono_ms && s->daemon->engine.config->scrub_rate > 0;
	if (can_check(&s->daemon->engine) && (s->running || due || s->wanted)) send_step(s);
	else if (!s->running) tick = (struct timeval){ 1, 0 };
	event_add(s->timer, &tick);
}

static void want_check(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	d->scrubber->wanted = true;
	send_step(d->scrubber);
}

enum coffer_err scrubber_start(struct daemon *d)
{
	struct timeval soon = { 1, 0 };
	struct scrubber *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	s->daemon = d;
	s->was_well = true;
	s->job = (struct job){ .kind = JOB_CALL, .call = step, .arg = s };
	s->timer = event_new(d->base, -1, 0, on_timer, s);
	if (!s->timer || event_add(s->timer, &soon) != 0) {
		if (s->timer) event_free(s->timer);
		free(s);
		return ERR_MEMORY;
	}
	d->scrubber = s;
	d->engine.want_check = want_check;
	return ERR_OK;
}

void scrubber_stop(struct daemon *d)
{
	struct scrubber *s = d->scrubber;
	if (!s) return;
	event_free(s->timer);
	free(s);
	d->scrubber = NULL;
}
