/* A worker: a thread with its own event loop, connections and warm cipher contexts. Nothing that blocks runs on it. */
#ifndef COFFER_DAEMON_WORKER_H
#define COFFER_DAEMON_WORKER_H

#include <event2/event.h>
#include <pthread.h>

#include "base/buf.h"
#include "daemon/job.h"
#include "daemon/worker_poll.h"
#include "kmip/alike.h"
#include "ops/local.h"

struct daemon;
struct kmip_request;

#define WORKER_ALIKES 4u
_Static_assert(WORKER_ALIKES <= OP_LOCAL_AGAINS, "each has an answer to be kept");

struct worker {
	struct daemon *daemon;
	struct event_base *base;
	struct event *inbox_event;
	struct job_queue inbox;       /* connections to adopt, jobs that came back */
	struct op_local *local;
	struct event *crypt_event;    /* active: the worker takes a task of daemon->crypt */
	struct job crypt_job;         /* makes it so, from another thread */
	bool crypting;                /* one of both is under way; guarded by the pool's lock */
	struct buf input, output;     /* lent to the connection that is worked on (conn_lend.c); empty meanwhile */
	struct conn *holder;          /* keeps input between its turns, for the rest of a large frame; NULL: nobody */
	const struct conn *user;      /* who had the blocks last */
	size_t input_left, output_left; /* bytes at their beginning that it may have left there: wiped before another has them, and soon after the worker sleeps */
	struct event *loan_event;     /* takes from them what they grew by; NULL: at once */
	struct event *wipe_event;     /* wipes them; NULL: before the worker sleeps */
	bool wipe_set;
	bool loan_kept, loan_used;    /* the timer is set; a large block was used since */
	struct kmip_request *parsed[WORKER_ALIKES]; /* lent to its requests */
	struct kmip_alike alike[WORKER_ALIKES];     /* what is in them: messages of one length each, for a client sends batches of two or three lengths in turns */
	unsigned alike_victim;
	struct event *due_event;      /* when the next connection's time is up (conn_due.c) */
	uint64_t due_ms;              /* 0: not set */
	struct conn *conns;           /* list, worker thread only */
	size_t conn_count;            /* also those closed whose job is still out */
	size_t conn_most;             /* at a time, since memory was given back to the system */
	struct worker_poll poll;
	bool draining;
	struct job *drain;            /* made at the start, so that a stop needs no memory */
	bool started;
	pthread_t thread;
};

/* ERR_LIMIT: no thread may be made. Nothing is left after a failure. */
enum coffer_err worker_start(struct worker *w, struct daemon *daemon) MUST_USE;
/* Worker thread: what the request, of so many bytes, is read into: where one of this length came before, or else one that did not lately. */
void worker_lend(struct worker *w, size_t size, struct request *r);
/* Any thread: run fn(arg) on the worker (a JOB_CALL made and freed inside). */
bool worker_call(struct worker *w, void (*fn)(void *arg), void *arg);
/* For worker_call with a worker: keys that left memory leave its caches. */
void worker_sweep_keys(void *worker);
/* The same, and what goes on in parts on its connections with the key of a destroyed object ends. */
void worker_sweep(void *worker);
/* Answers what is under way, closes the connections and ends the loop when the last one is gone. Any thread. */
void worker_drain(struct worker *w);
/* After worker_drain: waits for the thread and frees what it had. */
void worker_join(struct worker *w);

#endif
