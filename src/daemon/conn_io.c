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

#define READ_ROUNDS 4u /* of reading from one connection before the others have their turn */
#define REST_TRIES 32u /* of reading the rest of a large frame that is being written */

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
	bool want = !c->busy && !c->closing && !c->closed && !c->wait_until_ms && conn_unsent(c) == 0 && !conn_segments_full(c);
	conn_set_due(c, want ? time_left_ms(c) : 0);
	if (want == c->reading) return;
	if (want) event_add(c->read_event, NULL);
	else event_del(c->read_event);
	c->reading = want;
}

/* The answer is written behind the others that wait, unless memory was set aside for it. */
static void place_answer(struct conn *c)
{
	struct request *r = &c->job.request;
	if (c->spare.cap || c->segments) { /* or is put in order first */
		r->answer = c->spare;
		c->spare = BUF_EMPTY;
		return;
	}
	conn_lend_output(c);
	r->answer = c->out;
	r->answer_at = c->out.len;
	c->out = BUF_EMPTY;
	c->answer_here = true;
}

/* The others stay here when the request goes to another thread. */
static void unplace_answer(struct conn *c)
{
	struct request *r = &c->job.request;
	if (!c->answer_here) return;
	c->out = r->answer;
	r->answer = BUF_EMPTY;
	r->answer_at = 0;
	c->answer_here = false;
}

/* False: its answer, that there is no memory for it or that the store hangs, is ready. */
static bool submit(struct conn *c, struct job_queue *queue, enum job_kind kind)
{
	struct request *r = &c->job.request;
	struct reason reason = { "" };
	struct engine *e = &c->worker->daemon->engine;
	bool hangs = e->store_hangs, cached = e->cache.well && (kind == JOB_LOAD || (!hangs && kind == JOB_REQUEST && request_is_of_cache(r)));
	bool store = queue == &c->worker->daemon->store_jobs && !cached; /* what the cache may have waits */
	if (store && (hangs || e->store_away)) {
		request_fail(r, hangs ? reason_fail(&reason, ERR_IO, "%s", engine_store_hangs_note) : engine_store_refuses(e, ERR_IO, &reason), &reason);
		return false;
	}
	if (request_keep(r) != ERR_OK) {
		request_fail(r, ERR_MEMORY, NULL);
		return false;
	}
	unplace_answer(c);
	c->job.kind = kind;
	c->job.key_until_ms = 0;
	c->job.turn = &c->peer->turns[queue == &c->worker->daemon->store_jobs ? PEER_STORE : PEER_ADMIN];
	c->busy = true;
	conn_hold(&c->job);
	if (job_queue_put(queue, &c->job)) return true;
	c->busy = false; /* the daemon is stopping */
	c->closing = true;
	return true;
}

/* The request waits for what is under way in the ring. False: its answer, that there is no memory for that, is ready. */
static bool keep_held(struct conn *c)
{
	struct request *r = &c->job.request;
	if (request_keep(r) == ERR_OK) {
		conn_hold(&c->job); /* what it has now */
		unplace_answer(c);
		return true;
	}
	c->held = false;
	request_fail(r, ERR_MEMORY, NULL);
	return false;
}

/* A worker lacks an object, or the refusal of an item is to be audited. */
static bool submit_to_store(struct conn *c)
{
	return submit(c, &c->worker->daemon->store_jobs, c->job.request.rerun_on_store ? JOB_REQUEST : JOB_LOAD);
}

