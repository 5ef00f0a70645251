/* The layer over SQLite's page cache: over a cache that only counts how it is asked to drop pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "store/sqlite_pcache.h"

#define LOCKS 262145u /* the number of the page that SQLite uses for a moment */

static unsigned walks, last_from;
static uint8_t real_cache;
static sqlite3_pcache_page page;
static sqlite3_pcache_methods2 over;

static sqlite3_pcache *below_create(int page_len, int extra_len, int can_drop)
{
	(void)page_len;
	(void)extra_len;
	(void)can_drop;
	return (sqlite3_pcache *)(void *)&real_cache;
}

static sqlite3_pcache_page *below_fetch(sqlite3_pcache *c, unsigned number, int make)
{
	(void)number;
	(void)make;
	assert_ptr_equal(c, &real_cache);
	return &page;
}

static void below_rekey(sqlite3_pcache *c, sqlite3_pcache_page *p, unsigned before, unsigned number)
{
	(void)p;
	(void)before;
	(void)number;
	assert_ptr_equal(c, &real_cache);
}

static void below_truncate(sqlite3_pcache *c, unsigned from)
{
	assert_ptr_equal(c, &real_cache);
	walks++;
	last_from = from;
}

static void below_destroy(sqlite3_pcache *c)
{
	assert_ptr_equal(c, &real_cache);
}

static int start(void **state)
{
	const sqlite3_pcache_methods2 below = { .iVersion = 1, .xCreate = below_create, .xFetch = below_fetch, .xRekey = below_rekey,
		.xTruncate = below_truncate, .xDestroy = below_destroy };
	sqlite_pcache_over(&below, &over);
	*state = over.xCreate(4096, 16, 1);
	walks = 0;
	for (unsigned n = 1; n <= 100; n++) over.xFetch(*state, n, 2);
	return *state ? 0 : 1;
}

static int finish(void **state)
{
	over.xDestroy(*state);
	return 0;
}

/* The number of walks that dropping everything from there on takes. */
static unsigned drop(void **state, unsigned from)
{
	unsigned before = walks;
	over.xTruncate(*state, from);
	if (walks > before) assert_int_equal(last_from, from);
	return walks - before;
}

static void nothing_is_looked_for_behind_the_last_page(void **state)
{
	assert_int_equal(drop(state, 101), 0);
	over.xFetch(*state, 500, 0); /* not made */
	assert_int_equal(drop(state, 101), 0);
}

static void page_that_was_elsewhere_for_a_moment_costs_no_walk(void **state)
{
	over.xRekey(*state, &page, 7, LOCKS);
	over.xRekey(*state, &page, 9, 7);
	over.xRekey(*state, &page, LOCKS, 9);
	assert_int_equal(drop(state, 101), 0);
}

static void pages_behind_the_end_are_dropped_once(void **state)
{
	over.xFetch(*state, 120, 1);
	assert_int_equal(drop(state, 101), 1);
	assert_int_equal(drop(state, 101), 0);
	assert_int_equal(drop(state, 100), 1); /* an end further in front */
	assert_int_equal(drop(state, 1), 1);
	assert_int_equal(drop(state, 1), 0);
}

static void page_that_stays_elsewhere_is_dropped(void **state)
{
	over.xRekey(*state, &page, 7, LOCKS);
	assert_int_equal(drop(state, 101), 1);
	assert_int_equal(drop(state, 101), 0);
	over.xRekey(*state, &page, 8, LOCKS);
	over.xRekey(*state, &page, 9, LOCKS + 1);
	over.xRekey(*state, &page, LOCKS, 8);
	assert_int_equal(drop(state, 101), 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(nothing_is_looked_for_behind_the_last_page),
		TEST(page_that_was_elsewhere_for_a_moment_costs_no_walk),
		TEST(pages_behind_the_end_are_dropped_once),
		TEST(page_that_stays_elsewhere_is_dropped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
