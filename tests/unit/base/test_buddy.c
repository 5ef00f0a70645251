/* The buddy allocator over plain memory, against a map of who owns which unit. */
#include "base_test.h"

#include "base/buddy.h"

#define UNITS 256u

static _Alignas(64) uint8_t region[UNITS * BUDDY_UNIT];

static void orders_are_the_smallest_that_fit(void **state)
{
	static const struct { size_t len; unsigned order; } cases[] = {
		{ 0, 0 }, { 1, 0 }, { 64, 0 }, { 65, 1 }, { 128, 1 }, { 129, 2 }, { BUDDY_SIZE_MAX, BUDDY_ORDERS - 1 },
		{ BUDDY_SIZE_MAX + 1, BUDDY_ORDERS }, { SIZE_MAX, BUDDY_ORDERS },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_int_equal(buddy_order_for(cases[i].len), cases[i].order);
}

static void only_the_start_of_a_block_in_use_has_an_order(void **state)
{
	struct buddy b;
	(void)state;
	assert_true(buddy_init(&b, region, sizeof region));
	uint8_t *p = buddy_take(&b, 2, 200);
	assert_int_equal(buddy_order_of(&b, p), 2);
	assert_int_equal(buddy_len(&b, p), 200);
	assert_int_equal(buddy_order_of(&b, p + 64), BUDDY_ORDERS);
	assert_int_equal(buddy_order_of(&b, p + 1), BUDDY_ORDERS);
	assert_int_equal(buddy_order_of(&b, region + sizeof region), BUDDY_ORDERS);
	const uint8_t *before = (const uint8_t *)((uintptr_t)region - 64);
	assert_int_equal(buddy_order_of(&b, before), BUDDY_ORDERS);
	assert_int_equal(buddy_retire(&b, p), 2);
	assert_int_equal(buddy_retire(&b, p), BUDDY_ORDERS);
	buddy_give(&b, p, 2);
	assert_int_equal(buddy_retire(&b, p), BUDDY_ORDERS);
}

/* Random takes and returns: no unit has two owners, a refusal is never wrong for a single unit, all joins at the end. */
static void blocks_never_overlap_and_join_again(void **state)
{
	struct { uint8_t *p; unsigned order; } held[UNITS];
	uint8_t owned[UNITS] = { 0 };
	unsigned held_count = 0, owned_count = 0;
	uint32_t seed = 12345;
	struct buddy b;
	(void)state;
	assert_true(buddy_init(&b, region, sizeof region));
	for (unsigned round = 0; round < 20000; round++) {
		unsigned order = test_random(&seed) % 5;
		uint8_t *p = test_random(&seed) % 2 ? buddy_take(&b, order, 1) : NULL;
		if (p) {
			size_t unit = (size_t)(p - region) / BUDDY_UNIT;
			assert_int_equal(unit % (1u << order), 0);
			for (size_t u = unit; u < unit + (1u << order); u++) {
				assert_true(u < UNITS && !owned[u]);
				owned[u] = 1;
			}
			owned_count += 1u << order;
			held[held_count].p = p;
			held[held_count++].order = order;
		} else if (held_count) {
			unsigned i = test_random(&seed) % held_count;
			assert_int_equal(buddy_retire(&b, held[i].p), held[i].order);
			buddy_give(&b, held[i].p, held[i].order);
			memset(owned + (held[i].p - region) / BUDDY_UNIT, 0, 1u << held[i].order);
			owned_count -= 1u << held[i].order;
			held[i] = held[--held_count];
		}
		if (owned_count == UNITS) assert_null(buddy_take(&b, 0, 1));
	}
	while (held_count--) {
		assert_int_equal(buddy_retire(&b, held[held_count].p), held[held_count].order);
		buddy_give(&b, held[held_count].p, held[held_count].order);
	}
	assert_ptr_equal(buddy_take(&b, buddy_order_for(sizeof region), sizeof region), region);
	assert_null(buddy_take(&b, 0, 1));
}

/* Long-lived small blocks made between large ones: when the large are gone, a large one fits again. */
static void small_blocks_do_not_cut_up_the_room_of_large_ones(void **state)
{
	static uint8_t large_region[1u << 22];
	void *small[256], *large[2];
	struct buddy b;
	(void)state;
	assert_true(buddy_init(&b, large_region, sizeof large_region));
	unsigned large_order = buddy_order_for(1u << 20);
	for (unsigned i = 0; i < 256; i++) {
		for (unsigned j = 0; j < 2; j++) large[j] = buddy_take(&b, large_order, 1u << 20);
		assert_non_null(large[0]);
		assert_non_null(large[1]);
		small[i] = buddy_take(&b, i % 4, 64);
		assert_non_null(small[i]);
		for (unsigned j = 0; j < 2; j++) {
			assert_int_equal(buddy_retire(&b, large[j]), large_order);
			buddy_give(&b, large[j], large_order);
		}
	}
	void *half = buddy_take(&b, buddy_order_for(1u << 21), 1u << 21);
	assert_ptr_equal(half, large_region + (1u << 21));
	for (unsigned i = 0; i < 256; i++) buddy_give(&b, small[i], buddy_retire(&b, small[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(orders_are_the_smallest_that_fit),
		cmocka_unit_test(only_the_start_of_a_block_in_use_has_an_order),
		cmocka_unit_test(blocks_never_overlap_and_join_again),
		cmocka_unit_test(small_blocks_do_not_cut_up_the_room_of_large_ones),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
