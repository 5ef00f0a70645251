/* What the cache keeps. */
#include "daemon/store_cache.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_cache_internal.h"
#include "daemon/store_held.h"
#include "domain/level.h"
#include "domain/node_record.h"
#include "keyring/cache.h"
#include "objects/codec.h"

#define CARE_MS 10u         /* at a time: a tenth of the store thread */
#define CARE_ROWS 128u
#define AGAIN_MS 1000u      /* after a failure */
#define SCRUB_MS 1000u      /* between two scrubs: each writes the whole log into the file */
#define LACKS_MS 60000u    /* without all that a start needs, before that is said */
#define AS_OF_MS 60000u     /* how old the time in the cache's record may be where nothing changes */

static const char quorum_id[] = "quorum";

static bool is_well(const struct store_cache *c)
{
	struct cache_facts facts = { .well = false };
	if (c->cache) cache_facts(c->cache, &facts);
	return facts.well;
}

void store_cache_tell(struct daemon *d)
{
	struct cache_facts facts;
	struct engine_cache *told = &d->engine.cache;
	if (!d->cache.cache) return;
	cache_facts(d->cache.cache, &facts);
	told->well = facts.well;
	told->whole = facts.whole;
	told->to_compare = d->cache.wants.comparing;
	told->rows = facts.rows;
	told->bytes = facts.bytes;
	told->as_of_s = facts.as_of_ms / 1000;
}

static enum coffer_err keep_start(struct daemon *d);

/* ---- what is to be read ---- */

static enum coffer_err want_row(void *arg, const struct store_row *row)
{
	if (row->id_len == UUID_LEN) (void)store_cache_wants_add(arg, row->id, row->version);
	return ERR_OK;
}

/* ---- forgetting ---- */

static enum coffer_err new_txn(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	txn_free(c->txn);
	c->txn = cache_rows(c->cache) ? txn_new(cache_rows(c->cache), d->engine.objects) : NULL;
	if (c->txn) txn_set_ring(c->txn, txn_ring(d->engine.txn));
	return c->txn ? ERR_OK : ERR_MEMORY;
}

/* why "": there was none. */
static void begin_anew(struct daemon *d, const char *why)
{
	struct store_cache *c = &d->cache;
	struct reason reason = { "" };
	enum coffer_err err = cache_begin_anew(c->cache, txn_ring(d->engine.txn), rooted_store_mark(d->engine.store), &reason), txn = new_txn(d);
	if (!err && txn) cache_detach(c->cache);
	if (!err) err = txn;
	c->wants.comparing = 0; /* there is nothing to compare */
	if (err && !c->failed) log_error("the cache of this node cannot be made anew (%s), so it does not start without the database: %s", why, reason_text(&reason, err));
	else if (!err && *why) log_warn("the cache of this node is made anew: %s", why);
	c->failed = err != ERR_OK;
	c->again_ms = clock_mono_ms() + AGAIN_MS;
	store_cache_tell(d);
}

static bool is_of_start(const struct daemon *d, const struct rooted_row_id *row)
{
	const uint8_t *own = d->engine.domain.node_id;
	switch (row->table) {
	case STORE_GRANT: return true;
	case STORE_NODE: return row->id_len == UUID_LEN && memcmp(row->id, own, UUID_LEN) == 0;
	case STORE_SLOT: return row->id_len > UUID_LEN && memcmp(row->id, own, UUID_LEN) == 0;
	case STORE_DOMAIN: return view_equal_str(view_of(row->id, row->id_len), quorum_id) || view_equal_str(view_of(row->id, row->id_len), LEVEL_RECORD);
	default: return false;
	}
}

/* 0: it is none that is kept. Any error: that is not known. */
static enum coffer_err kept_version(struct store_cache *c, const struct rooted_row_id *row, uint32_t *out)
{
	*out = 0;
	return row->table == STORE_OBJECT && row->id_len == UUID_LEN ? cache_version(c->cache, STORE_OBJECT, view_of(row->id, UUID_LEN), out) : ERR_OK;
}

