/* The two blocks that a worker lends to the connection it is busy with: what arrives is read into the one and worked on where it lies, answers are
 * written into the other, and both are wiped before the worker turns to the next connection, and when it sleeps for longer than a moment (WIPE_AFTER_US); while one connection
 * has them again and again they are wiped as often as that. For large frames they grow, and stay so while such frames come. A connection has memory of its own only for what has
 * to stay: the beginning of a frame, frames behind one that is on another thread, answers that are not taken. The beginning of a large frame stays where it is
 * until another connection needs the block. */
#include <string.h>

#include "base/ct.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

static void note_left(size_t *left, size_t len)
{
	if (*left < len) *left = len;
}

static void wipe_left(const struct buf *block, size_t from, size_t *left)
{
	if (block->cap == 0) return;
	size_t end = *left < block->cap ? *left : block->cap;
	if (end > from) wipe(block->ptr + from, end - from);
	*left = 0;
}

void conn_wipe_blocks(struct worker *w)
{
	struct conn *c = w->holder;
	if (c && w->input_left) {
		wipe(c->in.ptr, c->in_at);
		wipe_left(&c->in, c->in.len, &w->input_left);
	}
	if (!c) wipe_left(&w->input, 0, &w->input_left);
	wipe_left(&w->output, 0, &w->output_left);
}

/* Wiping takes as long as the cipher took. Where requests come one burst after the other that is done for some of them only. */
void conn_wipe_soon(struct worker *w)
{
	static const struct timeval after = { .tv_usec = WIPE_AFTER_US };
	if (w->wipe_set || (w->input_left == 0 && w->output_left == 0)) return;
	w->wipe_set = w->wipe_event && event_add(w->wipe_event, &after) == 0;
	if (!w->wipe_set) conn_wipe_blocks(w);
}

void conn_on_wipe(evutil_socket_t fd, short what, void *worker)
{
	struct worker *w = worker;
	(void)fd;
	(void)what;
	w->wipe_set = false;
	conn_wipe_blocks(w);
}

void conn_leave_blocks(struct conn *c)
{
	struct worker *w = c->worker;
	if (w->user != c) return;
	conn_wipe_blocks(w);
	w->user = NULL;
}

/* Whoever has the blocks next finds nothing in them. */
static void take_over(struct conn *c)
{
	struct worker *w = c->worker;
	if (w->user == c) return;
	conn_wipe_blocks(w);
	w->user = c;
}

static bool block_ready(const struct conn *c, struct buf *block)
{
	return buf_reserve(block, c->worker->daemon->lend_block - ARENA_CANARY_LEN) == ERR_OK;
}

bool conn_input_ready(struct conn *c)
{
	struct worker *w = c->worker;
	if (w->holder && w->holder != c) conn_let_go(w->holder);
	take_over(c);
	return c->in_lent || block_ready(c, &w->input);
}

bool conn_keep_input(struct conn *c)
{
	struct worker *w = c->worker;
	PRE(c->in_lent && (!w->holder || w->holder == c));
	if (c->wait_until_ms || c->need > c->in.cap || conn_may_read(c) != SIZE_MAX) return false;
	if (c->need > c->in.cap - c->in_at) conn_drop_done(c);
	note_left(&w->input_left, c->in.len);
	w->holder = c;
	return true;
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

/* Wiped with its memory. */
static void give_up(struct buf *block, size_t *left)
{
	buf_free(block);
	*left = 0;
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
	if (is_large(w, &w->input)) give_up(&w->input, &w->input_left);
	if (is_large(w, &w->output)) give_up(&w->output, &w->output_left);
}

/* A block that grew beyond what may be kept is given up; block_ready makes a new one. */
static void give_back(const struct conn *c, struct buf *block, struct buf *lent, size_t *left)
{
	note_left(left, lent->len);
	if (is_large(c->worker, lent) && !keep_large(c->worker, lent)) give_up(lent, left);
	lent->len = 0;
	*block = *lent;
	*lent = BUF_EMPTY;
}

static size_t half_of_loan(const struct daemon *d)
{
	size_t half = d->loan_block / 2;
	return half > d->lend_block ? half : d->lend_block;
}

/* While large frames elsewhere have most of what is set aside for them, the rest of the secret memory is for keys. */
static size_t loan_of(const struct daemon *d)
{
	return d->bulk_used > d->bulk_limit / 2 ? half_of_loan(d) : d->loan_block;
}

/* Small frames gain nothing from all of it, and lose by what no longer fits in the processor's cache. */
size_t conn_block_most(const struct conn *c)
{
	const struct daemon *d = c->worker->daemon;
	return c->last_large ? loan_of(d) : half_of_loan(d);
}

bool conn_grow_input(struct conn *c, size_t size)
{
	size_t most = loan_of(c->worker->daemon);
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
	if (c->in_lent && c->in_at) { /* what it leaves is wiped with the rest */
		note_left(&c->worker->input_left, c->in.len);
		c->in.len -= c->in_at;
		memmove(c->in.ptr, c->in.ptr + c->in_at, c->in.len);
	} else {
		buf_consume(&c->in, c->in_at);
	}
	c->in_at = 0;
}

bool conn_own_input(struct conn *c)
{
	struct worker *w = c->worker;
	struct buf own = BUF_EMPTY;
	if (!c->in_lent) {
		conn_drop_done(c);
		if (c->in.len == 0) buf_free(&c->in);
		return true;
	}
	size_t left = c->in.len - c->in_at;
	bool ok = left == 0 || buf_append(&own, view_of(c->in.ptr + c->in_at, left)) == ERR_OK;
	if (w->holder == c) w->holder = NULL;
	give_back(c, &w->input, &c->in, &w->input_left);
	if (w->user != c) conn_wipe_blocks(w); /* it was kept meanwhile */
	c->in = own;
	c->in_at = 0;
	c->in_lent = false;
	return ok;
}

void conn_lend_output(struct conn *c)
{
	struct worker *w = c->worker;
	if (c->out.cap) return;
	take_over(c);
	if (!block_ready(c, &w->output)) return; /* without the block the answer gets memory of its own */
	c->out = w->output;
	c->out_lent = true;
	w->output = BUF_EMPTY;
}

void conn_empty_output(struct conn *c)
{
	note_left(&c->worker->output_left, c->out.len);
	c->out.len = 0;
}

bool conn_grow_output(struct conn *c, size_t more)
{
	size_t most = more > CONN_READ_BLOCK ? loan_of(c->worker->daemon) : conn_block_most(c);
	if (!c->out_lent || c->out.len + more + ARENA_CANARY_LEN > most || conn_may_read(c) != SIZE_MAX) return false;
	return buf_reserve(&c->out, more) == ERR_OK;
}

void conn_return_output(struct conn *c)
{
	if (!c->out_lent) return;
	give_back(c, &c->worker->output, &c->out, &c->worker->output_left);
	c->out_lent = false;
	c->out_sent = 0;
}

bool conn_own_output(struct conn *c)
{
	struct buf own = BUF_EMPTY;
	if (!c->out_lent) return true;
	bool grown = is_large(c->worker, &c->out), ok = true;
	if (grown) {
		c->out_lent = false; /* it stays, with what is left in it */
		c->worker->output_left = 0;
	}
	else ok = buf_append(&own, view_of(c->out.ptr + c->out_sent, c->out.len - c->out_sent)) == ERR_OK;
	if (grown) return true;
	conn_return_output(c);
	c->out = own;
	return ok;
}
