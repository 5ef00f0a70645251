/* A node: the loop of docs/domain.md around role and fence, cut into steps between which anything may happen. */
#include <string.h>

#include "sim/sim.h"

uint64_t node_clock(const struct sim *s, const struct node *n)
{
	uint64_t now = n->stopped && n->suspended ? n->frozen_at : s->now;
	return now * n->rate / 1000 + n->skew_ms;
}

bool node_is_master(const struct sim *s, unsigned at)
{
	const struct node *n = &s->node[at];
	return n->running && role_kind(&n->role, node_clock(s, n)) == ROLE_MASTER;
}

bool node_is_free(const struct node *n)
{
	return n->running && !n->stopped && n->job == JOB_NONE && n->link == LINK_UP && !n->store.unknown && !n->behind;
}

void node_start(struct sim *s, unsigned at, bool again)
{
	struct node *n = &s->node[at];
	struct role_config config = { .may_take = true, .lease_time_ms = LEASE_TIME, .epoch = n->mark_epoch, .seed = sim_dice(s, NEVER) };
	if (!again) {
		n->identity = (uint8_t)at;
		n->skew_ms = 1 + sim_dice(s, 1000000);
		n->rate = 995 + sim_dice(s, 11);
		n->timeline = 1;
		n->twin_of = -1;
	}
	memcpy(config.node_id, world_node_id(n->identity), UUID_LEN);
	n->ring = world_ring(n->identity);
	db_store_init(s, (uint8_t)at);
	role_init(&n->role, &config, node_clock(s, n));
	n->running = true;
	n->stopped = false;
	n->link = LINK_DOWN;
	n->session = -1;
	n->job = JOB_NONE;
	n->request = n->settle_request = n->remove = -1;
	n->answer_at = n->wake = s->now;
	memcpy(n->reading, n->roots, sizeof n->reading);
	if (n->behind) role_store_behind(&n->role, node_clock(s, n));
	role_store(&n->role, node_clock(s, n), false);
	sim_trace(s, "node %u starts", at);
}

/* What it had in hand: its client knows nothing. */
static void drop_requests(struct sim *s, struct node *n)
{
	if (n->request >= 0) s->request[n->request].in_hand = false;
	if (n->settle_request >= 0) s->request[n->settle_request].in_hand = false;
	n->request = n->settle_request = -1;
}

void node_stop(struct sim *s, unsigned at)
{
	struct node *n = &s->node[at];
	if (!n->running) return;
	sim_trace(s, "node %u is killed", at);
	link_lost(s, n, false);
	drop_requests(s, n);
	n->running = false;
	n->wake = NEVER;
}

/* ---- transactions ---- */

static enum coffer_err put_root(struct sim *s, struct node *n)
{
	struct store *store = &n->store.base;
	struct store_row row = { .id = { n->identity }, .id_len = 1, .version = 1, .header = view_of("", 1) }, found;
	struct root now = { 0, 0 };
	enum coffer_err err = store_hold(store, STORE_DOMAIN, view_of(row.id, 1), &found);
	ENSURE(!err || err == ERR_NOT_FOUND, err);
	if (!err) memcpy(&now, found.body.ptr, sizeof now);
	if (now.version != n->own.version || now.nonce != n->own.nonce) {
		role_twinned(&n->role, node_clock(s, n), false);
		return ERR_EXISTS;
	}
	n->attempt = (struct root){ now.version + 1, 1 + sim_dice(s, NEVER - 1) };
	row.body = view_of(&n->attempt, sizeof n->attempt);
	return store_put(store, STORE_DOMAIN, &row, true);
}

static void read_roots(struct sim *s, struct node *n)
{
	for (unsigned i = 0; i < IDENTITIES; i++) {
		uint64_t version = link_root(s, n, i, NULL);
		if (version > n->reading[i]) n->reading[i] = version;
	}
}

static void send(struct sim *s, struct node *n, enum job job)
{
	n->job = job;
	db_send_commit(s, n->session, 1 + sim_dice(s, sim_chance(s, 5) ? 2500 : 60));
	n->give_up_at = s->now + COMMIT_LIMIT;
}

static void forget(struct node *n)
{
	store_rollback(&n->store.base);
	n->attempt.version = 0;
}

