/* Scratch memory of the pool: counted with the requests', a third of it at most, shared, and given back when it is idle. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/clock.h"
#include "daemon/crypt_pool.h"
#include "daemon/daemon.h"

#define MIB ((size_t)1024 * 1024)

static uint64_t now_ms = 1000;

static uint64_t source_ms(void *arg)
{
	(void)arg;
	return now_ms;
}

static uint64_t source_s(void *arg)
{
	(void)arg;
	return now_ms / 1000;
}

static const struct clock_source still = { .wall_s = source_s, .mono_ms = source_ms };

static int start(void **state)
{
	struct reason reason = { "" };
	clock_set_source(&still);
	if (arena_level() == ARENA_NONE && arena_init(8 * MIB, false, &reason) != ERR_OK) return -1;
	struct daemon *d = calloc(1, sizeof *d);
	if (!d || pthread_mutex_init(&d->budget_lock, NULL) != 0) return -1;
	d->bulk_limit = 6 * MIB;
	d->crypt = crypt_pool_new(d);
	*state = d;
	return d->crypt ? 0 : -1;
}

static void nothing(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
}

/* Nothing is left counted, or in the arena. */
static int stop(void **state)
{
	struct daemon *d = *state;
	struct arena_stats stats;
	crypt_pool_free(d->crypt);
	int left = d->bulk_used != 0;
	free(d);
	arena_stats(&stats);
	return left || stats.used ? -1 : 0;
}

static void it_is_counted_and_shared(void **state)
{
	struct daemon *d = *state;
	assert_true(crypt_pool_ready(d->crypt, MIB));
	assert_int_equal(d->bulk_used, MIB);
	assert_true(crypt_pool_ready(d->crypt, MIB));
	assert_true(crypt_pool_ready(d->crypt, 65536)); /* the same will do */
	assert_int_equal(d->bulk_used, MIB);
}

static void it_takes_a_third_at_most(void **state)
{
	struct daemon *d = *state;
	assert_true(crypt_pool_fits(d->crypt, 2 * MIB - ARENA_CANARY_LEN));
	assert_false(crypt_pool_fits(d->crypt, 2 * MIB));
	assert_false(crypt_pool_ready(d->crypt, 2 * MIB));
	d->bulk_limit = 3 * MIB; /* no room for the usual size: a smaller one, as it is needed */
	assert_false(crypt_pool_fits(d->crypt, MIB));
	assert_true(crypt_pool_ready(d->crypt, 65536));
	assert_int_equal(d->bulk_used, 65536);
}

static void others_who_have_the_memory_are_waited_for(void **state)
{
	struct daemon *d = *state;
	d->bulk_used = 5 * MIB + 1;
	assert_false(crypt_pool_ready(d->crypt, MIB));
	d->bulk_used = 7 * MIB; /* more than there is, for a moment */
	assert_false(crypt_pool_ready(d->crypt, MIB));
	d->bulk_used = 5 * MIB;
	assert_true(crypt_pool_ready(d->crypt, MIB));
	d->bulk_used -= 5 * MIB;
}

static void what_is_idle_is_given_back(void **state)
{
	struct daemon *d = *state;
	assert_true(crypt_pool_ready(d->crypt, MIB));
	now_ms += 900;
	assert_true(crypt_pool_ready(d->crypt, MIB)); /* still wanted */
	now_ms += 900;
	crypt_pool_tick(d->crypt);
	assert_int_equal(d->bulk_used, MIB);
	now_ms += 200;
	crypt_pool_tick(d->crypt);
	assert_int_equal(d->bulk_used, 0);
}

/* What is idle and too small makes room. */
static void a_larger_one_takes_the_place_of_an_idle_one(void **state)
{
	struct daemon *d = *state;
	d->bulk_limit = 3 * MIB;
	assert_true(crypt_pool_ready(d->crypt, 400000)); /* 512 KiB */
	assert_int_equal(d->bulk_used, MIB / 4);
	assert_false(crypt_pool_ready(d->crypt, 600000)); /* 1 MiB is the third */
	now_ms += 2000;
	assert_true(crypt_pool_ready(d->crypt, 600000));
	assert_int_equal(d->bulk_used, MIB / 2);
}

