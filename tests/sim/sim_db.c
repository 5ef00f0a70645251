/* Two database servers: transactions that see the rows of their beginning, held and written rows locked until they end, commits that run on without their client,
 * replication, promotion. Weaker than PostgreSQL's serializable transactions (a plain read is compared with nothing), so what holds here holds there. */
#include <string.h>

#include "sim/sim.h"

const struct image *db_row(const struct sim *s, unsigned server, unsigned key)
{
	const struct image *m = s->server[server].cells[key].now;
	return m && m->row.body.len ? m : NULL;
}

unsigned db_key(enum store_table table, struct view id)
{
	if (table == STORE_LEASE && view_equal_str(id, LEASE_ID)) return KEY_LEASE;
	if (table == STORE_LEASE) return KEY_TWIN + (unsigned)(id.ptr[4] - 'A');
	if (table == STORE_NODE) return KEY_NODE + (unsigned)(id.ptr[0] - 'A');
	if (table == STORE_DOMAIN) return KEY_ROOT + id.ptr[0];
	return KEY_REQUEST + id.ptr[0];
}

static void carry(struct sim *s, unsigned server, const struct entry *e)
{
	struct server *v = &s->server[server];
	if (v->length == LOG_MAX) {
		sim_broken(s, "the log is full: the simulation needs a longer one");
		return;
	}
	v->log[v->length++] = *e;
	for (unsigned i = 0; i < e->count; i++) {
		struct cell *c = &v->cells[e->writes[i]->key];
		c->now = e->writes[i];
		c->changed = v->length;
	}
	oracle_commit(s, server, e);
}

static bool streams(const struct sim *s, unsigned from)
{
	const struct server *a = &s->server[from], *b = &s->server[1 - from];
	return !s->cut && a->up && b->up && a->primary && !b->primary && a->timeline == b->timeline;
}

void db_init(struct sim *s)
{
	struct entry e = { .count = IDENTITIES, .identity = 0xff };
	_Static_assert(IDENTITIES <= WRITES, "one entry holds all records");
	for (unsigned i = 0; i < IDENTITIES; i++) e.writes[i] = world_record(i, false);
	for (unsigned v = 0; v < SERVERS; v++) {
		struct server *server = &s->server[v];
		*server = (struct server){ .up = true, .primary = v == 0, .timeline = 1, .holder = 0xff, .replay_at = NEVER };
		for (unsigned k = 0; k < KEYS; k++) server->cells[k].writer = -1;
		carry(s, v, &e);
	}
	s->newest = 0;
	s->timelines = 1;
}

/* ---- sessions ---- */

static void unlock(struct sim *s, int at)
{
	struct server *v = &s->server[s->session[at].server];
	for (unsigned k = 0; k < KEYS; k++) {
		v->cells[k].holders &= ~(UINT64_C(1) << at);
		if (v->cells[k].writer == at) v->cells[k].writer = -1;
	}
}

static void end_transaction(struct sim *s, int at)
{
	struct session *x = &s->session[at];
	unlock(s, at);
	x->phase = PHASE_FREE;
	x->count = 0;
	if (x->orphan) x->used = false;
}

int db_connect(struct sim *s, uint8_t identity, uint8_t server)
{
	int free_one = -1;
	for (int i = 0; i < (int)SESSIONS; i++) {
		if (s->session[i].used && s->session[i].server == server && s->session[i].identity == identity) return -1; /* the writer's lock */
		if (!s->session[i].used && free_one < 0) free_one = i;
	}
	if (free_one >= 0) s->session[free_one] = (struct session){ .used = true, .server = server, .identity = identity, .serial = ++s->serials };
	return free_one;
}

bool db_is_here(const struct sim *s, const struct node *n)
{
	return n->session >= 0 && s->session[n->session].used && s->session[n->session].serial == n->serial && s->server[n->server].up;
}

void db_leave(struct sim *s, int at)
{
	struct session *x = &s->session[at];
	if (!x->used) return;
	x->orphan = true;
	if (x->phase == PHASE_FREE) x->used = false;
	else if (x->phase == PHASE_OPEN) x->due = s->now + sim_dice(s, OPEN_LIMIT);
}

void db_send_commit(struct sim *s, int at, uint64_t delay)
{
	s->session[at].phase = PHASE_SENT;
	s->session[at].due = s->now + delay;
}

static void apply(struct sim *s, int at)
{
	struct session *x = &s->session[at];
	struct entry e = { .count = x->count, .identity = x->identity, .at_ms = s->now };
	for (unsigned i = 0; i < x->count; i++) e.writes[i] = x->writes[i];
	carry(s, x->server, &e);
	x->position = s->server[x->server].length;
	unlock(s, at);
	x->phase = PHASE_APPLIED;
	x->count = 0;
}

static bool is_durable(const struct sim *s, const struct session *x)
{
	return !s->synchronous || (streams(s, x->server) && s->server[1 - x->server].length >= x->position);
}

