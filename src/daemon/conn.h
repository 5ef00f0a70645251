/* One connection of the local socket: frames in, answers out, in order. Belongs to one worker's event loop. */
#ifndef COFFER_DAEMON_CONN_H
#define COFFER_DAEMON_CONN_H

#include "access/principal.h"
#include "daemon/job.h"

struct worker;

/* Takes the descriptor. NULL when memory is short (the descriptor is closed). Worker thread. */
struct conn *conn_new(struct worker *worker, int fd, const struct principal *principal);
/* A job of this connection came back from another thread. Worker thread. */
void conn_job_done(struct conn *c, struct job *job);
/* Drain: answers what is under way, then closes. */
void conn_drain(struct conn *c);
/* Closes now; memory goes when nothing is under way any more. */
void conn_close(struct conn *c);

/* Any thread: sends a finished job back to the worker of its connection. */
void conn_return_job(struct job *job);

#endif
