/* The job queue. */
#include "daemon/job.h"

#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/ct.h"

static bool init_ready(pthread_cond_t *ready)
{
	pthread_condattr_t attr;
	if (pthread_condattr_init(&attr) != 0) return false;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	bool done = pthread_cond_init(ready, &attr) == 0;
	pthread_condattr_destroy(&attr);
	return done;
}

enum coffer_err job_queue_init(struct job_queue *q, bool with_event_fd)
{
	*q = (struct job_queue){ .event_fd = -1 };
	if (with_event_fd) {
		q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ENSURE(q->event_fd >= 0, ERR_IO);
	}
	if (pthread_mutex_init(&q->lock, NULL) == 0) {
		if (init_ready(&q->ready)) return ERR_OK;
		pthread_mutex_destroy(&q->lock);
	}
	if (q->event_fd >= 0) close(q->event_fd);
	q->event_fd = -1;
	return ERR_MEMORY;
}

void job_queue_done(struct job_queue *q)
{
	if (q->event_fd >= 0) close(q->event_fd);
	pthread_cond_destroy(&q->ready);
	pthread_mutex_destroy(&q->lock);
}

static void wake(struct job_queue *q)
{
	if (q->event_fd < 0) {
		pthread_cond_signal(&q->ready);
		return;
	}
	uint64_t one = 1;
	ssize_t n = write(q->event_fd, &one, sizeof one); /* EAGAIN: a wake-up is pending already */
	(void)n;
}

static void append_turn(struct job_queue *q, struct job_turn *turn)
{
	turn->next = NULL;
	if (q->last) q->last->next = turn;
	else q->first = turn;
	q->last = turn;
}

bool job_queue_put(struct job_queue *q, struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->closed) {
		pthread_mutex_unlock(&q->lock);
		return false;
	}
	struct job_turn *turn = job->turn ? job->turn : &q->own;
	bool was_empty = q->first == NULL;
	if (turn->head) {
		turn->tail->next = job;
	} else {
		turn->head = job;
		append_turn(q, turn);
	}
	turn->tail = job;
	q->length++;
	pthread_mutex_unlock(&q->lock);
	if (was_empty || q->event_fd < 0) wake(q);
	return true;
}

/* The first job of the first turn, which goes behind the others when it has more. */
static struct job *take_locked(struct job_queue *q)
{
	struct job_turn *turn = q->first;
	if (!turn) return NULL;
	struct job *job = turn->head;
	q->first = turn->next;
	if (!q->first) q->last = NULL;
	turn->head = job->next;
	if (turn->head) append_turn(q, turn);
	job->next = NULL;
	q->length--;
	return job;
}

struct job *job_queue_take_all(struct job_queue *q)
{
	struct job *list = NULL, **tail = &list;
	uint64_t count;
	if (q->event_fd >= 0) {
		ssize_t n = read(q->event_fd, &count, sizeof count);
		(void)n;
	}
	pthread_mutex_lock(&q->lock);
	for (struct job *job; (job = take_locked(q)) != NULL; tail = &job->next) *tail = job;
	pthread_mutex_unlock(&q->lock);
	return list;
}

struct job *job_queue_take_one(struct job_queue *q)
{
	pthread_mutex_lock(&q->lock);
	struct job *job = take_locked(q);
	pthread_mutex_unlock(&q->lock);
	return job;
}

struct job *job_queue_wait_one(struct job_queue *q)
{
	bool closed;
	return job_queue_wait_until(q, UINT64_MAX, &closed);
}

/* False: the time has come. */
static bool wait_locked(struct job_queue *q, uint64_t until_ms)
{
	wipe_registers();
	if (until_ms == UINT64_MAX) return pthread_cond_wait(&q->ready, &q->lock) == 0;
	const struct timespec until = { (time_t)(until_ms / 1000), (long)(until_ms % 1000) * 1000000 };
	return pthread_cond_timedwait(&q->ready, &q->lock, &until) == 0;
}

struct job *job_queue_wait_until(struct job_queue *q, uint64_t until_ms, bool *out_closed)
{
	pthread_mutex_lock(&q->lock);
	while (!q->first && !q->closed)
		if (!wait_locked(q, until_ms)) break;
	struct job *job = take_locked(q);
	if (q->first) pthread_cond_signal(&q->ready);
	*out_closed = !job && q->closed;
	pthread_mutex_unlock(&q->lock);
	return job;
}

void job_queue_close(struct job_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->ready);
	pthread_mutex_unlock(&q->lock);
	if (q->event_fd >= 0) wake(q);
}
