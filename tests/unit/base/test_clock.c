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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_time_moves_forward),
		cmocka_unit_test(a_test_can_drive_both_clocks_and_give_them_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
