/* Segments in the ring of a connection: several under way, answers in order. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "daemon/conn_internal.h"
#include "daemon/crypt_pool.h"
#include "daemon/daemon.h"
#include "daemon/segment_ring.h"
#include "ops/bulk.h"
#include "ops/seal_key.h"

#define MANY (CONN_SEGMENTS_MAX / 2) /* while more are worked on, answers wait for each other: one write, and one wake of the client, for several */
#define MESSAGE_AROUND 1024u /* bytes of a message beside the segment in it */

/* An answer that waits for its turn. */
struct entry {
	struct crypt_task task;  /* its work, if it has any */
	struct buf answer, failure;
	bool done;
};

struct conn_segments {
	struct segment_ring ring;
	struct entry entries[CONN_SEGMENTS_MAX]; /* count of them from first on, around the end */
	unsigned first, count;
	unsigned working;        /* tasks that are not back */
	bool broken;             /* an answer is missing: none behind it may take its place */
};

static struct entry *entry_at(struct conn_segments *s, unsigned i)
{
	return &s->entries[(s->first + i) % CONN_SEGMENTS_MAX];
}

/* Segments of this size, which the pool has no room for. */
static enum coffer_err refuse_size(const struct conn *c, size_t slot_bytes, struct reason *reason)
{
	bool in_messages = slot_bytes + MESSAGE_AROUND <= c->worker->daemon->engine.config->max_message && conn_ever_fits(c, slot_bytes + MESSAGE_AROUND);
	return reason_fail(reason, ERR_BUSY, "segments of %zu bytes are too large for the secret memory here; %s", slot_bytes,
		in_messages ? "send them in messages" : "make them smaller, or raise secret_memory");
}

/* On the thread that runs the job, while the connection waits for it. */
static enum coffer_err map(void *arg, size_t slot_bytes, unsigned slots, struct op_ring *out, struct reason *reason)
{
	struct conn *c = arg;
	struct daemon *d = c->worker->daemon;
	if (!crypt_pool_fits(d->crypt, slot_bytes - STREAM_TAG_LEN)) return refuse_size(c, slot_bytes, reason);
	AUTO_FREE struct conn_segments *s = calloc(1, sizeof *s);
	ENSURE(s, ERR_MEMORY);
	TRY(segment_ring_open(d, c->peer, slot_bytes * slots, &s->ring, reason));
	for (unsigned i = 0; i < CONN_SEGMENTS_MAX; i++) s->entries[i].task.job.conn = c;
	*out = (struct op_ring){ .memory = s->ring.memory, .slot_bytes = slot_bytes, .slots = slots };
	c->mapped = TAKE(s);
	return ERR_OK;
}

void conn_segments_offer(struct conn *c)
{
	const struct op_ring_host host = { map, c };
	op_streams_set_host(c->streams, &host);
}

void conn_segments_adopt(struct conn *c)
{
	if (!c->mapped) return;
	c->segments = TAKE(c->mapped);
	c->pass_fd = TAKE_FD(c->segments->ring.fd);
	c->pass_after = conn_unsent(c);
}

bool conn_segments_full(const struct conn *c)
{
	return c->held || (c->segments && c->segments->count == CONN_SEGMENTS_MAX);
}

bool conn_at_work(const struct conn *c)
{
	return c->busy || c->held || (c->segments && c->segments->count > 0);
}

bool conn_is_needed(const struct conn *c)
{
	return c->busy || (c->segments && c->segments->working > 0);
}

/* A large frame brings its segment itself, and has its memory. */
bool conn_segments_may_begin(struct conn *c, size_t frame_size)
{
	if (!c->segments || frame_size > CONN_READ_CHUNK || !op_streams_opening(c->streams)) return true;
	return crypt_pool_ready(c->worker->daemon->crypt, op_streams_ring(c->streams)->slot_bytes - STREAM_TAG_LEN);
}

bool conn_segments_hold(struct conn *c, bool always)
{
	c->held = always && c->segments && c->segments->count > 0;
	if (c->held) conn_hold(&c->job);
	return c->held;
}

/* It would be worked on without the memory that conn_segments_may_begin looks for. */
bool conn_segments_refuse_large(struct request *r)
{
	struct reason reason = { "" };
	request_fail(r, reason_fail(&reason, ERR_TOO_LARGE, "a segment in a ring is asked for in a message of %u bytes at most", CONN_READ_CHUNK), &reason);
	return true;
}

static enum coffer_err write_failure(const struct request *r, struct buf *out)
{
	if (r->work.opener) return request_failure(r, ERR_CONTEXT, SEAL_KEY_DOES_NOT_OPEN, out);
	return request_failure(r, ERR_CRYPTO, "the segment could not be sealed; begin the stream again", out);
}

