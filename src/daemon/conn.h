/* One connection of the local socket: frames in, answers out, in order. Belongs to one worker's event loop. */
#ifndef COFFER_DAEMON_CONN_H
#define COFFER_DAEMON_CONN_H

#include "daemon/job.h"

struct peer;
struct worker;

/* Takes the descriptor and its place in the table of peers. NULL when memory is short (the descriptor is closed, the place is the caller's). Worker
 * thread. */
struct conn *conn_new(struct worker *worker, int fd, struct peer *peer);
/* Ordinary memory of a connection that is idle. */
size_t conn_idle_bytes(void);
/* A job of this connection came back from another thread. Worker thread. */
void conn_job_done(struct conn *c, struct job *job);
/* After a Destroy: ends operations in parts whose key is gone; while a request is on another thread, when it comes back. Worker thread. */
void conn_sweep(struct conn *c);
/* Drain: answers what is under way, then closes. */
void conn_drain(struct conn *c);
/* Closes now; memory goes when nothing is under way any more. */
void conn_close(struct conn *c);

/* Any thread: sends a finished job back to the worker of its connection. */
void conn_return_job(struct job *job);
/* The thread that runs the job, before it: false when the principal has taken more memory than there is, with answers that it does not read. Then the
 * answer that says so is in the job. */
bool conn_may_run(struct job *job);
/* The memory of the job's request and of its answer counts: before it goes to another thread, and there as soon as the answer is made. */
void conn_hold(struct job *job);

#endif
