/* Answers of a connection: in order, one write for all that are ready together. What a client does not take at once stays whole for a moment; then it is
 * cut into small pieces, so that the large blocks of the arena are only ever borrowed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define PIECE (CONN_PIECE_BLOCK - ARENA_CANARY_LEN) /* bytes */
#define PARK_AFTER_MS 100u

size_t conn_unsent(const struct conn *c)
{
	return c->parked_bytes + c->out.len - c->out_sent;
}

static void free_pieces(struct conn *c)
{
	for (size_t i = c->parked_at; i < c->parked_count; i++) buf_free(&c->parked[i]);
	free(c->parked);
	c->parked = NULL;
	c->parked_at = c->parked_count = c->parked_bytes = c->parked_sent = 0;
}

void conn_drop_answers(struct conn *c)
{
	free_pieces(c);
	conn_return_output(c);
	buf_free(&c->out);
	c->out_sent = 0;
}

/* Without memory for the pieces the answer stays as it is. */
static void park(struct conn *c)
{
	size_t rest = c->out.len - c->out_sent, count = (rest + PIECE - 1) / PIECE;
	if (c->parked || c->out.cap <= CONN_PIECE_BLOCK || !(c->parked = calloc(count, sizeof *c->parked))) return;
	enum coffer_err err = ERR_OK;
	for (size_t at = c->out_sent; at < c->out.len && !err; c->parked_count++) {
		size_t len = c->out.len - at < PIECE ? c->out.len - at : PIECE;
		err = buf_append(&c->parked[c->parked_count], view_of(c->out.ptr + at, len));
		at += len;
	}
	if (err) {
		free_pieces(c);
		return;
	}
	c->parked_bytes = rest;
	buf_free(&c->out);
	c->out_sent = 0;
}

/* Room for control data, aligned as its header. */
union control {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* The descriptor that waits goes with the first of these bytes. */
static ssize_t send_with_descriptor(struct conn *c, const uint8_t *from, size_t len)
{
	union control control = { .bytes = { 0 } };
	union { const uint8_t *in; void *out; } base = { .in = from }; /* iovec has no const */
	struct iovec part = { base.out, len };
	struct msghdr msg = { .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes };
	struct cmsghdr *header = CMSG_FIRSTHDR(&msg);
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof c->pass_fd);
	memcpy(CMSG_DATA(header), &c->pass_fd, sizeof c->pass_fd);
	ssize_t n = sendmsg(c->fd, &msg, MSG_NOSIGNAL);
	if (n > 0) close(TAKE_FD(c->pass_fd));
	return n;
}

/* One attempt: as much as may go together. */
static ssize_t attempt(struct conn *c, const uint8_t *from, size_t len)
{
	if (c->pass_fd < 0) return send(c->fd, from, len, MSG_NOSIGNAL);
	if (c->pass_after == 0) return send_with_descriptor(c, from, len);
	ssize_t n = send(c->fd, from, len < c->pass_after ? len : c->pass_after, MSG_NOSIGNAL);
	if (n > 0) c->pass_after -= (size_t)n;
	return n;
}

/* Bytes that went out; 0: no more for now; negative: the connection is lost. */
static ssize_t send_some(struct conn *c, const uint8_t *from, size_t len)
{
	for (;;) {
		ssize_t n = attempt(c, from, len);
		if (n > 0) return n;
		if (n < 0 && errno == EAGAIN) return 0;
		if (n < 0 && errno != EINTR) return -1;
	}
}

static ssize_t send_piece(struct conn *c)
{
	struct buf *piece = &c->parked[c->parked_at];
	ssize_t n = send_some(c, piece->ptr + c->parked_sent, piece->len - c->parked_sent);
	if (n <= 0) return n;
	c->parked_sent += (size_t)n;
	c->parked_bytes -= (size_t)n;
	if (c->parked_sent == piece->len) {
		buf_free(piece);
		c->parked_sent = 0;
		c->parked_at++;
	}
	return n;
}

static ssize_t send_next(struct conn *c)
{
	if (c->parked_bytes) return send_piece(c);
	ssize_t n = send_some(c, c->out.ptr + c->out_sent, c->out.len - c->out_sent);
	if (n > 0) c->out_sent += (size_t)n;
	return n;
}

/* All that waits now has one deadline, however slowly it is taken. False: it has passed. */
static bool await_reader(struct conn *c)
{
	uint64_t now = clock_mono_ms();
	bool whole = c->out.cap > CONN_PIECE_BLOCK && !c->parked;
	if (!c->write_until_ms) c->write_until_ms = now + c->worker->daemon->engine.config->request_timeout_ms;
	if (now >= c->write_until_ms) return false;
	uint64_t ms = c->write_until_ms - now;
	if (whole && ms > PARK_AFTER_MS) ms = PARK_AFTER_MS;
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000) };
	if (!conn_add_write(c, &tv)) return false;
	conn_hold_answers(c);
	return true;
}

void conn_on_unread(struct conn *c)
{
	park(c);
	if (!await_reader(c)) conn_close(c);
}

enum conn_sent conn_send(struct conn *c)
{
	ssize_t n = 1;
	while (n > 0 && conn_unsent(c)) n = send_next(c);
	if (n < 0) return CONN_LOST;
	if (n == 0) return conn_own_output(c) && await_reader(c) ? CONN_WAITS : CONN_LOST;
	c->write_until_ms = 0;
	c->out_sent = 0;
	if (c->parked) free_pieces(c);
	if (c->out_lent) conn_empty_output(c);
	else buf_free(&c->out);
	conn_hold_answers(c);
	return CONN_SENT;
}

void conn_on_writable(struct conn *c)
{
	switch (conn_send(c)) {
	case CONN_SENT:
		conn_process(c);
		break;
	case CONN_LOST:
		conn_close(c);
		break;
	case CONN_WAITS:
		break;
	}
}

bool conn_put_answer(struct conn *c, struct buf *answer)
{
	if (c->out.len) return buf_append(&c->out, buf_view(answer)) == ERR_OK;
	conn_return_output(c);
	struct buf empty = c->out;
	c->out = *answer;
	*answer = empty;
	return true;
}

bool conn_take_answer(struct conn *c)
{
	struct request *r = &c->job.request;
	bool ok = true;
	if (c->answer_here) {
		c->out = r->answer;
		r->answer = BUF_EMPTY;
		r->answer_at = 0;
		c->answer_here = false;
	} else {
		ok = conn_put_answer(c, &r->answer);
	}
	if (r->close_after) c->closing = true;
	request_done(r);
	conn_answered(c);
	return ok;
}
