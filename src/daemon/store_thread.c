/* The store thread. */
#include "daemon/store_thread.h"

#include <string.h>
#include <sys/prctl.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/conn.h"

#define JOBS_PER_COMMIT 128u
#define COMMIT_AFTER_MS 20u /* no further request is begun: those that are done do not wait for long ones */

/* An answer goes back to the worker that owns the connection. */
static void give_back(struct job *job)
{
	conn_return_job(job);
}

/* After a COMMIT whose outcome is unknown: reopen, read again by request record, only then answer. */
static enum coffer_err settle(struct daemon *d, struct job *list, struct reason *reason)
{
	struct engine *e = &d->engine;
	bool durable = false;
	enum coffer_err err = store_reopen(e->store, reason);
	for (struct job *job = list; job && !err && !durable; job = job->next)
		if (job->kind == JOB_REQUEST) err = request_was_durable(&job->request, e->txn, &durable);
	if (err) {
		engine_note(e, "the store failed and could not be read again: %s", reason_text(reason, err));
		e->state = ENGINE_FAULT;
		enum coffer_err ignored = txn_settle(e->txn, false);
		(void)ignored;
		return ERR_UNKNOWN_OUTCOME;
	}
	TRY(txn_settle(e->txn, durable));
	if (!durable) return reason_fail(reason, ERR_IO, "the store could not write; nothing was changed, try again");
	return ERR_OK;
}

static void run_request(struct daemon *d, struct job *job)
{
	if (!conn_may_run(job)) return;
	enum coffer_err err = request_run(&job->request, d->store_local, d->engine.txn);
	if (err) request_fail(&job->request, err, NULL);
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

static struct job *next_request(struct daemon *d, struct round *round)
{
	for (struct job *job; (job = job_queue_take_one(&d->store_jobs)) != NULL; append(&round->others_end, job))
		if (job->kind == JOB_REQUEST) return job;
	return NULL;
}

/* Runs the first request and those that wait, turn by turn, and commits. */
/* Objects left memory for want of room: the threads' caches let go of them too. */
static void sweep_if_squeezed(struct engine *e)
{
	if (object_table_squeezed(e->objects) && e->after_destroy) e->after_destroy(e);
}

static enum coffer_err run_in_transaction(struct daemon *d, struct job *first, struct round *round, struct reason *reason)
{
	struct engine *e = &d->engine;
	uint64_t until_ms = clock_mono_ms() + COMMIT_AFTER_MS;
	append(&round->requests_end, first);
	TRY(txn_begin(e->txn, reason));
	for (struct job *job = first; job;) {
		run_request(d, job);
		bool full = ++round->count == JOBS_PER_COMMIT || clock_mono_ms() >= until_ms;
		job = full ? NULL : next_request(d, round);
		if (job) append(&round->requests_end, job);
	}
	enum coffer_err err = txn_commit(e->txn, reason);
	if (err == ERR_UNKNOWN_OUTCOME) err = settle(d, round->requests, reason);
	if (!err && txn_wants_scrub(e->txn) && e->after_destroy) e->after_destroy(e);
	sweep_if_squeezed(e);
	return err;
}

static void run_load(struct daemon *d, struct job *job)
{
	enum coffer_err err = request_load(&job->request, d->engine.txn);
	if (err) request_fail(&job->request, err, NULL);
	sweep_if_squeezed(&d->engine);
	give_back(job);
}

/* A call's job is gone when it returns. */
static void run_other(struct daemon *d, struct job *job)
{
	if (job->kind == JOB_LOAD) run_load(d, job);
	else job->call(job->arg);
}

static void run_requests(struct daemon *d, struct job *first)
{
	struct reason reason = { "" };
	struct round round = { .requests = NULL, .others = NULL };
	round.requests_end = &round.requests;
	round.others_end = &round.others;
	enum coffer_err err = run_in_transaction(d, first, &round, &reason);
	if (err) log_error("store: %s", reason_text(&reason, err));
	for (struct job *job = round.requests, *next; job; job = next) {
		next = job->next;
		if (err) request_fail(&job->request, err, &reason);
		give_back(job);
	}
	for (struct job *job = round.others, *next; job; job = next) {
		next = job->next;
		run_other(d, job);
	}
}

static void *store_main(void *arg)
{
	struct daemon *d = arg;
	prctl(PR_SET_NAME, "store");
	for (struct job *job; (job = job_queue_wait_one(&d->store_jobs)) != NULL;) {
		if (job->kind == JOB_REQUEST) run_requests(d, job);
		else run_other(d, job);
	}
	return NULL;
}

/* A call that somebody waits for. */
struct waited {
	void (*fn)(void *arg);
	void *arg;
	bool done;
	pthread_mutex_t lock;
	pthread_cond_t finished;
};

static void run_waited(void *arg)
{
	struct waited *w = arg;
	w->fn(w->arg);
	pthread_mutex_lock(&w->lock);
	w->done = true;
	pthread_cond_signal(&w->finished);
	pthread_mutex_unlock(&w->lock);
}

bool store_thread_do(struct daemon *d, void (*fn)(void *arg), void *arg)
{
	struct waited w = { .fn = fn, .arg = arg, .lock = PTHREAD_MUTEX_INITIALIZER, .finished = PTHREAD_COND_INITIALIZER };
	struct job job = { .kind = JOB_CALL, .call = run_waited, .arg = &w };
	if (!job_queue_put(&d->store_jobs, &job)) return false;
	pthread_mutex_lock(&w.lock);
	while (!w.done) pthread_cond_wait(&w.finished, &w.lock);
	pthread_mutex_unlock(&w.lock);
	return true;
}

struct store_call {
	struct engine *engine;
	engine_store_fn *fn;
	void *arg;
	struct reason *reason;
	enum coffer_err err;
};

/* After an unknown outcome nobody can tell for a call without a request record: the store is opened again, and the caller reads what is there. */
static void run_call(void *arg)
{
	struct store_call *call = arg;
	struct txn *txn = call->engine->txn;
	enum coffer_err err = txn_begin(txn, call->reason);
	if (!err) {
		err = call->fn(call->engine, txn, call->arg, call->reason);
		if (err) txn_abort(txn);
		else err = txn_commit(txn, call->reason);
	}
	if (err == ERR_UNKNOWN_OUTCOME) {
		enum coffer_err after = store_reopen(call->engine->store, NULL);
		if (!after) after = txn_settle(txn, false);
		if (after) {
			engine_note(call->engine, "the store failed and could not be read again: %s", err_text(after));
			call->engine->state = ENGINE_FAULT;
		}
	}
	call->err = err;
}

enum coffer_err store_thread_call(struct engine *engine, engine_store_fn *fn, void *arg, struct reason *reason)
{
	struct store_call call = { engine, fn, arg, reason, ERR_OK };
	if (!store_thread_do(engine->daemon, run_call, &call)) return reason_fail(reason, ERR_BUSY, "the daemon is stopping");
	return call.err;
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
