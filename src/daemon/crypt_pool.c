/* Tasks of segments, and scratch memory for those that are opened. */
#include "daemon/crypt_pool.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/ct.h"
#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define SCRATCH_PART 3u        /* of the limit of secret memory for requests: more is not taken for scratch */
#define SCRATCH_IDLE_MS 1000u  /* kept for so long */
#define TURN_BYTES ((size_t)256 * 1024) /* of segments that a worker does before it looks for other events: a few of them when they are small */
#define BACKLOG ((size_t)1024 * 1024)   /* bytes that wait for each worker at work before another one is woken, which costs as much as a small segment */
#define USUAL ((size_t)1 << STREAM_BITS_DEFAULT) /* bytes: smaller scratch is not made where there is room for this, so that all can use it */

struct scratch {
	uint8_t *bytes;   /* NULL: none */
	size_t block;     /* of the arena */
	size_t dirty;     /* bytes that may hold plaintext */
	bool taken;
	uint64_t used_ms;
};

struct crypt_pool {
	struct daemon *daemon;
	pthread_mutex_t lock;        /* guards everything below, and worker->crypting of all workers */
	struct crypt_task *first, *last;
	size_t waiting;              /* tasks in the queue */
	size_t waiting_bytes;        /* of their segments */
	unsigned at_work;            /* workers that will look at the queue without being woken */
	unsigned next_worker;        /* where to look for one to wake */
	size_t scratch_bytes;        /* blocks of all scratch memory */
	struct scratch scratch[DAEMON_WORKERS_MAX];
	unsigned scratch_used;       /* entries that ever had memory */
};

struct crypt_pool *crypt_pool_new(struct daemon *d)
{
	struct crypt_pool *pool = calloc(1, sizeof *pool);
	if (!pool) return NULL;
	pool->daemon = d;
	if (pthread_mutex_init(&pool->lock, NULL) == 0) return pool;
	free(pool);
	return NULL;
}

static size_t power_above(size_t len)
{
	size_t block = 4096;
	while (block - ARENA_CANARY_LEN < len && block <= SIZE_MAX / 4) block *= 2;
	return block;
}

static size_t scratch_limit(const struct crypt_pool *pool)
{
	return pool->daemon->bulk_limit / SCRATCH_PART;
}

/* The block for a segment of so many bytes. */
static size_t block_for(const struct crypt_pool *pool, size_t plain_len)
{
	size_t usual = power_above(USUAL);
	return plain_len <= USUAL && usual <= scratch_limit(pool) ? usual : power_above(plain_len);
}

/* What counts with the memory of requests, which stay possible beside it in the smallest arena: segments are powers of two, and the arena's blocks a little
 * less, so half of each block is never used. */
static size_t weight_of(size_t block)
{
	return block / 2;
}

/* pool->lock held, as in all that has no lock of its own here. */
static void free_scratch(struct crypt_pool *pool, struct scratch *s)
{
	struct daemon *d = pool->daemon;
	arena_free(s->bytes);
	pool->scratch_bytes -= s->block;
	pthread_mutex_lock(&d->budget_lock);
	d->bulk_used -= weight_of(s->block);
	pthread_mutex_unlock(&d->budget_lock);
	*s = (struct scratch){ .bytes = NULL };
}

static bool set_aside(struct crypt_pool *pool, size_t block)
{
	struct daemon *d = pool->daemon;
	if (block > scratch_limit(pool) || pool->scratch_bytes > scratch_limit(pool) - block) return false;
	pthread_mutex_lock(&d->budget_lock);
	bool fits = d->bulk_used <= d->bulk_limit && weight_of(block) <= d->bulk_limit - d->bulk_used;
	if (fits) d->bulk_used += weight_of(block);
	pthread_mutex_unlock(&d->budget_lock);
	if (fits) pool->scratch_bytes += block;
	return fits;
}

static struct scratch *make_scratch(struct crypt_pool *pool, size_t block)
{
	unsigned i = 0;
	while (i < pool->scratch_used && pool->scratch[i].bytes) i++;
	if (i == DAEMON_WORKERS_MAX || !set_aside(pool, block)) return NULL;
	struct scratch *s = &pool->scratch[i];
	*s = (struct scratch){ .bytes = arena_alloc(block - ARENA_CANARY_LEN), .block = block };
	if (!s->bytes) {
		free_scratch(pool, s);
		return NULL;
	}
	if (i == pool->scratch_used) pool->scratch_used++;
	return s;
}

