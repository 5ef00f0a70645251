/* What goes wrong, what administrators do, and how it is mended before the end. */
#include <string.h>

#include "sim/sim.h"

#define CLONE (NODES - 1)

static unsigned any_node(struct sim *s)
{
	return (unsigned)sim_dice(s, s->nodes);
}

static bool finds_behind(const struct node *n)
{
	return n->behind || n->role.behind || n->role.lease_behind;
}

static void thaw(struct sim *s, unsigned at)
{
	struct node *n = &s->node[at];
	if (!n->stopped) return;
	uint64_t gone = (s->now - n->frozen_at) * n->rate / 1000;
	n->stopped = false;
	if (n->suspended) n->skew_ms -= gone;
	n->wake = s->now;
	sim_trace(s, "node %u goes on after %llu ms", at, (unsigned long long)(s->now - n->frozen_at));
}

static void freeze(struct sim *s, unsigned at, uint64_t for_ms)
{
	struct node *n = &s->node[at];
	if (!n->running || n->stopped) return;
	n->stopped = true;
	n->suspended = n->skew_ms > 200000 && sim_chance(s, 50);
	n->frozen_at = s->now;
	n->wake = s->now + for_ms;
	sim_trace(s, "node %u is stopped%s", at, n->suspended ? " with its clock" : "");
}

/* A machine was copied while it ran: same memory, no connection. */
static void clone_node(struct sim *s, unsigned at)
{
	struct node *n = &s->node[at], *c = &s->node[CLONE];
	if (!n->running || n->stopped || c->running || n->job != JOB_NONE || n->role.doing != ROLE_WAIT) return;
	*c = *n;
	c->twin_of = (int)at;
	db_store_init(s, CLONE);
	c->link = LINK_DOWN;
	c->session = -1;
	c->request = c->settle_request = -1;
	c->began = NEVER / 2;
	for (unsigned v = 0; v < SERVERS; v++) c->reach[v] = true;
	role_store(&c->role, node_clock(s, c), false);
	s->cloned = true;
	c->wake = c->answer_at = s->now + sim_dice(s, 20000);
	sim_trace(s, "node %u is cloned", at);
}

/* The monotonic clock of a machine never goes back; a broken one runs ahead. */
static void jump(struct sim *s, unsigned at)
{
	if (s->node[at].stopped) return;
	s->node[at].skew_ms += sim_dice(s, sim_chance(s, 50) ? 20000 : 3600000);
	sim_trace(s, "the clock of node %u jumps", at);
}

static void partition(struct sim *s)
{
	unsigned at = any_node(s), server = (unsigned)sim_dice(s, SERVERS);
	bool all = sim_chance(s, 30);
	for (unsigned v = 0; v < SERVERS; v++)
		if (all || v == server) s->node[at].reach[v] = !s->node[at].reach[v];
	sim_trace(s, "node %u reaches %d %d", at, s->node[at].reach[0], s->node[at].reach[1]);
}

static void failover(struct sim *s)
{
	unsigned old = s->newest;
	if (!s->server[1 - old].up || s->timelines > 6) return;
	if (sim_chance(s, 60)) db_crash(s, old);
	db_promote(s);
	if (sim_chance(s, 50)) s->server[old].up = true; /* the old primary is back, and takes writes */
}

static void server_trouble(struct sim *s)
{
	unsigned server = (unsigned)sim_dice(s, SERVERS);
	switch (sim_dice(s, 5)) {
	case 0: failover(s); break;
	case 1:
		sim_trace(s, "server %u crashes", server);
		db_crash(s, server);
		break;
	case 2:
		s->server[0].up = s->server[1].up = true;
		break;
	case 3:
		s->cut = !s->cut;
		sim_trace(s, "replication %s", s->cut ? "stops" : "goes on");
		break;
	default:
		db_rebuild(s);
		break;
	}
}

static void administrator(struct sim *s)
{
	unsigned at = any_node(s);
	struct node *n = &s->node[at];
	if (!n->running || n->stopped) return;
	switch (sim_dice(s, 4)) {
	case 0:
		sim_trace(s, "node %u is told to promote itself", at);
		(void)role_promote(&n->role, node_clock(s, n));
		n->wake = s->now;
		break;
	case 1:
		sim_trace(s, "node %u is told to step down", at);
		role_step_down(&n->role, node_clock(s, n));
		n->wake = s->now;
		break;
	case 2:
		if (finds_behind(n)) node_accept_store(s, at);
		break;
	default:
		if (s->nodes == IDENTITIES && !s->cloned && at != IDENTITIES - 1 && sim_chance(s, 30)) node_remove(s, at, IDENTITIES - 1);
		break;
	}
}

