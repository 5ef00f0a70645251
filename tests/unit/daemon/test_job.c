/* The queue between threads. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <poll.h>
#include <stdlib.h>

#include "daemon/job.h"

/* fd numbers the jobs of these tests. */
static struct job *make(int number)
{
	struct job *job = calloc(1, sizeof *job);
	assert_non_null(job);
	job->fd = number;
	return job;
}

static void put(struct job_queue *q, int number)
{
	assert_true(job_queue_put(q, make(number)));
}

/* Checks that the list holds first, first + 1 … and frees it. */
static void assert_list(struct job *list, int first, int count)
{
	for (int i = 0; i < count; i++) {
		struct job *job = list;
		assert_non_null(job);
		assert_int_equal(job->fd, first + i);
		list = job->next;
		free(job);
	}
	assert_null(list);
}

static void jobs_come_out_in_order_one_or_all(void **state)
{
	struct job_queue q;
	(void)state;
	assert_int_equal(job_queue_init(&q, false), ERR_OK);
	assert_null(job_queue_take_all(&q));
	for (int i = 0; i < 10; i++) put(&q, i);
	assert_int_equal(q.length, 10);
	assert_list(job_queue_wait_one(&q), 0, 1);
	assert_list(job_queue_take_one(&q), 1, 1);
	put(&q, 10);
	assert_list(job_queue_take_all(&q), 2, 9);
	assert_null(job_queue_take_one(&q));
	put(&q, 11);
	assert_list(job_queue_wait_one(&q), 11, 1);
	assert_int_equal(q.length, 0);
	job_queue_done(&q);
}

static void put_turn(struct job_queue *q, struct job_turn *turn, int number)
{
	struct job *job = make(number);
	job->turn = turn;
	assert_true(job_queue_put(q, job));
}

/* Takes one and checks which. */
static void assert_next(struct job_queue *q, int number)
{
	struct job *job = job_queue_take_one(q);
	assert_non_null(job);
	assert_int_equal(job->fd, number);
	free(job);
}

static void whoever_has_many_jobs_waits_for_those_of_others(void **state)
{
	struct job_queue q;
	struct job_turn many = { NULL, NULL, NULL }, few = { NULL, NULL, NULL };
	(void)state;
	assert_int_equal(job_queue_init(&q, false), ERR_OK);
	for (int i = 0; i < 100; i++) put_turn(&q, &many, i);
	assert_next(&q, 0);
	put_turn(&q, &few, 1000);
	put_turn(&q, &few, 1001);
	put(&q, 2000); /* without a turn: those share one */
	put(&q, 2001);
	assert_next(&q, 1);
	assert_next(&q, 1000);
	assert_next(&q, 2000);
	assert_next(&q, 2);
	assert_next(&q, 1001);
	assert_next(&q, 2001);
	for (int i = 3; i < 100; i++) assert_next(&q, i);
	assert_null(job_queue_take_one(&q));
	put_turn(&q, &few, 1002); /* a turn that was emptied is used again */
	assert_next(&q, 1002);
	assert_int_equal(q.length, 0);
	job_queue_done(&q);
}

static void a_closed_queue_takes_nothing_and_empties(void **state)
{
	struct job_queue q;
	struct job *late = make(9);
	(void)state;
	assert_int_equal(job_queue_init(&q, false), ERR_OK);
	put(&q, 1);
	put(&q, 2);
	job_queue_close(&q);
	assert_false(job_queue_put(&q, late));
	free(late);
	assert_list(job_queue_wait_one(&q), 1, 1);
	assert_list(job_queue_take_one(&q), 2, 1);
	assert_null(job_queue_wait_one(&q));
	assert_null(job_queue_take_one(&q));
	job_queue_done(&q);
}

static bool readable(const struct job_queue *q)
{
	struct pollfd p = { q->event_fd, POLLIN, 0 };
	return poll(&p, 1, 0) == 1;
}