/* One that is large enough; free_only: and not in use. NULL: none. */
static struct scratch *find_scratch(struct crypt_pool *pool, size_t block, bool free_only)
{
	for (unsigned i = 0; i < pool->scratch_used; i++) {
		struct scratch *s = &pool->scratch[i];
		if (s->bytes && s->block >= block && !(free_only && s->taken)) return s;
	}
	return NULL;
}

/* Not while tasks wait, which may have been promised one of these; but when none of them can begin, they wait for room. */
static void free_idle(struct crypt_pool *pool)
{
	uint64_t now = clock_mono_ms();
	bool wanted = pool->first && pool->at_work > 0;
	for (unsigned i = 0; i < pool->scratch_used && !wanted; i++) {
		struct scratch *s = &pool->scratch[i];
		if (s->bytes && !s->taken && now >= s->used_ms + SCRATCH_IDLE_MS) free_scratch(pool, s);
	}
}

bool crypt_pool_fits(struct crypt_pool *pool, size_t plain_len)
{
	return block_for(pool, plain_len) <= scratch_limit(pool);
}

bool crypt_pool_ready(struct crypt_pool *pool, size_t plain_len)
{
	size_t block = block_for(pool, plain_len);
	pthread_mutex_lock(&pool->lock);
	struct scratch *s = find_scratch(pool, block, false);
	if (!s) s = make_scratch(pool, block);
	if (!s) {
		free_idle(pool);
		s = make_scratch(pool, block);
	}
	if (s) s->used_ms = clock_mono_ms();
	pthread_mutex_unlock(&pool->lock);
	return s != NULL;
}

/* The first task that can be done now, with its scratch memory. */
static struct crypt_task *take_startable(struct crypt_pool *pool, struct scratch **out_scratch)
{
	struct crypt_task *before = NULL;
	for (struct crypt_task *t = pool->first; t; before = t, t = t->next) {
		size_t need = segment_work_scratch(&t->work);
		struct scratch *s = need ? find_scratch(pool, block_for(pool, need), true) : NULL;
		if (need && !s) s = make_scratch(pool, block_for(pool, need));
		if (need && !s) continue;
		if (before) before->next = t->next;
		else pool->first = t->next;
		if (pool->last == t) pool->last = before;
		pool->waiting--;
		pool->waiting_bytes -= t->work.len;
		if (s) s->taken = true;
		*out_scratch = s;
		return t;
	}
	return NULL;
}

/* A worker that would not look at the queue otherwise; NULL: all do. */
static struct worker *wake_one(struct crypt_pool *pool)
{
	struct daemon *d = pool->daemon;
	for (unsigned i = 0; i < d->worker_count; i++) {
		struct worker *w = &d->workers[(pool->next_worker + i) % d->worker_count];
		if (w->crypting) continue;
		pool->next_worker = (unsigned)(w - d->workers) + 1;
		w->crypting = true;
		pool->at_work++;
		return w;
	}
	return NULL;
}

static void post(struct worker *w)
{
	bool put = job_queue_put(&w->inbox, &w->crypt_job); /* its inbox is never closed */
	INVARIANT(put);
}

void crypt_pool_submit(struct crypt_pool *pool, struct worker *owner, struct crypt_task *task)
{
	struct worker *other = NULL;
	task->next = NULL;
	pthread_mutex_lock(&pool->lock);
	if (pool->last) pool->last->next = task;
	else pool->first = task;
	pool->last = task;
	pool->waiting++;
	pool->waiting_bytes += task->work.len;
	bool begin = !owner->crypting;
	if (begin) {
		owner->crypting = true;
		pool->at_work++;
	}
	size_t need = segment_work_scratch(&task->work);
	bool startable = need == 0 || find_scratch(pool, block_for(pool, need), true) || pool->scratch_bytes + block_for(pool, need) <= scratch_limit(pool);
	if (startable && pool->waiting > pool->at_work && pool->waiting_bytes > pool->at_work * BACKLOG) other = wake_one(pool);
	pthread_mutex_unlock(&pool->lock);
	if (begin) event_active(owner->crypt_event, EV_TIMEOUT, 0);
	if (other) post(other);
}

