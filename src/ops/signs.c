/* Signs of life: written, read, told. */
#include "ops/signs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "domain/level.h"
#include "domain/node_record.h"
#include "ops/seat.h"
#include "ops/token_of.h"
#include "token/proxy.h"

#define ROWS_MAX 512u      /* of table 64 that are looked at */
#define COUNT_LAST (UINT32_MAX - 1)
#define SILENT_AFTER 3u    /* times refresh_interval */

struct signs *signs_new(void)
{
	struct signs *s = calloc(1, sizeof *s);
	if (s && pthread_mutex_init(&s->lock, NULL) == 0) return s;
	free(s);
	return NULL;
}

void signs_free(struct signs *signs)
{
	if (!signs) return;
	pthread_mutex_destroy(&signs->lock);
	free(signs);
}

/* ---- this node's own ---- */

static bool token_is_well(struct engine *engine)
{
	struct token_health health;
	struct token_proxy *proxy = token_of(engine);
	if (!proxy) return false;
	token_proxy_health(proxy, &health);
	return health.state == TOKEN_WELL;
}

static bool says_the_same(const struct node_sign *a, const struct node_sign *b)
{
	return a->generation == b->generation && a->epoch == b->epoch && a->role == b->role && a->token_well == b->token_well;
}

enum sign_cache signs_cache(const struct engine_cache *c)
{
	if (!c->on) return SIGN_CACHE_NONE;
	return !c->well ? SIGN_CACHE_BROKEN : c->whole ? SIGN_CACHE_READY : SIGN_CACHE_WRITING;
}

const char *signs_cache_name(enum sign_cache cache)
{
	static const char *const names[] = { [SIGN_CACHE_NONE] = "none", [SIGN_CACHE_BROKEN] = "not usable", [SIGN_CACHE_WRITING] = "being written", [SIGN_CACHE_READY] = "ready" };
	return names[cache];
}

/* Where this node stands among the members; more than SIGNS_MAX share places. */
static size_t place_of(const struct signs *signs, const uint8_t node_id[static UUID_LEN])
{
	size_t place = 0;
	for (size_t i = 0; i < signs->count && i < SIGNS_MAX; i++)
		if (memcmp(signs->at[i].sign.node_id, node_id, UUID_LEN) < 0) place++;
	return place;
}

uint64_t signs_turn_ms(struct engine *engine, uint64_t interval_ms, uint64_t wall_ms)
{
	struct ring *ring = engine->txn ? txn_ring(engine->txn) : NULL;
	uint64_t members = 0, place = 0;
	if (!engine->seat || !ring) return interval_ms;
	pthread_mutex_lock(&engine->seat->signs->lock);
	members = engine->seat->signs->count;
	place = place_of(engine->seat->signs, ring_domain(ring)->node_id);
	pthread_mutex_unlock(&engine->seat->signs->lock);
	if (members < 2) return interval_ms;
	uint64_t period = members * interval_ms, now = wall_ms % period, at = place % members * interval_ms;
	return at > now ? at - now : at + period - now;
}

bool signs_lag(struct engine *engine, uint64_t *out_ms)
{
	uint64_t heard_ms = engine->seat ? engine->seat->heard_ms : 0, now_ms = clock_mono_ms();
	*out_ms = now_ms > heard_ms ? now_ms - heard_ms : 0;
	return heard_ms != 0;
}

static struct sign_view view_now(struct engine *engine)
{
	const struct engine_cache *c = &engine->cache;
	struct sign_view v = { .cache = signs_cache(c), .rows = c->rows, .bytes = c->bytes, .limit = c->limit, .pinned = c->pinned };
	(void)signs_lag(engine, &v.lag_ms);
	return v;
}