enum coffer_err db_commit_answer(const struct sim *s, int at)
{
	const struct session *x = &s->session[at];
	if (!x->used || !s->server[x->server].up) return ERR_UNKNOWN_OUTCOME;
	return x->phase == PHASE_APPLIED && is_durable(s, x) ? ERR_OK : ERR_BUSY;
}

static void replay(struct sim *s)
{
	for (unsigned from = 0; from < SERVERS; from++) {
		struct server *to = &s->server[1 - from];
		if (!streams(s, from) || to->length >= s->server[from].length) continue;
		if (to->replay_at == NEVER) to->replay_at = s->now + 1 + sim_dice(s, sim_chance(s, 5) ? 2000 : 20);
		if (s->now < to->replay_at) continue;
		to->replay_at = NEVER;
		carry(s, 1 - from, &s->server[from].log[to->length]);
	}
}

void db_run(struct sim *s)
{
	for (int i = 0; i < (int)SESSIONS; i++) {
		struct session *x = &s->session[i];
		if (!x->used || x->phase == PHASE_FREE) continue;
		if (x->phase == PHASE_SENT && s->now >= x->due) apply(s, i);
		else if (x->phase == PHASE_OPEN && s->now >= x->due) {
			end_transaction(s, i);
			x->used = false; /* the server ends the session */
		}
		if (x->phase == PHASE_APPLIED && x->orphan && is_durable(s, x)) end_transaction(s, i);
	}
	replay(s);
}

uint64_t db_next(const struct sim *s)
{
	uint64_t at = NEVER;
	for (unsigned i = 0; i < SESSIONS; i++) {
		const struct session *x = &s->session[i];
		if (x->used && (x->phase == PHASE_SENT || x->phase == PHASE_OPEN) && x->due < at) at = x->due;
	}
	for (unsigned from = 0; from < SERVERS; from++) {
		const struct server *to = &s->server[1 - from];
		if (!streams(s, from) || to->length >= s->server[from].length) continue;
		if (to->replay_at < at) at = to->replay_at;
		if (to->replay_at == NEVER) return s->now;
	}
	return at;
}

static void end_sessions(struct sim *s, unsigned server)
{
	for (int i = 0; i < (int)SESSIONS; i++)
		if (s->session[i].used && s->session[i].server == server) {
			end_transaction(s, i);
			s->session[i].used = false;
		}
}

void db_crash(struct sim *s, unsigned server)
{
	end_sessions(s, server);
	s->server[server].up = false;
}

void db_promote(struct sim *s)
{
	unsigned standby = 1 - s->newest;
	struct server *v = &s->server[standby];
	if (!v->up || v->primary || v->timeline != s->server[s->newest].timeline) return;
	v->primary = true;
	v->timeline = ++s->timelines;
	s->newest = standby;
	sim_trace(s, "server %u is promoted to timeline %u with %u commits", standby, v->timeline, v->length);
	oracle_promoted(s);
}

/* The old primary is made anew from the new one. */
void db_rebuild(struct sim *s)
{
	unsigned old = 1 - s->newest;
	struct server *v = &s->server[old];
	if (v->up && !v->primary && v->timeline == s->server[s->newest].timeline) return;
	end_sessions(s, old);
	*v = s->server[s->newest];
	v->up = true;
	v->primary = false;
	v->replay_at = NEVER;
	for (unsigned k = 0; k < KEYS; k++) {
		v->cells[k].holders = 0;
		v->cells[k].writer = -1;
	}
	sim_trace(s, "server %u is made anew from server %u", old, s->newest);
}

void db_force_erase(struct sim *s, unsigned key)
{
	struct image *m = &s->images[s->image_count++];
	*m = (struct image){ .key = (uint16_t)key };
	carry(s, s->newest, &(struct entry){ .writes = { m }, .count = 1, .identity = 0xff, .at_ms = s->now });
}

/* ---- the store that a node's code sees ---- */

static struct sim_store *self(struct store *base)
{
	return (struct sim_store *)base;
}

static struct session *session_of(struct sim_store *st)
{
	struct node *n = &st->sim->node[st->node];
	return n->link == LINK_UP && db_is_here(st->sim, n) ? &st->sim->session[n->session] : NULL;
}

static enum coffer_err begin(struct store *base, struct reason *reason)
{
	struct sim_store *st = self(base);
	(void)reason;
	ENSURE(!st->unknown, ERR_UNKNOWN_OUTCOME);
	struct session *x = session_of(st);
	ENSURE(x, ERR_CLOSED);
	st->doom = ERR_OK;
	*x = (struct session){ .phase = PHASE_OPEN, .used = true, .server = x->server, .identity = x->identity, .serial = x->serial, .snapshot = st->sim->server[x->server].length,
		.due = st->sim->now + OPEN_LIMIT };
	return ERR_OK;
}

