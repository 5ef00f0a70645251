/* Rounds of writing what was counted. */
#include "daemon/bulk_flush.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/store_held.h"
#include "daemon/store_thread.h"
#include "ops/bulk_rows.h"

#define ROWS_PER_COMMIT 128u

struct bulk_flush {
	struct daemon *daemon;
	uint64_t begun_ms;       /* main thread: the last round */
	struct job job;          /* in the store thread's queue while `queued` */
	_Atomic bool queued;
	size_t left;             /* store thread: rows of the round under way */
	bool hold_failed;        /* store thread: said once */
	struct bulk_batch *doubt; /* store thread: it is not known whether it was written … */
	uint64_t doubt_seq;      /* … with this as its last row */
	struct job end_job;
	pthread_mutex_t lock;    /* guards the next one */
	pthread_cond_t ended;
	bool done;
};

static bool can_write(struct daemon *d)
{
	struct engine *e = &d->engine;
	enum engine_state state = engine_state_get(e);
	return e->audit && (state == ENGINE_OPEN || state == ENGINE_DRAINING) && engine_store_health(e) == STORE_WELL && !d->care.away;
}

static enum coffer_err append_batch(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)reason;
	return bulk_append(engine, txn, arg);
}

/* ---- what became of a commit whose outcome was not known ---- */

struct found {
	const struct bulk_row *row;
	bool same;
};

static enum coffer_err compare(void *arg, const struct audit_event *event)
{
	struct found *found = arg;
	char details[BULK_DETAILS_MAX];
	bulk_row_details(found->row, details);
	found->same = event->operation == found->row->operation && view_equal(event->details, view_str(details)) &&
		view_equal(event->principal, view_str(bulk_row_principal(found->row))) &&
		(!event->object_id.len || view_equal(event->object_id, view_of(found->row->id, UUID_LEN)));
	return ERR_OK;
}

