/* The two blocks that a worker lends to the connection it is busy with: what arrives is read into the one and worked on where it lies, answers are
 * written into the other, and both go back, wiped, before the worker turns to the next connection. A connection has memory of its own only for what has
 * to stay: the beginning of a frame, frames behind one that is on another thread, answers that are not taken. */
#include <string.h>

#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

bool conn_block_ready(const struct conn *c, struct buf *block)
{
	return buf_reserve(block, c->worker->daemon->lend_block - ARENA_CANARY_LEN) == ERR_OK;
}

/* A block that grew is given up; conn_block_ready makes a new one. */
static void give_back(const struct conn *c, struct buf *block, struct buf *lent)
{
	if (lent->cap > c->worker->daemon->lend_block) buf_free(lent);
	else buf_clear(lent);
	*block = *lent;
	*lent = BUF_EMPTY;
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
	bool grown = c->out.cap > c->worker->daemon->lend_block, ok = true;
	if (grown) c->out_lent = false; /* it stays */
	else ok = buf_append(&own, view_of(c->out.ptr + c->out_sent, c->out.len - c->out_sent)) == ERR_OK;
	if (grown) return true;
	conn_return_output(c);
	c->out = own;
	return ok;
}
