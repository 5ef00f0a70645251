/* Pauses that grow, and grow further when nothing changes. */
#include "monitor/pause.h"

/* first << doublings, at most max. */
static uint64_t grow(uint64_t first, uint32_t doublings, uint64_t max)
{
	uint64_t ms = first;
	for (uint32_t i = 0; i < doublings && ms < max; i++) ms *= 2;
	return ms < max ? ms : max;
}

uint64_t pause_next_ms(struct pause *p, int wait_status)
{
	p->alike = p->crashes && p->last_status == wait_status ? p->alike + (p->alike < UINT32_MAX) : 1;
	p->crashes += p->crashes < UINT32_MAX;
	p->last_status = wait_status;
	if (p->alike > PAUSE_ALIKE) return grow(PAUSE_CRASH_MS, p->alike - PAUSE_ALIKE, PAUSE_MAX_MS);
	return p->crashes == 1 ? 0 : grow(PAUSE_FIRST_MS, p->crashes - 2, PAUSE_CRASH_MS);
}

void pause_reset(struct pause *p)
{
	*p = (struct pause){ .crashes = 0 };
}
