/* Everything in order: state directory, store, threads, socket, token; and back. */
#include "daemon/run.h"

#include <event2/thread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "access/quorum.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/log.h"
#include "crypto/rng.h"
#include "daemon/admin_pool.h"
#include "daemon/alert_thread.h"
#include "daemon/anchor_thread.h"
#include "daemon/audit_export.h"
#include "daemon/audit_signer_thread.h"
#include "daemon/backup_look.h"
#include "daemon/bulk_flush.h"
#include "daemon/conn_internal.h"
#include "daemon/confinement.h"
#include "daemon/conn.h"
#include "daemon/crypt_pool.h"
#include "daemon/database.h"
#include "daemon/descriptors.h"
#include "daemon/link.h"
#include "daemon/listener.h"
#include "daemon/mover.h"
#include "daemon/shutdown.h"
#include "daemon/state_dir.h"
#include "daemon/rotator.h"
#include "daemon/scrubber.h"
#include "daemon/segment_ring.h"
#include "daemon/store_cache.h"
#include "daemon/store_care.h"
#include "daemon/store_held.h"
#include "daemon/store_news.h"
#include "daemon/store_thread.h"
#include "daemon/unseal.h"
#include "daemon/zeroise.h"
#include "keyring/rooted_store.h"
#include "ops/alert.h"
#include "ops/anchor.h"
#include "ops/audit_signer.h"
#include "ops/attend.h"
#include "ops/init_flow.h"
#include "ops/join.h"
#include "ops/key_rotation.h"
#include "ops/rotation.h"
#include "ops/backup.h"
#include "ops/restore.h"
#include "ops/seat.h"
#include "ops/recovery_change.h"
#include "ops/store_check.h"

#define EXIT_CONFIGURATION 78
#define EXIT_AGAIN 75 /* EX_TEMPFAIL: who watches starts it anew */
#define OBJECT_ARENA_BYTES 384u /* a key and its two subkeys, and as much again for what is worked with; what is larger counts by its bytes */
#define STOP_PATIENCE_MS 2000u /* for the last records of the audit log */
#define LOCK_PATIENCE_MS 3000u
#define LOCK_PAUSE_US 50000

/* After a Destroy: keys of destroyed objects leave every thread's cache, and what is under way with them in parts ends. Store thread. */
static void after_destroy(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	for (unsigned i = 0; i < d->worker_count; i++) worker_call(&d->workers[i], worker_sweep, &d->workers[i]);
	op_local_sweep(d->store_local);
}

static void after_squeeze(struct engine *engine)
{
	struct daemon *d = engine->daemon;
	for (unsigned i = 0; i < d->worker_count; i++) worker_call(&d->workers[i], worker_sweep_keys, &d->workers[i]);
	op_local_sweep(d->store_local);
}

static uint64_t anchor_spacing_ms(struct engine *engine)
{
	return anchor_thread_spacing_ms(engine->daemon);
}

/* Objects kept open in memory take at most half of the arena, and their attributes as much ordinary memory as the arena is large, whatever
 * the configuration allows. */
static struct object_table *new_object_table(const struct config *config)
{
	struct arena_stats stats;
	arena_stats(&stats);
	size_t fit = stats.size / 2 / OBJECT_ARENA_BYTES;
	struct object_table *t = object_table_new(config->object_cache < fit ? config->object_cache : fit);
	if (t) object_table_limit_bytes(t, stats.size / 2, stats.size);
	return t;
}

static enum coffer_err init_engine(struct daemon *d)
{
	struct engine *e = &d->engine;
	e->config = d->config;
	e->daemon = d;
	e->state = ENGINE_STARTING;
	e->started_wall_s = clock_wall_s();
	e->set_ring = unseal_set_ring;
	e->open = unseal_open;
	e->open_by_token = unseal_by_token;
	e->open_later = unseal_later;
	e->token_changed = unseal_on_health;
	e->after_destroy = after_destroy;
	e->after_squeeze = after_squeeze;
	e->restart = zeroise_restart;
	e->connection_bytes = conn_idle_bytes();
	e->objects = new_object_table(d->config);
	e->check = store_check_new();
	e->quorum = quorum_new();
	e->anchor_spacing_ms = anchor_spacing_ms;
	e->audit_signer = audit_signer_new();
	e->anchor = anchor_new();
	e->attend = attend_new();
	e->alerts = alerts_new();
	e->rotation = rotation_new();
	e->key_rotation = key_rotation_new();
	ENSURE(e->objects && e->check && e->quorum && e->anchor && e->audit_signer && e->attend && e->alerts && e->rotation && e->key_rotation, ERR_MEMORY);
	ENSURE(pthread_rwlock_init(&e->grants_lock, NULL) == 0 && pthread_mutex_init(&e->admin_lock, NULL) == 0 &&
		pthread_mutex_init(&e->note_lock, NULL) == 0, ERR_MEMORY);
	return ERR_OK;
}

