/* What must hold, after every step. */
#include <string.h>

#include "sim/sim.h"

#define TAKEOVER_MS LEASE_TIME
#define SETTLE_MS (3 * (uint64_t)LEASE_TIME) /* after everything is mended: connections, promotions that cross, one lease time */

static uint64_t u64_at(const uint8_t *at)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 8; i++) v = v << 8 | at[i];
	return v;
}

/* Epochs rise by a new taking alone, and one that stands was never there before in this log. */
static void lease_written(struct sim *s, struct server *v, const struct image *m, unsigned server)
{
	uint8_t holder = (uint8_t)(m->body[1] - 'A');
	uint64_t epoch = u64_at(m->body + 17);
	bool taken = epoch != v->epoch;
	if (epoch < v->epoch) sim_broken(s, "epochs: server %u goes back from epoch %llu to %llu", server, (unsigned long long)v->epoch, (unsigned long long)epoch);
	if (!taken && holder != v->holder) sim_broken(s, "holders: epoch %llu has two holders on server %u", (unsigned long long)epoch, server);
	if (v->removed & 1u << holder) sim_broken(s, "removed: node %u holds the lease after it was removed", holder);
	if (taken && server == s->newest) {
		s->takes++;
		if (s->calm && s->now > s->calm_since + SETTLE_MS) s->takes_calm++;
		s->last_lead_ms = s->now;
		sim_trace(s, "server %u: node %u has epoch %llu", server, holder, (unsigned long long)epoch);
	}
	v->epoch = epoch;
	v->holder = holder;
	v->held = m->row.state == 1;
}

static void fenced(struct sim *s, const struct server *v, unsigned server, uint8_t identity, uint64_t epoch)
{
	if (v->holder == identity && v->epoch == epoch && v->held) return;
	sim_broken(s, "fence: node %u writes under epoch %llu on server %u, where node %u has epoch %llu%s", identity, (unsigned long long)epoch, server, v->holder,
		(unsigned long long)v->epoch, v->held ? "" : " and gave it back");
}

static void request_written(struct sim *s, struct server *v, const struct image *m, unsigned server)
{
	unsigned r = m->key - KEY_REQUEST;
	uint64_t epoch;
	memcpy(&epoch, m->body + 1, sizeof epoch);
	fenced(s, v, server, m->body[0], epoch);
	if (++v->effects[r] > 1) sim_broken(s, "effects: request %u has two effects on server %u", r, server);
	if (s->request[r].told == TOLD_NOT && s->synchronous) sim_broken(s, "revived: request %u was said not to have happened, and it happens", r);
}

void oracle_commit(struct sim *s, unsigned server, const struct entry *e)
{
	struct server *v = &s->server[server];
	if (e->identity < IDENTITIES && v->removed & 1u << e->identity && e->count) sim_broken(s, "removed: node %u writes after it was removed", e->identity);
	for (unsigned i = 0; i < e->count; i++) {
		const struct image *m = e->writes[i];
		if (m->key == KEY_LEASE) lease_written(s, v, m, server);
		else if (m->key >= KEY_REQUEST) request_written(s, v, m, server);
		else if (m->key >= KEY_NODE && m->key < KEY_ROOT && m->row.state == 3) v->removed |= 1u << (m->key - KEY_NODE);
	}
}

void oracle_told(struct sim *s, struct node *n, int r, enum told told)
{
	struct request *q = &s->request[r];
	q->in_hand = false;
	if (told == TOLD_NOTHING) return;
	if (q->told != TOLD_NOTHING && q->told != told && s->synchronous)
		sim_broken(s, "answers: request %d was answered in two ways", r);
	q->told = told;
	if (told == TOLD_DONE) q->knows |= 1u << n->identity;
	sim_trace(s, "request %d: %s", r, told == TOLD_DONE ? "done" : "did not happen");
	const struct image *m = db_row(s, s->newest, KEY_REQUEST + (unsigned)r);
	if (!s->synchronous) return;
	if ((told == TOLD_DONE) != (m != NULL)) sim_broken(s, "answers: request %d is said %s and is %s", r, told == TOLD_DONE ? "done" : "not done", m ? "there" : "not there");
}