bool signs_due(struct engine *engine, struct node_sign *out)
{
	struct seat *s = engine->seat;
	struct ring *ring = engine->txn ? txn_ring(engine->txn) : NULL;
	if (!s || !s->taken || !ring) return false;
	uint64_t since = clock_mono_ms() - s->signed_at_ms;
	bool first = s->signed_at_ms == 0;
	if (!first && since < SIGNS_PAUSE_MS) return false;
	*out = (struct node_sign){ .count = 1, .written_ms = clock_wall_s() * 1000, .generation = ring_newest(ring), .epoch = s->epoch, .token_well = token_is_well(engine),
		.role = seat_is_master(engine) ? SIGN_MASTER : engine->config->node_role == CONFIG_NODE_STANDBY ? SIGN_STANDBY : SIGN_MEMBER };
	memcpy(out->node_id, ring_domain(ring)->node_id, UUID_LEN);
	_Static_assert(LEVEL_PROGRAM_MAX <= SIGN_VERSION_MAX, "the version fits");
	snprintf(out->version, sizeof out->version, "%s", level_program());
	if (s->level >= LEVEL_SIGN_DATE) out->date_ms = clock_date_s() * 1000;
	out->has_view = s->level >= LEVEL_SIGN_VIEW && s->heard_ms != 0;
	if (out->has_view) out->view = view_now(engine);
	bool due = first || since >= engine->config->refresh_interval_ms || !says_the_same(out, &s->own_sign);
	if (due) s->signed_at_ms = clock_mono_ms();
	return due;
}

enum coffer_err signs_write(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct node_sign *sign = arg, before;
	uint8_t id[SIGN_ID_LEN], body[SIGN_BODY_MAX];
	struct store_row row;
	(void)reason;
	sign_id(sign->node_id, id);
	enum coffer_err err = store_get(txn_store(txn), STORE_LEASE, view_of(id, sizeof id), &row);
	bool there = err == ERR_OK;
	ENSURE(there || err == ERR_NOT_FOUND, err);
	if (there && sign_from_row(txn_ring(txn), &row, &before) == ERR_OK && before.count < COUNT_LAST) sign->count = before.count + 1;
	TRY(sign_to_row(txn_ring(txn), sign, &row, body));
	TRY(store_put(txn_store(txn), STORE_LEASE, &row, there));
	engine->seat->own_sign = *sign;
	return ERR_OK;
}

/* ---- everybody's ---- */

struct reading {
	struct ring *ring;
	struct signs *to;
};

struct latest {
	struct ring *ring;
	uint64_t date_ms;
};

static enum coffer_err note_node(void *arg, const struct node_record *n)
{
	struct signs *s = arg;
	if (n->state != NODE_MEMBER) return ERR_OK;
	if (s->count++ >= SIGNS_MAX) return ERR_OK;
	struct sign_entry *e = &s->at[s->count - 1];
	*e = (struct sign_entry){ .level = LEVEL_FIRST };
	memcpy(e->name, n->name, sizeof e->name);
	memcpy(e->token_kind, n->token_kind, sizeof e->token_kind);
	memcpy(e->sign.node_id, n->node_id, UUID_LEN);
	return ERR_OK;
}

static struct sign_entry *find(struct signs *signs, const uint8_t node_id[static UUID_LEN])
{
	for (size_t i = 0; i < signs->count && i < SIGNS_MAX; i++)
		if (memcmp(signs->at[i].sign.node_id, node_id, UUID_LEN) == 0) return &signs->at[i];
	return NULL;
}

/* Signs of life, and behind them the notes that there are two of a node. */
static enum coffer_err note_row(void *arg, const struct store_row *row)
{
	struct reading *r = arg;
	struct node_sign sign;
	uint8_t twin[UUID_LEN];
	bool cloned = fence_twin_of(row, twin);
	if (!cloned && sign_from_row(r->ring, row, &sign) != ERR_OK) return ERR_OK; /* another row of this table, or nobody's */
	struct sign_entry *e = find(r->to, cloned ? twin : sign.node_id);
	if (!e) return ERR_OK;
	if (cloned) e->cloned = true;
	else e->sign = sign;
	e->has_sign = e->has_sign || !cloned;
	return ERR_OK;
}

/* What does not open says nothing. */
static enum coffer_err note_level(void *arg, const uint8_t node_id[static UUID_LEN], uint32_t level)
{
	struct sign_entry *e = find(arg, node_id);
	if (e) e->level = level;
	return ERR_OK;
}

