/* Looking before sleeping. */
#include "client/spin.h"

#include <sched.h>
#include <time.h>

#include "client/include/coffer.h"

#define YIELD_EVERY 8u          /* looks, a microsecond or two */
#define DISTURBED_NS 20000u     /* between two looks: somebody else ran here meanwhile */
#define BACKOFF_MAX 256u        /* waits that sleep at once */
#define BACKOFF_DISTURBED 16u   /* the least of them after somebody else wanted the core */

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
	s->began_ns = s->last_ns = now_ns();
	s->looks = 0;
	s->disturbed = false;
	s->looking = s->skip == 0;
	if (s->skip) s->skip--;
	return s->looking;
}

bool spin_again(struct spin *s)
{
	if (++s->looks % YIELD_EVERY == 0) sched_yield();
	uint64_t now = now_ns();
	if (now - s->last_ns > DISTURBED_NS) s->disturbed = true;
	s->last_ns = now;
	return !s->disturbed && now - s->began_ns < s->limit_ns;
}

void spin_end(struct spin *s)
{
	if (!s->limit_ns) return;
	if (now_ns() - s->began_ns <= s->limit_ns && !s->disturbed) {
		s->skip = s->backoff = 0; /* also asleep: then looking would have seen it */
		return;
	}
	if (!s->looking) return;
	s->backoff = s->backoff ? s->backoff * 2 : 1;
	if (s->disturbed && s->backoff < BACKOFF_DISTURBED) s->backoff = BACKOFF_DISTURBED;
	if (s->backoff > BACKOFF_MAX) s->backoff = BACKOFF_MAX;
	s->skip = s->backoff;
}
