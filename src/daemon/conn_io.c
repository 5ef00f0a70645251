/* Bytes of a connection: frames in, answers out, in order, one write for all answers that are ready together. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"
#include "kmip/tags.h"
#include "ttlv/ttlv.h"

#define KEEP_BUFFER (256u * 1024u) /* an idle connection gives back more than this */

static const struct config *config_of(struct conn *c)
{
	return c->worker->daemon->engine.config;
}

static struct timeval timeval_ms(uint64_t ms)
{
	return (struct timeval){ .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
}

/* Part of a frame is here: the whole of it has the request deadline, however slowly it drips. Nothing is here: the idle time, 0 = none. */
static uint64_t time_left_ms(struct conn *c)
{
	if (c->in.len == 0) return config_of(c)->idle_timeout_ms;
	uint64_t now = clock_mono_ms();
	if (!c->frame_until_ms) c->frame_until_ms = now + config_of(c)->request_timeout_ms;
	return c->frame_until_ms > now ? c->frame_until_ms - now : 1;
}

void conn_rearm(struct conn *c)
{
	bool want = !c->busy && !c->closing && !c->closed && !c->wait_until_ms;
	if (!want) {
		if (c->reading) event_del(c->read_event);
		c->reading = false;
		return;
	}
	if (c->reading) return;
	uint64_t ms = time_left_ms(c);
	struct timeval tv = timeval_ms(ms);
	event_add(c->read_event, ms ? &tv : NULL);
	c->reading = true;
}

void conn_flush(struct conn *c)
{
	while (c->out_sent < c->out.len) {
		ssize_t n = send(c->fd, c->out.ptr + c->out_sent, c->out.len - c->out_sent, MSG_NOSIGNAL);
		if (n > 0) {
			c->out_sent += (size_t)n;
			continue;
		}
		if (n < 0 && errno == EINTR) continue;
		if (n < 0 && errno == EAGAIN) {
			struct timeval tv = timeval_ms(config_of(c)->request_timeout_ms);
			event_add(c->write_event, &tv);
			return;
		}
		conn_close(c);
		return;
	}
	c->out_sent = 0;
	if (c->out.cap > KEEP_BUFFER) buf_free(&c->out);
	else buf_clear(&c->out);
	if (!c->busy && !c->want) conn_release(c);
	if (c->closing && !c->busy) {
		conn_close(c);
		return;
	}
	if (!c->busy && c->in.len) conn_process(c);
	else conn_rearm(c);
}

/* Moves the answer behind the others that wait to be written. */
static bool take_answer(struct conn *c)
{
	struct request *r = &c->job.request;
	bool ok = true;
	if (c->out.len == 0) {
		struct buf empty = c->out;
		c->out = r->answer;
		r->answer = empty;
	} else {
		ok = buf_append(&c->out, buf_view(&r->answer)) == ERR_OK;
	}
	if (r->close_after) c->closing = true;
	request_done(r);
	return ok;
}

static void submit(struct conn *c, struct job_queue *queue, enum job_kind kind)
{
	c->job.kind = kind;
	c->busy = true;
	if (job_queue_put(queue, &c->job)) return;
	c->busy = false; /* the daemon is stopping */
	c->closing = true;
}

/* A worker lacks an object, or the refusal of an item is to be audited. */
static void submit_to_store(struct conn *c)
{
	submit(c, &c->worker->daemon->store_jobs, c->job.request.rerun_on_store ? JOB_REQUEST : JOB_LOAD);
}

/* Runs the request on its lane. True: its answer is ready. */
static bool run(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	struct request *r = &c->job.request;
	d->engine.requests++;
	if (request_classify(r) != ERR_OK) return true;
	if (r->lane == OP_LANE_WORKER) {
		if (request_run(r, c->worker->local, NULL) != ERR_NOT_CACHED) return true;
		submit_to_store(c);
	} else {
		submit(c, r->lane == OP_LANE_STORE ? &d->store_jobs : &d->admin_jobs, JOB_REQUEST);
	}
	return false;
}

/* The frame moves out of the input: whole when nothing stands behind it, else copied. */
static enum coffer_err take_frame(struct conn *c, size_t size)
{
	struct request *r = &c->job.request;
	*r = (struct request){ .engine = &c->worker->daemon->engine, .streams = c->streams, .frame = BUF_EMPTY, .answer = BUF_EMPTY };
	r->principal = c->principal;
	c->job.conn = c;
	if (size > CONN_READ_CHUNK) TRY(buf_reserve(&r->answer, size));
	if (c->in.len == size) {
		r->frame = c->in;
		c->in = BUF_EMPTY;
		return ERR_OK;
	}
	TRY(buf_append(&r->frame, view_of(c->in.ptr, size)));
	buf_consume(&c->in, size);
	return ERR_OK;
}

/* A frame that cannot even be delimited: nothing after it can be trusted. */
static void refuse_framing(struct conn *c)
{
	c->worker->daemon->engine.refused++;
	c->closing = true;
}

/* ERR_OK: *size is the whole frame's; ERR_NOT_FOUND: more bytes are needed. */
static enum coffer_err next_frame(struct conn *c, size_t *size)
{
	if (c->in.len < TTLV_HEADER_LEN) return ERR_NOT_FOUND;
	TRY(ttlv_frame_size(view_of(c->in.ptr, TTLV_HEADER_LEN), TAG_REQUEST_MESSAGE, config_of(c)->max_message, size));
	return c->in.len < *size ? ERR_NOT_FOUND : ERR_OK;
}

/* The rest of a frame is to come. A large one needs memory set aside first: without it nothing is read until the timer asks again. */
static void await_frame(struct conn *c, size_t size)
{
	c->want = 0;
	if (size <= CONN_READ_CHUNK) return;
	enum coffer_err err = conn_admit(c, size);
	if (err == ERR_BUSY) {
		uint64_t now = clock_mono_ms();
		struct timeval tv = timeval_ms(CONN_WAIT_MS);
		if (!c->wait_until_ms) c->wait_until_ms = now + config_of(c)->request_timeout_ms;
		if (now >= c->wait_until_ms) c->closing = true;
		else event_add(c->wait_event, &tv);
		return;
	}
	if (c->wait_until_ms) c->wait_until_ms = c->frame_until_ms = 0; /* what was waited here is not the client's */
	if (err || buf_reserve(&c->in, size - c->in.len) != ERR_OK) {
		refuse_framing(c);
		return;
	}
	c->want = size - c->in.len;
}

void conn_on_wait(struct conn *c)
{
	conn_process(c);
}

void conn_process(struct conn *c)
{
	while (!c->busy && !c->closing && c->out.len - c->out_sent < CONN_ANSWERS_MAX) {
		size_t size = 0;
		enum coffer_err err = next_frame(c, &size);
		if (err == ERR_NOT_FOUND) {
			await_frame(c, size);
			break;
		}
		c->want = 0;
		c->frame_until_ms = 0;
		if (err || take_frame(c, size) != ERR_OK) {
			refuse_framing(c);
			break;
		}
		if (run(c) && !take_answer(c)) c->closing = true;
	}
	if (c->out.len > c->out_sent) {
		conn_flush(c);
		return;
	}
	if (c->closing && !c->busy) {
		conn_close(c);
		return;
	}
	conn_rearm(c);
}

void conn_on_readable(struct conn *c)
{
	size_t room = c->in.cap - c->in.len;
	if (c->want && room > c->want) room = c->want; /* the frame alone: then it moves on without a copy */
	if (room == 0) {
		if (buf_reserve(&c->in, CONN_READ_CHUNK) != ERR_OK) {
			conn_close(c);
			return;
		}
		room = c->in.cap - c->in.len;
	}
	ssize_t n = recv(c->fd, c->in.ptr + c->in.len, room, 0);
	if (n > 0) {
		c->in.len += (size_t)n;
		conn_process(c);
	} else if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_rearm(c);
	} else {
		conn_close(c);
	}
}

void conn_job_done(struct conn *c, struct job *job)
{
	c->busy = false;
	if (c->closed) {
		conn_close(c);
		return;
	}
	bool ready = true;
	if (job->kind == JOB_LOAD && job->request.answer.len == 0) {
		job->request.loaded_once = true;
		ready = request_run(&job->request, c->worker->local, NULL) != ERR_NOT_CACHED;
		if (!ready) submit_to_store(c);
	}
	if (ready && !take_answer(c)) c->closing = true;
	conn_process(c);
}