/* A sign that came between the reading before and this one was written between them: so far from there its node's clock is off, whatever it is by itself. */
static void compare_clocks(struct signs *before, struct signs *found)
{
	uint64_t now_s = clock_wall_s(), passed_s = (clock_mono_ms() - before->read_ms) / 1000 + 1;
	for (size_t i = 0; i < found->count && i < SIGNS_MAX && before->read_ms; i++) {
		struct sign_entry *e = &found->at[i];
		const struct sign_entry *old = find(before, e->sign.node_id);
		if (!old || !old->has_sign || !e->has_sign) continue;
		e->timed = old->timed;
		e->off_s = old->off_s;
		if (old->sign.count == e->sign.count) continue;
		int64_t ahead_s = (int64_t)(e->sign.written_ms / 1000 - now_s), behind_s = -ahead_s - (int64_t)passed_s;
		e->timed = true;
		e->off_s = ahead_s > 0 ? ahead_s : behind_s > 0 ? -behind_s : 0;
	}
}

enum coffer_err signs_read(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct seat *s = engine->seat;
	struct reading r = { .ring = txn_ring(txn) };
	(void)arg;
	(void)reason;
	if (!s || !s->taken || !r.ring) return ERR_OK;
	struct signs *found = signs_new();
	ENSURE(found, ERR_MEMORY);
	r.to = found;
	enum coffer_err err = node_record_each(txn_store(txn), r.ring, note_node, found);
	if (!err) err = level_each_node(txn_store(txn), r.ring, note_level, found);
	if (!err) err = store_scan(txn_store(txn), STORE_LEASE, view_str(SIGN_PREFIX), false, ROWS_MAX, note_row, &r);
	if (!err) {
		pthread_mutex_lock(&s->signs->lock);
		compare_clocks(s->signs, found);
		s->signs->read_s = clock_wall_s();
		s->signs->read_ms = clock_mono_ms();
		s->signs->count = found->count;
		memcpy(s->signs->at, found->at, sizeof found->at);
		pthread_mutex_unlock(&s->signs->lock);
	}
	signs_free(found);
	return err;
}

/* ---- clocks ---- */

static enum coffer_err note_latest(void *arg, const struct store_row *row)
{
	struct node_sign sign;
	struct latest *l = arg;
	if (sign_from_row(l->ring, row, &sign) != ERR_OK) return ERR_OK;
	uint64_t date_ms = sign.date_ms > sign.written_ms ? sign.date_ms : sign.written_ms;
	if (date_ms > l->date_ms) l->date_ms = date_ms;
	return ERR_OK;
}

enum coffer_err signs_latest_ms(struct txn *txn, uint64_t *out)
{
	struct latest l = { .ring = txn_ring(txn) };
	TRY(store_scan(txn_store(txn), STORE_LEASE, view_str(SIGN_PREFIX), false, ROWS_MAX, note_latest, &l));
	*out = l.date_ms;
	return ERR_OK;
}

bool signs_clock_is_off(struct engine *engine, char *sentence, size_t cap)
{
	const struct sign_entry *worst = NULL;
	size_t timed = 0, off = 0;
	struct signs *s = engine->seat ? engine->seat->signs : NULL;
	sentence[0] = '\0';
	if (!s) return false;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->count && i < SIGNS_MAX; i++) {
		const struct sign_entry *e = &s->at[i];
		if (!e->timed || memcmp(e->sign.node_id, engine->domain.node_id, UUID_LEN) == 0) continue;
		timed++;
		if (llabs(e->off_s) <= SIGNS_CLOCK_SLACK_S) continue;
		off++;
		if (!worst || llabs(e->off_s) > llabs(worst->off_s)) worst = e;
	}
	if (worst && timed == off && timed >= 2)
		snprintf(sentence, cap, "the clock of this node is some %lld s %s those of the other nodes: set it", llabs(worst->off_s), worst->off_s > 0 ? "behind" : "ahead of");
	else if (worst)
		snprintf(sentence, cap, "the clock of node '%s' is some %lld s %s this node's: set the one that is wrong", worst->name, llabs(worst->off_s), worst->off_s > 0 ? "ahead of" : "behind");
	pthread_mutex_unlock(&s->lock);
	return worst != NULL;
}

