/* The two blocks that a worker lends to the connection it is busy with: what arrives is read into the one and worked on where it lies, answers are
 * written into the other, and both go back, wiped, before the worker turns to the next connection. For large frames they grow, and stay so while such frames come. A connection has memory of its own only for what has
 * to stay: the beginning of a frame, frames behind one that is on another thread, answers that are not taken. */
#include <string.h>

#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

bool conn_block_ready(const struct conn *c, struct buf *block)
{
	return buf_reserve(block, c->worker->daemon->lend_block - ARENA_CANARY_LEN) == ERR_OK;
}

static bool is_large(const struct worker *w, const struct buf *block)
{
	return block->cap > w->daemon->lend_block;
}

/* It stays with the worker while frames come that need it. False: it cannot. */
static bool keep_large(struct worker *w, const struct buf *block)
{
	static const struct timeval while_used = { .tv_usec = LOAN_KEPT_US };
	if (block->cap > w->daemon->loan_block || !w->loan_event) return false;
	w->loan_used = true;
	if (!w->loan_kept) w->loan_kept = event_add(w->loan_event, &while_used) == 0;
	return w->loan_kept;
}

void conn_on_loan(evutil_socket_t fd, short what, void *worker)
{
	struct worker *w = worker;
	(void)fd;
	(void)what;
	w->loan_kept = false;
	if (w->loan_used && (is_large(w, &w->input) ? keep_large(w, &w->input) : keep_large(w, &w->output))) {
		w->loan_used = false;
		return;
	}
	if (is_large(w, &w->input)) buf_free(&w->input);
	if (is_large(w, &w->output)) buf_free(&w->output);
}

/* A block that grew beyond what may be kept is given up; conn_block_ready makes a new one. */
static void give_back(const struct conn *c, struct buf *block, struct buf *lent)
{
	if (is_large(c->worker, lent) && !keep_large(c->worker, lent)) buf_free(lent);
	else buf_clear(lent);
	*block = *lent;
	*lent = BUF_EMPTY;
}

bool conn_grow_input(struct conn *c, size_t size)
{
	size_t most = c->worker->daemon->loan_block;
	if (!c->in_lent || size + ARENA_CANARY_LEN > most || conn_may_read(c) != SIZE_MAX) return false;
	conn_drop_done(c);
	return size <= c->in.cap || buf_reserve(&c->in, size - c->in.len) == ERR_OK;
}

void conn_lend_input(struct conn *c, size_t added)
{
	struct worker *w = c->worker;
	struct buf block = w->input;
	size_t had = c->in.len;
	PRE(!c->in_lent && c->in_at == 0 && had + added <= block.cap);
	if (had) memcpy(block.ptr, c->in.ptr, had);
	buf_free(&c->in);
	block.len = had + added;
	c->in = block;
	c->in_lent = true;
	w->input = BUF_EMPTY;
}

void conn_drop_done(struct conn *c)
{
	buf_consume(&c->in, c->in_at);
	c->in_at = 0;
}

bool conn_own_input(struct conn *c)
{
	struct buf own = BUF_EMPTY;
	if (!c->in_lent) {
		conn_drop_done(c);
		if (c->in.len == 0) buf_free(&c->in);
		return true;
	}
	size_t left = c->in.len - c->in_at;
	bool ok = left == 0 || buf_append(&own, view_of(c->in.ptr + c->in_at, left)) == ERR_OK;
	give_back(c, &c->worker->input, &c->in);
	c->in = own;
	c->in_at = 0;
	c->in_lent = false;
	return ok;
}

void conn_lend_output(struct conn *c)
{
	struct worker *w = c->worker;
	if (c->out.cap || !conn_block_ready(c, &w->output)) return; /* without the block the answer gets memory of its own */
	c->out = w->output;
	c->out_lent = true;
	w->output = BUF_EMPTY;
}

bool conn_grow_output(struct conn *c, size_t more)
{
	size_t most = c->worker->daemon->loan_block;
	if (!c->out_lent || c->out.len + more + ARENA_CANARY_LEN > most || conn_may_read(c) != SIZE_MAX) return false;
	return buf_reserve(&c->out, more) == ERR_OK;
}

void conn_return_output(struct conn *c)
{
	if (!c->out_lent) return;
	give_back(c, &c->worker->output, &c->out);
	c->out_lent = false;
	c->out_sent = 0;
}

bool conn_own_output(struct conn *c)
{
	struct buf own = BUF_EMPTY;
	if (!c->out_lent) return true;
	bool grown = is_large(c->worker, &c->out), ok = true;
	if (grown) c->out_lent = false; /* it stays */
	else ok = buf_append(&own, view_of(c->out.ptr + c->out_sent, c->out.len - c->out_sent)) == ERR_OK;
	if (grown) return true;
	conn_return_output(c);
	c->out = own;
	return ok;
}
