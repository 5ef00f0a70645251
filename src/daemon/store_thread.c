/* The store thread. */
#include "daemon/store_thread.h"

#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "audit/held.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/anchor_thread.h"
#include "daemon/audit_export.h"
#include "daemon/conn.h"
#include "daemon/role_drive.h"
#include "daemon/store_cache.h"
#include "daemon/store_care.h"
#include "daemon/store_held.h"
#include "daemon/store_key.h"
#include "daemon/store_news.h"
#include "keyring/rooted_store.h"
#include "crypto/rng.h"

#define JOBS_PER_COMMIT 128u
#define BUSY_TRIES 6u      /* runs more of what another node's transaction came between */
#define BUSY_PAUSE_US 1000u /* before the first of them and up to as much again; doubled each time */
#define COMMIT_AFTER_MS 20u /* no further request is begun: those that are done do not wait for long ones */

/* An answer goes back to the worker that owns the connection. */
static void give_back(struct job *job)
{
	conn_return_job(job);
}

/* After a COMMIT whose outcome is unknown: reopen, read again by request record, only then answer. *out_gone: it is certain that nothing of it is there, and the store takes more. */
static enum coffer_err settle(struct daemon *d, struct job *list, bool *out_gone, struct reason *reason)
{
	struct engine *e = &d->engine;
	bool durable = false;
	enum coffer_err err = store_care_reopen(d, reason);
	for (struct job *job = list; job && !err && !durable; job = job->next)
		if (job->kind == JOB_REQUEST) err = request_was_durable(&job->request, e->txn, &durable);
	enum coffer_err settled = txn_settle(e->txn, !err && durable);
	if (!err && durable) return settled;
	/* Also what has no audit row is in memory as in the store. When that cannot be, the store is away and read when it is back. */
	if (!err) err = store_care_reload(d, NULL);
	else store_care_away(d);
	for (struct job *job = list; job && err; job = job->next)
		if (job->kind == JOB_REQUEST) unsettled_note(&d->care.unsettled, &job->request);
	if (err) return reason_fail(reason, ERR_UNKNOWN_OUTCOME, "the store failed and could not be read again, so it is not known whether the change was "
		"made; ask again later under the same request id");
	*out_gone = true;
	return reason_fail(reason, ERR_IO, "the store could not write; nothing was changed, try again");
}

/* In the place of a database that does not answer. */
static enum coffer_err admit_to_cache(struct daemon *d, const struct request *r, struct reason *reason)
{
	if (request_is_of_cache(r)) return ERR_OK;
	return d->engine.cache.offline ? engine_offline_refuses(&d->engine, reason) : engine_store_refuses(&d->engine, ERR_IO, reason);
}

static void run_request(struct daemon *d, struct txn *txn, struct job *job)
{
	struct reason reason = { "" };
	if (!conn_may_run(job)) return;
	job->request.audit_seq = 0;
	enum coffer_err err = txn == d->cache.txn ? admit_to_cache(d, &job->request, &reason) : store_care_admit(d, &job->request, &reason);
	if (!err) err = request_run(&job->request, d->store_local, txn);
	if (err) request_fail(&job->request, err, &reason);
	conn_hold(job);
}

/* What one commit takes from the queue. */
struct round {
	struct job *requests, **requests_end; /* done, in order */
	struct job *others, **others_end;     /* calls and loads that came up: after the commit */
	size_t count;
};

static void append(struct job ***end, struct job *job)
{
	job->next = NULL;
	**end = job;
	*end = &job->next;
}

/* What only reads has a transaction of its own, beside those of other nodes: in one that writes it would contradict each of them. */
static bool goes_apart(const struct daemon *d, const struct job *job)
{
	return d->care.remote && txn_ring(d->engine.txn) && !d->engine.cache.offline && !d->care.away && rooted_store_is_shared(d->engine.store) && request_only_reads(&job->request);
}

static struct job *next_request(struct daemon *d, struct round *round)
{
	for (struct job *job; (job = job_queue_take_one(&d->store_jobs)) != NULL; append(&round->others_end, job))
		if (job->kind == JOB_REQUEST && !goes_apart(d, job)) return job;
	return NULL;
}

