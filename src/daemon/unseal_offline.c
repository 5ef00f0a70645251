/* A node whose database is gone opens from its cache, and from the database when that is back. */
#include <inttypes.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/admin_pool.h"
#include "daemon/link.h"
#include "daemon/removal.h"
#include "daemon/store_cache.h"
#include "daemon/store_thread.h"
#include "daemon/unseal_internal.h"
#include "ops/open_again.h"

#define RETURN_AGAIN_MS 1000u /* after a database that did not open the node */

static void put_time(uint64_t at_s, char out[static 32])
{
	time_t at = (time_t)at_s;
	struct tm tm;
	if (!at_s || !gmtime_r(&at, &tm) || strftime(out, 32, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0) out[0] = '\0';
}

enum coffer_err unseal_from_cache(struct engine *e, struct reason *reason)
{
	struct daemon *d = e->daemon;
	struct ring *ring = NULL;
	char as_of[32];
	ENSURE(store_cache_may_open(d), ERR_STATE);
	enum coffer_err err = unseal_read_ring(e, true, &ring, reason);
	if (err == ERR_CORRUPT || err == ERR_DENIED) return reason_fail(reason, ERR_STATE, "this node's cache has no wrapped data key of it: it is empty, damaged, or another node's");
	TRY(err);
	err = store_cache_open_domain(d, &ring, reason);
	ring_free(ring);
	TRY(err);
	put_time(e->cache.as_of_s, as_of);
	engine_note(e, "open from this node's cache, which knows the changes of the other nodes until %s: the database does not answer, so nothing is changed, and only what the cache has is opened; it is asked "
		"again by itself", as_of);
	e->state = ENGINE_OPEN;
	link_status(d, "open from the cache, the database does not answer");
	log_warn("open from the cache, as of %s: the database does not answer", as_of);
	return ERR_OK;
}

static void end_on_store(void *arg)
{
	store_cache_end_offline(arg);
}

/* The database says something for good: a node that was removed closes as one that runs does, a store that is not the one that this node knows leaves the cache serving, and all else is a fault. */
static void heed_database(struct daemon *d, const char *why)
{
	struct engine *e = &d->engine;
	if (e->removed) {
		removal_close(d);
		return;
	}
	if (e->integrity_fault || e->anchor_fault) {
		engine_note(e, "open from this node's cache: the database is back and does not open this node (%.300s); it is asked again by itself, and nothing is changed until then; where that store is to be "
			"taken as it is, restart this node's daemon, and accept it there", why);
		return;
	}
	engine_note(e, "%s", why);
	e->state = ENGINE_FAULT;
	if (!store_thread_do(d, end_on_store, d)) log_warn("the cache serves no more, and what came from it leaves memory with the next start");
	else unseal_load_for_fault(e);
}

/* The database is asked as at any start; until all of it was, the cache serves on. */
static void open_from_store(void *arg)
{
	struct daemon *d = arg;
	struct engine *e = &d->engine;
	struct reason reason = { "" };
	pthread_mutex_lock(&e->admin_lock);
	store_thread_opens(true);
	enum coffer_err err = e->cache.offline && engine_state_get(e) == ENGINE_OPEN ? unseal_from_store(e, &reason) : ERR_OK;
	if (err && !open_failure_passes(err)) heed_database(d, reason_text(&reason, err));
	store_thread_opens(false);
	if (err && !d->returning_failed) log_error("the database is back and does not open this node%s: %s", e->state == ENGINE_OPEN ? ", its cache serves on" : "", reason_text(&reason, err));
	d->returning_failed = err != ERR_OK;
	if (err) d->returning_at_ms = clock_mono_ms() + RETURN_AGAIN_MS;
	pthread_mutex_unlock(&e->admin_lock);
	d->unsealing = false;
}

void unseal_offline_tick(struct daemon *d)
{
	struct engine *e = &d->engine;
	if (!e->cache.offline || e->store_away || engine_state_get(e) != ENGINE_OPEN || clock_mono_ms() < d->returning_at_ms || atomic_exchange(&d->unsealing, true)) return;
	if (!admin_pool_call(d, open_from_store, d)) d->unsealing = false;
}
