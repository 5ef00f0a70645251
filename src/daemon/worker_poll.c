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
#define GLANCES 16u                        /* so many times in a row a glance may find something before the other connections are asked, … */
#define GLANCE_BYTES (64u * 1024u)         /* … and so many bytes: about what one connection may read in its turn */
#define VAIN_MOST 4u                       /* after so many glances in vain … */
#define VAIN_SKIP 16u                      /* … one of so many is taken */
#define BUSY_NS (1000 * NS_PER_US)         /* a connection that was asked something is busy for so long */

static uint64_t window_ns(const struct worker *w)
{
	return w->daemon->engine.config->busy_poll_us * NS_PER_US;
}

static void trust(struct worker_poll *p, int more)
{
	p->trust = p->trust + more < TRUST_MOST ? p->trust + more : TRUST_MOST;
}

void worker_poll_note(struct worker *w, struct conn *c, size_t len)
{
	struct worker_poll *p = &w->poll;
	p->hit = true;
	p->taken += len;
	for (unsigned i = 0; i < p->hot_count; i++)
		if (p->hot[i] == c) return;
	if (p->hot_count == 0 && !p->polling) p->woke_ns = clock_mono_ns();
	if (p->hot_count < WORKER_HOT_MAX) {
		p->hot[p->hot_count++] = c;
		return;
	}
	p->hot[p->victim++ % WORKER_HOT_MAX] = c;
	p->crowded = true;
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

/* Connections that were asked something in the last moment, of all workers. */
static unsigned busy_now(struct daemon *d, uint64_t now)
{
	unsigned busy = 0;
	for (unsigned i = 0; i < d->worker_count; i++) {
		const struct worker_poll *p = &d->workers[i].poll;
		if (atomic_load_explicit(&p->served_ns, memory_order_relaxed) + BUSY_NS > now) busy += atomic_load_explicit(&p->served, memory_order_relaxed);
	}
	return busy;
}

/* Each busy connection has a client, who wants a processor too: workers may poll on what is left, on half of all at most. */
static unsigned room(struct daemon *d, uint64_t now)
{
	unsigned busy = busy_now(d, now), half = d->worker_count > 3 ? d->worker_count / 2 : 1;
	unsigned left = d->worker_count > busy ? d->worker_count - busy : 0;
	return left < half ? left : half;
}

static bool takes_place(struct daemon *d, uint64_t now)
{
	if (atomic_fetch_add(&d->pollers, 1) < room(d, now)) return true;
	atomic_fetch_sub(&d->pollers, 1);
	return false;
}

static void note_served(struct worker_poll *p, uint64_t now)
{
	atomic_store_explicit(&p->served, p->hot_count, memory_order_relaxed);
	atomic_store_explicit(&p->served_ns, now, memory_order_relaxed);
}

static void poll_on(struct worker *w, uint64_t window)
{
	struct worker_poll *p = &w->poll;
	p->polls++;
	for (unsigned hits = 1; p->hot_count && !event_base_got_break(w->base) && wait_for_more(w, clock_mono_ns() + window); hits++) {
		trust(p, 1);
		if (hits % HITS_PER_LOOP) continue;
		p->pause_ns /= 2;
		uint64_t now = clock_mono_ns();
		note_served(p, now);
		if (room(w->daemon, now) < w->daemon->pollers) break;
		conn_wipe_soon(w); /* what stays behind smaller frames; polling may go on for long */
		if (event_base_loop(w->base, EVLOOP_NONBLOCK) < 0) break;
	}
}

/* Where nothing is polled for. A client that runs on the worker's processor gets it with the write of its answer, and when the worker has it back the next
 * request is there: asking once costs less than to go to sleep and be woken at once. */
static void glance(struct worker *w)
{
	struct worker_poll *p = &w->poll;
	unsigned hits = 0;
	if (p->crowded) return; /* each of them has its turn */
	if (p->vain == VAIN_MOST && ++p->skipped % VAIN_SKIP) return;
	p->glances++;
	p->taken = 0;
	while (hits < GLANCES && p->taken < GLANCE_BYTES && p->hot_count && !event_base_got_break(w->base) && ask_hot(w)) hits++;
	if (hits) p->vain = 0;
	else if (p->vain < VAIN_MOST) p->vain++;
}

void worker_poll(struct worker *w)
{
	struct worker_poll *p = &w->poll;
	uint64_t window = window_ns(w);
	if (window == 0 || p->hot_count == 0) {
		p->hot_count = 0;
		p->crowded = false;
		return;
	}
	uint64_t now = clock_mono_ns();
	note_served(p, now);
	if (p->woke_ns - p->slept_ns < GAP_PART * window) trust(p, 1);
	if (p->trust > 0 && p->woke_ns >= p->off_until_ns && takes_place(w->daemon, now)) {
		p->polling = true;
		poll_on(w, window);
		p->polling = false;
		atomic_fetch_sub(&w->daemon->pollers, 1);
	} else {
		glance(w);
	}
	p->hot_count = 0;
	p->crowded = false;
	p->slept_ns = clock_mono_ns();
}