/* Objects left memory for want of room: the threads' caches let go of them too. */
static void sweep_if_squeezed(struct daemon *d)
{
	if (object_table_squeezed(d->engine.objects) && d->engine.after_squeeze) d->engine.after_squeeze(&d->engine);
}

static void note_answer(struct daemon *d)
{
	if (atomic_exchange(&d->engine.store_hangs, false)) log_info("store: the disk answers again");
}

enum coffer_err store_thread_commit(struct daemon *d, struct reason *reason)
{
	d->commit_since_ms = clock_mono_ms();
	enum coffer_err err = txn_commit(d->engine.txn, reason);
	d->commit_since_ms = 0;
	note_answer(d);
	return err;
}

/* Its round found the disk full; with the reserve given back there may be room for this one alone. */
static void run_on_reserve(struct daemon *d, struct job *job)
{
	struct reason reason = { "" };
	struct engine *e = &d->engine;
	bool gone;
	enum coffer_err err = store_care_begin(d, &reason);
	if (!err) {
		run_request(d, e->txn, job);
		err = store_thread_commit(d, &reason);
		job->next = NULL;
		if (err == ERR_UNKNOWN_OUTCOME) err = settle(d, job, &gone, &reason);
		if (!err && txn_wants_scrub(e->txn) && e->after_destroy) e->after_destroy(e);
	}
	if (err) request_fail(&job->request, err, &reason);
}

/* Gives every request of the round back, as a failure when err is one; what ends something is tried again where the disk was full. */
static void answer_all(struct daemon *d, struct round *round, enum coffer_err err, const struct reason *reason)
{
	for (struct job *job = round->requests, *next; job; job = next) {
		next = job->next;
		if (err == ERR_FULL && request_write_kind(&job->request) == REQUEST_ENDS) run_on_reserve(d, job);
		else if (err) request_fail(&job->request, err, reason);
		else if (job->request.anchored && anchor_thread_hold(d, job)) continue;
		give_back(job);
	}
	round->requests = NULL;
}

/* Runs the first request and those that wait, turn by turn. */
static void run_waiting(struct daemon *d, struct txn *txn, struct job *first, struct round *round)
{
	uint64_t until_ms = clock_mono_ms() + (goes_apart(d, first) ? 0 : COMMIT_AFTER_MS);
	for (struct job *job = first; job;) {
		run_request(d, txn, job);
		bool full = ++round->count == JOBS_PER_COMMIT || clock_mono_ms() >= until_ms;
		job = full ? NULL : next_request(d, round);
		if (job) append(&round->requests_end, job);
	}
}

/* Those that ran before, in the same order, as if they had not. */
static void run_again(struct daemon *d, struct txn *txn, struct round *round)
{
	for (struct job *job = round->requests; job; job = job->next) {
		request_clear_answer(&job->request);
		run_request(d, txn, job);
	}
}

/* What the other nodes changed is known before anything is decided on it. */
static enum coffer_err hear(struct daemon *d, struct reason *reason)
{
	TRY(store_care_readable(d, reason));
	enum coffer_err err = store_news_hear(d);
	return err ? reason_fail(reason, err, "the connection to the database was lost; see whether its server is up and reachable") : ERR_OK;
}

static enum coffer_err begin(struct daemon *d, struct reason *reason)
{
	TRY(hear(d, reason));
	return store_care_begin(d, reason);
}

/* first NULL: what the round holds is run again. */
static enum coffer_err run_in_transaction(struct daemon *d, struct job *first, struct round *round, bool *out_gone, struct reason *reason)
{
	struct engine *e = &d->engine;
	*out_gone = false;
	if (first) append(&round->requests_end, first);
	if (e->cache.offline) return engine_offline_refuses(e, reason);
	if (store_key_comes(d, round->requests)) return rooted_store_verdict(e->store, reason); /* the database has been asked */
	TRY(begin(d, reason));
	if (store_key_comes(d, round->requests)) {
		txn_abort(e->txn);
		return rooted_store_verdict(e->store, reason);
	}
	if (first) run_waiting(d, e->txn, first, round);
	else run_again(d, e->txn, round);
#ifdef COFFER_TEST_ANSWER_EARLY /* never built for use: the fault that the crash campaign must find (tests/crash) */
	answer_all(d, round, ERR_OK, NULL);
	nanosleep(&(struct timespec){ .tv_nsec = 5000000 }, NULL); /* so that the client has the answer when the next call is the last */
#endif
	bool wrote = txn_has_changes(e->txn);
	enum coffer_err err = store_thread_commit(d, reason);
	if (err == ERR_UNKNOWN_OUTCOME) err = settle(d, round->requests, out_gone, reason);
	else if (err != ERR_CLOSED || !d->care.remote) store_care_after(d, wrote, err);
	if (!err && txn_wants_scrub(e->txn) && e->after_destroy) e->after_destroy(e);
	sweep_if_squeezed(d);
	return err;
}