static enum coffer_err open_mark(struct daemon *d, struct reason *reason)
{
	char path[4096];
	struct root_mark *mark;
	if (snprintf(path, sizeof path, "%s/node.root", d->config->state_dir) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	TRY(root_mark_open(path, &mark, reason));
	rooted_store_set_mark(d->engine.store, mark);
	return ERR_OK;
}

static enum coffer_err open_file(struct daemon *d, struct store **out, struct reason *reason)
{
	char path[4096];
	if (snprintf(path, sizeof path, "%s/store.db", d->config->state_dir) >= (int)sizeof path)
		return reason_fail(reason, ERR_USAGE, "the path of state_dir is too long");
	uint64_t until = clock_mono_ms() + LOCK_PATIENCE_MS;
	enum coffer_err err;
	while ((err = store_open_sqlite(path, out, reason)) == ERR_BUSY && clock_mono_ms() < until) usleep(LOCK_PAUSE_US);
	/* Not a second daemon, which the state's lock would have told: it passes, so the monitor tries again. */
	return err == ERR_BUSY ? ERR_IO : err;
}

/* Several nodes write it. */
static enum coffer_err share_store(struct daemon *d)
{
	TRY(rooted_store_share(d->engine.store));
	d->engine.seat = seat_new(d->config);
	return d->engine.seat ? ERR_OK : ERR_MEMORY;
}

static enum coffer_err open_store(struct daemon *d, struct reason *reason)
{
	struct store *inner = NULL;
	TRY(strcmp(d->config->store, "postgres") == 0 ? database_open(d, &inner, reason) : open_file(d, &inner, reason));
	enum coffer_err err = rooted_store_new(inner, &d->engine.store);
	if (err) store_close(inner);
	TRY(err);
	TRY(store_set_cache(d->engine.store, d->config->store_cache));
	if (d->config->store_shared) TRY(share_store(d));
	TRY(open_mark(d, reason));
	d->engine.txn = txn_new(d->engine.store, d->engine.objects);
	ENSURE(d->engine.txn, ERR_MEMORY);
	return ERR_OK;
}

/* Nodes that were started at the same moment do not stay in step (rng_around). */
static void next_care(struct daemon *d)
{
	struct timeval tick = { 0, rng_around(STORE_CARE_TICK_MS) * 1000 };
	if (event_add(d->care_timer, &tick) != 0) log_debug("the next look at the store comes as late as the last one"); /* EV_PERSIST */
}

static void on_care(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct daemon *d = arg;
	store_thread_tick(d);
	store_care_tick(d);
	unseal_tick(d);
	attend_tick(d->engine.attend);
	crypt_pool_tick(d->crypt);
	bulk_flush_tick(d);
	anchor_thread_tick(d);
	backup_look_tick(d);
	next_care(d);
}

static enum coffer_err start_care(struct daemon *d)
{
	struct timeval tick = { 0, STORE_CARE_TICK_MS * 1000 };
	d->care_timer = event_new(d->base, -1, EV_PERSIST, on_care, d);
	ENSURE(d->care_timer && event_add(d->care_timer, &tick) == 0, ERR_MEMORY);
	return store_news_start(d);
}

static unsigned workers_wanted(const struct config *config)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned count = config->workers ? config->workers : cores > 0 ? (unsigned)cores : 1;
	return count > DAEMON_WORKERS_MAX ? DAEMON_WORKERS_MAX : count;
}