/* The driver has sent the commit before, and waited: this is what came back. */
static enum coffer_err commit(struct store *base, struct reason *reason)
{
	struct sim_store *st = self(base);
	(void)reason;
	if (st->result == ERR_UNKNOWN_OUTCOME) st->unknown = true;
	return st->result;
}

static void rollback(struct store *base)
{
	struct sim_store *st = self(base);
	struct session *x = session_of(st);
	if (x && x->phase == PHASE_OPEN) end_transaction(st->sim, st->sim->node[st->node].session);
}

static enum coffer_err savepoint(struct store *base)
{
	(void)base;
	return ERR_UNSUPPORTED;
}

static void release(struct store *base, bool keep)
{
	(void)base;
	(void)keep;
}

/* As it was when the transaction began. */
static const struct image *at_snapshot(const struct server *v, unsigned key, uint32_t snapshot)
{
	if (v->cells[key].changed <= snapshot) return v->cells[key].now;
	for (uint32_t at = snapshot; at > 0; at--)
		for (unsigned i = 0; i < v->log[at - 1].count; i++)
			if (v->log[at - 1].writes[i]->key == key) return v->log[at - 1].writes[i];
	return NULL;
}

static enum coffer_err give(const struct image *m, struct store_row *out)
{
	ENSURE(m && m->row.body.len, ERR_NOT_FOUND);
	*out = m->row;
	out->header = view_of(m->header, m->row.header.len);
	out->body = view_of(m->body, m->row.body.len);
	return ERR_OK;
}

static enum coffer_err get(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	struct sim_store *st = self(base);
	unsigned key = db_key(table, id);
	ENSURE(!st->unknown, ERR_UNKNOWN_OUTCOME);
	struct session *x = session_of(st);
	ENSURE(x, ERR_CLOSED);
	const struct server *v = &st->sim->server[x->server];
	if (!st->base.in_transaction) return give(v->cells[key].now, out);
	TRY(st->doom);
	for (unsigned i = 0; i < x->count; i++)
		if (x->writes[i]->key == key) return give(x->writes[i], out);
	return give(at_snapshot(v, key, x->snapshot), out);
}

/* ERR_BUSY: changed since, or another one's. */
static enum coffer_err lock(struct sim_store *st, unsigned key, bool write)
{
	struct session *x = session_of(st);
	ENSURE(x && x->phase == PHASE_OPEN, st->doom = ERR_CLOSED);
	int me = st->sim->node[st->node].session;
	struct cell *c = &st->sim->server[x->server].cells[key];
	uint64_t others = c->holders & ~(UINT64_C(1) << me);
	bool busy = c->changed > x->snapshot || (c->writer >= 0 && c->writer != me) || (write && others);
	ENSURE(!busy, st->doom = ERR_BUSY);
	if (write) c->writer = me;
	else c->holders |= UINT64_C(1) << me;
	return ERR_OK;
}

static enum coffer_err hold(struct store *base, enum store_table table, struct view id, struct store_row *out)
{
	struct sim_store *st = self(base);
	TRY(get(base, table, id, out));
	TRY(lock(st, db_key(table, id), false));
	return get(base, table, id, out);
}

static enum coffer_err put(struct store *base, enum store_table table, const struct store_row *row, bool replace)
{
	struct sim_store *st = self(base);
	struct store_row found;
	unsigned key = db_key(table, view_of(row->id, row->id_len));
	enum coffer_err err = get(base, table, view_of(row->id, row->id_len), &found);
	ENSURE(err == ERR_OK || err == ERR_NOT_FOUND, err);
	ENSURE(replace || err, ERR_EXISTS);
	TRY(lock(st, key, true));
	struct session *x = session_of(st);
	ENSURE(x && x->count < WRITES && st->sim->image_count + 4 < IMAGES && row->header.len <= 4 && row->body.len <= 256, ERR_FULL);
	struct image *m = &st->sim->images[st->sim->image_count++];
	*m = (struct image){ .row = *row, .key = (uint16_t)key };
	memcpy(m->header, row->header.ptr, row->header.len);
	memcpy(m->body, row->body.ptr, row->body.len);
	x->writes[x->count++] = m;
	return ERR_OK;
}

static enum coffer_err erase(struct store *base, enum store_table table, struct view id)
{
	(void)base;
	(void)table;
	(void)id;
	return ERR_UNSUPPORTED;
}

static enum coffer_err reopen(struct store *base, struct reason *reason)
{
	(void)reason;
	self(base)->unknown = false; /* the driver has connected: link_step */
	return ERR_OK;
}

static const struct store_ops sim_ops = {
	.name = "simulated", .begin = begin, .commit = commit, .rollback = rollback, .savepoint = savepoint, .release = release, .put = put, .get = get, .hold = hold,
	.erase = erase, .reopen = reopen,
};

void db_store_init(struct sim *s, uint8_t node)
{
	s->node[node].store = (struct sim_store){ .base = { .ops = &sim_ops }, .sim = s, .node = node };
}