/* The cache has it where the store is away: that is opened again by others, nobody waits for it here. */
static bool loads_from_cache(const struct daemon *d)
{
	return d->engine.cache.offline || (d->care.away && d->engine.cache.well && d->cache.txn);
}

/* The requests that the cache can answer, and a refusal for the others; their audit records are durable here first. first NULL: those of the round, which the database did not answer. */
static enum coffer_err run_from_cache(struct daemon *d, struct job *first, struct round *round, struct reason *reason)
{
	struct engine *e = &d->engine;
	struct txn *txn = d->cache.txn;
	if (first) append(&round->requests_end, first);
	TRY(store_cache_compared(d, reason));
	TRY(txn_begin_reading(txn, reason));
	if (first) run_waiting(d, txn, first, round);
	else run_again(d, txn, round);
	enum coffer_err err = e->held ? audit_held_commit(e->held, reason) : ERR_OK;
	txn_end_reading(txn, err == ERR_OK);
	if (err) audit_held_drop(e->held);
	store_held_tell(d);
	sweep_if_squeezed(d);
	return reason_default(reason, err, "the record of the audit log could not be held, and without it nothing is done: %s", err_text(err));
}

static enum coffer_err load(struct daemon *d, struct request *r, struct reason *reason)
{
	if (loads_from_cache(d)) return store_cache_load(d, r, reason);
	enum coffer_err err = store_care_readable(d, reason);
	if (!err) err = request_load(r, d->engine.txn);
	if (err && store_care_mend(d, err)) err = request_load(r, d->engine.txn);
	if (err) store_care_lost(d, err);
	return err && loads_from_cache(d) ? store_cache_load(d, r, reason) : err;
}

static void run_load(struct daemon *d, struct job *job)
{
	struct reason reason = { "" };
	if (job->key_until_ms && store_key_wait_one(d, job)) return;
	enum coffer_err err = load(d, &job->request, &reason);
	if (err == ERR_BUSY && rooted_store_is_shared(d->engine.store)) { /* it is under a data key that this node has not got yet, perhaps */
		store_news_want(d);
		if (hear(d, NULL) == ERR_OK && store_key_wait_one(d, job)) return;
		err = load(d, &job->request, &reason);
	}
	if (err) request_fail(&job->request, err, &reason);
	sweep_if_squeezed(d);
	give_back(job);
}

static void run_requests(struct daemon *d, struct job *first);

/* A call's job is gone when it returns. They are short, or the disk does not answer. */
static void run_other(struct daemon *d, struct job *job)
{
	d->commit_since_ms = clock_mono_ms();
	if (job->kind == JOB_LOAD) run_load(d, job);
	else if (job->kind == JOB_REQUEST) run_requests(d, job);
	else job->call(job->arg);
	d->commit_since_ms = 0;
	note_answer(d);
}

/* Once a second: who keeps asking while the store is away must not fill the log. */
static void log_failure(struct daemon *d, const struct reason *reason, enum coffer_err err)
{
	uint64_t now_ms = clock_mono_ms();
	if (d->care.logged_ms && now_ms - d->care.logged_ms < 1000) return;
	d->care.logged_ms = now_ms;
	log_error("store: %s", reason_text(reason, err));
}

/* A database may refuse a transaction because another node's came between, or lose a connection: nothing of it is there, so the same requests run once more, a bounded number
 * of times. gone: as settle says. */
static bool may_run_again(struct daemon *d, enum coffer_err err, bool gone, unsigned tries)
{
	uint8_t jitter = 0;
	if (!d->care.remote || d->care.away || !err) return false;
	if (gone || err == ERR_CLOSED) return tries == 0 && (gone || store_care_mend(d, err));
	if (err != ERR_BUSY || tries >= BUSY_TRIES) return false;
	store_news_want(d); /* what it was too late for */
	if (rng_bytes(&jitter, sizeof jitter) != ERR_OK) jitter = 0;
	usleep((BUSY_PAUSE_US << tries) + (useconds_t)jitter * ((BUSY_PAUSE_US << tries) / 256));
	return true;
}