/* Behind the others. The connection has room for one more. */
static bool put_in_order(struct conn *c)
{
	struct conn_segments *s = c->segments;
	struct request *r = &c->job.request;
	struct entry *e = entry_at(s, s->count);
	bool pending = segment_work_pending(&r->work);
	if (pending && write_failure(r, &e->failure) != ERR_OK) {
		buf_free(&e->failure);
		request_done(r);
		return false;
	}
	e->answer = r->answer;
	r->answer = BUF_EMPTY;
	e->done = !pending;
	e->task.err = ERR_OK;
	e->task.work = r->work;
	r->work = (struct segment_work){ .sealer = NULL };
	if (r->close_after) c->closing = true;
	request_done(r);
	conn_withdraw(c);
	s->count++;
	conn_hold_segments(c, true);
	if (!pending) return true;
	s->working++;
	op_streams_ring(c->streams)->under_way |= UINT32_C(1) << e->task.work.slot;
	crypt_pool_submit(c->worker->daemon->crypt, c->worker, &e->task);
	return true;
}

bool conn_answer(struct conn *c)
{
	bool in_order = c->segments && (c->segments->count > 0 || segment_work_pending(&c->job.request.work));
	return in_order ? put_in_order(c) : conn_take_answer(c);
}

/* The slot is the client's again, as soon as it has the answer. True: the work was done, in a stream that had not failed before. */
static bool end_work(struct conn *c, struct entry *e)
{
	struct segment_work *work = &e->task.work;
	struct engine *engine = &c->worker->daemon->engine;
	struct op_stream *stream;
	bool ok = e->task.err == ERR_OK && !segment_work_ended(work);
	op_streams_ring(c->streams)->under_way &= ~(UINT32_C(1) << work->slot);
	if (ok) {
		engine_count_bytes(engine, op_local_place(c->worker->local), work->ticket.plain_len);
	} else {
		if (e->task.err && e->task.err != ERR_CONTEXT) log_warn("a segment in a ring was not worked on: %s", err_text(e->task.err));
		segment_work_fail(work);
		if (op_streams_find(c->streams, work->handle, &stream) == ERR_OK) op_streams_close(c->streams, stream);
		engine->refused++;
	}
	segment_work_drop(work);
	return ok;
}

/* All that is done and has nothing before it. False: there was no memory, once. */
static bool answer_in_order(struct conn *c)
{
	struct conn_segments *s = c->segments;
	while (s->count > 0 && s->entries[s->first].done) {
		struct entry *e = &s->entries[s->first];
		bool ok = !segment_work_pending(&e->task.work) || end_work(c, e);
		s->broken = s->broken || !conn_put_answer(c, ok ? &e->answer : &e->failure);
		buf_free(&e->answer);
		buf_free(&e->failure);
		s->first = (s->first + 1) % CONN_SEGMENTS_MAX;
		s->count--;
	}
	if (s->count == 0) conn_hold_segments(c, false);
	return !s->broken;
}

/* For the audit log. In full mode the segment has a row that says it was asked for; that it did not open is told as a count. */
static void count_work(struct conn *c, const struct crypt_task *task)
{
	const struct segment_work *work = &task->work;
	struct bulk *bulk = c->worker->daemon->engine.bulk;
	if (!bulk || work->operation == 0 || (work->has_row && !task->err)) return;
	struct bulk_use use = { .id = work->key_id, .principal = &c->peer->principal, .operation = work->operation, .now_s = clock_wall_s(),
		.kind = task->err == ERR_CONTEXT ? BULK_UNOPENED : task->err ? BULK_FAILED : BULK_PARTS };
	if (!task->err) use.bytes = work->ticket.plain_len;
	op_local_count(c->worker->local, bulk, &use);
}

/* Nothing is answered behind the answer that is missing: what was held would be taken for it. */
static void give_up(struct conn *c)
{
	conn_give_up(c, "no memory for its answer");
	if (!c->held) return;
	c->held = false;
	request_done(&c->job.request);
	conn_withdraw(c);
}

void conn_segment_done(struct conn *c, struct crypt_task *task)
{
	struct entry *e = (struct entry *)task; /* its first member */
	count_work(c, task);
	e->done = true;
	c->segments->working--;
	if (c->closed) {
		conn_close(c);
		return;
	}
	if (c->segments->working > MANY) return; /* so another one of this connection comes */
	if (!answer_in_order(c)) give_up(c);
	if (c->held && c->segments->count == 0) conn_begin_held(c);
	conn_process(c);
}

void conn_segment_back(struct job *job)
{
	struct entry *e = (struct entry *)job; /* the first member of its first member */
	conn_segment_done(job->conn, &e->task);
}

void conn_segments_free(struct conn *c)
{
	if (c->mapped) segment_ring_close(&c->mapped->ring);
	free(TAKE(c->mapped));
	struct conn_segments *s = TAKE(c->segments);
	if (!s) return;
	for (unsigned i = 0; i < CONN_SEGMENTS_MAX; i++) {
		segment_work_drop(&s->entries[i].task.work);
		buf_free(&s->entries[i].answer);
		buf_free(&s->entries[i].failure);
	}
	segment_ring_close(&s->ring);
	free(s);
}