static void an_event_loop_is_woken_by_the_first_job_and_by_the_end(void **state)
{
	struct job_queue q;
	(void)state;
	assert_int_equal(job_queue_init(&q, true), ERR_OK);
	assert_false(readable(&q));
	put(&q, 1);
	put(&q, 2);
	assert_true(readable(&q));
	assert_list(job_queue_take_all(&q), 1, 2);
	assert_false(readable(&q));
	put(&q, 3);
	assert_true(readable(&q));
	assert_list(job_queue_take_all(&q), 3, 1);
	job_queue_close(&q);
	assert_true(readable(&q));
	job_queue_done(&q);
}

#define WRITERS 4
#define READERS 3
#define EACH 2000

static struct job_queue shared;
static _Atomic long sum;
static _Atomic int taken, disorder;

static void *write_jobs(void *arg)
{
	int writer = *(int *)arg;
	for (int i = 0; i < EACH; i++) {
		struct job *job = calloc(1, sizeof *job);
		if (!job) return NULL;
		job->fd = writer * EACH + i;
		if (!job_queue_put(&shared, job)) free(job);
	}
	return NULL;
}

/* Odd readers take more without waiting. Each writer's jobs must come in its order. */
static void *read_jobs(void *arg)
{
	int reader = *(int *)arg, last[WRITERS] = { -1, -1, -1, -1 };
	for (struct job *job; (job = job_queue_wait_one(&shared)) != NULL;) {
		for (; job; job = reader % 2 ? job_queue_take_one(&shared) : NULL) {
			if (job->fd <= last[job->fd / EACH]) disorder++;
			last[job->fd / EACH] = job->fd;
			sum += job->fd;
			taken++;
			free(job);
		}
	}
	return NULL;
}

static void nothing_is_lost_or_doubled_between_many_threads(void **state)
{
	pthread_t writers[WRITERS], readers[READERS];
	int numbers[WRITERS] = { 0, 1, 2, 3 };
	const long total = WRITERS * EACH;
	(void)state;
	assert_int_equal(job_queue_init(&shared, false), ERR_OK);
	for (int i = 0; i < READERS; i++) assert_int_equal(pthread_create(&readers[i], NULL, read_jobs, &numbers[i]), 0);
	for (int i = 0; i < WRITERS; i++) assert_int_equal(pthread_create(&writers[i], NULL, write_jobs, &numbers[i]), 0);
	for (int i = 0; i < WRITERS; i++) pthread_join(writers[i], NULL);
	job_queue_close(&shared);
	for (int i = 0; i < READERS; i++) pthread_join(readers[i], NULL);
	assert_int_equal(taken, total);
	assert_int_equal(sum, total * (total - 1) / 2);
	assert_int_equal(disorder, 0);
	job_queue_done(&shared);
}

static void *write_and_close(void *arg)
{
	static int zero = 0;
	write_jobs(&zero);
	job_queue_close(arg);
	return NULL;
}

static void an_event_loop_in_another_thread_misses_no_wake_up(void **state)
{
	pthread_t writer;
	int next = 0;
	(void)state;
	assert_int_equal(job_queue_init(&shared, true), ERR_OK);
	assert_int_equal(pthread_create(&writer, NULL, write_and_close, &shared), 0);
	while (next < EACH) {
		struct pollfd p = { shared.event_fd, POLLIN, 0 };
		assert_int_equal(poll(&p, 1, 20000), 1); /* a lost wake-up would stand here */
		for (struct job *list = job_queue_take_all(&shared), *job; (job = list) != NULL; free(job)) {
			list = job->next;
			assert_int_equal(job->fd, next++);
		}
	}
	pthread_join(writer, NULL);
	job_queue_done(&shared);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(jobs_come_out_in_order_one_or_all),
		cmocka_unit_test(whoever_has_many_jobs_waits_for_those_of_others),
		cmocka_unit_test(a_closed_queue_takes_nothing_and_empties),
		cmocka_unit_test(an_event_loop_is_woken_by_the_first_job_and_by_the_end),
		cmocka_unit_test(nothing_is_lost_or_doubled_between_many_threads),
		cmocka_unit_test(an_event_loop_in_another_thread_misses_no_wake_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
