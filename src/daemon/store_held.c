/* The file of held records. */
#include "daemon/store_held.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_thread.h"
#include "keyring/cache.h"
#include "keyring/rooted_store.h"
#include "ops/held_rows.h"

#define MOST_RECORDS 65536u
#define MOST_BYTES (16u << 20)
#define AGAIN_MS 1000u /* after a failure */

void store_held_tell(struct daemon *d)
{
	d->engine.cache.held = d->engine.held ? audit_held_waiting(d->engine.held) : 0;
}

static enum coffer_err open_rows(const char *path, struct store **out, struct reason *reason)
{
	enum coffer_err err = store_open_sqlite(path, out, reason);
	if (err != ERR_CORRUPT) return err;
	log_error("what this node held of the audit log without its database is damaged and begun anew: %s", reason_text(reason, err));
	if (reason) reason->text[0] = '\0';
	TRY(cache_remove_files(path));
	return store_open_sqlite(path, out, reason);
}

enum coffer_err store_held_start(struct daemon *d, struct reason *reason)
{
	char path[4096];
	struct store *rows = NULL;
	if (!d->care.remote || !rooted_store_is_shared(d->engine.store)) return ERR_OK;
	if (snprintf(path, sizeof path, "%s/" STORE_HELD_NAME, d->config->state_dir) >= (int)sizeof path) return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	enum coffer_err err = open_rows(path, &rows, reason);
	if (!err) d->engine.held = audit_held_new(rows, MOST_RECORDS, MOST_BYTES);
	if (!err && !d->engine.held) {
		store_close(rows);
		return ERR_MEMORY;
	}
	if (err) log_error("%s cannot be opened, so nothing that has to be in the audit log is done while the database is away: %s", path, reason_text(reason, err));
	if (err && reason) reason->text[0] = '\0';
	return ERR_OK;
}

void store_held_stop(struct daemon *d)
{
	audit_held_free(TAKE(d->engine.held));
}

void store_held_attach(struct daemon *d, struct ring *ring)
{
	struct reason reason = { "" };
	if (!d->engine.held) return;
	enum coffer_err err = audit_held_attach(d->engine.held, ring, rooted_store_mark(d->engine.store), &reason);
	if (err && err != ERR_NOT_FOUND) log_error("what this node held of the audit log without its database is not whole: %s", reason_text(&reason, err));
	store_held_tell(d);
}

void store_held_follow_ring(struct daemon *d, struct ring *ring)
{
	if (!d->engine.held) return;
	if (ring) audit_held_set_ring(d->engine.held, ring);
	else audit_held_detach(d->engine.held);
}

bool store_held_is_on(struct daemon *d)
{
	struct engine *e = &d->engine;
	enum engine_state state = engine_state_get(e);
	return e->held && audit_held_is_ready(e->held) && (state == ENGINE_OPEN || state == ENGINE_DRAINING) && (d->care.away || e->cache.offline);
}

static bool can_move(struct daemon *d)
{
	struct engine *e = &d->engine;
	if (!e->held || !e->audit || d->care.away || e->cache.offline || engine_state_get(e) != ENGINE_OPEN || engine_store_health(e) != STORE_WELL) return false;
	return rooted_store_verdict(e->store, NULL) == ERR_OK && clock_mono_ms() >= d->held_again_ms;
}

void store_held_care(struct daemon *d)
{
	struct engine *e = &d->engine;
	struct audit_held_place to;
	struct reason reason = { "" };
	if (!can_move(d)) return;
	if (!audit_held_is_attached(e->held)) store_held_attach(d, txn_ring(e->txn));
	if (!audit_held_is_due(e->held)) return;
	enum coffer_err err = store_thread_within(e, held_rows_move, &to, &reason);
	if (!err) err = audit_held_moved(e->held, &to);
	if (err) {
		log_warn("what this node held of the audit log without its database is written later: %s", reason_text(&reason, err));
		d->held_again_ms = clock_mono_ms() + AGAIN_MS;
	}
	store_held_tell(d);
}