/* What a fence said, when it said no. */
static void heed(struct sim *s, struct node *n, enum coffer_err err)
{
	struct lease found;
	if (err == ERR_EXISTS) role_twinned(&n->role, node_clock(s, n), true);
	if (err == ERR_STATE && lease_look(&n->store.base, n->ring, &found) == ERR_OK) role_saw(&n->role, node_clock(s, n), &found);
}

void node_ask(struct sim *s, unsigned at, int r)
{
	struct node *n = &s->node[at];
	struct store *store = &n->store.base;
	if (!node_is_free(n) || !node_is_master(s, at) || n->settle_request >= 0) return;
	struct store_row row = { .id = { (uint8_t)r }, .id_len = 1, .version = 1, .header = view_of("", 1) };
	uint8_t body[9] = { n->identity };
	if (store_begin(store, NULL) != ERR_OK) return;
	enum coffer_err err = fence_check(store, n->ring, role_mine(&n->role), NULL);
	memcpy(body + 1, &role_mine(&n->role)->epoch, 8);
	row.body = view_of(body, sizeof body);
	bool found = false;
	if (!err) err = store_put(store, STORE_REQUEST, &row, false);
	if (err == ERR_EXISTS && n->store.doom == ERR_OK) {
		found = store_hold(store, STORE_REQUEST, view_of(row.id, 1), &row) == ERR_OK;
		if (found) err = ERR_OK;
	}
	if (!err) err = put_root(s, n);
	if (err) {
		forget(n);
		if (!found) heed(s, n, err);
		return;
	}
	read_roots(s, n);
	n->request = r;
	s->request[r].in_hand = true;
	n->wake = s->now;
	send(s, n, found ? JOB_FOUND : JOB_REQUEST);
	sim_trace(s, "node %u carries out request %d%s under epoch %llu", at, r, found ? " (found)" : "", (unsigned long long)role_mine(&n->role)->epoch);
}

void node_remove(struct sim *s, unsigned at, int identity)
{
	struct node *n = &s->node[at];
	struct store *store = &n->store.base;
	struct store_row row, found;
	if (!node_is_free(n) || !node_is_master(s, at) || store_begin(store, NULL) != ERR_OK) return;
	enum coffer_err err = fence_check(store, n->ring, role_mine(&n->role), NULL);
	row = world_record((unsigned)identity, true)->row;
	if (!err) err = store_hold(store, STORE_NODE, view_of(row.id, row.id_len), &found);
	if (!err) err = store_put(store, STORE_NODE, &row, true);
	if (!err) err = put_root(s, n);
	if (err) {
		forget(n);
		return;
	}
	sim_trace(s, "node %u removes node %d", at, identity);
	n->wake = s->now;
	send(s, n, JOB_REMOVE);
}

/* ---- the role's actions ---- */

static void ended(struct sim *s, struct node *n, enum role_outcome outcome, const struct lease *found)
{
	role_ended(&n->role, node_clock(s, n), outcome, found);
}

static void look(struct sim *s, struct node *n)
{
	struct lease found = { .version = 0 };
	enum coffer_err err = lease_look(&n->store.base, n->ring, &found);
	ended(s, n, role_outcome(err), &found);
}

static void write_lease(struct sim *s, struct node *n)
{
	struct store *store = &n->store.base;
	struct lease found = { .version = 0 };
	enum coffer_err err = store_begin(store, NULL);
	if (!err) err = lease_write(store, n->ring, &n->action.expect, &n->action.next, &found, NULL);
	if (err) {
		forget(n);
		ended(s, n, role_outcome(err), &found);
		return;
	}
	send(s, n, JOB_LEASE);
}

static void note_twin(struct sim *s, struct node *n)
{
	enum coffer_err err = store_begin(&n->store.base, NULL);
	if (!err) err = fence_note_twin(&n->store.base, n->ring);
	if (!err) {
		send(s, n, JOB_NOTE);
		return;
	}
	forget(n);
	ended(s, n, role_outcome(err), NULL);
}

