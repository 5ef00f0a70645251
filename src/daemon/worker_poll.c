/* Busy polling of a worker. Waking a sleeping core costs more than a small request, so while requests keep arriving at short gaps a worker asks for the next
 * one for a moment before it sleeps. It learns from what happens: requests that come late, and a processor that somebody else wants, end the
 * polling for a while; a daemon that is asked nothing never polls. */
#include <sched.h>

#include "base/clock.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define NS_PER_US UINT64_C(1000)
#define LOST_NS (20 * NS_PER_US)           /* longer than asking once can take: others ran on this processor */
#define GAP_PART 3u                        /* requests are near each other when they come within so many times busy_poll */
#define MISSED (-8)                        /* so many near ones make good for a moment of polling in vain */
#define TRUST_MOST 16
#define PAUSE_FIRST_NS (1000 * NS_PER_US)  /* after the processor was lost; then twice as long each time */
#define PAUSE_MOST_NS (256000 * NS_PER_US)
#define SPINS_PER_LOOP 16u                 /* the other connections, timers and the inbox are asked as often */
#define HITS_PER_LOOP 4u
#define SPINS_PER_YIELD 4u

static uint64_t window_ns(const struct worker *w)
{
	return w->daemon->engine.config->busy_poll_us * NS_PER_US;
}

static void trust(struct worker_poll *p, int more)
{
	p->trust = p->trust + more < TRUST_MOST ? p->trust + more : TRUST_MOST;
}

void worker_poll_note(struct worker *w, struct conn *c)
{
	struct worker_poll *p = &w->poll;
	p->hit = true;
	for (unsigned i = 0; i < p->hot_count; i++)
		if (p->hot[i] == c) return;
	if (p->hot_count == 0 && !p->polling) p->woke_ns = clock_mono_ns();
	if (p->hot_count < WORKER_HOT_MAX) p->hot[p->hot_count++] = c;
	else p->hot[p->victim++ % WORKER_HOT_MAX] = c;
}

void worker_poll_forget(struct worker *w, const struct conn *c)
{
	struct worker_poll *p = &w->poll;
	for (unsigned i = 0; i < p->hot_count; i++)
		if (p->hot[i] == c) p->hot[i--] = p->hot[--p->hot_count];
}

/* Asking one ends perhaps with its end, which moves another into its place. */
static bool ask_hot(struct worker *w)
{
	struct worker_poll *p = &w->poll;
	bool any = false;
	for (unsigned i = 0; i < p->hot_count; i++) any = conn_poll(p->hot[i]) || any;
	return any;
}

/* Others want the processor. */
static void lose(struct worker_poll *p, uint64_t now)
{
	p->lost++;
	p->pause_ns = p->pause_ns ? p->pause_ns * 2 : PAUSE_FIRST_NS;
	if (p->pause_ns > PAUSE_MOST_NS) p->pause_ns = PAUSE_MOST_NS;
	p->off_until_ns = now + p->pause_ns;
}

/* True: something came. False: it is time to sleep. */
static bool wait_for_more(struct worker *w, uint64_t until)
{
	struct worker_poll *p = &w->poll;
	uint64_t before = clock_mono_ns();
	for (unsigned spin = 1;; spin++) {
		if (ask_hot(w)) return true;
		uint64_t now = clock_mono_ns();
		if (now - before > LOST_NS) {
			lose(p, now);
			return false;
		}
		if (now >= until) {
			p->trust = MISSED;
			return false;
		}
		before = now;
		if (spin % SPINS_PER_YIELD == 0) sched_yield(); /* to whoever waits for this processor; the time it takes tells */
		if (spin % SPINS_PER_LOOP) continue;
		p->hit = false;
		if (event_base_loop(w->base, EVLOOP_NONBLOCK) < 0 || event_base_got_break(w->base)) return false;
		if (p->hit) return true;
		before = clock_mono_ns();
	}
}

static void poll_on(struct worker *w, uint64_t window)
{
	struct worker_poll *p = &w->poll;
	p->polls++;
	for (unsigned hits = 1; p->hot_count && !event_base_got_break(w->base) && wait_for_more(w, clock_mono_ns() + window); hits++) {
		trust(p, 1);
		if (hits % HITS_PER_LOOP) continue;
		p->pause_ns /= 2;
		if (event_base_loop(w->base, EVLOOP_NONBLOCK) < 0) break;
	}
}

/* Half of the processors may be polled on, one at least. */
static bool takes_place(struct daemon *d)
{
	unsigned most = d->worker_count > 3 ? d->worker_count / 2 : 1;
	if (atomic_fetch_add(&d->pollers, 1) < most) return true;
	atomic_fetch_sub(&d->pollers, 1);
	return false;
}

void worker_poll(struct worker *w)
{
	struct worker_poll *p = &w->poll;
	uint64_t window = window_ns(w);
	if (window == 0 || p->hot_count == 0) {
		p->hot_count = 0;
		return;
	}
	if (p->woke_ns - p->slept_ns < GAP_PART * window) trust(p, 1);
	if (p->trust > 0 && p->woke_ns >= p->off_until_ns && takes_place(w->daemon)) {
		p->polling = true;
		poll_on(w, window);
		p->polling = false;
		atomic_fetch_sub(&w->daemon->pollers, 1);
	}
	p->hot_count = 0;
	p->slept_ns = clock_mono_ns();
}
