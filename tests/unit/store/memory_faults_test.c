/* The nth allocation of SQLite fails, for every n until the run passes clean. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_MAX 50000u

static sqlite3_mem_methods real;
static struct {
	bool armed, stays, happened;
	unsigned left;
} fault;

static bool strikes(void)
{
	if (!fault.armed) return false;
	if (fault.happened) return fault.stays;
	if (--fault.left) return false;
	fault.happened = true;
	return true;
}

static void *failing_malloc(int len)
{
	return strikes() ? NULL : real.xMalloc(len);
}

static void *failing_realloc(void *p, int len)
{
	return strikes() ? NULL : real.xRealloc(p, len);
}

static void arm(unsigned n, bool stays)
{
	fault.left = n;
	fault.stays = stays;
	fault.happened = false;
	fault.armed = true;
}

static bool disarm(void)
{
	fault.armed = false;
	return fault.happened;
}

/* Where nothing was, one open and one transaction; false when the fault was not reached. */
static bool run_once(const struct place *p, unsigned n, bool stays)
{
	struct store *s = NULL;
	place_empty(p);
	arm(n, stays);
	enum coffer_err opened = store_open_sqlite(p->db, &s, NULL);
	enum coffer_err err = opened ? opened : put_rows(s, "new", 3, 5000);
	bool happened = disarm();
	if (opened) s = open_ok(p);
	if (!opened && err == ERR_UNKNOWN_OUTCOME) assert_int_equal(store_reopen(s, NULL), ERR_OK);
	unsigned found = count_rows(s, "new", 3, 5000);
	if (err == ERR_OK) assert_int_equal(found, 3);
	else if (!opened && err == ERR_UNKNOWN_OUTCOME) assert_true(found == 0 || found == 3);
	else assert_int_equal(found, 0);
	if (!happened) assert_int_equal(err, ERR_OK);
	assert_int_equal(put_rows(s, "more", 2, 700), ERR_OK);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "new", 3, 5000), found);
	assert_int_equal(count_rows(s, "more", 2, 700), 2);
	store_close(s);
	return happened;
}

static void every_allocation_failing_once(void **state)
{
	unsigned n = 1;
	while (n < N_MAX && run_once(*state, n, false)) n++;
	assert_true(n > 100 && n < N_MAX);
}

static void every_allocation_failing_from_the_nth_on(void **state)
{
	unsigned n = 1;
	while (n < N_MAX && run_once(*state, n, true)) n++;
	assert_true(n > 100 && n < N_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_allocation_failing_once, place_setup_fast, place_teardown),
		cmocka_unit_test_setup_teardown(every_allocation_failing_from_the_nth_on, place_setup_fast, place_teardown),
	};
	if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real) != SQLITE_OK) return 1;
	sqlite3_mem_methods failing = real;
	failing.xMalloc = failing_malloc;
	failing.xRealloc = failing_realloc;
	if (sqlite3_config(SQLITE_CONFIG_MALLOC, &failing) != SQLITE_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