static enum coffer_err find_kept(struct daemon *d, const struct rooted_row_id *rows, size_t count, bool *out)
{
	uint32_t version = 0;
	*out = false;
	for (size_t i = 0; i < count && !*out; i++) {
		TRY(kept_version(&d->cache, &rows[i], &version));
		*out = version || is_of_start(d, &rows[i]);
	}
	return ERR_OK;
}

static enum coffer_err drop_object(struct store_cache *c, const struct rooted_row_id *row)
{
	uint32_t version;
	TRY(kept_version(c, row, &version));
	if (!version) return ERR_OK;
	(void)store_cache_wants_add(&c->wants, row->id, version + 1);
	return cache_drop(c->cache, STORE_OBJECT, view_of(row->id, UUID_LEN));
}

/* What a start needs is read at once, where it can be; what is to be committed yet cannot. After a commit that failed it is not well, and no other one begins. */
static enum coffer_err drop(struct daemon *d, const struct rooted_row_id *rows, size_t count, bool readable)
{
	struct store_cache *c = &d->cache;
	bool start = false;
	TRY(cache_begin(c->cache));
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < count && !err; i++) {
		start = start || is_of_start(d, &rows[i]);
		err = drop_object(c, &rows[i]);
	}
	if (start) cache_set_whole(c->cache, false);
	if (start && readable && !err) err = keep_start(d);
	if (!err) return cache_commit(c->cache);
	cache_rollback(c->cache);
	return err;
}

/* Whatever goes wrong with it: nothing that may be out of date stays. */
static bool took_out(struct daemon *d, const struct rooted_row_id *rows, size_t count, bool readable)
{
	bool kept;
	if (find_kept(d, rows, count, &kept) != ERR_OK) return false;
	return !kept || drop(d, rows, count, readable) == ERR_OK || drop(d, rows, count, false) == ERR_OK;
}

static void forget_all(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	if (store_scan(cache_rows(c->cache), STORE_OBJECT, view_of(NULL, 0), false, SIZE_MAX, want_row, &c->wants) != ERR_OK) store_cache_wants_clear(&c->wants);
	begin_anew(d, "more was changed than is told one by one");
}

static bool has_object(const struct rooted_row_id *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (rows[i].table == STORE_OBJECT) return true;
	return false;
}

static void forget(struct daemon *d, const struct rooted_row_id *rows, size_t count, bool everything, bool readable)
{
	if (!is_well(&d->cache) || d->cache.ring) return;
	if (everything || has_object(rows, count)) store_cache_pins_look_again(&d->cache.pins);
	if (everything) forget_all(d);
	else if (!took_out(d, rows, count, readable)) begin_anew(d, "what was changed could not be taken out of it");
	store_cache_tell(d);
}

static void on_commit(void *arg, const struct rooted_row_id *rows, size_t count, bool everything)
{
	forget(arg, rows, count, everything, false);
}

static void on_heard(struct engine *engine, const struct rooted_row_id *rows, size_t count, bool everything)
{
	forget(engine->daemon, rows, count, everything, true);
}

void store_cache_take_start(struct daemon *d)
{
	struct rooted_row_id grants = { .table = STORE_GRANT };
	forget(d, &grants, 1, false, true);
}

/* An object that came into memory: an older copy leaves before it is used. */
static void on_publish(void *arg, const struct object *o)
{
	struct daemon *d = arg;
	struct rooted_row_id row = { .table = STORE_OBJECT, .id_len = UUID_LEN };
	if (!is_well(&d->cache) || d->cache.ring) return;
	uint32_t kept;
	memcpy(row.id, o->id, UUID_LEN);
	enum coffer_err err = kept_version(&d->cache, &row, &kept);
	if (!err && kept >= o->record_version) return;
	if (err || kept) forget(d, &row, 1, false, false);
	(void)store_cache_wants_add(&d->cache.wants, o->id, o->record_version);
}

/* ---- keeping ---- */

static bool is_pinned(void *arg, const uint8_t id[static UUID_LEN])
{
	return store_cache_pins_has(&((struct daemon *)arg)->cache.pins, id);
}

