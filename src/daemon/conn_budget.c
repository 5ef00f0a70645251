/* Secret memory of requests and answers, shared by all connections. A principal may have half of what the others leave, over all its connections, so that
 * there is always room for one more. Counted is what stays for a while: large frames, frames that are not whole yet, requests on another thread, large
 * answers, answers that are not taken. A small request that a worker answers at once costs no lock. */
#include "base/arena.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"
#include "daemon/peers.h"

#define LEAST_PART 64u  /* of the limit: what every principal may have, also when the others have it all */
#define SEGMENTS_WEIGHT (16u * 1024u) /* bytes: two answers of a kilobyte for each that may be under way */
#define HEAVY_PART 8u   /* who has more than this part is refused when there is nothing left */

/* Blocks of the arena are powers of two. */
static size_t block_of(size_t len)
{
	size_t block = CONN_READ_BLOCK;
	while (block < len + ARENA_CANARY_LEN && block <= SIZE_MAX / 4) block *= 2;
	return block;
}

static size_t weight_of(const struct buf *b)
{
	return b->cap ? block_of(b->cap) : 0;
}

static size_t minus(size_t a, size_t b)
{
	return a > b ? a - b : 0;
}

static size_t share_of(const struct daemon *d, size_t used, size_t held)
{
	size_t half = minus(d->bulk_limit, minus(used, held)) / 2, least = d->bulk_limit / LEAST_PART;
	return half > least ? half : least;
}

/* budget_lock held. */
static void set(struct conn *c, size_t *budget, size_t bytes)
{
	struct daemon *d = c->worker->daemon;
	d->bulk_used += bytes - *budget; /* may wrap around and back */
	c->peer->held += bytes - *budget;
	*budget = bytes;
}

static void set_large(struct conn *c, bool large)
{
	if (c->large == large) return;
	c->large = large;
	if (large) c->peer->large++;
	else c->peer->large--;
}

/* The frame and its answer. */
static size_t need_of(size_t frame_size)
{
	return 2 * block_of(frame_size);
}

bool conn_ever_fits(const struct conn *c, size_t frame_size)
{
	return need_of(frame_size) <= c->worker->daemon->bulk_limit;
}

/* One large request of a principal is admitted whenever there is room. */
enum coffer_err conn_admit(struct conn *c, size_t frame_size)
{
	struct daemon *d = c->worker->daemon;
	size_t need = need_of(frame_size);
	if (c->budget >= need) return ERR_OK;
	if (need > d->bulk_limit) return ERR_TOO_LARGE;
	pthread_mutex_lock(&d->budget_lock);
	size_t mine = c->budget + c->in_budget; /* what is here of the frame is a part of it */
	size_t used = d->bulk_used - mine, held = c->peer->held - mine;
	bool first = c->peer->large == (c->large ? 1u : 0u);
	bool fits = used <= d->bulk_limit - need && (first || held + need <= share_of(d, used, held));
	if (fits) {
		set(c, &c->budget, need);
		set(c, &c->in_budget, 0);
		set_large(c, true);
	}
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

static void settle(struct conn *c, size_t *budget, size_t bytes)
{
	struct daemon *d = c->worker->daemon;
	if (*budget == bytes) return;
	pthread_mutex_lock(&d->budget_lock);
	set(c, budget, bytes);
	pthread_mutex_unlock(&d->budget_lock);
}

static void end_request(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	if (c->budget == 0) return;
	pthread_mutex_lock(&d->budget_lock);
	set(c, &c->budget, 0);
	set_large(c, false);
	pthread_mutex_unlock(&d->budget_lock);
}

void conn_withdraw(struct conn *c)
{
	end_request(c);
}

void conn_answered(struct conn *c)
{
	settle(c, &c->out_budget, c->out.cap > CONN_READ_BLOCK && !c->out_lent ? weight_of(&c->out) : c->out_budget);
	end_request(c);
}

void conn_hold_answers(struct conn *c)
{
	size_t pieces = (c->parked_count - c->parked_at) * CONN_PIECE_BLOCK;
	settle(c, &c->out_budget, pieces + (c->out.len && !c->out_lent ? weight_of(&c->out) : 0));
}

void conn_hold_input(struct conn *c)
{
	bool alone = c->busy || c->held || c->budget == 0; /* else it is what was set aside for the frame that is coming */
	settle(c, &c->in_budget, c->in.len && alone && !c->in_lent ? weight_of(&c->in) : 0);
}

void conn_hold_segments(struct conn *c, bool under_way)
{
	settle(c, &c->segments_budget, under_way ? SEGMENTS_WEIGHT : 0);
}

void conn_release(struct conn *c)
{
	end_request(c);
	settle(c, &c->segments_budget, 0);
	settle(c, &c->in_budget, 0);
	settle(c, &c->out_budget, 0);
}

/* What waits in its own input does not keep it waiting. */
bool conn_may_begin(struct conn *c)
{
	size_t held = minus(c->peer->held, c->in_budget);
	return held == 0 || c->large || held <= share_of(c->worker->daemon, c->worker->daemon->bulk_used, held);
}

size_t conn_may_read(struct conn *c)
{
	return c->peer->held > c->worker->daemon->bulk_limit / HEAVY_PART ? CONN_READ_CHUNK : SIZE_MAX;
}

bool conn_overdrawn(struct conn *c)
{
	struct daemon *d = c->worker->daemon;
	size_t used = d->bulk_used, held = c->peer->held;
	return used > d->bulk_limit && held > d->bulk_limit / HEAVY_PART && held > share_of(d, used, held);
}
