/* A node's connection: which server, whether it may be used (docs/formats.md section 23.1), and what became of what was under way. */
#include <string.h>

#include "sim/sim.h"

#define CONNECT_MS 50u

void link_lost(struct sim *s, struct node *n, bool commit_sent)
{
	if (n->link == LINK_DOWN) return;
	if (db_is_here(s, n)) db_leave(s, n->session);
	n->session = -1;
	n->link = LINK_DOWN;
	if (commit_sent) n->store.unknown = true;
	memcpy(n->reading, n->roots, sizeof n->reading);
	role_store(&n->role, node_clock(s, n), false);
}

uint64_t link_root(const struct sim *s, const struct node *n, unsigned identity, uint64_t *nonce)
{
	const struct image *m = db_row(s, n->server, KEY_ROOT + identity);
	struct root root = { 0, 0 };
	if (m) memcpy(&root, m->body, sizeof root);
	if (nonce) *nonce = root.nonce;
	return root.version;
}

/* Its own root tells what became of its last commit, and that there are two of it. */
static void judge_own_root(struct sim *s, struct node *n)
{
	uint64_t nonce, version = link_root(s, n, n->identity, &nonce);
	if (version == n->own.version && nonce == n->own.nonce) n->attempt.version = 0;
	else if (n->attempt.version && version == n->attempt.version && nonce == n->attempt.nonce) n->own = n->attempt;
	else if (version >= n->own.version && version) {
		sim_trace(s, "node %u finds a root that it did not write", (unsigned)(n - s->node));
		role_twinned(&n->role, node_clock(s, n), false);
	}
	n->attempt.version = 0;
	if (n->own.version > n->roots[n->identity]) n->roots[n->identity] = n->reading[n->identity] = n->own.version; /* what was found to be there counts as confirmed */
}

/* Everything before the barrier stays. */
static bool is_behind(const struct sim *s, const struct node *n)
{
	for (unsigned i = 0; i < IDENTITIES; i++)
		if (link_root(s, n, i, NULL) < n->roots[i]) return true;
	return false;
}

static void settle_request(struct sim *s, struct node *n)
{
	if (n->settle_request < 0) return;
	int r = n->settle_request;
	struct store_row row;
	uint8_t id = (uint8_t)r;
	enum settle what = settle_read(ERR_OK, store_get(&n->store.base, STORE_REQUEST, view_of(&id, 1), &row));
	if (what == SETTLE_UNKNOWN) return;
	n->settle_request = -1;
	oracle_told(s, n, r, what == SETTLE_THERE ? TOLD_DONE : sim_chance(s, 50) ? TOLD_NOT : TOLD_NOTHING);
}

static void connected(struct sim *s, struct node *n)
{
	n->link = LINK_UP;
	n->timeline = s->server[n->server].timeline;
	sim_trace(s, "node %u uses server %u, timeline %u", (unsigned)(n - s->node), n->server, n->timeline);
	if (is_behind(s, n)) {
		if (!n->behind) sim_trace(s, "node %u finds the store behind", (unsigned)(n - s->node));
		n->behind = true;
		role_store_behind(&n->role, node_clock(s, n));
	}
	n->began = s->now;
	if (n->behind) return;
	oracle_connected(s, n);
	if (store_reopen(&n->store.base, NULL) != ERR_OK) return;
	judge_own_root(s, n);
	settle_request(s, n);
	role_store(&n->role, node_clock(s, n), true);
}

void node_accept_store(struct sim *s, unsigned at)
{
	struct node *n = &s->node[at];
	sim_trace(s, "node %u: an administrator accepts the store", at);
	s->accepted_any = true;
	n->behind = false;
	for (unsigned i = 0; i < IDENTITIES; i++) n->roots[i] = n->reading[i] = 0;
	n->own.version = n->attempt.version = 0;
	n->mark_epoch = 0;
	for (unsigned r = 0; r < REQUESTS; r++) s->request[r].knows &= ~(1u << n->identity);
	n->settle_request = -1;
	if (db_is_here(s, n)) db_leave(s, n->session);
	n->session = -1;
	n->link = LINK_DOWN;
	role_accept_store(&n->role, node_clock(s, n));
	role_store(&n->role, node_clock(s, n), false);
	n->own.nonce = NEVER; /* adopted with the next connection */
}

static bool may_use(const struct sim *s, const struct node *n, unsigned server)
{
	const struct server *v = &s->server[server];
	return n->reach[server] && v->up && v->primary && v->timeline >= n->timeline;
}

static void connect_one(struct sim *s, struct node *n)
{
	unsigned first = sim_chance(s, 50), server = may_use(s, n, first) ? first : 1 - first;
	n->answer_at = s->now + 200 + sim_dice(s, 600); /* the next try */
	if (!may_use(s, n, server)) return;
	int session = db_connect(s, n->identity, (uint8_t)server);
	if (session < 0) return;
	n->session = session;
	n->serial = s->session[session].serial;
	n->server = (uint8_t)server;
	n->link = LINK_BARRIER;
	s->session[session].phase = PHASE_OPEN;
	db_send_commit(s, session, 1 + sim_dice(s, CONNECT_MS));
	n->give_up_at = s->now + COMMIT_LIMIT;
}

/* A connection that hangs is given up; one that is lost is made anew. */
void link_step(struct sim *s, struct node *n)
{
	if (n->link == LINK_DOWN) {
		if (s->now >= n->answer_at) connect_one(s, n);
		return;
	}
	bool lost = !n->reach[n->server] || !db_is_here(s, n);
	if (lost || (n->link == LINK_BARRIER && s->now >= n->give_up_at)) {
		link_lost(s, n, false);
		n->answer_at = s->now + sim_dice(s, 300);
		return;
	}
	if (n->link != LINK_BARRIER || db_commit_answer(s, n->session) != ERR_OK) return;
	s->session[n->session].phase = PHASE_FREE;
	if (n->own.nonce == NEVER) {
		n->own.version = link_root(s, n, n->identity, &n->own.nonce);
		for (unsigned i = 0; i < IDENTITIES; i++) n->roots[i] = link_root(s, n, i, NULL);
	}
	connected(s, n);
}
