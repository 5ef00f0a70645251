/* The simulation's loop: what is due next, happens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/sim.h"

uint64_t sim_dice(struct sim *s, uint64_t below)
{
	s->dice += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
	uint64_t z = s->dice;
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	z ^= z >> 31;
	return below == NEVER ? z : below ? z % below : 0;
}

bool sim_chance(struct sim *s, unsigned percent)
{
	return sim_dice(s, 100) < percent;
}

void sim_trace(struct sim *s, const char *format, ...)
{
	va_list args;
	if (!s->trace) return;
	printf("%8llu ", (unsigned long long)s->now);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
}

void sim_broken(struct sim *s, const char *format, ...)
{
	va_list args;
	if (s->broken[0]) return;
	va_start(args, format);
	(void)vsnprintf(s->broken, sizeof s->broken, format, args);
	va_end(args);
	sim_trace(s, "BROKEN %s", s->broken);
}

/* A client asks something new, or again what it has no answer to, of a node that says it is master server. */
static void ask(struct sim *s)
{
	if (s->now < s->next_ask) return;
	s->next_ask = s->now + 100 + sim_dice(s, 3000);
	unsigned r = s->next_request;
	if (!r || (r < REQUESTS && sim_chance(s, 60))) s->next_request++;
	else r = (unsigned)sim_dice(s, r);
	if (r >= REQUESTS || s->request[r].in_hand || s->request[r].told == TOLD_NOT) return;
	unsigned first = (unsigned)sim_dice(s, NODES);
	for (unsigned i = 0; i < NODES; i++) {
		unsigned at = (first + i) % NODES;
		if (!node_is_master(s, at) || !node_is_free(&s->node[at])) continue;
		node_ask(s, at, (int)r);
		return;
	}
}

static uint64_t next_time(const struct sim *s)
{
	uint64_t at = db_next(s);
	for (unsigned i = 0; i < NODES; i++)
		if ((s->node[i].running) && s->node[i].wake < at) at = s->node[i].wake;
	if (s->next_ask < at) at = s->next_ask;
	if (s->now < s->heal_at && s->next_chaos < at) at = s->next_chaos;
	if (s->heal_steps == 0 && s->heal_at < at) at = s->heal_at;
	if (s->heal_steps == 1 && s->heal_at + HEAL_MS < at) at = s->heal_at + HEAL_MS;
	return at > s->now ? at : s->now + 1;
}

bool sim_run(struct sim *s, uint64_t seed, bool trace)
{
	struct image *images = s->images;
	memset(s, 0, sizeof *s);
	s->images = images;
	s->seed = seed;
	s->dice = seed * UINT64_C(0x2545f4914f6cdd1d) + 1;
	s->trace = trace;
	s->now = 1;
	s->masterless_at = NEVER;
	chaos_plan(s);
	db_init(s);
	for (unsigned i = 0; i < NODES; i++) {
		s->node[i].wake = NEVER;
		s->node[i].twin_of = -1;
		s->node[i].reach[0] = s->node[i].reach[1] = true;
	}
	for (unsigned i = 0; i < s->nodes; i++) node_start(s, i, false);
	while (s->now < s->end_at && !s->broken[0]) {
		db_run(s);
		chaos_run(s);
		ask(s);
		for (unsigned i = 0; i < NODES; i++)
			if (s->node[i].running && s->now >= s->node[i].wake) node_step(s, i);
		oracle_step(s);
		s->now = next_time(s);
	}
	if (!s->broken[0]) oracle_end(s);
	return !s->broken[0];
}
