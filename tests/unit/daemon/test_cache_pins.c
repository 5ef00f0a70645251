/* What is pinned in the cache of a node: the words of the configuration, and the versions that they stand for. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "daemon/store_cache_pins.h"

static const uint8_t *id_of(uint32_t n, uint8_t out[static UUID_LEN])
{
	memset(out, 0x55, UUID_LEN);
	memcpy(out, &n, sizeof n);
	return out;
}

static void each_word_is_one(void **state)
{
	struct store_cache_pins p = { .text = NULL };
	(void)state;
	assert_int_equal(store_cache_pins_set(&p, "  disk\t0a-b  "), ERR_OK);
	assert_int_equal(p.count, 2);
	assert_string_equal(p.list[0].word, "disk");
	assert_string_equal(p.list[1].word, "0a-b");
	assert_int_equal(store_cache_pins_set(&p, ""), ERR_OK);
	assert_int_equal(p.count, 0);
	store_cache_pins_free(&p);
}

static void what_is_pinned_is_so_until_the_words_are_others(void **state)
{
	struct store_cache_pins p = { .text = NULL };
	uint8_t id[UUID_LEN];
	(void)state;
	assert_int_equal(store_cache_pins_set(&p, "a b"), ERR_OK);
	assert_false(store_cache_pins_has(&p, id_of(1, id)));
	for (uint32_t i = 0; i < STORE_CACHE_PIN_VERSIONS; i++) assert_true(store_cache_pins_note(&p.list[1], id_of(i, id)));
	assert_false(store_cache_pins_note(&p.list[1], id_of(1000, id)));
	assert_true(store_cache_pins_note(&p.list[0], id_of(1000, id)));
	assert_true(store_cache_pins_has(&p, id_of(STORE_CACHE_PIN_VERSIONS - 1, id)) && store_cache_pins_has(&p, id_of(1000, id)));
	assert_false(store_cache_pins_has(&p, id_of(STORE_CACHE_PIN_VERSIONS, id)));
	assert_int_equal(store_cache_pins_set(&p, "b"), ERR_OK);
	assert_false(store_cache_pins_has(&p, id_of(0, id)));
	store_cache_pins_free(&p);
}

/* Not at once after each change where changes come one after the other. */
static void names_are_looked_for_again_a_second_after_the_last_time(void **state)
{
	struct store_cache_pins p = { .begun_ms = 5000, .after_ms = 65000 };
	(void)state;
	store_cache_pins_look_again(&p);
	assert_int_equal(p.after_ms, 6000);
	store_cache_pins_look_again(&p);
	assert_int_equal(p.after_ms, 6000);
	p.after_ms = 0;
	store_cache_pins_look_again(&p);
	assert_int_equal(p.after_ms, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_one),
		cmocka_unit_test(what_is_pinned_is_so_until_the_words_are_others),
		cmocka_unit_test(names_are_looked_for_again_a_second_after_the_last_time),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