/* Fewer threads than wanted serve too, only slower. */
static enum coffer_err start_workers(struct daemon *d)
{
	unsigned count = workers_wanted(d->config);
	enum coffer_err err = ERR_OK;
	d->workers = calloc(count, sizeof *d->workers);
	ENSURE(d->workers, ERR_MEMORY);
	while (d->worker_count < count && !err) {
		err = worker_start(&d->workers[d->worker_count], d);
		if (!err) d->worker_count++;
	}
	if (!err || d->worker_count == 0) return err;
	log_warn("only %u of %u workers could be started (%s); raise TasksMax= in the systemd unit (ulimit -u), or lower workers", d->worker_count, count,
		err_text(err));
	return ERR_OK;
}

/* The store thread, three for what may wait, and the workers. */
static enum coffer_err start_threads(struct daemon *d, struct reason *reason)
{
	enum coffer_err err = store_thread_start(d);
	if (!err) err = admin_pool_start(d);
	if (!err) err = anchor_thread_start(d);
	if (!err) err = audit_signer_start(d);
	if (!err) err = alert_thread_start(d);
	if (!err) err = start_workers(d);
	if (err == ERR_LIMIT)
		return reason_fail(reason, err, "no more threads may be made: raise TasksMax= in the systemd unit (ulimit -u), or lower workers");
	return err;
}

/* Of the two that each worker lends. */
static size_t block_for(unsigned workers, size_t room)
{
	size_t block = LEND_BLOCK_MAX;
	while (block > CONN_READ_BLOCK && block * 2 * workers > room) block /= 2;
	return block;
}

/* Three quarters of the arena may hold large requests; keys and small ones have the rest, of which workers lend a part: less of it while large requests
 * have much of theirs (conn_lend.c). */
static void set_memory_limits(struct daemon *d, unsigned workers)
{
	struct arena_stats stats;
	arena_stats(&stats);
	d->bulk_limit = stats.size / 4 * 3;
	d->lend_block = block_for(workers, stats.size / LEND_PART);
	d->loan_block = block_for(workers, stats.size / LOAN_PART);
}

/* A daemon that is just stopping gets a moment to let go; one that says so, as long as connections and a token that hangs may take it. */
static enum coffer_err lock_state(struct daemon *d, struct reason *reason)
{
	const struct config *c = d->config;
	uint64_t begun = clock_mono_ms(), longest = LOCK_PATIENCE_MS + c->drain_timeout_ms + c->token_deadline_ms;
	enum coffer_err err;
	while ((err = state_dir_lock(c->state_dir, &d->state_lock_fd, reason)) == ERR_BUSY) {
		uint64_t waited = clock_mono_ms() - begun;
		if (waited >= longest || (waited >= LOCK_PATIENCE_MS && !state_dir_holder_stops(c->state_dir))) break;
		usleep(LOCK_PAUSE_US);
	}
	return err;
}

static enum coffer_err start(struct daemon *d, const struct options *options, struct reason *reason)
{
	TRY(descriptors_prepare(d, workers_wanted(d->config), reason));
	set_memory_limits(d, workers_wanted(d->config));
	d->peers = peers_new(PEERS_MAX);
	ENSURE(d->peers && pthread_mutex_init(&d->budget_lock, NULL) == 0, ERR_MEMORY);
	d->crypt = crypt_pool_new(d);
	ENSURE(d->crypt, ERR_MEMORY);
	segment_ring_prepare(d);
	TRY(lock_state(d, reason));
	TRY(zeroise_finish(d->config->state_dir, reason));
	TRY(init_engine(d));
	ENSURE(evthread_use_pthreads() == 0, ERR_MEMORY);
	d->base = event_base_new();
	ENSURE(d->base, ERR_MEMORY);
	TRY(shutdown_catch_signals(d));
	TRY(link_open(d, options, reason));
	TRY(mover_start(d, reason));
	TRY(open_store(d, reason));
	TRY(store_cache_start(d, reason));
	TRY(store_held_start(d, reason));
	TRY(store_care_start(d, reason));
	TRY(bulk_flush_start(d));
	TRY(backup_look_start(d));
	TRY(listener_open(d, reason));
	TRY(confinement_enter(d, reason));
	TRY(start_threads(d, reason));
	TRY(audit_export_start(d));
	TRY(scrubber_start(d));
	TRY(rotator_start(d));
	TRY(unseal_start(d, reason));
	TRY(start_care(d));
	return listener_start(d);
}

