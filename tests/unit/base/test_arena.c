/* The arena as an allocator: sizes, zeroing, growth, exhaustion, threads. */
#include "base_test.h"

#include <pthread.h>

#include "base/ct.h"
#include "test_arena.h"

static size_t used_now(void)
{
	struct arena_stats stats;
	arena_stats(&stats);
	return stats.used;
}

static void a_second_init_is_a_bug(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(arena_init(TEST_ARENA_SIZE, false, &reason), ERR_BUG);
	assert_true(reason.text[0]);
	assert_string_equal(arena_level_name(), arena_level() == ARENA_FULL ? "full" : "reduced");
}

static void blocks_of_every_size_are_zeroed_aligned_and_apart(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 55, 56, 57, 63, 64, 120, 121, 4088, 4089, 65536, 300000 };
	uint8_t *blocks[COUNT(sizes)];
	size_t before = used_now();
	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		blocks[i] = arena_alloc(sizes[i]);
		assert_non_null(blocks[i]);
		assert_int_equal((uintptr_t)blocks[i] % 64, 0);
		assert_true(ct_is_zero(blocks[i], sizes[i]));
		memset(blocks[i], (int)(i + 1), sizes[i]);
	}
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		for (size_t at = 0; at < sizes[i]; at++)
			assert_int_equal(blocks[i][at], i + 1);
		arena_free(blocks[i]);
	}
	arena_free(NULL);
	assert_int_equal(used_now(), before);
}

static void freed_memory_is_wiped_at_once_and_zero_when_handed_out_again(void **state)
{
	uint8_t *first = arena_alloc(1000);
	(void)state;
	assert_non_null(first);
	memset(first, 0xa5, 1000);
	arena_free(first);
	if (!TEST_ASAN) assert_true(ct_is_zero(first, 1024)); /* with the canary */
	uint8_t *again = arena_alloc(1000);
	assert_true(ct_is_zero(again, 1000));
	arena_free(again);
}

static void realloc_keeps_the_contents_and_zeroes_what_it_adds(void **state)
{
	static const size_t steps[] = { 10, 56, 57, 120, 100, 5000, 4000, 900, 100000, 1, 3 };
	size_t before = used_now(), old_len = 0;
	uint8_t *p = NULL;
	(void)state;
	for (unsigned i = 0; i < COUNT(steps); i++) {
		p = arena_realloc(p, steps[i]);
		assert_non_null(p);
		size_t kept = old_len < steps[i] ? old_len : steps[i];
		for (size_t at = 0; at < kept; at++)
			assert_int_equal(p[at], (uint8_t)(at * 7 + 1));
		assert_true(ct_is_zero(p + kept, steps[i] - kept));
		for (size_t at = 0; at < steps[i]; at++)
			p[at] = (uint8_t)(at * 7 + 1);
		old_len = steps[i];
	}
	assert_null(arena_realloc(p, 0));
	assert_int_equal(used_now(), before);
}

static void realloc_wipes_the_block_it_leaves(void **state)
{
	uint8_t *p = arena_alloc(56);
	(void)state;
	memset(p, 0xa5, 56);
	uint8_t *moved = arena_realloc(p, 500);
	assert_ptr_not_equal(moved, p);
	if (!TEST_ASAN) assert_true(ct_is_zero(p, 64));
	arena_free(moved);
}

static void a_full_arena_refuses_and_gives_everything_back(void **state)
{
	static void *blocks[TEST_ARENA_SIZE / 4096];
	struct arena_stats before, after;
	size_t count = 0;
	(void)state;
	arena_stats(&before);
	while (count < COUNT(blocks) && (blocks[count] = arena_alloc(4000)) != NULL)
		count++;
	assert_true(count >= COUNT(blocks) - 8);
	assert_null(arena_alloc(4000));
	assert_null(arena_realloc(blocks[0], 100000)); /* the old block stays */
	arena_stats(&after);
	assert_true(after.failed >= before.failed + 2);
	assert_int_equal(after.used_max, after.used);
	for (size_t i = 0; i < count; i++)
		arena_free(blocks[i]);
	assert_int_equal(used_now(), before.used);

	void *half = arena_alloc(TEST_ARENA_SIZE / 2 - ARENA_CANARY_LEN); /* the pieces were joined again */
	assert_non_null(half);
	arena_free(half);
}

static void sizes_beyond_the_arena_are_refused(void **state)
{
	static const size_t sizes[] = { TEST_ARENA_SIZE, TEST_ARENA_SIZE * 2, (size_t)1 << 31, SIZE_MAX - 8, SIZE_MAX };
	void *p = arena_alloc(8);
	(void)state;
	for (unsigned i = 0; i < COUNT(sizes); i++) {
		assert_null(arena_alloc(sizes[i]));
		assert_null(arena_realloc(p, sizes[i]));
	}
	arena_free(p);
}

#define SLOTS 64u
#define ROUNDS 20000u

/* Allocates, fills, checks and frees in a random order; returns NULL when every byte was as written. */
static void *hammer(void *arg)
{
	struct { uint8_t *p; size_t len; uint8_t fill; } slots[SLOTS] = { { NULL, 0, 0 } };
	uint32_t seed = (uint32_t)(uintptr_t)arg;
	bool ok = true;
	for (unsigned round = 0; round < ROUNDS + SLOTS; round++) {
		unsigned i = round < ROUNDS ? test_random(&seed) % SLOTS : round - ROUNDS;
		for (size_t at = 0; at < slots[i].len; at++)
			ok = ok && slots[i].p[at] == slots[i].fill;
		arena_free(slots[i].p);
		slots[i].len = round < ROUNDS ? test_random(&seed) % 700 : 0;
		slots[i].p = round < ROUNDS ? arena_alloc(slots[i].len) : NULL;
		slots[i].fill = (uint8_t)round;
		if (round < ROUNDS && !slots[i].p) return arg;
		if (slots[i].p) ok = ok && ct_is_zero(slots[i].p, slots[i].len);
		if (slots[i].p) memset(slots[i].p, slots[i].fill, slots[i].len);
	}
	return ok ? NULL : arg;
}

static void threads_never_share_a_block(void **state)
{
	pthread_t threads[4];
	size_t before = used_now();
	(void)state;
	for (uintptr_t i = 0; i < COUNT(threads); i++)
		assert_int_equal(pthread_create(&threads[i], NULL, hammer, (void *)(i + 1)), 0);
	for (unsigned i = 0; i < COUNT(threads); i++) {
		void *failed = threads;
		assert_int_equal(pthread_join(threads[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(used_now(), before);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_init_is_a_bug),
		cmocka_unit_test(blocks_of_every_size_are_zeroed_aligned_and_apart),
		cmocka_unit_test(freed_memory_is_wiped_at_once_and_zero_when_handed_out_again),
		cmocka_unit_test(realloc_keeps_the_contents_and_zeroes_what_it_adds),
		cmocka_unit_test(realloc_wipes_the_block_it_leaves),
		cmocka_unit_test(a_full_arena_refuses_and_gives_everything_back),
		cmocka_unit_test(sizes_beyond_the_arena_are_refused),
		cmocka_unit_test(threads_never_share_a_block),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
