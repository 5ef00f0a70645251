/* The clock and its replacement. */
#include "base_test.h"

#include <time.h>

#include "base/clock.h"

static uint64_t ten_more(void *arg)
{
	uint64_t *now = arg;
	return *now += 10;
}

static void real_time_moves_forward(void **state)
{
	uint64_t before = (uint64_t)time(NULL), first = clock_mono_ms();
	(void)state;
	assert_true(clock_wall_s() >= before - 1 && clock_wall_s() < before + 60);
	assert_true(clock_mono_ms() >= first);
}

static void a_test_can_drive_both_clocks_and_give_them_back(void **state)
{
	uint64_t wall = 100, mono = 1000, real = clock_wall_s();
	(void)state;
	clock_set_source(&(struct clock_source){ ten_more, NULL, &wall });
	assert_int_equal(clock_wall_s(), 110);
	assert_int_equal(clock_wall_s(), 120);
	assert_true(clock_mono_ms() != 130); /* not replaced, so real */
	clock_set_source(&(struct clock_source){ NULL, ten_more, &mono });
	assert_int_equal(clock_mono_ms(), 1010);
	clock_set_source(NULL);
	assert_true(clock_wall_s() >= real);
}

/* So what has ended by the one has ended by the other soon. */
static void the_cheap_clock_is_the_same_and_a_little_late(void **state)
{
	uint64_t mono = 1000;
	(void)state;
	for (int i = 0; i < 1000; i++) {
		uint64_t before = clock_mono_ms(), coarse = clock_mono_coarse_ms();
		assert_true(coarse + 2000 > before && coarse <= clock_mono_ms());
	}
	clock_set_source(&(struct clock_source){ NULL, ten_more, &mono });
	assert_int_equal(clock_mono_coarse_ms(), 1010);
	clock_set_source(NULL);
}

static uint64_t wall_s, mono_ms;

static uint64_t wall_now(void *arg)
{
	(void)arg;
	return wall_s;
}

static uint64_t mono_now(void *arg)
{
	(void)arg;
	return mono_ms;
}

static void dates_are_never_judged_before_a_time_that_has_been(void **state)
{
	(void)state;
	wall_s = 1000000, mono_ms = 5000;
	clock_set_source(&(struct clock_source){ wall_now, mono_now, NULL });
	assert_int_equal(clock_date_s(), 1000000); /* nothing is known: the wall clock */
	assert_int_equal(clock_date_ms(), UINT64_C(1000000000));
	assert_int_equal(clock_behind_s(), 0);
	clock_set_known_s(999000);
	assert_int_equal(clock_date_s(), 1000000); /* the wall clock is later */
	wall_s = 60;                               /* a battery ran empty */
	assert_int_equal(clock_date_s(), 999000);
	assert_int_equal(clock_date_ms(), UINT64_C(999000000));
	assert_int_equal(clock_behind_s(), 998940);
	mono_ms += 10000;
	assert_int_equal(clock_date_s(), 999010); /* and goes on */
	wall_s = 2000000;                         /* the clock was set */
	assert_int_equal(clock_date_s(), 2000000);
	assert_int_equal(clock_behind_s(), 0);
	clock_set_known_s(0);
	wall_s = 60;
	assert_int_equal(clock_date_s(), 60);
	clock_set_source(NULL);
	uint64_t before = clock_wall_s() * 1000u, now = clock_date_ms(), after = clock_wall_s() * 1000u;
	assert_true(before <= now && now < after + 1000u);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_time_moves_forward),
		cmocka_unit_test(dates_are_never_judged_before_a_time_that_has_been),
		cmocka_unit_test(the_cheap_clock_is_the_same_and_a_little_late),
		cmocka_unit_test(a_test_can_drive_both_clocks_and_give_them_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
