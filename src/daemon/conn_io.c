/* Bytes of a connection: frames in, and on which thread each is answered. */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"
#include "daemon/peers.h"
#include "kmip/tags.h"
#include "ttlv/ttlv.h"

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
	bool want = !c->busy && !c->closing && !c->closed && !c->wait_until_ms && !conn_segments_full(c);
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

static void submit(struct conn *c, struct job_queue *queue, enum job_kind kind)
{
	c->job.kind = kind;
	c->job.turn = &c->peer->turns[queue == &c->worker->daemon->store_jobs ? PEER_STORE : PEER_ADMIN];
	c->busy = true;
	conn_hold(&c->job);
	if (job_queue_put(queue, &c->job)) return;
	c->busy = false; /* the daemon is stopping */
	c->closing = true;
}

/* A worker lacks an object, or the refusal of an item is to be audited. */
static void submit_to_store(struct conn *c)
{
	submit(c, &c->worker->daemon->store_jobs, c->job.request.rerun_on_store ? JOB_REQUEST : JOB_LOAD);
}

/* More requests than rate_limit allows: refused, and nothing else happens. The operator's status is answered whatever the others do under his name. */
static bool over_rate(struct conn *c)
{
	const struct config *config = config_of(c);
	struct request *r = &c->job.request;
	struct reason reason = { "" };
	uint32_t most = config->rate_limit, burst = config->rate_burst ? config->rate_burst : most;
	if (most == 0 || (request_is_status(r) && principal_is_own(&c->peer->principal))) return false;
	uint64_t wait_ms = rate_take(&c->peer->rate, most, burst, request_items(r), clock_mono_ms());
	if (wait_ms == 0) return false;
	enum coffer_err err = reason_fail(&reason, ERR_LIMIT, "you send more than %u requests a second (rate_limit); try again in %llu ms", (unsigned)most,
		(unsigned long long)wait_ms);
	request_fail(r, err, &reason);
	return true;
}

/* Runs the request on its lane. True: its answer is ready. */
static bool run(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	struct request *r = &c->job.request;
	if (conn_segments_hold(c, !request_is_ring_segment(r))) return false;
	if (r->lane == OP_LANE_WORKER) {
		if (request_run(r, c->worker->local, NULL) != ERR_NOT_CACHED) return true;
		if (conn_segments_hold(c, true)) return false;
		submit_to_store(c);
	} else {
		submit(c, r->lane == OP_LANE_STORE ? &d->store_jobs : &d->admin_jobs, JOB_REQUEST);
	}
	return false;
}

static bool classify_and_run(struct conn *c)
{
	c->worker->daemon->engine.requests++;
	if (request_classify(&c->job.request) != ERR_OK || over_rate(c)) return true;
	return run(c);
}