/* ---- for status ---- */

bool signs_cloned(struct engine *engine, char *sentence, size_t cap)
{
	bool found = false;
	struct signs *s = engine->seat ? engine->seat->signs : NULL;
	if (!s) return false;
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->count && i < SIGNS_MAX && !found; i++) {
		const struct sign_entry *e = &s->at[i];
		found = e->cloned && memcmp(e->sign.node_id, engine->domain.node_id, UUID_LEN) != 0;
		if (found) snprintf(sentence, cap, "two machines run with the identity of node '%s', so neither of them changes anything: remove one, then run 'coffer node accept NODE'", e->name);
	}
	pthread_mutex_unlock(&s->lock);
	return found;
}

static const char *role_now(struct engine *engine, const struct node_sign *sign)
{
	static const char *const names[] = { [SIGN_MASTER] = "master", [SIGN_STANDBY] = "standby", [SIGN_MEMBER] = "member" };
	struct seat *s = engine->seat;
	pthread_mutex_lock(&s->lock);
	bool leads = s->known && memcmp(s->master, sign->node_id, UUID_LEN) == 0;
	pthread_mutex_unlock(&s->lock);
	if (leads) return "master";
	return sign->role == SIGN_MASTER ? "standby" : names[sign->role]; /* it was master server when it said so */
}

static void put_view(struct json_out *j, const struct sign_view *v)
{
	json_u64(j, "lag_ms", v->lag_ms);
	if (v->cache == SIGN_CACHE_NONE) return;
	json_begin(j, "cache");
	json_str(j, "state", signs_cache_name(v->cache));
	json_u64(j, "rows", v->rows);
	json_u64(j, "bytes", v->bytes);
	json_u64(j, "limit", v->limit);
	json_u64(j, "pinned", v->pinned);
	json_end(j);
}

static bool put_entry(struct engine *engine, struct json_out *j, const struct sign_entry *e, uint64_t now_s)
{
	char id[UUID_TEXT_LEN + 1];
	uint64_t written_s = e->sign.written_ms / 1000, age = now_s > written_s ? now_s - written_s : 0;
	bool silent = !e->has_sign || age > SILENT_AFTER * engine->config->refresh_interval_ms / 1000 + 1;
	text_uuid(e->sign.node_id, id);
	json_begin(j, id);
	json_str(j, "name", e->name);
	json_str(j, "token", e->token_kind);
	if (e->has_sign) {
		json_str(j, "role", role_now(engine, &e->sign));
		json_str(j, "token_health", e->sign.token_well ? "well" : "not well");
		json_u64(j, "generation", e->sign.generation);
		if (e->sign.epoch) json_u64(j, "epoch", e->sign.epoch);
		json_str(j, "version", e->sign.version);
		json_u64(j, "seen_at", written_s);
		json_u64(j, "age_s", age);
		if (e->sign.has_view) put_view(j, &e->sign.view);
	}
	json_u64(j, "format_level", e->level);
	json_str(j, "silent", silent ? "yes" : "no");
	json_str(j, "cloned", e->cloned ? "yes" : "no");
	json_end(j);
	return silent;
}

void signs_json(struct engine *engine, struct json_out *j)
{
	struct signs *s = engine->seat ? engine->seat->signs : NULL;
	uint64_t now_s = clock_wall_s(), silent = 0;
	if (!s) return;
	pthread_mutex_lock(&s->lock);
	if (s->read_s) {
		json_begin(j, "nodes");
		for (size_t i = 0; i < s->count && i < SIGNS_MAX; i++) silent += put_entry(engine, j, &s->at[i], now_s);
		json_end(j);
		json_u64(j, "nodes_count", s->count);
		json_u64(j, "nodes_silent", silent);
		json_u64(j, "nodes_read_at", s->read_s);
	}
	pthread_mutex_unlock(&s->lock);
}
