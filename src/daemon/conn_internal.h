/* The connection's inside, shared by conn.c (life, events) and conn_io.c (bytes, frames). */
#ifndef COFFER_DAEMON_CONN_INTERNAL_H
#define COFFER_DAEMON_CONN_INTERNAL_H

#include <event2/event.h>

#include "base/arena.h"
#include "base/buf.h"
#include "daemon/conn.h"
#include "daemon/worker.h"
#include "ops/local.h"
#include "ops/streams.h"

#define CONN_READ_BLOCK (16u * 1024u) /* arena block of an idle connection's input */
#define CONN_READ_CHUNK (CONN_READ_BLOCK - ARENA_CANARY_LEN) /* bytes asked for when no frame says more; a larger frame needs memory set aside */
#define LEND_BLOCK_MAX (256u * 1024u) /* of a block that a worker lends (conn_lend.c); with little secret memory less, but CONN_READ_BLOCK */
#define LEND_PART 64u /* of the secret memory that the blocks of all workers may have */
#define LOAN_PART 8u /* the same while large frames come */
#define LOAN_KEPT_US 20000 /* after the last of them */
#define WIPE_AFTER_US 10000 /* what stayed in the blocks, while the worker sleeps */
#define CONN_ANSWER_ROOM 2048u /* bytes that an answer may have more than its request, usually */
#define CONN_ANSWERS_MAX (256u * 1024u) /* answers that pile up before they are written; then no further request is begun */
#define CONN_PIECE_BLOCK (32u * 1024u) /* arena block of a piece of an answer that is not taken */
#define CONN_DUE_GRAIN_MS 20u
#define CONN_WAIT_MS 2u               /* between attempts to get memory, at first; then twice as long each time */
#define CONN_WAIT_MAX_MS 64u

/*  reading ──frame complete──► busy (a job is on another thread) ──answer──► reading
 *     │ └── answers pile up ──► writing only ──► reading
 *     └── error, end of file, deadline, drain ──► closed (freed when no job is out) */
struct conn {
	struct worker *worker;
	struct conn *next, *prev;
	int fd;
	struct event *read_event, *write_event; /* write_event, wait_event: NULL until first needed */
	struct peer *peer;
	struct op_streams *streams;
	struct buf in, out;
	bool in_lent, out_lent; /* they are the worker's (conn_lend.c) */
	bool answer_here;     /* out is the answer of the request that runs now, behind other answers */
	size_t in_at;         /* bytes of in that are done with */
	struct buf spare;     /* for the answer to the large frame that is coming */
	size_t out_sent;      /* bytes of out already written */
	struct buf *parked;   /* answers before out, in pieces; the first of them at parked_at, of which parked_sent bytes are written */
	size_t parked_at, parked_count, parked_sent;
	size_t parked_bytes;  /* not written yet */
	uint64_t write_until_ms; /* when everything must have been taken; 0: nothing waits */
	size_t need;          /* bytes of the frame whose beginning is here; 0: not known */
	size_t last_large;    /* bytes of the frame before, if it was large; else 0 */
	size_t want;          /* bytes that are missing from a large frame: no more than these are read; 0: what comes */
	size_t budget;        /* secret memory set aside for the request under way (conn_budget.c); while busy the job's thread's */
	bool large;           /* the request under way was admitted by conn_admit */
	size_t in_budget;     /* the same for in, where it holds a part of a small frame */
	size_t segments_budget; /* the same for answers about segments under way */
	size_t out_budget;    /* the same for the answers in out */
	struct event *wait_event;
	unsigned wait_ms;     /* the wait under way */
	uint64_t wait_until_ms; /* 0: not waiting for memory */
	uint64_t due_ms;      /* closed when nothing came by then; 0: never (conn_due.c) */
	uint64_t frame_until_ms; /* when the frame under way must be here; 0: none is */
	int pass_fd;          /* goes with the byte of the answers behind the next pass_after; -1: none */
	size_t pass_after;
	struct conn_segments *segments; /* its ring and what is under way there; NULL: none */
	struct conn_segments *mapped;   /* the ring that the job has made */
	bool held;            /* the request of job waits until the segments under way are answered */
	struct job job;       /* the one request under way */
	bool busy;            /* job is on another thread */
	bool closing;         /* close when out is written */
	bool closed;          /* fd is gone; waits for the job */
	bool sweep_due;       /* conn_sweep when job comes back */
	bool reading;         /* read_event is added */
	bool drained;         /* there was less to read than there was room */
};

