/* What the cache of a node wants to read: each id once, and nothing that was not compared is taken for what was. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/store_cache_wants.h"

static const uint8_t *id_of(uint32_t n, uint8_t out[static UUID_LEN])
{
	memset(out, 0, UUID_LEN);
	memcpy(out, &n, sizeof n);
	return out;
}

static void an_id_is_wanted_once_with_the_highest_version(void **state)
{
	struct store_cache_wants w = { .list = NULL };
	uint8_t id[UUID_LEN];
	(void)state;
	assert_true(store_cache_wants_add(&w, id_of(1, id), 3));
	assert_true(store_cache_wants_add(&w, id_of(2, id), 1));
	assert_true(store_cache_wants_add(&w, id_of(1, id), 5));
	assert_true(store_cache_wants_add(&w, id_of(1, id), 4));
	assert_int_equal(w.count, 2);
	assert_int_equal(w.list[0].version, 5);
	assert_int_equal(w.comparing, 0);
	store_cache_wants_free(&w);
}

static void all_are_compared_or_it_is_said(void **state)
{
	struct store_cache_wants w = { .list = NULL };
	uint8_t id[UUID_LEN];
	(void)state;
	assert_true(store_cache_wants_add(&w, id_of(9, id), 1));
	store_cache_wants_clear(&w);
	for (uint32_t i = 0; i < STORE_CACHE_WANTS_MAX; i++) assert_int_equal(store_cache_wants_compare(&w, id_of(i, id), 1), ERR_OK);
	assert_int_equal(store_cache_wants_compare(&w, id_of(STORE_CACHE_WANTS_MAX, id), 1), ERR_LIMIT);
	assert_int_equal(w.comparing, STORE_CACHE_WANTS_MAX);
	assert_true(store_cache_wants_compares(&w, id_of(STORE_CACHE_WANTS_MAX - 1, id)));
	assert_false(store_cache_wants_add(&w, id_of(STORE_CACHE_WANTS_MAX, id), 1));
	assert_true(store_cache_wants_add(&w, id_of(7, id), 2)); /* stands there already */
	store_cache_wants_free(&w);
}

static void what_is_used_meanwhile_ends_no_comparison(void **state)
{
	struct store_cache_wants w = { .list = NULL };
	uint8_t id[UUID_LEN];
	(void)state;
	assert_int_equal(store_cache_wants_compare(&w, id_of(1, id), 1), ERR_OK);
	assert_int_equal(store_cache_wants_compare(&w, id_of(2, id), 1), ERR_OK);
	assert_true(store_cache_wants_add(&w, id_of(3, id), 1));
	assert_false(store_cache_wants_compares(&w, id_of(3, id)));
	store_cache_wants_cut(&w, 2);
	assert_int_equal(w.comparing, 2);
	store_cache_wants_cut(&w, 1);
	assert_int_equal(w.comparing, 1);
	assert_true(store_cache_wants_compares(&w, id_of(1, id)));
	assert_false(store_cache_wants_compares(&w, id_of(2, id)));
	store_cache_wants_cut(&w, 0);
	assert_int_equal(w.comparing, 0);
	store_cache_wants_free(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_id_is_wanted_once_with_the_highest_version),
		cmocka_unit_test(all_are_compared_or_it_is_said),
		cmocka_unit_test(what_is_used_meanwhile_ends_no_comparison),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
