/* Opening the cache, and the node from it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/quorum.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "daemon/store_cache_internal.h"
#include "daemon/store_held.h"
#include "daemon/store_thread.h"
#include "domain/level.h"
#include "keyring/cache.h"

enum coffer_err store_cache_start(struct daemon *d, struct reason *reason)
{
	char path[4096];
	struct store_cache *c = &d->cache;
	if (!d->care.remote || !rooted_store_is_shared(d->engine.store)) return ERR_OK;
	if (snprintf(path, sizeof path, "%s/" STORE_CACHE_NAME, d->config->state_dir) >= (int)sizeof path) return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	if (d->config->cache_size == 0) return ERR_OK;
	enum coffer_err err = cache_open(path, d->config->cache_size, STORE_CACHE_WANTS_MAX, &c->cache, reason);
	if (err) {
		log_error("this node has no cache, so it does not start without the database: %s", reason_text(reason, err));
		if (reason) reason->text[0] = '\0';
		return ERR_OK;
	}
	c->txn = txn_new(cache_rows(c->cache), d->engine.objects);
	ENSURE(c->txn, ERR_MEMORY);
	d->engine.cache.on = true;
	d->engine.cache.limit = d->config->cache_size;
	store_cache_watch(d);
	return ERR_OK;
}

void store_cache_stop(struct daemon *d)
{
	struct store_cache *c = &d->cache;
	txn_free(c->txn);
	cache_close(c->cache);
	ring_free(c->ring);
	store_cache_wants_free(&c->wants);
	store_cache_pins_free(&c->pins);
}

bool store_cache_may_open(struct daemon *d)
{
	return d->cache.cache && !d->cache.refused;
}

struct reading {
	struct daemon *d;
	engine_store_fn *fn;
	void *arg;
	struct reason *reason;
	enum coffer_err err;
};

static void read_on_store(void *arg)
{
	struct reading *r = arg;
	struct txn *txn = r->d->cache.txn;
	r->err = txn ? r->fn(&r->d->engine, txn, r->arg, r->reason) : reason_fail(r->reason, ERR_STATE, "this node's cache cannot be read");
}

enum coffer_err store_cache_read(struct daemon *d, engine_store_fn *fn, void *arg, struct reason *reason)
{
	struct reading r = { .d = d, .fn = fn, .arg = arg, .reason = reason };
	ENSURE(store_thread_do_away(d, read_on_store, &r), ERR_BUSY);
	return r.err;
}

static enum coffer_err publish(void *arg, struct object *o)
{
	return object_table_publish(arg, o);
}

static enum coffer_err read_domain(struct engine *e, struct txn *txn, struct reason *reason)
{
	struct grants *grants = NULL;
	uint32_t level;
	TRY(txn_begin(txn, reason));
	enum coffer_err err = level_check(txn_store(txn), txn_ring(txn), &level, reason);
	if (!err) err = grants_load(txn, &grants);
	if (!err) err = txn_scan(txn, view_of(NULL, 0), SIZE_MAX, publish, e->objects); /* workers then find them without the store thread */
	txn_abort(txn);
	if (!err) {
		quorum_set_needed(e->quorum, 2);
		engine_set_grants(e, grants);
		return ERR_OK;
	}
	grants_unref(grants);
	object_table_clear(e->objects);
	return reason_default(reason, err, "what this node's cache has does not open: %s", err_text(err));
}

static enum coffer_err open_domain(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct ring **ring = arg;
	struct daemon *d = e->daemon;
	struct store_cache *c = &d->cache;
	struct cache_facts facts = { .whole = false };
	enum coffer_err err = cache_attach(c->cache, *ring, rooted_store_mark(e->store), reason);
	if (!err) cache_facts(c->cache, &facts);
	if (!err && !facts.whole) err = reason_fail(reason, ERR_STATE, "this node's cache is not used: it was being written and does not have all that a start needs");
	if (err == ERR_NOT_FOUND) err = reason_fail(reason, err, "this node's cache is empty");
	if (!err) {
		txn_set_ring(txn, *ring);
		c->ring = *ring;
		err = read_domain(e, txn, reason);
	}
	if (err) {
		c->refused = err_class(err) != ERR_CLASS_memory && err_class(err) != ERR_CLASS_io;
		c->ring = NULL;
		txn_set_ring(txn, NULL);
		cache_detach(c->cache);
		return reason_fail(reason, ERR_STATE, "%s", reason_text(reason, err));
	}
	*ring = NULL;
	clock_set_known_s(facts.as_of_ms / 1000);
	e->cache.offline = true;
	store_held_attach(d, c->ring);
	store_cache_tell(d);
	return ERR_OK;
}

enum coffer_err store_cache_open_domain(struct daemon *d, struct ring **ring, struct reason *reason)
{
	return store_cache_read(d, open_domain, ring, reason);
}

/* A node that opened from the database knows that an object may have changed or be gone; by a name it may find an older one than it should. */
static bool may_be_older(const struct store_cache *c, const struct request *r)
{
	if (c->ring || !c->wants.comparing) return false;
	return r->want_name || store_cache_wants_compares(&c->wants, r->wanted_id);
}

static enum coffer_err refuse_older(struct reason *reason)
{
	return reason_fail(reason, ERR_IO, "the database does not answer, and what this node's cache has of this was not compared with it since this node started; see whether the database is up and "
		"reachable, then try again");
}

enum coffer_err store_cache_compared(struct daemon *d, struct reason *reason)
{
	if (!d->engine.cache.well || !d->cache.txn) return engine_store_refuses(&d->engine, ERR_IO, reason);
	return !d->cache.ring && d->cache.wants.comparing ? refuse_older(reason) : ERR_OK;
}

enum coffer_err store_cache_load(struct daemon *d, struct request *r, struct reason *reason)
{
	AUTO_OBJECT struct object *o = NULL;
	struct store_cache *c = &d->cache;
	r->loaded_once = true;
	if (!d->engine.cache.well) return engine_store_refuses(&d->engine, ERR_IO, reason);
	if (may_be_older(c, r)) return refuse_older(reason);
	enum coffer_err err = r->want_name ? txn_object_by_name(c->txn, view_str(r->wanted_name), &o) : txn_object(c->txn, r->wanted_id, &o);
	if (err == ERR_NOT_FOUND)
		return reason_fail(reason, ERR_IO, "%s", engine_not_cached_note);
	return err;
}