struct conn *conn_next(struct conn *c);
/* Waits for room in the socket, or for the time alone: on_write with EV_TIMEOUT, on_wait. False: no memory. */
bool conn_add_write(struct conn *c, const struct timeval *within);
bool conn_add_wait(struct conn *c, const struct timeval *after);

/* conn_segments.c: segments of the ring are worked on together, and answered in order; a request that is about anything else waits until they are
 * answered. So while the connection is busy none is under way. */
#define CONN_SEGMENTS_MAX 8u /* under way at a time */

void conn_segments_offer(struct conn *c);
/* The job that made the ring is back. */
void conn_segments_adopt(struct conn *c);
/* No request may be begun now. */
bool conn_segments_full(const struct conn *c);
/* Whether there is memory for what a request of so many bytes may be about. */
bool conn_segments_may_begin(struct conn *c, size_t frame_size);
/* Before the request of c->job is run: true when it waits (c->held), and conn_process begins it later. */
bool conn_segments_hold(struct conn *c, bool always);
/* The answer to a segment in a ring whose message is larger than CONN_READ_CHUNK is ready: a refusal. True. */
bool conn_segments_refuse_large(struct request *r);
/* The request of c->job is answered, or its answer waits for its work: behind the others. False: no memory. */
bool conn_answer(struct conn *c);
/* Something is under way, also when the connection is closed. */
bool conn_at_work(const struct conn *c);
/* Its memory is needed by another thread. */
bool conn_is_needed(const struct conn *c);
/* Not while conn_is_needed. */
void conn_segments_free(struct conn *c);
struct crypt_task;
/* A task is done. Worker thread. */
void conn_segment_done(struct conn *c, struct crypt_task *task);
/* The same, from the worker's inbox. */
void conn_segment_back(struct job *job);
/* The connection waits for nothing any more: a request that was held is begun. */
void conn_begin_held(struct conn *c);
/* conn_out.c */
size_t conn_unsent(const struct conn *c);
/* The answer of c->job goes behind the others that wait to be written. False: no memory. */
bool conn_take_answer(struct conn *c);
/* These bytes do; they may move. */
bool conn_put_answer(struct conn *c, struct buf *answer);
/* The connection ends when what waits to be written is out: nothing more can be read, or answered. why: for the log. */
void conn_give_up(struct conn *c, const char *why);
/* The timer of answers that are not taken. */
void conn_on_unread(struct conn *c);
void conn_drop_answers(struct conn *c);
/* Runs every complete frame of c->in until one must wait for another thread. */
void conn_process(struct conn *c);
enum conn_sent { CONN_SENT, CONN_WAITS, CONN_LOST };
/* Writes what can be written; adds the write event for the rest. */
enum conn_sent conn_send(struct conn *c) MUST_USE;
/* The write event. */
void conn_on_writable(struct conn *c);
/* Adds or removes the read event as the state asks, and sets the deadline that fits. */
void conn_rearm(struct conn *c);
void conn_on_readable(struct conn *c);
/* Another connection needs the worker's block: what is here of a large frame gets memory of its own, if there is any, else the connection ends. */
void conn_let_go(struct conn *c);
/* The same without an event. False: nothing was there. True: what was there is worked on, and the connection may be gone. */
bool conn_poll(struct conn *c);
/* conn_lend.c */
/* The connection may read into the worker's block, or has it already. False: no memory. */
bool conn_input_ready(struct conn *c) MUST_USE;
/* The beginning of a large frame stays in the worker's block between two turns, until another connection needs it (conn_let_go). False: it may not. */
bool conn_keep_input(struct conn *c) MUST_USE;
/* What the last connection left in the worker's blocks is wiped: before another one has them. */
void conn_wipe_blocks(struct worker *w);
/* Before the worker sleeps: the same, when it sleeps for so long that WIPE_AFTER_US pass, or soon after. Without the timer: at once. */
void conn_wipe_soon(struct worker *w);
void conn_on_wipe(evutil_socket_t fd, short what, void *worker);
/* The connection ends. */
void conn_leave_blocks(struct conn *c);
/* The worker's input, into which `added` bytes were read behind the place of those that are here already, becomes the connection's. */
void conn_lend_input(struct conn *c, size_t added);
/* Room in the worker's block for a frame of `size` bytes. False: it is not lent, may not be so large, or there is no memory. */
bool conn_grow_input(struct conn *c, size_t size) MUST_USE;
/* Bytes to which a block that was full grows, by what came last: all that it may, or half of that. */
size_t conn_block_most(const struct conn *c);
/* The timer of a worker: blocks that grew and were not needed lately go back. */
void conn_on_loan(evutil_socket_t fd, short what, void *worker);
/* What is done with leaves the input. */
void conn_drop_done(struct conn *c);
/* The worker has its block again; what is left of the input is the connection's own. False: no memory for it, and it is lost. */
bool conn_own_input(struct conn *c) MUST_USE;
/* The worker's output becomes the connection's, unless that has answers already. */
void conn_lend_output(struct conn *c);
/* Room for `more` bytes behind the answers in the worker's block. False: it is not lent, may not be so large, or there is no memory. */
bool conn_grow_output(struct conn *c, size_t more) MUST_USE;
/* The answers in it are sent. */
void conn_empty_output(struct conn *c);
/* The worker has its block again; answers in it are gone. */
void conn_return_output(struct conn *c);
/* The same, and what is not sent is the connection's own. False: no memory for it, and it is lost. */
bool conn_own_output(struct conn *c) MUST_USE;
/* conn_due.c */
/* When the connection is closed unless something happens: in ms from now, 0 = never. One timer of the worker serves all, so it may be late by CONN_DUE_GRAIN_MS. */
void conn_set_due(struct conn *c, uint64_t ms);
/* The timer of the worker. */
void conn_on_due(evutil_socket_t fd, short what, void *worker);
/* The timer of a connection that waits for memory. */
void conn_on_wait(struct conn *c);

