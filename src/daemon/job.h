/* Work that moves between threads: a request of a connection, or a call. Intrusive queue with a lock and an eventfd to wake its reader. */
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
	JOB_ADOPT    /* worker: take over a new connection (fd) */
};

struct conn;

struct job {
	struct job *next;
	enum job_kind kind;
	/* JOB_REQUEST, JOB_LOAD */
	struct request request;
	struct conn *conn;             /* who waits; owned by its worker */
	/* JOB_CALL */
	void (*call)(void *arg);
	void *arg;
	/* JOB_ADOPT */
	int fd;
	struct principal principal;
};

/* A first-in first-out queue: many writers, one or more readers. */
struct job_queue {
	pthread_mutex_t lock;
	pthread_cond_t ready;
	struct job *head, *tail;
	size_t length;
	bool closed;
	int event_fd; /* -1 when readers wait on the condition */
};

/* with_event_fd: the reader is an event loop. */
enum coffer_err job_queue_init(struct job_queue *q, bool with_event_fd) MUST_USE;
void job_queue_done(struct job_queue *q);
/* Any thread. False when the queue is closed (the job stays the caller's). */
bool job_queue_put(struct job_queue *q, struct job *job);
/* Takes everything there is at once, oldest first, NULL when empty. Never waits. */
struct job *job_queue_take_all(struct job_queue *q);
/* Waits for one job; NULL when the queue is closed and empty. */
struct job *job_queue_wait_one(struct job_queue *q);
/* Waits for at least one job and takes up to max, oldest first; NULL when closed and empty. */
struct job *job_queue_wait_some(struct job_queue *q, size_t max);
/* No more jobs; readers end when it is empty. */
void job_queue_close(struct job_queue *q);

#endif
