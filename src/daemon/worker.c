/* Worker threads. */
#include "daemon/worker.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/ct.h"
#include "base/log.h"
#include "daemon/conn.h"
#include "daemon/conn_internal.h"
#include "daemon/crypt_pool.h"
#include "daemon/daemon.h"
#include "kmip/message.h"

static void drain_all(void *arg)
{
	struct worker *w = arg;
	w->draining = true;
	for (struct conn *c = w->conns, *next; c; c = next) {
		next = conn_next(c);
		conn_drain(c);
	}
}

void worker_sweep_keys(void *worker)
{
	op_local_sweep(((struct worker *)worker)->local);
}

void worker_sweep(void *worker)
{
	struct worker *w = worker;
	worker_sweep_keys(w);
	for (struct conn *c = w->conns; c; c = conn_next(c)) conn_sweep(c);
}

static void adopt(struct worker *w, struct job *job)
{
	if (w->draining) {
		close(job->fd);
	} else if (conn_new(w, job->fd, job->peer)) {
		return;
	} else {
		log_warn("a connection was refused: out of memory");
	}
	peers_leave(w->daemon->peers, job->peer);
	w->daemon->engine.connections--;
}

static void run_job(struct worker *w, struct job *job)
{
	switch (job->kind) {
	case JOB_ADOPT:
		adopt(w, job);
		free(job);
		break;
	case JOB_CALL:
		job->call(job->arg);
		free(job);
		break;
	case JOB_CRYPT:
		event_active(w->crypt_event, EV_TIMEOUT, 0);
		break;
	case JOB_SEGMENT:
		conn_segment_back(job);
		break;
	case JOB_REQUEST:
	case JOB_LOAD:
		conn_job_done(job->conn, job); /* part of the connection */
		break;
	}
}

static void on_inbox(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	(void)fd;
	(void)what;
	for (struct job *job = job_queue_take_all(&w->inbox), *next; job; job = next) {
		next = job->next;
		run_job(w, job);
	}
	if (w->draining && w->conn_count == 0) event_base_loopbreak(w->base);
}

static void on_crypt(evutil_socket_t fd, short what, void *arg)
{
	struct worker *w = arg;
	(void)fd;
	(void)what;
	crypt_pool_turn(w->daemon->crypt, w);
	if (w->draining && w->conn_count == 0) event_base_loopbreak(w->base);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	char name[16];
	snprintf(name, sizeof name, "worker-%u", (unsigned)(w - w->daemon->workers));
	prctl(PR_SET_NAME, name);
	do {
		wipe_registers(); /* of what the last round worked on */
		conn_wipe_soon(w);
		if (event_base_loop(w->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0) break;
		if (!event_base_got_break(w->base) && !event_pending(w->crypt_event, EV_TIMEOUT, NULL)) worker_poll(w); /* segments that wait are work */
	} while (!event_base_got_break(w->base));
	crypt_pool_leave(w->daemon->crypt, w);
	return NULL;
}

/* Its events are touched by the worker alone, once it runs: others put jobs into its inbox. So libevent takes no lock here. */
static struct event_base *base_without_locks(void)
{
	struct event_config *config = event_config_new();
	if (!config) return NULL;
	struct event_base *base = event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 ? event_base_new_with_config(config) : NULL;
	event_config_free(config);
	return base;
}

static enum coffer_err prepare(struct worker *w, struct daemon *daemon)
{
	w->base = base_without_locks();
	bool parsed = true;
	for (unsigned i = 0; i < WORKER_ALIKES; i++) {
		w->parsed[i] = malloc(sizeof *w->parsed[i]);
		w->alike[i].place = i;
		parsed = parsed && w->parsed[i];
	}
	/* Now, while secret memory is in one piece; without it conn_lend.c tries again. */
	enum coffer_err in = buf_reserve(&w->input, daemon->lend_block - ARENA_CANARY_LEN), out = buf_reserve(&w->output, daemon->lend_block - ARENA_CANARY_LEN);
	if (in || out) log_debug("worker %u begins without its blocks: secret memory is short", (unsigned)(w - daemon->workers));
	w->local = op_local_new(daemon->engine.objects);
	if (w->local) op_local_set_place(w->local, (unsigned)(w - daemon->workers));
	w->drain = calloc(1, sizeof *w->drain);
	ENSURE(w->base && w->local && w->drain && parsed, ERR_MEMORY);
	*w->drain = (struct job){ .kind = JOB_CALL, .call = drain_all, .arg = w };
	w->inbox_event = event_new(w->base, w->inbox.event_fd, EV_READ | EV_PERSIST, on_inbox, w);
	ENSURE(w->inbox_event && event_add(w->inbox_event, NULL) == 0, ERR_MEMORY);
	w->crypt_job.kind = JOB_CRYPT;
	w->crypt_event = event_new(w->base, -1, 0, on_crypt, w);
	ENSURE(w->crypt_event, ERR_MEMORY);
	w->due_event = event_new(w->base, -1, 0, conn_on_due, w);
	ENSURE(w->due_event, ERR_MEMORY);
	w->loan_event = event_new(w->base, -1, 0, conn_on_loan, w);
	ENSURE(w->loan_event, ERR_MEMORY);
	w->wipe_event = event_new(w->base, -1, 0, conn_on_wipe, w);
	ENSURE(w->wipe_event, ERR_MEMORY);
	ENSURE(pthread_create(&w->thread, NULL, worker_main, w) == 0, ERR_LIMIT);
	w->started = true;
	return ERR_OK;
}

enum coffer_err worker_start(struct worker *w, struct daemon *daemon)
{
	w->daemon = daemon;
	TRY(job_queue_init(&w->inbox, true));
	enum coffer_err err = prepare(w, daemon);
	if (err) worker_join(w);
	return err;
}

static unsigned alike_of(struct worker *w, size_t size)
{
	unsigned empty = WORKER_ALIKES;
	for (unsigned i = 0; i < WORKER_ALIKES; i++) {
		if (w->alike[i].frame_len == size) return i;
		if (w->alike[i].frame_len == 0) empty = i;
	}
	return empty < WORKER_ALIKES ? empty : w->alike_victim++ % WORKER_ALIKES;
}

void worker_lend(struct worker *w, size_t size, struct request *r)
{
	unsigned i = alike_of(w, size);
	r->lent_parsed = w->parsed[i];
	r->lent_alike = &w->alike[i];
}

bool worker_call(struct worker *w, void (*fn)(void *arg), void *arg)
{
	struct job *job = calloc(1, sizeof *job);
	if (!job) return false;
	job->kind = JOB_CALL;
	job->call = fn;
	job->arg = arg;
	if (job_queue_put(&w->inbox, job)) return true;
	free(job);
	return false;
}

void worker_drain(struct worker *w)
{
	struct job *job = w->started ? TAKE(w->drain) : NULL;
	if (job && !job_queue_put(&w->inbox, job)) free(job);
}

void worker_join(struct worker *w)
{
	if (w->started) pthread_join(w->thread, NULL);
	free(w->drain);
	if (w->inbox_event) event_free(w->inbox_event);
	if (w->crypt_event) event_free(w->crypt_event);
	if (w->due_event) event_free(w->due_event);
	if (w->loan_event) event_free(w->loan_event);
	if (w->wipe_event) event_free(w->wipe_event);
	if (w->base) event_base_free(w->base);
	op_local_free(w->local);
	buf_free(&w->input);
	buf_free(&w->output);
	for (unsigned i = 0; i < WORKER_ALIKES; i++) {
		free(w->parsed[i]);
		kmip_alike_done(&w->alike[i]);
	}
	job_queue_done(&w->inbox);
}