/* Workers have drained; what still runs is waited for, then everything is closed in the order of who uses whom. */
static void stop(struct daemon *d)
{
	listener_close(d);
	mover_stop(d);
	alert_thread_stop(d);
	init_drop(&d->engine);
	join_drop(&d->engine);
	bulk_flush_end(d, STOP_PATIENCE_MS);
	audit_signer_stop(d);
	anchor_thread_stop(d);
	unseal_stop(d);
	admin_pool_stop(d);
	backup_drop(&d->engine);
	restore_drop(&d->engine);
	recovery_change_drop(&d->engine);
	unseal_end(d);
	bool ended = audit_export_end(d, STOP_PATIENCE_MS);
	store_thread_stop(d);
	scrubber_stop(d);
	rotator_stop(d);
	for (unsigned i = 0; i < d->worker_count; i++) worker_join(&d->workers[i]);
	anchor_thread_free(d);
	crypt_pool_free(d->crypt);
	bulk_flush_stop(d);
	backup_look_stop(d);
	alert_thread_free(d);
	if (!ended) { /* one of its threads may still look at what would be freed */
		store_close(d->engine.store);
		_exit(d->restarting ? EXIT_AGAIN : 0);
	}
	if (d->engine.txn) ring_free(txn_ring(d->engine.txn));
	txn_free(d->engine.txn);
	audit_chain_free(d->engine.audit);
	mover_free(d);
	store_close(d->engine.store);
	store_cache_stop(d);
	store_held_stop(d);
	store_check_free(d->engine.check);
	quorum_free(d->engine.quorum);
	anchor_free(d->engine.anchor);
	audit_signer_free(d->engine.audit_signer);
	attend_free(d->engine.attend);
	alerts_free(d->engine.alerts);
	rotation_free(d->engine.rotation);
	key_rotation_free(d->engine.key_rotation);
	seat_free(d->engine.seat);
	object_table_free(d->engine.objects);
	peers_free(d->peers);
	grants_unref(d->engine.grants);
	link_close(d);
	for (size_t i = 0; i < 3; i++)
		if (d->signal_events[i]) event_free(d->signal_events[i]);
	store_care_stop(d);
	if (d->care_timer) event_free(d->care_timer);
	store_news_stop(d);
	if (d->drain_timer) event_free(d->drain_timer);
	if (d->base) event_base_free(d->base);
	if (d->state_lock_fd >= 0) close(d->state_lock_fd);
}

static int run_loop(struct daemon *d)
{
	log_info("serving at %s: %s", d->config->socket, engine_state_name(engine_state_get(&d->engine)));
	link_status(d, engine_state_name(engine_state_get(&d->engine)));
	link_ready(d);
	if (!link_looping(d)) shutdown_begin(d);
	event_base_loop(d->base, EVLOOP_NO_EXIT_ON_EMPTY);
	link_no_answers(d);
	if (d->engine.connections) {
		/* Requests that do not end are given up; the store keeps what was committed. */
		log_warn("stopped with requests under way");
		bulk_flush_end(d, STOP_PATIENCE_MS);
		anchor_thread_stop(d);
		_exit(d->restarting ? EXIT_AGAIN : 0);
	}
	return d->restarting ? EXIT_AGAIN : 0;
}

int daemon_run(struct config *config, const struct options *options)
{
	static struct daemon d;
	struct reason reason = { "" };
	d = (struct daemon){ .config = config, .config_path = options->config_path, .config_given = options->config_given,
		.state_lock_fd = -1, .listen_fd = -1 };
	enum coffer_err err = start(&d, options, &reason);
	if (err) {
		log_error("%s", reason_text(&reason, err));
		link_close(&d);
		if (d.listen_fd >= 0) unlink(config->socket);
		/* Threads may run already: no orderly way back is needed, nothing has been answered yet. */
		_exit(err == ERR_USAGE || err == ERR_BUSY || err == ERR_SCHEMA || err == ERR_CORRUPT ? EXIT_CONFIGURATION : 1);
	}
	int status = run_loop(&d);
	stop(&d);
	for (size_t i = 0; i < d.retired_count; i++) {
		config_free(d.retired[i]);
		free(d.retired[i]);
	}
	config_free(d.config);
	free(d.config);
	return status;
}
