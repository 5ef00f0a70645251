/* Calls that somebody waits for. */
#include <stdlib.h>
#include <time.h>

#include "daemon/store_thread.h"

/* A call that somebody waits for. Who gives it up before it has begun leaves it to the store thread, which only frees it. */
enum waited_state { WAITED_QUEUED, WAITED_RUNS, WAITED_DONE, WAITED_GIVEN_UP };

struct waited {
	void (*fn)(void *arg);
	void *arg;
	enum waited_state state;
	bool stays; /* memory was short: it lies on the caller's stack, and is not given up */
	pthread_mutex_t lock;
	pthread_cond_t finished;
	struct job job;
};

static void end_waited(struct waited *w)
{
	pthread_cond_destroy(&w->finished);
	pthread_mutex_destroy(&w->lock);
}

static void run_waited(void *arg)
{
	struct waited *w = arg;
	pthread_mutex_lock(&w->lock);
	bool wanted = w->state == WAITED_QUEUED;
	if (wanted) w->state = WAITED_RUNS;
	pthread_mutex_unlock(&w->lock);
	if (!wanted) { /* given up: it does not lie on a stack */
		end_waited(w);
		free(w);
		return;
	}
	w->fn(w->arg);
	pthread_mutex_lock(&w->lock);
	w->state = WAITED_DONE;
	pthread_cond_signal(&w->finished);
	pthread_mutex_unlock(&w->lock);
}

/* Until it is done, or the store hangs and it has not begun. */
static bool wait_for(struct daemon *d, struct waited *w)
{
	pthread_mutex_lock(&w->lock);
	while (w->state != WAITED_DONE) {
		struct timespec until;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_sec++;
		pthread_cond_timedwait(&w->finished, &w->lock, &until);
		if (w->state == WAITED_QUEUED && (d->engine.store_hangs || d->engine.store_away) && !w->stays) w->state = WAITED_GIVEN_UP;
		if (w->state == WAITED_GIVEN_UP) break;
	}
	bool done = w->state == WAITED_DONE;
	pthread_mutex_unlock(&w->lock);
	return done;
}

static _Thread_local bool opens_node;

void store_thread_opens(bool opens)
{
	opens_node = opens;
}

/* away: also then. */
static bool wait_on_store(struct daemon *d, bool away, void (*fn)(void *arg), void *arg)
{
	pthread_condattr_t attr;
	struct waited own = { .stays = true }, *w = &own;
	struct waited *apart = away ? NULL : calloc(1, sizeof *apart);
	if (apart) w = apart;
	if (pthread_mutex_init(&w->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0) {
		free(apart);
		return false;
	}
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->finished, &attr);
	pthread_condattr_destroy(&attr);
	w->fn = fn;
	w->arg = arg;
	w->job = (struct job){ .kind = JOB_CALL, .call = run_waited, .arg = w };
	bool put = job_queue_put(&d->store_jobs, &w->job);
	if (put && !wait_for(d, w)) return false;
	end_waited(w);
	free(apart);
	return put;
}

bool store_thread_may_open(void)
{
	return opens_node;
}

bool store_thread_do(struct daemon *d, void (*fn)(void *arg), void *arg)
{
	if (d->engine.store_hangs || d->engine.store_away || (d->engine.cache.offline && !opens_node)) return false;
	return wait_on_store(d, false, fn, arg);
}

bool store_thread_do_away(struct daemon *d, void (*fn)(void *arg), void *arg)
{
	return wait_on_store(d, true, fn, arg);
}