/* Before the worker sleeps: plaintext in scratch memory that nobody uses now is wiped, outside of the lock. True: meanwhile something came to be done. */
static bool rest(struct crypt_pool *pool, struct worker *worker)
{
	bool again = false;
	pthread_mutex_lock(&pool->lock);
	for (unsigned i = 0; i < pool->scratch_used; i++) {
		struct scratch *s = &pool->scratch[i];
		if (!s->bytes || s->taken || s->dirty == 0) continue;
		s->taken = true;
		pthread_mutex_unlock(&pool->lock);
		wipe(s->bytes, s->dirty);
		pthread_mutex_lock(&pool->lock);
		s->dirty = 0;
		s->taken = false;
		again = true; /* somebody may have missed it */
	}
	again = again && pool->first && !worker->crypting;
	if (again) {
		worker->crypting = true;
		pool->at_work++;
	}
	pthread_mutex_unlock(&pool->lock);
	return again;
}

static void finish(struct worker *worker, struct crypt_task *task)
{
	struct conn *c = task->job.conn;
	if (c->worker == worker) {
		conn_segment_done(c, task);
		return;
	}
	task->job.kind = JOB_SEGMENT;
	bool put = job_queue_put(&c->worker->inbox, &task->job); /* stays open as long as a connection lives */
	INVARIANT(put);
}

/* The next task of this turn. */
static struct crypt_task *take_next(struct crypt_pool *pool, struct scratch **out_scratch)
{
	pthread_mutex_lock(&pool->lock);
	struct crypt_task *task = take_startable(pool, out_scratch);
	pthread_mutex_unlock(&pool->lock);
	return task;
}

/* The first one, or the worker has none any more. */
static struct crypt_task *take_first(struct crypt_pool *pool, struct worker *worker, struct scratch **out_scratch)
{
	pthread_mutex_lock(&pool->lock);
	struct crypt_task *task = take_startable(pool, out_scratch);
	if (!task) {
		worker->crypting = false;
		pool->at_work--;
	}
	pthread_mutex_unlock(&pool->lock);
	return task;
}

static void run(struct crypt_pool *pool, struct worker *worker, struct crypt_task *task, struct scratch *s)
{
	task->err = segment_work_run(&task->work, s ? s->bytes : NULL);
	if (s) {
		size_t used = segment_work_scratch(&task->work);
		pthread_mutex_lock(&pool->lock);
		if (s->dirty < used) s->dirty = used;
		s->taken = false;
		s->used_ms = clock_mono_ms();
		pthread_mutex_unlock(&pool->lock);
	}
	finish(worker, task);
}

/* Behind all that has come meanwhile for the worker's connections: an event that makes itself active goes on before anything else is looked at. */
static void again_later(struct worker *worker)
{
	static const struct timeval now = { 0 };
	if (event_add(worker->crypt_event, &now) != 0) event_active(worker->crypt_event, EV_TIMEOUT, 0);
}

void crypt_pool_turn(struct crypt_pool *pool, struct worker *worker)
{
	struct scratch *s = NULL;
	struct crypt_task *task = take_first(pool, worker, &s);
	if (!task) {
		if (rest(pool, worker)) again_later(worker);
		return;
	}
	again_later(worker);
	for (size_t done = 0; task;) {
		done += task->work.len; /* the task is its connection's when it was run */
		run(pool, worker, task, s);
		task = done < TURN_BYTES ? take_next(pool, &s) : NULL;
	}
}

void crypt_pool_leave(struct crypt_pool *pool, struct worker *worker)
{
	pthread_mutex_lock(&pool->lock);
	if (worker->crypting) pool->at_work--;
	worker->crypting = true; /* nobody wakes it again */
	struct worker *other = pool->first && pool->at_work == 0 ? wake_one(pool) : NULL;
	pthread_mutex_unlock(&pool->lock);
	if (other) post(other);
}

void crypt_pool_tick(struct crypt_pool *pool)
{
	struct worker *w = NULL;
	pthread_mutex_lock(&pool->lock);
	free_idle(pool);
	if (pool->first && pool->at_work == 0) w = wake_one(pool); /* there was no scratch memory for it */
	pthread_mutex_unlock(&pool->lock);
	if (w) post(w);
}

void crypt_pool_free(struct crypt_pool *pool)
{
	if (!pool) return;
	for (unsigned i = 0; i < pool->scratch_used; i++)
		if (pool->scratch[i].bytes) free_scratch(pool, &pool->scratch[i]);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}
