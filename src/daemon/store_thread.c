/* The store thread. */
#include "daemon/store_thread.h"

#include <string.h>
#include <sys/prctl.h>

#include "base/log.h"
#include "daemon/conn.h"

#define JOBS_PER_COMMIT 128u

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

static enum coffer_err run_in_transaction(struct daemon *d, struct job *list, struct reason *reason)
{
	struct engine *e = &d->engine;
	TRY(txn_begin(e->txn, reason));
	for (struct job *job = list; job; job = job->next) {
		enum coffer_err err = request_run(&job->request, d->store_local, e->txn);
		if (err) request_fail(&job->request, err, NULL);
	}
	enum coffer_err err = txn_commit(e->txn, reason);
	if (err == ERR_UNKNOWN_OUTCOME) err = settle(d, list, reason);
	if (!err && txn_wants_scrub(e->txn) && e->after_destroy) e->after_destroy(e);
	return err;
}

static void run_requests(struct daemon *d, struct job *list)
{
	struct reason reason = { "" };
	if (!list) return;
	enum coffer_err err = run_in_transaction(d, list, &reason);
	if (err) log_error("store: %s", reason_text(&reason, err));
	for (struct job *job = list, *next; job; job = next) {
		next = job->next;
		if (err) request_fail(&job->request, err, &reason);
		give_back(job);
	}
}

static void run_load(struct daemon *d, struct job *job)
{
	enum coffer_err err = request_load(&job->request, d->engine.txn);
	if (err) request_fail(&job->request, err, NULL);
	give_back(job);
}

/* Loads and calls run at once; requests are gathered (in order) for one transaction. */
static void run_list(struct daemon *d, struct job *list)
{
	struct job *requests = NULL, **tail = &requests;
	for (struct job *job = list, *next; job; job = next) {
		next = job->next;
		job->next = NULL;
		if (job->kind == JOB_REQUEST) {
			*tail = job;
			tail = &job->next;
		} else if (job->kind == JOB_LOAD) {
			run_load(d, job);
		} else {
			run_requests(d, requests);
			requests = NULL;
			tail = &requests;
			job->call(job->arg);
		}
	}
	run_requests(d, requests);
}

static void *store_main(void *arg)
{
	struct daemon *d = arg;
	prctl(PR_SET_NAME, "store");
	for (struct job *list; (list = job_queue_wait_some(&d->store_jobs, JOBS_PER_COMMIT)) != NULL;) run_list(d, list);
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
	ENSURE(pthread_create(&d->store_thread, NULL, store_main, d) == 0, ERR_MEMORY);
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