static bool is_used(void *arg, const uint8_t id[static UUID_LEN])
{
	struct daemon *d = arg;
	if (is_pinned(d, id)) return true;
	struct object *o = object_table_get(d->engine.objects, id);
	object_unref(o);
	return o != NULL;
}

/* For what is pinned also those make room that are used alone. */
static bool make_room(struct daemon *d, const uint8_t id[static UUID_LEN], uint64_t bytes)
{
	struct cache *cache = d->cache.cache;
	return cache_make_room(cache, bytes, is_used, d) || (is_pinned(d, id) && cache_make_room(cache, bytes, is_pinned, d));
}

static void note_full(struct daemon *d, const uint8_t id[static UUID_LEN])
{
	struct store_cache *c = &d->cache;
	bool pinned = is_pinned(d, id);
	if (pinned && !c->pins.full) log_warn("the cache of this node has no room for all that is pinned (cache_pin): raise cache_size");
	if (!pinned && !c->full) log_warn("the cache of this node is full of what is used: raise cache_size");
	c->pins.full = c->pins.full || pinned;
	c->full = c->full || !pinned;
}

/* The row as it stands in the database, when it opens and is no older than is known. */
static enum coffer_err keep_object(struct daemon *d, const struct store_cache_wanted *w, bool compare)
{
	struct store_cache *c = &d->cache;
	struct store_row row;
	AUTO_OBJECT struct object *o = NULL;
	uint32_t kept;
	TRY(cache_version(c->cache, STORE_OBJECT, view_of(w->id, UUID_LEN), &kept));
	if (kept >= w->version && !compare) return ERR_OK;
	enum coffer_err err = store_get(d->engine.store, STORE_OBJECT, view_of(w->id, UUID_LEN), &row);
	if (err == ERR_NOT_FOUND) return cache_drop(c->cache, STORE_OBJECT, view_of(w->id, UUID_LEN));
	TRY(err);
	if (row.version == kept && kept >= w->version) return ERR_OK;
	if (row.version < w->version || object_from_row(txn_ring(d->engine.txn), &row, &o) != ERR_OK) return cache_drop(c->cache, STORE_OBJECT, view_of(w->id, UUID_LEN));
	err = make_room(d, w->id, cache_cost(&row)) ? cache_put(c->cache, STORE_OBJECT, &row) : ERR_FULL;
	if (err == ERR_FULL) note_full(d, w->id);
	return err == ERR_FULL ? cache_drop(c->cache, STORE_OBJECT, view_of(w->id, UUID_LEN)) : err;
}

static bool is_none(void *arg, const uint8_t id[static UUID_LEN])
{
	(void)arg;
	(void)id;
	return false;
}

/* A start needs it: objects make room, in the end those too that are used. */
static enum coffer_err keep_row(struct daemon *d, enum store_table table, const struct store_row *row)
{
	struct cache *cache = d->cache.cache;
	uint64_t cost = cache_cost(row);
	bool fits = cache_make_room(cache, cost, is_used, d) || cache_make_room(cache, cost, is_none, NULL);
	enum coffer_err err = fits ? cache_put(cache, table, row) : ERR_FULL;
	return err == ERR_FULL ? ERR_LIMIT : err;
}

struct keeping {
	struct daemon *d;
	enum store_table table;
	size_t slots;
	bool removed;
};

static enum coffer_err keep_of_start(void *arg, const struct store_row *row)
{
	struct keeping *k = arg;
	struct rooted_row_id id = { .table = (uint8_t)k->table, .id_len = (uint8_t)row->id_len };
	memcpy(id.id, row->id, row->id_len);
	if (!is_of_start(k->d, &id)) return ERR_OK;
	if (k->table == STORE_SLOT) k->slots++;
	if (k->table == STORE_NODE) k->removed = row->state == NODE_REMOVED;
	return keep_row(k->d, k->table, row);
}

