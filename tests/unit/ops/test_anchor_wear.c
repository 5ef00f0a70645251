/* What status says of a counter that wears: raises so far, raises and years that are left, and how far apart they are now. The clock is the test's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <jansson.h>

#include "base/clock.h"
#include "ops/anchor_internal.h"
#include "ops/anchor_json.h"

#define DAY_S 86400u
#define MADE_S 1700000000u

static uint64_t now_s;
static uint64_t spacing_ms;

static uint64_t wall(void *arg)
{
	(void)arg;
	return now_s;
}

static uint64_t mono(void *arg)
{
	(void)arg;
	return now_s * 1000;
}

static uint64_t spacing(struct engine *engine)
{
	(void)engine;
	return spacing_ms;
}

/* The section `rollback` after so many raises and days; the caller frees it. */
static json_t *rollback_after(uint64_t raises, uint64_t days)
{
	static const struct clock_source source = { wall, mono, NULL };
	static struct engine engine;
	char text[2048];
	struct writer w;
	struct anchor *a = anchor_new();
	assert_non_null(a);
	a->facts = (struct anchor_facts){ .level = ANCHOR_TOKEN, .place = "a place", .first = 70, .counter = 70 + raises, .made_ms = (uint64_t)MADE_S * 1000 };
	engine = (struct engine){ .anchor = a, .anchor_spacing_ms = spacing };
	now_s = MADE_S + days * DAY_S;
	clock_set_source(&source);
	writer_init(&w, (uint8_t *)text, sizeof text);
	struct json_out j = { .w = &w };
	json_begin(&j, NULL);
	anchor_json(&engine, 0, &j);
	json_end(&j);
	clock_set_source(NULL);
	anchor_free(a);
	assert_int_equal(writer_done(&w), ERR_OK);
	json_t *whole = json_loadb(text, writer_len(&w), 0, NULL);
	assert_non_null(whole);
	json_t *section = json_incref(json_object_get(whole, "rollback"));
	json_decref(whole);
	assert_non_null(section);
	return section;
}

/* -1: not there */
static long long number(const json_t *section, const char *name)
{
	const json_t *value = json_object_get(section, name);
	return value ? (long long)json_integer_value(value) : -1;
}

static void raises_and_what_is_left_of_them_are_shown(void **state)
{
	static const struct { uint64_t raises; long long left; } rows[] = { { 0, 500000 }, { 1, 499999 }, { 360, 499640 }, { 499999, 1 }, { 500000, 0 }, { 700000, 0 } };
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *s = rollback_after(rows[i].raises, 0);
		assert_int_equal(number(s, "raises"), rows[i].raises);
		assert_int_equal(number(s, "raises_left"), rows[i].left);
		json_decref(s);
	}
}

static void years_are_those_at_the_pace_so_far(void **state)
{
	static const struct { uint64_t raises, days; long long years; } rows[] = {
		{ 24, 0, -1 },          /* not known on the first day */
		{ 0, 100, -1 },
		{ 24, 1, 57 },          /* one in an hour */
		{ 240, 10, 57 },
		{ 8640, 1, 0 },         /* one each 10 s: 57 days */
		{ 105380, 366, 4 },     /* an empty bucket for a year: 3.7 of 4.7 are left */
		{ 100, 1000, 13687 },
		{ 500000, 1000, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		json_t *s = rollback_after(rows[i].raises, rows[i].days);
		assert_int_equal(number(s, "years_left"), rows[i].years);
		json_decref(s);
	}
}

static void how_far_apart_they_are_now_is_shown(void **state)
{
	(void)state;
	spacing_ms = 10000;
	json_t *s = rollback_after(5, 1);
	assert_int_equal(number(s, "interval_s"), 10);
	json_decref(s);
	spacing_ms = 300000;
	s = rollback_after(5, 1);
	assert_int_equal(number(s, "interval_s"), 300);
	json_decref(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(raises_and_what_is_left_of_them_are_shown),
		cmocka_unit_test(years_are_those_at_the_pace_so_far),
		cmocka_unit_test(how_far_apart_they_are_now_is_shown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
