/* Looking before sleeping. */
#include "client/spin.h"

#include <sched.h>
#include <time.h>

#include "client/include/coffer.h"

#define YIELD_EVERY 8u          /* looks, a microsecond or two */
#define SHARED_NS 3000u         /* a yield that takes longer let somebody else run */
#define BACKOFF_MAX 512u        /* waits that sleep at once after one that looked in vain */

static uint64_t now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* With one core, looking only keeps the daemon from answering. */
static bool one_core(void)
{
	cpu_set_t set;
	return sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) < 2;
}

void spin_init(struct spin *s, uint32_t busy_poll_us)
{
	uint32_t us = busy_poll_us ? busy_poll_us : SPIN_AUTO_US;
	*s = (struct spin){ .limit_ns = us == COFFER_POLL_OFF || one_core() ? 0 : (uint64_t)us * 1000u };
}

bool spin_begin(struct spin *s)
{
	if (!s->limit_ns) return false;
	s->began_ns = now_ns();
	s->looks = 0;
	s->shared = false;
	s->looking = s->skip == 0;
	if (s->skip) s->skip--;
	return s->looking;
}

/* Who waits for this core may be the one who answers. */
static void let_others_run(struct spin *s)
{
	uint64_t before = now_ns();
	sched_yield();
	s->shared = now_ns() - before > SHARED_NS;
}

bool spin_again(struct spin *s)
{
	if (s->shared) return false; /* one look was left after that */
	if (s->looks++ % YIELD_EVERY == 0) let_others_run(s);
	return now_ns() - s->began_ns < s->limit_ns;
}

/* Looking in vain costs more than looking gains: three good ones make up for it, and when one in four fails it is soon tried but now and then. */
void spin_end(struct spin *s)
{
	if (!s->limit_ns || !s->looking) return;
	if (s->shared || now_ns() - s->began_ns > s->limit_ns) s->backoff = s->backoff ? s->backoff * 8 : 8;
	else s->backoff /= 2;
	if (s->backoff > BACKOFF_MAX) s->backoff = BACKOFF_MAX;
	s->skip = s->backoff;
}