static enum coffer_err run_in_store(struct daemon *d, struct job *first, struct round *round, struct reason *reason)
{
	bool gone;
	enum coffer_err err = run_in_transaction(d, first, round, &gone, reason);
	for (unsigned tries = 0; may_run_again(d, err, gone, tries); tries++) {
		reason->text[0] = '\0';
		err = run_in_transaction(d, NULL, round, &gone, reason);
	}
	store_care_lost(d, err);
	return err;
}

/* Nothing of the round is in the database, which does not answer. */
static bool may_ask_cache(const struct daemon *d, enum coffer_err err)
{
	return (err == ERR_CLOSED || err == ERR_TIMEOUT || err == ERR_IO) && loads_from_cache(d);
}

/* A request that only reads. Whatever goes wrong is another one's to mend. */
static bool run_apart(struct daemon *d, struct job *job)
{
	struct txn *txn = d->engine.txn;
	if (hear(d, NULL) != ERR_OK || txn_begin_reading(txn, NULL) != ERR_OK) return false;
	enum coffer_err err = rooted_store_look_again(d->engine.store, NULL);
	if (!err) {
		if (!rooted_store_has_heard(d->engine.store)) txn_read_apart(txn);
		request_clear_answer(&job->request);
		run_request(d, txn, job);
		err = rooted_store_look_again(d->engine.store, NULL); /* an answer that the database did not give to the end is none */
	}
	txn_end_reading(txn, !err);
	if (!err) give_back(job);
	return !err;
}

static void run_requests(struct daemon *d, struct job *first)
{
	struct reason reason = { "" };
	struct round round = { .requests = NULL, .others = NULL };
	bool cached = loads_from_cache(d);
	if (goes_apart(d, first) && run_apart(d, first)) {
		sweep_if_squeezed(d);
		return;
	}
	round.requests_end = &round.requests;
	round.others_end = &round.others;
	enum coffer_err err = cached ? run_from_cache(d, first, &round, &reason) : run_in_store(d, first, &round, &reason);
	if (!cached && may_ask_cache(d, err)) {
		reason.text[0] = '\0';
		err = run_from_cache(d, NULL, &round, &reason);
	}
	if (err == ERR_STATE && rooted_store_is_shared(d->engine.store)) round.requests = store_key_wait(d, round.requests);
	if (err && round.requests) log_failure(d, &reason, err);
	answer_all(d, &round, err, &reason);
	for (struct job *job = round.others, *next; job; job = next) {
		next = job->next;
		run_other(d, job);
		(void)role_drive(d);
	}
}

static void *store_main(void *arg)
{
	struct daemon *d = arg;
	prctl(PR_SET_NAME, "store");
	for (bool closed = false; !closed;) {
		uint64_t at_ms = role_drive(d);
		struct job *job = job_queue_wait_until(&d->store_jobs, at_ms, &closed);
		if (!job) continue;
		if (job->kind == JOB_REQUEST) run_requests(d, job);
		else run_other(d, job);
		audit_export_note(d);
	}
	role_drive_end(d);
	return NULL;
}

/* Requests that have not begun are answered; calls wait for the disk, or for who gives them up, and what the cache may have for the end of what hangs, which a database's time limits set. */
static void refuse_waiting(struct daemon *d)
{
	struct reason reason = { "" };
	struct job *kept = NULL, **end = &kept;
	if (d->engine.store_hangs) reason_fail(&reason, ERR_IO, "%s", engine_store_hangs_note);
	else (void)engine_store_refuses(&d->engine, ERR_IO, &reason);
	for (struct job *job; (job = job_queue_take_one(&d->store_jobs)) != NULL;) {
		if (job->kind == JOB_CALL || (d->engine.cache.well && (job->kind == JOB_LOAD || (!d->engine.store_hangs && request_is_of_cache(&job->request))))) {
			append(&end, job);
			continue;
		}
		request_fail(&job->request, ERR_IO, &reason);
		give_back(job);
	}
	for (struct job *job = kept, *next; job; job = next) {
		next = job->next;
		bool put = job_queue_put(&d->store_jobs, job);
		INVARIANT(put); /* it is closed by this thread alone */
	}
}

