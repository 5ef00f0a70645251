/* A look a minute, on the store thread. */
#include "daemon/backup_look.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_thread.h"
#include "ops/alert.h"
#include "ops/backup_watch.h"

#define LOOK_MS 60000u

struct backup_look {
	struct daemon *daemon;
	struct job job;         /* in the store thread's queue while `queued` */
	_Atomic bool queued;
	bool looked;            /* main thread: once at least; and when, by the monotonic clock */
	uint64_t looked_ms;
	bool told;              /* store thread: likewise */
	uint64_t told_ms;
	bool failed;            /* store thread: said once */
};

static bool can_look(struct daemon *d)
{
	struct engine *e = &d->engine;
	return engine_state_get(e) == ENGINE_OPEN && e->audit && engine_store_health(e) == STORE_WELL && !d->care.away;
}

static void look(void *arg)
{
	struct backup_look *l = arg;
	struct reason reason = { "" };
	uint64_t now = clock_mono_ms();
	struct backup_watch watch = { .hushed = l->told && now - l->told_ms < BACKUP_WATCH_AGAIN_MS };
	enum coffer_err err = can_look(l->daemon) ? store_thread_within(&l->daemon->engine, backup_watch, &watch, &reason) : ERR_OK;
	if (err && !l->failed) log_warn("whether a backup is missing cannot be told: %s", reason_text(&reason, err));
	l->failed = err != ERR_OK;
	if (!err && watch.judged) alert_set(l->daemon->engine.alerts, ALERT_BACKUP, watch.missing ? ALERT_BAD : ALERT_WELL, watch.sentence);
	if (!err && watch.told) {
		l->told = true;
		l->told_ms = now;
		log_warn("%s", watch.sentence);
	}
	l->queued = false;
}

void backup_look_tick(struct daemon *d)
{
	struct backup_look *l = d->backup_look;
	uint64_t now = clock_mono_ms(), max_age = d->engine.config->backup_max_age_ms, pause = max_age && max_age < LOOK_MS ? max_age : LOOK_MS;
	if (engine_state_get(&d->engine) != ENGINE_OPEN || (l->looked && now - l->looked_ms < pause)) return;
	l->looked = true;
	l->looked_ms = now;
	if (!atomic_exchange(&l->queued, true) && !store_thread_put(d, &l->job)) l->queued = false;
}

enum coffer_err backup_look_start(struct daemon *d)
{
	struct backup_look *l = calloc(1, sizeof *l);
	ENSURE(l, ERR_MEMORY);
	l->daemon = d;
	l->job = (struct job){ .kind = JOB_CALL, .call = look, .arg = l };
	d->backup_look = l;
	return ERR_OK;
}

void backup_look_stop(struct daemon *d)
{
	free(d->backup_look);
	d->backup_look = NULL;
}