static void node_trouble(struct sim *s)
{
	unsigned at = any_node(s);
	switch (sim_dice(s, 6)) {
	case 0:
		if (s->node[at].running) node_stop(s, at);
		else node_start(s, at, true);
		break;
	case 1: freeze(s, at, 100 + sim_dice(s, sim_chance(s, 30) ? 60000 : 8000)); break;
	case 2: jump(s, at); break;
	case 3:
		if (s->kind == KIND_TWIN) clone_node(s, at);
		else link_lost(s, &s->node[at], false);
		break;
	default: partition(s); break;
	}
}

/* Everything is mended, and administrators have decided what was to be decided. */
static void heal(struct sim *s)
{
	sim_trace(s, "everything is mended");
	for (unsigned i = 0; i < NODES; i++) {
		thaw(s, i);
		s->node[i].reach[0] = s->node[i].reach[1] = true;
	}
	s->cut = false;
	s->server[s->newest].up = true;
	db_rebuild(s);
}

static void resolve(struct sim *s)
{
	sim_trace(s, "administrators have decided");
	if (s->cloned) { /* the machine that was copied goes on, with what is there */
		unsigned first = (unsigned)s->node[CLONE].twin_of;
		node_stop(s, CLONE);
		node_stop(s, first);
		s->node[first].own.nonce = NEVER;
		s->node[CLONE].twin_of = -1;
	}
	for (unsigned i = 0; i < IDENTITIES; i++)
		if (db_row(s, s->newest, KEY_TWIN + i)) db_force_erase(s, KEY_TWIN + i);
	for (unsigned i = 0; i < s->nodes; i++) {
		struct node *n = &s->node[i];
		if (!n->running) node_start(s, i, true);
		if (finds_behind(n)) node_accept_store(s, i);
		if (n->role.twin) {
			node_stop(s, i);
			n->own.nonce = NEVER; /* its store is the one to go on with */
			node_start(s, i, true);
		}
		(void)role_promote(&n->role, node_clock(s, n)); /* nobody rests because it was told to */
	}
	s->cloned = false;
	s->calm = true;
	s->calm_since = s->now;
	s->takes_calm = 0;
	s->masterless_at = NEVER;
}

void chaos_plan(struct sim *s)
{
	s->kind = (enum kind)(s->seed % KINDS);
	s->synchronous = s->kind != KIND_ASYNC;
	s->nodes = s->kind == KIND_CALM ? 3 : 2 + (unsigned)sim_dice(s, IDENTITIES - 1);
	s->heal_at = s->kind == KIND_CALM ? NEVER : 45000 + sim_dice(s, 35000);
	s->end_at = s->kind == KIND_CALM ? 90000 : s->heal_at + HEAL_MS + 7 * (uint64_t)LEASE_TIME / 2;
	s->next_chaos = s->kind == KIND_CALM ? 30000 + sim_dice(s, 20000) : 18000 + sim_dice(s, 4000);
	s->calm = s->kind == KIND_CALM;
	if (s->kind == KIND_FLAP) s->end_at = s->heal_at = 120000;
}

/* The one thing that goes wrong in a calm life: its master server is killed, or stopped. */
static void lose_master(struct sim *s)
{
	for (unsigned i = 0; i < s->nodes; i++) {
		if (!node_is_master(s, i)) continue;
		if (sim_chance(s, 50)) node_stop(s, i);
		else freeze(s, i, 30000);
	}
	s->next_chaos = NEVER;
}

/* Its master server's connections come and go each second. */
static void flap(struct sim *s)
{
	for (unsigned i = 0; i < s->nodes; i++)
		if (node_is_master(s, i) || sim_chance(s, 20)) s->node[i].reach[0] = !s->node[i].reach[0];
	s->next_chaos = s->now + 500;
}

void chaos_run(struct sim *s)
{
	for (unsigned i = 0; i < NODES; i++)
		if (s->node[i].stopped && s->now >= s->node[i].wake) thaw(s, i);
	if (s->now >= s->heal_at && s->heal_steps == 0) {
		heal(s);
		s->heal_steps = 1;
	}
	if (s->heal_steps == 1 && s->now >= s->heal_at + HEAL_MS) {
		resolve(s);
		s->heal_steps = 2;
	}
	for (unsigned i = 0; s->heal_steps == 2 && s->kind == KIND_ASYNC && i < s->nodes; i++)
		if (finds_behind(&s->node[i])) { /* found since */
			node_accept_store(s, i);
			s->calm_since = s->now;
		}
	if (s->now < s->next_chaos || s->now >= s->heal_at) return;
	if (s->kind == KIND_CALM) {
		lose_master(s);
		return;
	}
	if (s->kind == KIND_FLAP) {
		flap(s);
		return;
	}
	s->next_chaos = s->now + 200 + sim_dice(s, 6000);
	switch (sim_dice(s, 5)) {
	case 0:
	case 1: server_trouble(s); break;
	case 2: administrator(s); break;
	default: node_trouble(s); break;
	}
}