/* Secret memory is bounded (conn_budget.c): a large frame is read only when there is room for it and its answer, so that many clients at once wait for
 * each other instead of failing; and what stays for a while counts for its principal. */
enum coffer_err conn_admit(struct conn *c, size_t frame_size) MUST_USE; /* ERR_BUSY: later; ERR_TOO_LARGE: never */
/* Whether a frame of this size has room when nobody else has any. Any thread. */
bool conn_ever_fits(const struct conn *c, size_t frame_size);
/* conn_admit is taken back. */
void conn_withdraw(struct conn *c);
/* The answer has moved to out, and the request is done; not while busy. */
void conn_answered(struct conn *c);
/* out is not taken yet, or was sent and is empty. */
void conn_hold_answers(struct conn *c);
/* What is in `in` stays there for now: also behind a request that is on another thread, which may take long. */
void conn_hold_input(struct conn *c);
/* Whether segments are under way: their answers are there already. */
void conn_hold_segments(struct conn *c, bool under_way);
/* Everything. */
void conn_release(struct conn *c);
/* Whether the principal has no more than its share, or memory was set aside for this very request. */
bool conn_may_begin(struct conn *c);
/* Bytes of small frames to read at a time: less for a principal that holds much already. */
size_t conn_may_read(struct conn *c);
/* Whether there is no memory left and the principal is one of those who have it. Any thread. */
bool conn_overdrawn(struct conn *c);

#endif
