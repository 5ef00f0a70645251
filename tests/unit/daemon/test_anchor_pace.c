/* How often the counter in the token is raised, at its worst: somebody destroys without end. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "daemon/anchor_pace.h"

#define INTERVAL_MS 10000u
#define MINUTE_MS 60000u
#define DAY_MS (24u * 60 * MINUTE_MS)
#define ENDURANCE 500000u /* docs/formats.md section 19.5 */

/* Raises as often as it is allowed to, from *now on until `until`; *now is then not before that. */
static unsigned raise_until(struct anchor_pace *p, uint64_t *now, uint64_t until)
{
	unsigned raises = 0;
	while (*now < until) {
		uint64_t at = anchor_pace_allowed(p, INTERVAL_MS);
		if (at > *now) *now = at;
		if (*now >= until) break;
		anchor_pace_take(p, *now);
		raises++;
	}
	return raises;
}

static void the_first_one_is_allowed_at_once(void **state)
{
	const struct anchor_pace p = { .last_ms = 0 };
	(void)state;
	assert_int_equal(anchor_pace_allowed(&p, INTERVAL_MS), 0);
	assert_int_equal(anchor_pace_spacing(&p, INTERVAL_MS), INTERVAL_MS);
}

static void one_in_an_interval(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	(void)state;
	anchor_pace_take(&p, 5000);
	assert_int_equal(anchor_pace_allowed(&p, INTERVAL_MS), 5000 + INTERVAL_MS);
	assert_int_equal(anchor_pace_spacing(&p, INTERVAL_MS), INTERVAL_MS);
}

/* 360 of them at once, then one more each 5 minutes. */
static void the_bucket_holds_360_raises(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	const uint64_t begin = 1000;
	(void)state;
	for (unsigned i = 0; i < 360; i++) {
		assert_true(anchor_pace_allowed(&p, 0) <= begin);
		anchor_pace_take(&p, begin);
	}
	for (unsigned i = 1; i <= 10; i++) {
		assert_int_equal(anchor_pace_allowed(&p, 0), begin + i * 5 * MINUTE_MS);
		assert_int_equal(anchor_pace_spacing(&p, 0), 5 * MINUTE_MS);
		anchor_pace_take(&p, begin + i * 5 * MINUTE_MS);
	}
}

/* At the pace of the interval the bucket is filled while it is emptied: 360 / (1 - 10 s / 300 s), a little more than an hour. */
static void at_the_interval_it_is_empty_after_an_hour(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	uint64_t now = 1000;
	(void)state;
	unsigned hour = raise_until(&p, &now, 1000 + 60 * MINUTE_MS);
	assert_int_equal(hour, 360);
	assert_int_equal(anchor_pace_spacing(&p, INTERVAL_MS), INTERVAL_MS);
	(void)raise_until(&p, &now, 1000 + 70 * MINUTE_MS);
	assert_int_equal(anchor_pace_spacing(&p, INTERVAL_MS), 5 * MINUTE_MS);
	assert_int_equal(raise_until(&p, &now, 1000 + 130 * MINUTE_MS), 12);
}

static void rest_fills_it_again_and_no_further(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	uint64_t now = 1000;
	(void)state;
	(void)raise_until(&p, &now, DAY_MS);
	assert_int_equal(anchor_pace_spacing(&p, INTERVAL_MS), 5 * MINUTE_MS);
	now = p.last_ms + 50 * MINUTE_MS; /* ten raises come back */
	const uint64_t ten = now + 9 * INTERVAL_MS + 1;
	assert_int_equal(raise_until(&p, &now, ten), 10);
	now = p.last_ms + 40 * (uint64_t)DAY_MS;
	const uint64_t hour = now + 60 * MINUTE_MS;
	assert_int_equal(raise_until(&p, &now, hour), 360);
}

/* Not held back at start and stop, and paid for: a daemon that is restarted for ever earns no more raises in between. */
static void what_was_not_asked_for_is_paid_for_too(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	(void)state;
	for (unsigned i = 0; i < 400; i++) anchor_pace_take(&p, 1000);
	assert_int_equal(anchor_pace_allowed(&p, INTERVAL_MS), 1000 + 41 * (uint64_t)5 * MINUTE_MS);
}

static void endless_destroying_lasts_for_years(void **state)
{
	struct anchor_pace p = { .last_ms = 0 };
	uint64_t now = 1000;
	(void)state;
	unsigned year = raise_until(&p, &now, 1000 + 365 * (uint64_t)DAY_MS);
	assert_in_range(year, 365 * 288 + 300, 365 * 288 + 360);
	assert_in_range(10 * ENDURANCE / year, 47, 47); /* 4.7 years */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_first_one_is_allowed_at_once),
		cmocka_unit_test(one_in_an_interval),
		cmocka_unit_test(the_bucket_holds_360_raises),
		cmocka_unit_test(at_the_interval_it_is_empty_after_an_hour),
		cmocka_unit_test(rest_fills_it_again_and_no_further),
		cmocka_unit_test(what_was_not_asked_for_is_paid_for_too),
		cmocka_unit_test(endless_destroying_lasts_for_years),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
