/* Limits of one principal: requests a second, objects, connections. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "access/principal.h"
#include "access/quota.h"
#include "access/rate.h"

static void a_burst_passes_and_then_one_each_interval(void **state)
{
	struct rate rate = { 0 };
	uint64_t now = 5000;
	(void)state;
	for (int i = 0; i < 4; i++) assert_int_equal(rate_take(&rate, 10, 4, 1, now), 0);
	assert_int_equal(rate_take(&rate, 10, 4, 1, now), 100);
	assert_int_equal(rate_take(&rate, 10, 4, 1, now + 40), 60);
	assert_int_equal(rate_take(&rate, 10, 4, 1, now + 99), 1);
	assert_int_equal(rate_take(&rate, 10, 4, 1, now + 100), 0);
	assert_int_equal(rate_take(&rate, 10, 4, 1, now + 100), 100);
}

static void what_was_refused_is_not_charged(void **state)
{
	struct rate rate = { 0 };
	(void)state;
	assert_int_equal(rate_take(&rate, 1, 1, 1, 1000), 0);
	for (int i = 0; i < 1000; i++) assert_int_equal(rate_take(&rate, 1, 1, 1, 1000), 1000);
	assert_int_equal(rate_take(&rate, 1, 1, 1, 2000), 0);
}

static void a_silent_time_gives_one_burst_and_no_more(void **state)
{
	struct rate rate = { 0 };
	(void)state;
	assert_int_equal(rate_take(&rate, 100, 3, 1, 1000), 0);
	for (int i = 0; i < 3; i++) assert_int_equal(rate_take(&rate, 100, 3, 1, 1000000), 0);
	assert_true(rate_take(&rate, 100, 3, 1, 1000000) > 0);
}

static void a_large_batch_passes_and_is_paid_for_afterwards(void **state)
{
	struct rate rate = { 0 };
	(void)state;
	assert_int_equal(rate_take(&rate, 10, 5, 64, 1000), 0);
	assert_int_equal(rate_take(&rate, 10, 5, 1, 1000), 6000); /* 64 owed, fewer than 5 allowed */
	assert_int_equal(rate_take(&rate, 10, 5, 1, 6999), 1);
	assert_int_equal(rate_take(&rate, 10, 5, 1, 7000), 0);
}

static void extremes_do_not_overflow(void **state)
{
	struct rate slow = { 0 }, fast = { 0 };
	(void)state;
	for (int i = 0; i < 1000; i++) assert_int_equal(rate_take(&slow, 1, 1000000, 64, UINT64_C(1) << 40), 0);
	for (int i = 0; i < 1000; i++) assert_int_equal(rate_take(&fast, 1000000, 1000000, 64, UINT64_C(1) << 40), 0);
	assert_int_equal(rate_take(&fast, 1000000, 1, 1, (UINT64_C(1) << 40)), 64);
}

#define THREADS 4

static struct rate shared;
static _Atomic int granted;

static void *take_many(void *arg)
{
	(void)arg;
	for (int i = 0; i < 2000; i++) granted += rate_take(&shared, 10, 1000, 1, 1) == 0;
	return NULL;
}

static void threads_together_get_the_burst_and_no_more(void **state)
{
	pthread_t threads[THREADS];
	(void)state;
	for (int i = 0; i < THREADS; i++) assert_int_equal(pthread_create(&threads[i], NULL, take_many, NULL), 0);
	for (int i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(granted, 1000);
}

static void objects_are_limited_when_the_configuration_says_so(void **state)
{
	static const struct { uint32_t most; uint64_t count, more; bool fits; } cases[] = {
		{ 0, UINT64_MAX, UINT64_MAX, true }, { 3, 0, 1, true }, { 3, 2, 1, true }, { 3, 2, 2, false }, { 3, 3, 0, true }, { 3, 3, 1, false },
		{ 3, 9, 1, false }, { 3, 0, UINT64_MAX, false }, { 3, UINT64_MAX, 1, false },
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct reason reason = { "" };
		enum coffer_err err = quota_check_objects(cases[i].most, cases[i].count, cases[i].more, &reason);
		assert_int_equal(err, cases[i].fits ? ERR_OK : ERR_LIMIT);
		assert_int_equal(strstr(reason.text, "max_objects_per_principal is 3") != NULL, !cases[i].fits);
	}
}

static void connections_are_limited(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(quota_check_connections(2, 1, &reason), ERR_OK);
	assert_int_equal(quota_check_connections(2, 2, &reason), ERR_LIMIT);
	assert_string_equal(reason.text, "you have 2 connections, and max_connections_per_principal is 2; close some, or have the limit raised");
}

static void root_and_the_own_user_are_own(void **state)
{
	struct principal p;
	(void)state;
	principal_from_uid(0, 1, &p);
	assert_true(principal_is_own(&p));
	principal_from_uid(geteuid(), 1, &p);
	assert_true(principal_is_own(&p));
	principal_from_uid(geteuid() + 77, 1, &p);
	assert_false(principal_is_own(&p));
	assert_int_equal(principal_parse(view_str("tls:CN=root"), &p, NULL), ERR_OK);
	assert_false(principal_is_own(&p)); /* whatever uid stands in it */
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_passes_and_then_one_each_interval),
		cmocka_unit_test(what_was_refused_is_not_charged),
		cmocka_unit_test(a_silent_time_gives_one_burst_and_no_more),
		cmocka_unit_test(a_large_batch_passes_and_is_paid_for_afterwards),
		cmocka_unit_test(extremes_do_not_overflow),
		cmocka_unit_test(threads_together_get_the_burst_and_no_more),
		cmocka_unit_test(objects_are_limited_when_the_configuration_says_so),
		cmocka_unit_test(connections_are_limited),
		cmocka_unit_test(root_and_the_own_user_are_own),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