/* All that a start needs, as it stands in the database at one moment. ERR_DENIED: this node is not in the domain any more. */
static enum coffer_err keep_start(struct daemon *d)
{
	static const enum store_table tables[] = { STORE_GRANT, STORE_DOMAIN, STORE_NODE, STORE_SLOT };
	struct keeping k = { .d = d };
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < sizeof tables / sizeof tables[0] && !err; i++) err = cache_drop_table(d->cache.cache, tables[i]);
	if (!err) err = store_begin_reading(d->engine.store, NULL);
	if (err == ERR_NOT_FOUND) return ERR_CORRUPT; /* a row of the cache under a data key that left the ring */
	TRY(err);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0] && !err; i++) {
		k.table = tables[i];
		err = store_scan(d->engine.store, k.table, view_of(NULL, 0), false, SIZE_MAX, keep_of_start, &k);
	}
	store_rollback(d->engine.store);
	if (!err && (k.removed || k.slots == 0)) err = ERR_DENIED;
	if (!err) cache_set_whole(d->cache.cache, true);
	return err;
}

static enum coffer_err keep(struct daemon *d, bool start)
{
	struct store_cache *c = &d->cache;
	uint64_t until_ms = clock_mono_ms() + CARE_MS;
	struct store_cache_wants *w = &c->wants;
	size_t left = w->count;
	if (start) TRY(keep_start(d));
	for (unsigned n = 0; left && n < CARE_ROWS && clock_mono_ms() < until_ms; n++) {
		left--;
		enum coffer_err err = keep_object(d, &w->list[left], left < w->comparing);
		if (err) return err == ERR_NOT_FOUND ? ERR_CORRUPT : err; /* a row of the cache under a data key that left the ring */
	}
	store_cache_wants_cut(w, left);
	if (!w->comparing) cache_set_as_of(c->cache, c->heard_wall_ms); /* until then rows are in it that nobody heard of */
	return ERR_OK;
}

/* An error of the database is another one's to tell; one of the cache makes it anew, and so does every commit that failed. */
static void end_keeping(struct daemon *d, enum coffer_err err)
{
	struct store_cache *c = &d->cache;
	if (!err) {
		err = cache_commit(c->cache);
		if (err) begin_anew(d, err_text(err));
		return;
	}
	cache_rollback(c->cache);
	c->again_ms = clock_mono_ms() + AGAIN_MS;
	if (err == ERR_DENIED) {
		c->left = true;
		begin_anew(d, "this node was removed from the domain");
	} else if (err == ERR_LIMIT) {
		if (!c->full) log_warn("the cache of this node has no room for what a start needs: raise cache_size");
		c->full = true;
	} else if (err != ERR_CLOSED && err != ERR_TIMEOUT && err != ERR_BUSY && err != ERR_UNKNOWN_OUTCOME && err != ERR_NOT_FOUND) {
		begin_anew(d, err_text(err));
	}
}

void store_cache_leave(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	struct ring *ring = c->ring ? c->ring : txn_ring(d->engine.txn);
	if (!c->cache) return;
	c->left = true;
	c->refused = true;
	txn_free(TAKE(c->txn));
	enum coffer_err err = ring ? cache_begin_anew(c->cache, ring, rooted_store_mark(d->engine.store), NULL) : ERR_OK, gone = cache_remove(c->cache);
	if (err || gone) log_error("the cache of this node, which was removed from the domain, cannot be removed: %s", err_text(gone ? gone : err));
	store_cache_tell(d);
}

void store_cache_heard(struct daemon *d)
{
	d->cache.heard_wall_ms = clock_wall_s() * 1000;
}

/* Where it lasts, somebody must know: this node does not start without the database. */
static void note_whole(struct store_cache *c, bool whole)
{
	uint64_t now_ms = clock_mono_ms();
	if (whole) {
		c->lacks_since_ms = 0;
		c->lacks = false;
	} else if (!c->lacks_since_ms) {
		c->lacks_since_ms = now_ms;
	} else if (!c->lacks && now_ms - c->lacks_since_ms >= LACKS_MS) {
		c->lacks = true;
		log_warn("the cache of this node does not have all that a start needs since %u seconds, so it does not start without the database; see whether cache_size is large enough", LACKS_MS / 1000);
	}
}

