/* The job queue. */
#include "daemon/job.h"

#include <sys/eventfd.h>
#include <unistd.h>

enum coffer_err job_queue_init(struct job_queue *q, bool with_event_fd)
{
	*q = (struct job_queue){ .event_fd = -1 };
	if (with_event_fd) {
		q->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		ENSURE(q->event_fd >= 0, ERR_IO);
	}
	if (pthread_mutex_init(&q->lock, NULL) == 0) {
		if (pthread_cond_init(&q->ready, NULL) == 0) return ERR_OK;
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

bool job_queue_put(struct job_queue *q, struct job *job)
{
	job->next = NULL;
	pthread_mutex_lock(&q->lock);
	if (q->closed) {
		pthread_mutex_unlock(&q->lock);
		return false;
	}
	bool was_empty = q->head == NULL;
	if (q->tail) q->tail->next = job;
	else q->head = job;
	q->tail = job;
	q->length++;
	pthread_mutex_unlock(&q->lock);
	if (was_empty || q->event_fd < 0) wake(q);
	return true;
}

static struct job *take_all_locked(struct job_queue *q)
{
	struct job *list = q->head;
	q->head = q->tail = NULL;
	q->length = 0;
	return list;
}

struct job *job_queue_take_all(struct job_queue *q)
{
	uint64_t count;
	if (q->event_fd >= 0) {
		ssize_t n = read(q->event_fd, &count, sizeof count);
		(void)n;
	}
	pthread_mutex_lock(&q->lock);
	struct job *list = take_all_locked(q);
	pthread_mutex_unlock(&q->lock);
	return list;
}

struct job *job_queue_wait_some(struct job_queue *q, size_t max)
{
	pthread_mutex_lock(&q->lock);
	while (!q->head && !q->closed) pthread_cond_wait(&q->ready, &q->lock);
	struct job *list = q->head, *last = list;
	size_t n = list ? 1 : 0;
	while (last && last->next && n < max) {
		last = last->next;
		n++;
	}
	if (last) {
		q->head = last->next;
		if (!q->head) q->tail = NULL;
		last->next = NULL;
		q->length -= n;
	}
	if (q->head) pthread_cond_signal(&q->ready);
	pthread_mutex_unlock(&q->lock);
	return list;
}

struct job *job_queue_wait_one(struct job_queue *q)
{
	return job_queue_wait_some(q, 1);
}

void job_queue_close(struct job_queue *q)
{
	pthread_mutex_lock(&q->lock);
	q->closed = true;
	pthread_cond_broadcast(&q->ready);
	pthread_mutex_unlock(&q->lock);
	if (q->event_fd >= 0) wake(q);
}
