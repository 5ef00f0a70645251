/* The end of a member. */
#include "daemon/removal.h"

#include "base/log.h"
#include "daemon/store_cache.h"
#include "ops/alert.h"
#include "ops/seat.h"

bool removal_is_near(const struct daemon *d)
{
	return d->engine.seat && d->engine.seat->denied;
}

void removal_close(struct daemon *d)
{
	struct engine *e = &d->engine;
	e->removed = true;
	e->state = ENGINE_FAULT;
	engine_note(e, "%s", engine_removed_note);
	log_error("%s; its keys leave the memory now", engine_removed_note);
	if (e->alerts) (void)alert_happened(e->alerts, ALERT_NODE_REMOVED, engine_removed_note);
	e->restart(e); /* what threads, connections and warm contexts have of keys goes with the process */
}

bool removal_heed(struct daemon *d)
{
	struct engine *e = &d->engine;
	if (e->removed) return true;
	if (e->seat) e->seat->denied = false;
	if (!seat_was_removed(e)) return false;
	store_cache_leave(d);
	removal_close(d);
	return true;
}
