/* Work that moves between threads: a request of a connection, or a call. Intrusive queue with a lock and an eventfd to wake its reader. Whoever
 * has many jobs in a queue waits for those of others: jobs have a turn, and turns go round. */
#ifndef COFFER_DAEMON_JOB_H
#define COFFER_DAEMON_JOB_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"
#include "ops/dispatch.h"

enum job_kind {
	JOB_REQUEST, /* run request, answer goes back to its connection */
	JOB_LOAD,    /* store thread: bring an object into memory, then the worker runs the request again */
	JOB_CALL,    /* run call(arg) */
	JOB_ADOPT,   /* worker: take over a new connection (fd) */
	JOB_CRYPT,   /* worker: tasks wait in the pool (daemon/crypt_pool.h) */
	JOB_SEGMENT  /* worker: such a task is done; it is a part of its connection */
};

struct conn;
struct peer;

/* The jobs of one principal in one queue, oldest first. Zeroed at the start; guarded by the lock of its queue. */
struct job_turn {
	struct job_turn *next;
	struct job *head, *tail;
};

struct job {
	struct job *next;
	struct job_turn *turn;         /* of this queue; NULL: that of everything that has none */
	enum job_kind kind;
	/* JOB_REQUEST, JOB_LOAD */
	struct request request;
	struct conn *conn;             /* who waits; owned by its worker */
	uint64_t key_until_ms;         /* clock_mono_ms: it waits for a data key no longer (daemon/store_key.h); 0: it does not yet */
	/* JOB_CALL */
	void (*call)(void *arg);
	void *arg;
	/* JOB_ADOPT */
	int fd;
	struct peer *peer;             /* the connection's place in the table of peers */
};

/* Many writers, one or more readers. First in, first out within a turn; one job of each turn after another. */
struct job_queue {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct job_turn *first, *last; /* turns that have jobs */
	struct job_turn own;           /* of jobs without a turn */
	size_t length;
	bool closed;
	int event_fd; /* -1 when readers wait on the condition */
};

/* with_event_fd: the reader is an event loop. */
enum coffer_err job_queue_init(struct job_queue *q, bool with_event_fd) MUST_USE;
void job_queue_done(struct job_queue *q);
/* Any thread. False when the queue is closed (the job stays the caller's). */
bool job_queue_put(struct job_queue *q, struct job *job);
/* Takes everything there is at once, NULL when empty. Never waits. */
struct job *job_queue_take_all(struct job_queue *q);
/* Takes the next job, NULL when empty. Never waits; not for queues with an eventfd. */
struct job *job_queue_take_one(struct job_queue *q);
/* Waits for one job; NULL when the queue is closed and empty. */
struct job *job_queue_wait_one(struct job_queue *q);
/* The same until a time of clock_mono_ms (UINT64_MAX: without end): NULL when it has come, and with *out_closed when the queue is closed and empty. */
struct job *job_queue_wait_until(struct job_queue *q, uint64_t until_ms, bool *out_closed);
/* No more jobs; readers end when it is empty. */
void job_queue_close(struct job_queue *q);

#endif