static enum coffer_err look(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct bulk_flush *f = ((struct daemon *)engine->daemon)->bulk_flush;
	(void)reason;
	enum coffer_err err = audit_read(engine->audit, txn, f->doubt_seq, 1, compare, arg);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

/* The rows stand in one transaction: the last one tells. */
static void settle_doubt(struct bulk_flush *f)
{
	struct engine *e = &f->daemon->engine;
	if (!f->doubt || !can_write(f->daemon)) return;
	struct found found = { .row = &f->doubt->rows[f->doubt->count - 1] };
	enum coffer_err err = store_thread_within(e, look, &found, NULL);
	if (err && err != ERR_CORRUPT) return; /* a damaged record is told by verification */
	if (found.same) bulk_drop(TAKE(f->doubt));
	else bulk_give_back(TAKE(f->doubt));
}

/* ---- writing ---- */

static void note_written(struct bulk_flush *f, const struct bulk_batch *batch)
{
	f->left -= batch->count < f->left ? batch->count : f->left;
}

/* The database does not answer. What cannot be held stays counted. */
static bool hold_some(struct bulk_flush *f)
{
	struct engine *e = &f->daemon->engine;
	struct reason reason = { "" };
	struct bulk_batch *batch = bulk_take(e->bulk, NULL, ROWS_PER_COMMIT);
	if (!batch) return false;
	enum coffer_err err = bulk_hold(e, batch, &reason);
	note_written(f, batch);
	if (err && !f->hold_failed) log_warn("what was counted of bulk operations stays in memory until the database is back: %s", reason_text(&reason, err));
	f->hold_failed = err != ERR_OK;
	if (err) bulk_give_back(batch);
	else bulk_drop(batch);
	store_held_tell(f->daemon);
	return !err;
}

static bool write_some(struct bulk_flush *f)
{
	struct engine *e = &f->daemon->engine;
	struct reason reason = { "" };
	if (store_held_is_on(f->daemon)) return hold_some(f);
	if (f->doubt || !can_write(f->daemon)) return false;
	struct bulk_batch *batch = bulk_take(e->bulk, NULL, ROWS_PER_COMMIT);
	if (!batch) return false;
	uint64_t last = audit_chain_length(e->audit) + batch->count;
	enum coffer_err err = store_thread_within(e, append_batch, batch, &reason);
	note_written(f, batch);
	if (!err) {
		bulk_drop(batch);
		return true;
	}
	log_warn("what was counted of bulk operations is written later: %s", reason_text(&reason, err));
	if (err != ERR_UNKNOWN_OUTCOME) {
		bulk_give_back(batch);
		return false;
	}
	f->doubt = batch;
	f->doubt_seq = last;
	settle_doubt(f);
	return false;
}

static void put(struct bulk_flush *f)
{
	if (!atomic_exchange(&f->queued, true) && !store_thread_put(f->daemon, &f->job)) f->queued = false;
}

/* One transaction of a round. */
static void step(void *arg)
{
	struct bulk_flush *f = arg;
	struct engine *e = &f->daemon->engine;
	settle_doubt(f);
	if (f->left == 0) {
		bulk_next_interval(e->bulk);
		bulk_collect(e->bulk, clock_wall_s());
		f->left = bulk_waiting(e->bulk);
	}
	bool again = f->left > 0 && write_some(f) && f->left > 0;
	if (!again) f->left = 0;
	f->queued = false;
	if (again) put(f);
}

void bulk_flush_tick(struct daemon *d)
{
	struct bulk_flush *f = d->bulk_flush;
	uint64_t now = clock_mono_ms();
	if (engine_state_get(&d->engine) != ENGINE_OPEN || now - f->begun_ms < d->engine.config->audit_interval_ms) return;
	f->begun_ms = now;
	put(f);
}

/* ---- the end ---- */

static enum coffer_err append_stopped(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct audit_event event = { .principal = view_str("node"), .details = view_str("stopped; what was counted is in the audit log") };
	(void)arg;
	(void)reason;
	return audit_append(engine->audit, txn, &event);
}

static void write_all(struct bulk_flush *f)
{
	struct engine *e = &f->daemon->engine;
	bulk_collect(e->bulk, clock_wall_s());
	settle_doubt(f);
	for (size_t rounds = BULK_ROWS / ROWS_PER_COMMIT + 4; rounds > 0 && write_some(f); rounds--) continue;
	size_t left = bulk_waiting(e->bulk) + (f->doubt ? f->doubt->count : 0);
	if (left) log_error("the audit log lacks %zu sums of bulk operations: the store takes no changes", left);
	else if (can_write(f->daemon) && store_thread_within(e, append_stopped, NULL, NULL) != ERR_OK) log_warn("the stop is not in the audit log");
}

static void end(void *arg)
{
	struct bulk_flush *f = arg;
	write_all(f);
	pthread_mutex_lock(&f->lock);
	f->done = true;
	pthread_cond_signal(&f->ended);
	pthread_mutex_unlock(&f->lock);
}

void bulk_flush_end(struct daemon *d, uint64_t most_ms)
{
	struct bulk_flush *f = d->bulk_flush;
	struct timespec until;
	int rc = 0;
	if (!f || !d->store_started) return;
	if (!store_thread_put(d, &f->end_job)) return;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += (time_t)(most_ms / 1000);
	pthread_mutex_lock(&f->lock);
	while (!f->done && rc == 0) rc = pthread_cond_timedwait(&f->ended, &f->lock, &until);
	if (!f->done) log_error("the store does not answer: what was counted of bulk operations in the last interval is not in the audit log");
	pthread_mutex_unlock(&f->lock);
}

/* ---- its life ---- */

enum coffer_err bulk_flush_start(struct daemon *d)
{
	struct bulk_flush *f = calloc(1, sizeof *f);
	ENSURE(f, ERR_MEMORY);
	d->engine.bulk = bulk_new();
	pthread_condattr_t attr;
	if (!d->engine.bulk || pthread_mutex_init(&f->lock, NULL) != 0 || pthread_condattr_init(&attr) != 0) {
		free(f);
		return ERR_MEMORY;
	}
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&f->ended, &attr);
	pthread_condattr_destroy(&attr);
	f->daemon = d;
	f->job = (struct job){ .kind = JOB_CALL, .call = step, .arg = f };
	f->end_job = (struct job){ .kind = JOB_CALL, .call = end, .arg = f };
	f->begun_ms = clock_mono_ms();
	d->bulk_flush = f;
	return ERR_OK;
}

void bulk_flush_stop(struct daemon *d)
{
	if (d->bulk_flush) {
		if (d->bulk_flush->doubt) bulk_drop(d->bulk_flush->doubt);
		free(d->bulk_flush);
	}
	d->bulk_flush = NULL;
	bulk_free(TAKE(d->engine.bulk));
}
