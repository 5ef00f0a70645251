/* The connection's inside, shared by conn.c (life, events) and conn_io.c (bytes, frames). */
#ifndef COFFER_DAEMON_CONN_INTERNAL_H
#define COFFER_DAEMON_CONN_INTERNAL_H

#include <event2/event.h>

#include "base/buf.h"
#include "daemon/conn.h"
#include "daemon/worker.h"
#include "ops/local.h"
#include "ops/streams.h"

#define CONN_READ_CHUNK (64u * 1024u) /* bytes asked for when no frame says more */

/*  reading ──frame complete──► busy (a job is on another thread) ──answer──► reading
 *     │ └── answers pile up ──► writing only ──► reading
 *     └── error, end of file, deadline, drain ──► closed (freed when no job is out) */
struct conn {
	struct worker *worker;
	struct conn *next, *prev;
	int fd;
	struct event *read_event, *write_event;
	struct principal principal;
	struct op_streams *streams;
	struct buf in, out;
	size_t out_sent;      /* bytes of out already written */
	struct job job;       /* the one request under way */
	bool busy;            /* job is on another thread */
	bool closing;         /* close when out is written */
	bool closed;          /* fd is gone; waits for the job */
	bool reading;         /* read_event is added */
};

struct conn *conn_next(struct conn *c);
/* Runs every complete frame of c->in until one must wait for another thread. */
void conn_process(struct conn *c);
/* Writes what can be written; adds the write event for the rest. */
void conn_flush(struct conn *c);
/* Adds or removes the read event as the state asks, with the deadline that fits. */
void conn_rearm(struct conn *c);
void conn_on_readable(struct conn *c);

#endif