/* More requests than rate_limit allows: refused, and nothing else happens. The operator's status is answered whatever the others do under his name. */
static bool over_rate(struct conn *c)
{
	const struct config *config = config_of(c);
	struct request *r = &c->job.request;
	uint32_t most = config->rate_limit, burst = config->rate_burst ? config->rate_burst : most;
	if (most == 0 || (request_is_status(r) && principal_is_own(&c->peer->principal))) return false;
	uint64_t wait_ms = rate_take(&c->peer->rate, most, burst, request_items(r), clock_mono_ms());
	if (wait_ms == 0) return false;
	struct reason reason = { "" };
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
	bool in_ring = request_is_ring_segment(r);
	if (conn_segments_hold(c, !in_ring || c->last_large)) return !keep_held(c); /* a large one is counted until it is answered */
	if (in_ring && c->last_large) return conn_segments_refuse_large(r);
	if (r->lane != OP_LANE_WORKER) return !submit(c, r->lane == OP_LANE_STORE ? &d->store_jobs : &d->admin_jobs, JOB_REQUEST);
	if (request_run(r, c->worker->local, NULL) != ERR_NOT_CACHED) return true;
	if (conn_segments_hold(c, true)) return !keep_held(c);
	return !submit_to_store(c);
}

static bool classify_and_run(struct conn *c)
{
	engine_count_request(&c->worker->daemon->engine, op_local_place(c->worker->local));
	if (request_classify(&c->job.request) != ERR_OK || over_rate(c)) return true;
	return run(c);
}

