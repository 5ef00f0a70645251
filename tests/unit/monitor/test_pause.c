/* The pauses between starts of cofferd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "monitor/pause.h"

static void a_crash_is_mended_quickly(void **state)
{
	static const uint64_t wanted[] = { 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	struct pause p = { .crashes = 0 };
	(void)state;
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) assert_int_equal(pause_next_ms(&p, 9), wanted[i]);
	pause_reset(&p);
	assert_int_equal(pause_next_ms(&p, 9), 0);
}

static void the_same_failure_again_and_again_is_tried_ever_more_rarely(void **state)
{
	static const uint64_t wanted[] = { 10000, 20000, 40000, 80000, 160000, 300000, 300000, 300000 };
	struct pause p = { .crashes = 0 };
	(void)state;
	for (unsigned i = 0; i < PAUSE_ALIKE; i++) assert_true(pause_next_ms(&p, 256) <= PAUSE_CRASH_MS);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++) assert_int_equal(pause_next_ms(&p, 256), wanted[i]);
	for (unsigned i = 0; i < 1000; i++) assert_int_equal(pause_next_ms(&p, 256), PAUSE_MAX_MS);
	assert_int_equal(pause_next_ms(&p, 11), PAUSE_CRASH_MS); /* something changed */
}

static void ends_that_differ_stay_at_five_seconds(void **state)
{
	struct pause p = { .crashes = 0 };
	(void)state;
	for (unsigned i = 0; i < 200; i++) assert_true(pause_next_ms(&p, i % 2 ? 9 : 256) <= PAUSE_CRASH_MS);
}

/* An hour of failing in the same way: 720 starts at a fixed 5 s. */
static void an_hour_has_few_starts(void **state)
{
	struct pause p = { .crashes = 0 };
	unsigned starts = 0;
	(void)state;
	for (uint64_t at = 0; at < 3600000; starts++) at += pause_next_ms(&p, 256);
	assert_true(starts <= 32);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_crash_is_mended_quickly), cmocka_unit_test(the_same_failure_again_and_again_is_tried_ever_more_rarely),
		cmocka_unit_test(ends_that_differ_stay_at_five_seconds), cmocka_unit_test(an_hour_has_few_starts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
