/* Secret memory for large requests and for large answers that are not taken yet, shared by all connections. A principal may have half of what the others
 * leave, over all its connections, so that there is always room for one more. */
#include "base/arena.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"
#include "daemon/peers.h"

/* Blocks of the arena are powers of two. */
static size_t block_of(size_t len)
{
	size_t block = CONN_READ_BLOCK;
	while (block < len + ARENA_CANARY_LEN && block <= SIZE_MAX / 4) block *= 2;
	return block;
}

/* What a buffer counts as: the small ones are not counted. */
static size_t weight_of(const struct buf *b)
{
	return b->cap > CONN_READ_CHUNK ? block_of(b->cap) : 0;
}

static size_t minus(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

static size_t share_of(const struct daemon *d, size_t used, size_t held)
{
	return minus(d->bulk_limit, minus(used, held)) / 2;
}

/* budget_lock held. */
static void set(struct conn *c, size_t *budget, size_t bytes)
{
	struct daemon *d = c->worker->daemon;
	d->bulk_used += bytes - *budget; /* may wrap around and back */
	c->peer->held += bytes - *budget;
	*budget = bytes;
}

enum coffer_err conn_admit(struct conn *c, size_t frame_size)
{
	struct daemon *d = c->worker->daemon;
	size_t need = 2 * block_of(frame_size); /* the frame and its answer */
	if (c->budget >= need) return ERR_OK;
	if (need > d->bulk_limit) return ERR_TOO_LARGE;
	pthread_mutex_lock(&d->budget_lock);
	size_t used = d->bulk_used - c->budget, held = c->peer->held - c->budget;
	bool fits = used <= d->bulk_limit - need && (held == 0 || held + need <= share_of(d, used, held));
	if (fits) set(c, &c->budget, need);
	pthread_mutex_unlock(&d->budget_lock);
	return fits ? ERR_OK : ERR_BUSY;
}

void conn_hold(struct job *job)
{
	struct conn *c = job->conn;
	struct daemon *d = c->worker->daemon;
	size_t bytes = weight_of(&job->request.frame) + weight_of(&job->request.answer);
	if (bytes <= c->budget) return;
	pthread_mutex_lock(&d->budget_lock);
	set(c, &c->budget, bytes);
	pthread_mutex_unlock(&d->budget_lock);
}

static void settle(struct conn *c, size_t request, size_t answers)
{
	struct daemon *d = c->worker->daemon;
	if (c->budget == request && c->out_budget == answers) return;
	pthread_mutex_lock(&d->budget_lock);
	set(c, &c->budget, request);
	set(c, &c->out_budget, answers);
	pthread_mutex_unlock(&d->budget_lock);
}

void conn_answered(struct conn *c)
{
	settle(c, 0, weight_of(&c->out));
}

void conn_sent(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	if (c->out_budget == 0) return;
	pthread_mutex_lock(&d->budget_lock);
	set(c, &c->out_budget, weight_of(&c->out));
	pthread_mutex_unlock(&d->budget_lock);
}

void conn_release(struct conn *c)
{
	settle(c, 0, 0);
}

bool conn_may_begin(struct conn *c)
{
	size_t held = c->peer->held;
	return held == 0 || c->budget > 0 || held <= share_of(c->worker->daemon, c->worker->daemon->bulk_used, held);
}

bool conn_overdrawn(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	size_t used = d->bulk_used, held = c->peer->held;
	return used > d->bulk_limit && held > share_of(d, used, held);
}