static void act(struct sim *s, struct node *n)
{
	for (unsigned i = 0; i < LEASE_LIFE_LEN; i++) n->action.next.life[i] = (uint8_t)sim_dice(s, 256);
	if (n->action.what == ROLE_TAKE) n->action.next.taken_ms = sim_dice(s, NEVER); /* its wall clock may say anything */
	role_begun(&n->role, node_clock(s, n), &n->action);
	if (n->action.what != ROLE_LOOK) sim_trace(s, "node %u: action %d, epoch %llu", (unsigned)(n - s->node), (int)n->action.what, (unsigned long long)n->action.next.epoch);
	switch (n->action.what) {
	case ROLE_KEEP:
		n->mark_epoch = n->action.next.epoch;
		ended(s, n, ROLE_DONE, NULL);
		return;
	case ROLE_SETTLE: /* link_step has opened it again */
	case ROLE_LOOK: look(s, n); return;
	case ROLE_NOTE_TWIN: note_twin(s, n); return;
	default: write_lease(s, n); return;
	}
}

/* ---- answers ---- */

static void answered_request(struct sim *s, struct node *n, enum coffer_err err, bool found)
{
	int r = n->request;
	n->request = -1;
	enum settle what = found ? settle_found(err) : settle_commit(err);
	if (what == SETTLE_UNKNOWN) n->settle_request = r;
	else oracle_told(s, n, r, what == SETTLE_THERE ? TOLD_DONE : sim_chance(s, 50) ? TOLD_NOT : TOLD_NOTHING);
}

static void answered(struct sim *s, struct node *n, enum coffer_err err)
{
	enum job job = n->job;
	n->job = JOB_NONE;
	n->store.result = err;
	err = store_commit(&n->store.base, NULL);
	if (!err) {
		if (job != JOB_LEASE && job != JOB_NOTE) n->own = n->attempt;
		n->attempt.version = 0;
		memcpy(n->roots, n->reading, sizeof n->roots);
		if (n->own.version > n->roots[n->identity]) n->roots[n->identity] = n->reading[n->identity] = n->own.version;
	}
	if (job == JOB_LEASE || job == JOB_NOTE) {
		n->action.next.generation = ring_newest(n->ring);
		ended(s, n, role_outcome(err), &n->action.next);
	} else if (job != JOB_REMOVE) {
		answered_request(s, n, err, job == JOB_FOUND);
	}
}

/* The commit under way: its answer, or that there will be none. */
static bool wait_for_commit(struct sim *s, struct node *n)
{
	if (n->job == JOB_NONE) return false;
	bool lost = n->link != LINK_UP || !n->reach[n->server] || !db_is_here(s, n) || s->now >= n->give_up_at;
	enum coffer_err err = lost ? ERR_UNKNOWN_OUTCOME : db_commit_answer(s, n->session);
	if (err == ERR_BUSY) return true;
	if (!lost && !err) s->session[n->session].phase = PHASE_FREE;
	answered(s, n, err);
	if (err) {
		link_lost(s, n, true);
		n->answer_at = s->now;
	}
	return false;
}

static void act_on_role(struct sim *s, struct node *n)
{
	for (unsigned i = 0; i < 8 && n->job == JOB_NONE; i++) {
		role_next(&n->role, node_clock(s, n), &n->action);
		oracle_said(s, (unsigned)(n - s->node), role_said(&n->role));
		if (n->action.what == ROLE_WAIT) break;
		if (n->action.what != ROLE_KEEP && n->link != LINK_UP) return;
		if (n->action.what == ROLE_SETTLE && n->store.unknown) return;
		act(s, n);
	}
}

void node_step(struct sim *s, unsigned at)
{
	struct node *n = &s->node[at];
	if (!n->running || n->stopped) return;
	if (!wait_for_commit(s, n) && n->job == JOB_NONE) {
		link_step(s, n);
		if (!n->behind) act_on_role(s, n);
		oracle_said(s, at, role_said(&n->role));
	}
	/* When to look again: soon while something is under way, else when the role says so. */
	uint64_t clock = node_clock(s, n), at_ms = n->action.what == ROLE_WAIT ? n->action.at_ms : clock + 200;
	uint64_t pause = at_ms == NEVER ? 1000 : at_ms > clock ? (at_ms - clock) * 1000 / n->rate + 1 : 1;
	if (n->job != JOB_NONE || n->link == LINK_BARRIER) pause = 25;
	if (n->link == LINK_DOWN && n->answer_at > s->now && n->answer_at - s->now < pause) pause = n->answer_at - s->now;
	n->wake = s->now + (pause > 1000 ? 1000 : pause ? pause : 1);
}