void conn_begin_held(struct conn *c)
{
	c->held = false;
	if (run(c) && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
}

/* Other connections of the principal hold all that it may have, and give nothing back. */
static void refuse_for_memory(struct conn *c)
{
	struct request *r = &c->job.request;
	struct reason reason = { "" };
	if (request_classify(r) != ERR_OK) return;
	enum coffer_err err = reason_fail(&reason, ERR_BUSY, "your other requests and answers take all the memory that you may have; read the answers, then try again");
	request_refuse(r, err, &reason);
}

/* The frame moves out of the input: whole when nothing stands behind it, else copied. */
static enum coffer_err take_frame(struct conn *c, size_t size)
{
	struct request *r = &c->job.request;
	*r = (struct request){ .engine = &c->worker->daemon->engine, .streams = c->streams, .frame = BUF_EMPTY, .answer = BUF_EMPTY };
	r->principal = &c->peer->principal;
	c->job.conn = c;
	r->answer = c->spare;
	c->spare = BUF_EMPTY;
	if (c->in.len == size) {
		r->frame = c->in;
		c->in = BUF_EMPTY;
		return ERR_OK;
	}
	TRY(buf_append(&r->frame, view_of(c->in.ptr, size)));
	buf_consume(&c->in, size);
	return ERR_OK;
}

/* A frame that cannot even be delimited (nothing after it can be trusted), or has no room. */
void conn_give_up(struct conn *c, const char *why)
{
	struct daemon *d = c->worker->daemon;
	log_debug("a connection of %s is closed: %s (%zu bytes are its user's, %zu set aside, %zu the most)", c->peer->principal.text, why, (size_t)c->peer->held,
		(size_t)d->bulk_used, d->bulk_limit);
	d->engine.refused++;
	c->closing = true;
}

/* ERR_OK: *size is the whole frame's; ERR_NOT_FOUND: more bytes are needed. */
static enum coffer_err next_frame(struct conn *c, size_t *size)
{
	if (c->in.len < TTLV_HEADER_LEN) return ERR_NOT_FOUND;
	TRY(ttlv_frame_size(view_of(c->in.ptr, TTLV_HEADER_LEN), TAG_REQUEST_MESSAGE, config_of(c)->max_message, size));
	return c->in.len < *size ? ERR_NOT_FOUND : ERR_OK;
}

/* The timer asks again, less and less often. False: this went on for as long as a request may take. */
static bool wait_for_memory(struct conn *c)
{
	uint64_t now = clock_mono_ms();
	if (!c->wait_until_ms) {
		c->wait_until_ms = now + config_of(c)->request_timeout_ms;
		c->wait_ms = CONN_WAIT_MS;
	}
	if (now >= c->wait_until_ms) return false;
	struct timeval tv = timeval_ms(c->wait_ms);
	if (!conn_add_wait(c, &tv)) return false;
	if (c->wait_ms < CONN_WAIT_MAX_MS) c->wait_ms *= 2;
	return true;
}

/* What was waited here is not the client's. */
static void end_wait(struct conn *c)
{
	if (c->wait_until_ms) c->wait_until_ms = c->frame_until_ms = 0;
}

/* For the rest of the frame and for its answer. False: there is memory, but not in one piece, for now. */
static bool reserve_both(struct conn *c, size_t size)
{
	if (c->spare.cap < size && buf_reserve(&c->spare, size) != ERR_OK) return false;
	if (buf_reserve(&c->in, size - c->in.len) == ERR_OK) return true;
	buf_free(&c->spare);
	return false;
}

/* The rest of a frame is to come. A large one needs memory set aside first: without it nothing is read until the timer asks again. */
static void await_frame(struct conn *c, size_t size)
{
	c->want = 0;
	if (size <= CONN_READ_CHUNK) return;
	enum coffer_err err = conn_admit(c, size);
	if (err == ERR_BUSY) {
		if (!wait_for_memory(c)) conn_give_up(c, "no memory for its request");
		return;
	}
	if (!err && !reserve_both(c, size)) {
		conn_withdraw(c);
		if (!wait_for_memory(c)) conn_give_up(c, "no memory in one piece");
		return;
	}
	end_wait(c);
	if (err) {
		conn_give_up(c, "a request that never has room");
		return;
	}
	c->want = size - c->in.len;
}

void conn_on_wait(struct conn *c)
{
	if (c->in.len == 0) conn_on_readable(c);
	else conn_process(c);
}

/* The frame at the start of the input is whole: its answer, or the work on it, is begun. False: later. */
static bool begin_request(struct conn *c, size_t size)
{
	bool may_begin = conn_may_begin(c) && conn_segments_may_begin(c);
	if (!may_begin && wait_for_memory(c)) return false;
	end_wait(c);
	c->want = 0;
	c->frame_until_ms = 0;
	if (take_frame(c, size) != ERR_OK) {
		conn_give_up(c, "no memory for its request");
		return false;
	}
	if (!may_begin) refuse_for_memory(c);
	if ((!may_begin || classify_and_run(c)) && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
	return true;
}

void conn_process(struct conn *c)
{
	while (!c->busy && !c->closing && !conn_segments_full(c) && conn_unsent(c) < CONN_ANSWERS_MAX) {
		size_t size = 0;
		enum coffer_err err = next_frame(c, &size);
		if (err == ERR_NOT_FOUND) {
			await_frame(c, size);
			break;
		}
		if (err) conn_give_up(c, "no frame");
		if (err || !begin_request(c, size)) break;
	}
	if (!c->busy) conn_hold_input(c);
	if (conn_unsent(c)) {
		conn_flush(c);
		return;
	}
	if (c->closing && !conn_at_work(c)) {
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
		if (c->in.cap == 0 && !conn_may_begin(c)) {
			if (!wait_for_memory(c)) {
				conn_give_up(c, "no memory to read");
				conn_close(c);
				return;
			}
			conn_rearm(c);
			return;
		}
		if (c->in.cap == 0) end_wait(c);
		if (buf_reserve(&c->in, CONN_READ_CHUNK) != ERR_OK) {
			conn_give_up(c, "no memory to read");
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
		if (c->in.len == 0) buf_free(&c->in);
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
	if (c->sweep_due) conn_sweep(c);
	bool ready = true;
	if (job->kind == JOB_LOAD && job->request.answer.len == 0) {
		job->request.loaded_once = true;
		ready = request_run(&job->request, c->worker->local, NULL) != ERR_NOT_CACHED;
		if (!ready) submit_to_store(c);
	}
	conn_segments_adopt(c);
	if (ready && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
	conn_process(c);
}
