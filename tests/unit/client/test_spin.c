/* When a wait looks before it sleeps. Clock, cores and yields are the test's. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "client/include/coffer.h"
#include "client/spin.h"

static uint64_t now_ns, yield_ns, look_ns;
static unsigned yields, cores;

int __wrap_clock_gettime(clockid_t clock, struct timespec *out);
int __wrap_sched_yield(void);
int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set);

int __wrap_clock_gettime(clockid_t clock, struct timespec *out)
{
	assert_int_equal(clock, CLOCK_MONOTONIC);
	now_ns += 20;
	*out = (struct timespec){ (time_t)(now_ns / 1000000000u), (long)(now_ns % 1000000000u) };
	return 0;
}

int __wrap_sched_yield(void)
{
	yields++;
	now_ns += yield_ns;
	return 0;
}

int __wrap_sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	memset(set, 0, size);
	for (unsigned i = 0; i < cores; i++) CPU_SET(i, set);
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	now_ns = 1000000;
	yield_ns = 300;
	look_ns = 200;
	yields = 0;
	cores = 2;
	return 0;
}

/* One wait for an answer that comes after this time. True: it was seen by looking; *out_looks may be NULL. */
static bool wait_for(struct spin *s, uint64_t ns, unsigned *out_looks)
{
	uint64_t until = now_ns + ns;
	bool look = spin_begin(s), seen = false;
	unsigned looks = 0;
	while (look && !seen) {
		now_ns += look_ns;
		looks++;
		seen = now_ns >= until;
		if (!seen) look = spin_again(s);
	}
	if (!seen && now_ns < until) now_ns = until + 60000; /* asleep, and woken */
	spin_end(s);
	if (out_looks) *out_looks = looks;
	return seen;
}

/* How many waits sleep at once before one looks again. */
static unsigned sleeps(struct spin *s, uint64_t ns)
{
	unsigned n = 0, looks = 0;
	for (wait_for(s, ns, &looks); !looks && n < 10000; wait_for(s, ns, &looks)) n++;
	return n;
}

static void quick_answers_are_seen_by_looking(void **state)
{
	struct spin s;
	(void)state;
	spin_init(&s, 0);
	for (unsigned i = 0; i < 1000; i++) assert_true(wait_for(&s, 5000 + i * 50, NULL));
	assert_true(yields > 1000); /* others on this core had their chance */
}

static void looking_ends_at_its_limit(void **state)
{
	struct spin s;
	unsigned looks;
	(void)state;
	spin_init(&s, 0);
	assert_false(wait_for(&s, 1000000000, &looks));
	assert_true(looks > 100 && looks * look_ns <= SPIN_AUTO_US * 1000u);
	spin_init(&s, 2000);
	assert_true(wait_for(&s, 1900000, NULL));
	spin_init(&s, 2000);
	assert_false(wait_for(&s, 2200000, NULL));
}

static void slow_answers_are_looked_for_less_and_less(void **state)
{
	struct spin s;
	(void)state;
	spin_init(&s, 0);
	assert_false(wait_for(&s, 1000000, NULL));
	assert_int_equal(sleeps(&s, 1000000), 8);
	assert_int_equal(sleeps(&s, 1000000), 64);
	for (unsigned i = 0; i < 5; i++) assert_int_equal(sleeps(&s, 1000000), 512);
	/* and when they are quick again, soon always: 512 + 256 + … waits */
	unsigned n = 0;
	while (n < 2000 && s.backoff) wait_for(&s, 10000, NULL), n++;
	assert_true(n > 500 && n < 1100);
	for (unsigned i = 0; i < 100; i++) assert_true(wait_for(&s, 10000, NULL));
}

/* With one in three in vain, nearly all waits sleep at once. */
static void looking_that_fails_often_is_not_worth_it(void **state)
{
	struct spin s;
	unsigned looked = 0, looks;
	(void)state;
	spin_init(&s, 0);
	for (unsigned i = 0; i < 30000; i++) {
		wait_for(&s, i % 3 ? 10000 : 300000, &looks);
		looked += looks > 0;
	}
	assert_true(looked < 1500);
}

static void a_core_that_others_want_is_left_to_them(void **state)
{
	struct spin s;
	unsigned looks;
	(void)state;
	yield_ns = 15000; /* somebody ran */
	spin_init(&s, 0);
	wait_for(&s, 90000, &looks);
	assert_int_equal(looks, 2); /* one more after the yield: it may have been the one who answers */
	assert_int_equal(sleeps(&s, 90000), 8);
	assert_int_equal(sleeps(&s, 90000), 64);
	yields = 0;
	wait_for(&s, 90000, &looks);
	assert_int_equal(looks + yields, 0);
}

static void off_and_one_core_never_look(void **state)
{
	struct spin s;
	unsigned looks;
	(void)state;
	spin_init(&s, COFFER_POLL_OFF);
	for (unsigned i = 0; i < 2000; i++) {
		wait_for(&s, 1000, &looks);
		assert_int_equal(looks, 0);
	}
	cores = 1;
	spin_init(&s, 0);
	assert_false(spin_begin(&s));
	spin_init(&s, 5000);
	assert_false(spin_begin(&s));
	assert_int_equal(yields, 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(quick_answers_are_seen_by_looking, set_up),
		cmocka_unit_test_setup(looking_ends_at_its_limit, set_up),
		cmocka_unit_test_setup(slow_answers_are_looked_for_less_and_less, set_up),
		cmocka_unit_test_setup(looking_that_fails_often_is_not_worth_it, set_up),
		cmocka_unit_test_setup(a_core_that_others_want_is_left_to_them, set_up),
		cmocka_unit_test_setup(off_and_one_core_never_look, set_up),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