void conn_begin_held(struct conn *c)
{
	c->held = false;
	if (run(c) && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
}

/* Other connections of the principal hold all that it may have, and give nothing back; or all that there is for segments in rings. */
static void refuse_for_memory(struct conn *c)
{
	static const char *const sentences[] = { "your other requests and answers take all the memory that you may have; read the answers, then try again",
		"there is no memory to open a segment in a ring with; send it in a message, or try again" };
	struct request *r = &c->job.request;
	struct reason reason = { "" };
	if (request_classify(r) != ERR_OK) return;
	enum coffer_err err = reason_fail(&reason, ERR_BUSY, "%s", sentences[conn_may_begin(c) ? 1 : 0]);
	request_refuse(r, err, &reason);
}

/* A frame that is alone in memory of its own moves out of the input; any other is worked on where it lies. */
static void take_frame(struct conn *c, size_t size)
{
	struct request *r = &c->job.request;
	request_begin(r);
	worker_lend(c->worker, size, r);
	if (!c->in_lent && c->in_at == 0 && c->in.len == size) {
		r->frame = c->in;
		c->in = BUF_EMPTY;
	} else {
		r->lent_frame = view_of(c->in.ptr + c->in_at, size);
		c->in_at += size;
	}
	place_answer(c);
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

/* ERR_OK: *size is the whole frame's; ERR_NOT_FOUND: more bytes are needed; ERR_TOO_LARGE: more than may come, *size is 0, or than ever has room. */
static enum coffer_err next_frame(struct conn *c, size_t *size)
{
	size_t here = c->in.len - c->in_at;
	if (here < TTLV_HEADER_LEN) return ERR_NOT_FOUND;
	TRY(ttlv_frame_size(view_of(c->in.ptr + c->in_at, TTLV_HEADER_LEN), TAG_REQUEST_MESSAGE, config_of(c)->max_message, size));
	if (here >= *size) return ERR_OK;
	return *size > CONN_READ_CHUNK && !conn_ever_fits(c, *size) ? ERR_TOO_LARGE : ERR_NOT_FOUND;
}

/* What is there of the frame at the start of the input is dropped, and its rest is not read: the connection ends when the refusal is out. */
static void refuse_frame(struct conn *c, size_t size)
{
	struct request *r = &c->job.request;
	struct reason reason = { "" };
	enum coffer_err err;
	if (size)
		err = reason_fail(&reason, ERR_TOO_LARGE, "a request of %zu bytes and its answer never have room here; send less at a time, or raise secret_memory", size);
	else
		err = reason_fail(&reason, ERR_TOO_LARGE, "the request is larger than the %zu bytes that are taken; send less at a time, or raise max_message",
			config_of(c)->max_message);
	log_debug("a connection of %s is closed: %s", c->peer->principal.text, reason.text);
	c->in_at = c->in.len;
	request_begin(r);
	place_answer(c);
	request_refuse(r, err, &reason);
	r->close_after = true;
	if (!conn_answer(c)) conn_give_up(c, "no memory for its answer");
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
	if (err) conn_give_up(c, "a request that never has room");
	else c->want = size - c->in.len;
}

void conn_on_wait(struct conn *c)
{
	if (c->in.len == 0) conn_on_readable(c);
	else conn_process(c);
}

/* The frame at the start of the input is whole: its answer, or the work on it, is begun. False: later. */
static bool begin_request(struct conn *c, size_t size)
{
	bool may_begin = conn_may_begin(c) && conn_segments_may_begin(c, size);
	if (!may_begin && wait_for_memory(c)) return false;
	end_wait(c);
	c->want = 0;
	c->frame_until_ms = 0;
	c->last_large = size > CONN_READ_CHUNK ? size : 0;
	take_frame(c, size);
	if (!may_begin) refuse_for_memory(c);
	if ((!may_begin || classify_and_run(c)) && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
	return true;
}

/* The answer of a frame of this size may have no room behind those that wait. One write for many costs less, here and at the client: the block grows before. */
static bool is_full(struct conn *c, size_t size)
{
	size_t unsent = conn_unsent(c), most = c->out_lent && c->out.cap < CONN_ANSWERS_MAX ? c->out.cap : CONN_ANSWERS_MAX;
	return unsent && unsent + size + CONN_ANSWER_ROOM > most && !conn_grow_output(c, size + CONN_ANSWER_ROOM);
}

/* Begins every frame that is whole, until one has to wait. True: answers must go first. */
static bool begin_frames(struct conn *c)
{
	while (!c->busy && !c->closing && !conn_segments_full(c)) {
		size_t size = 0;
		enum coffer_err err = next_frame(c, &size);
		c->need = size;
		if (err == ERR_NOT_FOUND) break;
		if (err && err != ERR_TOO_LARGE) {
			conn_give_up(c, "no frame");
			break;
		}
		if (is_full(c, err ? 0 : size)) return true;
		if (err) {
			refuse_frame(c, size);
			break;
		}
		if (!begin_request(c, size)) break;
		c->need = 0;
	}
	return false;
}

static enum conn_sent run_frames(struct conn *c)
{
	for (;;) {
		bool more = begin_frames(c);
		enum conn_sent sent = conn_unsent(c) ? conn_send(c) : CONN_SENT;
		if (!more || sent != CONN_SENT) return sent;
	}
}

/* The rest of a large frame that is being written. */
static bool awaits_rest(const struct conn *c)
{
	return c->in_lent && c->in.len > c->in_at && c->need > CONN_READ_CHUNK;
}

static void keep_own(struct conn *c, bool awaits)
{
	if (!conn_own_input(c)) conn_give_up(c, "no memory to keep a part of its request");
	else if (awaits) await_frame(c, c->in.len && c->in.len < c->need ? c->need : 0);
}

static void await_event(struct conn *c)
{
	conn_hold_input(c);
	if (c->closing && !conn_at_work(c) && conn_unsent(c) == 0) conn_close(c);
	else conn_rearm(c);
}

/* What stays, stays in memory of its own, but for the beginning of a large frame; then the next event is awaited. */
static void finish(struct conn *c, enum conn_sent sent)
{
	if (sent == CONN_LOST) {
		conn_close(c);
		return;
	}
	bool awaits = !c->busy && !c->closing && !conn_segments_full(c) && sent == CONN_SENT;
	if (!awaits || !awaits_rest(c) || !conn_keep_input(c)) keep_own(c, awaits);
	if (conn_unsent(c) == 0) conn_return_output(c);
	await_event(c);
}

void conn_let_go(struct conn *c)
{
	keep_own(c, true);
	await_event(c);
}

void conn_process(struct conn *c)
{
	finish(c, run_frames(c));
}

/* Of a room: behind a large frame one of the same size is likely, and what is read then ends with one, because a beginning would have to be moved. */
static size_t whole_frames(const struct conn *c, size_t room)
{
	size_t here = c->in.len - c->in_at, rest = c->need > here ? c->need - here : 0;
	if (c->last_large == 0 || c->want || room < rest || (rest == 0 && room < c->last_large)) return room;
	return room - (room - rest) % c->last_large;
}

/* Into the rest of a large frame, or behind what is here already of small ones. */
static ssize_t receive(struct conn *c)
{
	bool lends = !c->in_lent && c->want == 0;
	struct buf *into = lends ? &c->worker->input : &c->in;
	size_t room = into->cap - c->in.len, most = c->want ? c->want : conn_may_read(c); /* a large frame alone: then it moves on without a copy */
	if (room > most) room = most;
	room = whole_frames(c, room);
	ssize_t n = recv(c->fd, into->ptr + c->in.len, room, 0);
	c->drained = n < (ssize_t)room;
	if (n <= 0) return n;
	if (lends) conn_lend_input(c, (size_t)n);
	else c->in.len += (size_t)n;
	return n;
}

/* Whether to ask once more at once: there may be more, or the rest of a frame. */
static bool asks_again(const struct conn *c, enum conn_sent sent)
{
	if (sent != CONN_SENT || c->busy || c->closing || c->wait_until_ms || conn_segments_full(c) || !c->in_lent) return false;
	return !c->drained || awaits_rest(c);
}

/* For the rest of what begins here; a block that was full grows, too. False: a frame is so large that it gets memory of its own. */
static bool makes_room(struct conn *c)
{
	size_t most = conn_block_most(c) - ARENA_CANARY_LEN;
	conn_drop_done(c);
	if (!c->drained || c->need > c->in.cap) {
		bool grown = conn_grow_input(c, c->drained || c->need > most ? c->need : most);
		(void)grown; /* what there is does, or not */
	}
	return c->need <= c->in.cap && c->in.len < c->in.cap;
}

/* False: nothing was there, and nothing has changed. */
static bool read_frames(struct conn *c)
{
	for (unsigned round = 0, tries = 0;;) {
		ssize_t n = receive(c);
		if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (round && awaits_rest(c) && ++tries < REST_TRIES) continue;
			if (round) finish(c, CONN_SENT);
			return round > 0;
		}
		if (n <= 0) {
			conn_close(c);
			return true;
		}
		worker_poll_note(c->worker, c, (size_t)n);
		enum conn_sent sent = run_frames(c);
		if (!awaits_rest(c) || ++tries >= REST_TRIES || round == 0) round++;
		if (round == READ_ROUNDS || !asks_again(c, sent) || !makes_room(c)) {
			finish(c, sent);
			return true;
		}
	}
}

/* False: a frame may not be begun yet, or cannot be. */
static bool may_read(struct conn *c)
{
	if (c->in.len == 0 && !conn_may_begin(c)) {
		if (wait_for_memory(c)) return false;
	} else {
		if (c->in.len == 0) end_wait(c);
		if (c->want || conn_input_ready(c)) return true;
	}
	conn_give_up(c, "no memory to read");
	return false;
}

void conn_on_readable(struct conn *c)
{
	if (!may_read(c)) {
		if (c->closing) conn_close(c);
		else conn_rearm(c);
		return;
	}
	if (!read_frames(c)) conn_rearm(c);
}

bool conn_poll(struct conn *c)
{
	if (c->worker->holder && c->worker->holder != c) return false; /* for bytes that are not there another one's beginning is not moved */
	if (!c->reading || c->want || (c->in.len == 0 && !conn_may_begin(c))) return false;
	return conn_input_ready(c) && read_frames(c);
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
		if (!ready) ready = !submit_to_store(c);
	}
	conn_segments_adopt(c);
	if (ready && !conn_answer(c)) conn_give_up(c, "no memory for its answer");
	conn_process(c);
}