void store_thread_tick(struct daemon *d)
{
	uint64_t since = d->commit_since_ms, now = clock_mono_ms();
	bool late = since && now > since && now - since > d->engine.config->audit_deadline_ms;
	if (late && engine_state_get(&d->engine) == ENGINE_OPEN && !atomic_exchange(&d->engine.store_hangs, true)) {
		log_error("store: hangs: %s", engine_store_hangs_note);
		if (d->commit_since_ms != since) note_answer(d); /* it ended just now */
	}
	if (d->engine.store_hangs || d->engine.store_away) refuse_waiting(d);
}

struct store_call {
	struct engine *engine;
	engine_store_fn *fn;
	void *arg;
	struct reason *reason;
	enum coffer_err err;
};

static enum coffer_err try_call(struct store_call *call, bool *out_wrote)
{
	struct daemon *d = call->engine->daemon;
	struct txn *txn = call->engine->txn;
	*out_wrote = false;
	TRY(begin(d, call->reason));
	enum coffer_err err = call->fn(call->engine, txn, call->arg, call->reason);
	*out_wrote = txn_has_changes(txn);
	if (!err) return store_thread_commit(d, call->reason);
	txn_abort(txn);
	return err;
}

/* While a node opens, its next try is the whole of it. */
static bool may_call_again(struct store_call *call, unsigned tries)
{
	struct engine *e = call->engine;
	if (call->err != ERR_BUSY || engine_state_get(e) != ENGINE_OPEN || !rooted_store_is_shared(e->store)) return false;
	if (!may_run_again(e->daemon, call->err, false, tries)) return false;
	if (call->reason) call->reason->text[0] = '\0';
	return true;
}

/* After an unknown outcome nobody can tell for a call without a request record: the store is opened again, and the caller reads what is there. */
static void run_call(void *arg)
{
	struct store_call *call = arg;
	struct daemon *d = call->engine->daemon;
	struct txn *txn = call->engine->txn;
	bool wrote;
	call->err = try_call(call, &wrote);
	for (unsigned tries = 0; may_call_again(call, tries); tries++) call->err = try_call(call, &wrote);
	enum coffer_err err = call->err;
	if (err != ERR_UNKNOWN_OUTCOME) {
		store_care_lost(d, err);
		store_care_after(d, wrote, err);
		return;
	}
	enum coffer_err after = store_care_reopen(d, NULL), settled = txn_settle(txn, false);
	if (!after && !settled) after = store_care_reload(d, NULL); /* when that fails the store is away, and status says so */
}

enum coffer_err store_thread_call(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	struct store_call call = { engine, fn, arg, reason, ERR_OK };
	if (engine->cache.offline && !store_thread_may_open()) return engine_offline_refuses(engine, reason);
	if (!store_thread_do(engine->daemon, run_call, &call))
		return reason_fail(reason, ERR_BUSY, "%s", engine->store_hangs ? engine_store_hangs_note : engine->store_away ? "the database does not answer; see whether its server is up and reachable" : "the daemon is stopping, or memory is short");
	return call.err;
}

enum coffer_err store_thread_within(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	struct store_call call = { engine, fn, arg, reason, ERR_OK };
	run_call(&call);
	return call.err;
}

bool store_thread_put(struct daemon *d, struct job *job)
{
	return job_queue_put(&d->store_jobs, job);
}

enum coffer_err store_thread_start(struct daemon *d)
{
	TRY(job_queue_init(&d->store_jobs, false));
	d->store_local = op_local_new(d->engine.objects);
	ENSURE(d->store_local, ERR_MEMORY);
	d->engine.on_store = store_thread_call;
	ENSURE(pthread_create(&d->store_thread, NULL, store_main, d) == 0, ERR_LIMIT);
	d->store_started = true;
	return ERR_OK;
}

void store_thread_stop(struct daemon *d)
{
	if (!d->store_started) return;
	job_queue_close(&d->store_jobs);
	pthread_join(d->store_thread, NULL);
	op_local_free(d->store_local);
	job_queue_done(&d->store_jobs);
	d->store_started = false;
}