void oracle_promoted(struct sim *s)
{
	for (unsigned r = 0; s->synchronous && r < REQUESTS; r++)
		if (s->request[r].told == TOLD_DONE && !db_row(s, s->newest, KEY_REQUEST + r)) sim_broken(s, "lost: request %u was done, and is lost with a promotion", r);
}

/* Who goes on with a store finds there what it told. */
void oracle_connected(struct sim *s, const struct node *n)
{
	for (unsigned r = 0; r < REQUESTS; r++)
		if (s->request[r].knows & 1u << n->identity && !db_row(s, n->server, KEY_REQUEST + r))
			sim_broken(s, "behind: node %u goes on with server %u, which lacks request %u that it told to be done", n->identity, n->server, r);
}

void oracle_said(struct sim *s, unsigned at, unsigned said)
{
	static const char *const names[] = { "master", "lost", "gone", "back", "TWIN", "BEHIND", "REMOVED", "stepped down", "not promoted" };
	for (unsigned i = 0; said && i < sizeof names / sizeof names[0]; i++)
		if (said & 1u << i) sim_trace(s, "node %u says: %s", at, names[i]);
	if (said & ROLE_SAY_TWIN && !s->cloned) sim_broken(s, "twins: node %u says that there are two of it, and there are not", at);
	if (said & ROLE_SAY_BEHIND && s->synchronous) sim_broken(s, "behind: node %u refuses a store that lacks nothing", at);
	if (said & ROLE_SAY_MASTER && s->node[at].mark_epoch != role_mine(&s->node[at].role)->epoch)
		sim_broken(s, "mark: node %u is master server under an epoch that it did not keep", at);
}

static bool is_served(const struct sim *s)
{
	for (unsigned i = 0; i < s->nodes; i++)
		if (node_is_master(s, i) && !s->node[i].stopped) return true;
	return false;
}

/* Two processes of one identity that both have used the store since do not both go on. */
static void twins(struct sim *s)
{
	const struct node *clone = &s->node[NODES - 1];
	if (!s->cloned || !clone->running || clone->twin_of < 0) return;
	const struct node *first = &s->node[clone->twin_of];
	if (node_is_master(s, NODES - 1) && node_is_master(s, (unsigned)clone->twin_of) && lease_is_same(role_mine(&first->role), role_mine(&clone->role)) &&
		s->now > clone->began + 3 * LEASE_TIME && s->now > first->began + 3 * LEASE_TIME && first->link == LINK_UP && clone->link == LINK_UP)
		sim_broken(s, "twins: two of node %d go on as master server", clone->twin_of);
}

void oracle_step(struct sim *s)
{
	bool served = is_served(s);
	if (served) s->masterless_at = NEVER;
	else if (s->masterless_at == NEVER) s->masterless_at = s->now;
	twins(s);
	if (!s->calm || served) return;
	uint64_t since = s->masterless_at > s->calm_since ? s->masterless_at : s->calm_since;
	uint64_t bound = s->kind == KIND_CALM ? TAKEOVER_MS : SETTLE_MS;
	if (s->now > since + bound) sim_broken(s, "takeover: nothing is wrong, and nobody is master server for %llu ms", (unsigned long long)(s->now - since));
}

void oracle_end(struct sim *s)
{
	if (s->kind == KIND_CALM && s->takes > 2) sim_broken(s, "flapping: one master server was lost, and %u times the lease was taken", s->takes);
	if (s->kind == KIND_FLAP && s->takes > 1 + (s->end_at / 60000)) sim_broken(s, "flapping: %u takings within %llu ms", s->takes, (unsigned long long)s->end_at);
	if (s->calm && s->kind != KIND_CALM && s->takes_calm) sim_broken(s, "flapping: %u takings while nothing was wrong", s->takes_calm);
}