static struct worker *make_workers(struct daemon *d, unsigned count)
{
	struct worker *all = calloc(count, sizeof *all);
	assert_non_null(all);
	for (unsigned i = 0; i < count; i++) {
		struct worker *w = &all[i];
		w->daemon = d;
		w->base = event_base_new();
		assert_non_null(w->base);
		w->crypt_event = event_new(w->base, -1, 0, nothing, NULL);
		assert_non_null(w->crypt_event);
		assert_int_equal(job_queue_init(&w->inbox, true), ERR_OK);
	}
	d->worker_count = count;
	d->workers = all;
	return all;
}

static void free_workers(struct daemon *d)
{
	for (unsigned i = 0; i < d->worker_count; i++) {
		struct worker *w = &d->workers[i];
		event_free(w->crypt_event);
		event_base_free(w->base);
		job_queue_done(&w->inbox);
	}
	free(d->workers);
}

/* The store had a segment for so long that its scratch memory was given to others: what they left makes room, or it would wait for ever. */
static void what_is_too_small_for_all_that_wait_makes_room(void **state)
{
	struct daemon *d = *state;
	struct worker *w = make_workers(d, 1);
	struct crypt_task task = { .work = { .opener = (struct stream_opener *)d, .ticket = { .plain_len = 600000 } } }; /* which nobody looks at */
	d->bulk_limit = 3 * MIB;
	assert_true(crypt_pool_ready(d->crypt, 400000)); /* 512 KiB of the 1 MiB that there may be */
	crypt_pool_submit(d->crypt, w, &task);
	now_ms += 2000;
	crypt_pool_tick(d->crypt); /* the worker is about to look */
	assert_int_equal(d->bulk_used, MIB / 4);
	crypt_pool_turn(d->crypt, w);
	crypt_pool_tick(d->crypt);
	assert_int_equal(d->bulk_used, 0);
	assert_ptr_equal(job_queue_take_all(&w->inbox), &w->crypt_job); /* it looks again */
	free_workers(d);
}

/* Waking another worker costs as much as a small segment: it has to be worth that. */
static void another_worker_is_woken_for_much_work(void **state)
{
	struct daemon *d = *state;
	struct worker *workers = make_workers(d, 3);
	struct crypt_task small[16], large[2];
	for (unsigned i = 0; i < 16; i++) {
		small[i] = (struct crypt_task){ .work = { .sealer = (struct stream_sealer *)d, .len = 65536 } }; /* which nobody looks at */
		crypt_pool_submit(d->crypt, workers, &small[i]);
	}
	assert_null(job_queue_take_all(&workers[1].inbox)); /* 1 MiB is the owner's */
	for (unsigned i = 0; i < 2; i++) {
		assert_null(job_queue_take_all(&workers[1 + i].inbox));
		large[i] = (struct crypt_task){ .work = { .sealer = (struct stream_sealer *)d, .len = MIB } };
		crypt_pool_submit(d->crypt, workers, &large[i]);
		assert_ptr_equal(job_queue_take_all(&workers[1 + i].inbox), &workers[1 + i].crypt_job);
	}
	free_workers(d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(it_is_counted_and_shared, start, stop),
		cmocka_unit_test_setup_teardown(it_takes_a_third_at_most, start, stop),
		cmocka_unit_test_setup_teardown(others_who_have_the_memory_are_waited_for, start, stop),
		cmocka_unit_test_setup_teardown(what_is_idle_is_given_back, start, stop),
		cmocka_unit_test_setup_teardown(a_larger_one_takes_the_place_of_an_idle_one, start, stop),
		cmocka_unit_test_setup_teardown(what_is_too_small_for_all_that_wait_makes_room, start, stop),
		cmocka_unit_test_setup_teardown(another_worker_is_woken_for_much_work, start, stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