/* Of a key that another node destroyed, the wrapped bytes are in the log until then. */
static void scrub(struct store_cache *c)
{
	struct reason why = { "" };
	if (clock_mono_ms() < c->scrub_ms) return;
	enum coffer_err err = cache_scrub(c->cache, &why);
	c->scrub_ms = clock_mono_ms() + SCRUB_MS;
	if (err && !c->unscrubbed) log_warn("what left the cache of this node is still in its log, it is tried again: %s", reason_text(&why, err));
	c->unscrubbed = err != ERR_OK;
}

void store_cache_care(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	struct cache_facts facts;
	if (c->cache) scrub(c);
	if (!c->cache || c->ring || c->left || d->care.away || d->care.distrusted || d->engine.state != ENGINE_OPEN || !c->heard_wall_ms || clock_mono_ms() < c->again_ms) return;
	if (rooted_store_verdict(d->engine.store, NULL) != ERR_OK) return;
	if (!is_well(c)) begin_anew(d, "it could not be used before");
	if (!is_well(c)) return;
	store_cache_pins_care(d);
	if (!is_well(c)) return; /* an object that came into memory made it anew, in vain */
	cache_facts(c->cache, &facts);
	note_whole(c, facts.whole);
	if (facts.whole && !c->wants.count && c->heard_wall_ms < facts.as_of_ms + AS_OF_MS) return;
	enum coffer_err err = cache_begin(c->cache);
	if (!err) end_keeping(d, keep(d, !facts.whole));
	else begin_anew(d, err_text(err));
	store_cache_tell(d);
}

/* ---- the node opens, and its ring ---- */

void store_cache_follow_ring(struct daemon *d, struct ring *ring)
{
	struct store_cache *c = &d->cache;
	if (!c->ring) store_held_follow_ring(d, ring);
	if (!c->cache || c->ring) return; /* opened from it: store_cache_opened */
	if (ring) cache_set_ring(c->cache, ring);
	else cache_detach(c->cache);
	if (c->txn) txn_set_ring(c->txn, ring);
}

static enum coffer_err compare_row(void *arg, const struct store_row *row)
{
	return row->id_len == UUID_LEN ? store_cache_wants_compare(arg, row->id, row->version) : ERR_OK;
}

/* What it has may have changed while this node was not there to hear of it: each row is compared, and until it was only a node that was opened from the cache takes it. */
static void compare_all(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	store_cache_wants_clear(&c->wants);
	enum coffer_err err = store_scan(cache_rows(c->cache), STORE_OBJECT, view_of(NULL, 0), false, SIZE_MAX, compare_row, &c->wants);
	if (err) begin_anew(d, "what it has cannot be compared with the database");
}

static void end_offline(struct daemon *d, struct ring *offline)
{
	struct engine *e = &d->engine;
	object_table_clear(e->objects);
	if (e->after_destroy) e->after_destroy(e);
	e->cache.offline = false;
	ring_free(offline);
}

void store_cache_end_offline(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	struct ring *offline = TAKE(c->ring);
	if (!offline) return;
	store_held_follow_ring(d, NULL);
	if (c->txn) txn_set_ring(c->txn, NULL);
	cache_detach(c->cache);
	end_offline(d, offline);
	store_cache_tell(d);
}

void store_cache_opened(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	struct ring *ring = txn_ring(e->txn), *offline = TAKE(c->ring);
	store_held_follow_ring(d, ring);
	if (!c->cache) return;
	if (c->txn) txn_set_ring(c->txn, ring);
	c->left = false;
	c->refused = false;
	c->full = false;
	if (offline || is_well(c)) cache_set_ring(c->cache, ring);
	else if (cache_attach(c->cache, ring, rooted_store_mark(e->store), &reason) != ERR_OK) begin_anew(d, reason.text);
	if (is_well(c)) compare_all(d);
	store_cache_take_start(d);
	if (offline) end_offline(d, offline);
	store_cache_tell(d);
}

void store_cache_watch(struct daemon *d)
{
	object_table_watch(d->engine.objects, on_publish, d);
	rooted_store_on_commit(d->engine.store, on_commit, d);
	d->engine.heard = on_heard;
}
