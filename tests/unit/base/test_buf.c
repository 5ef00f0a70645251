/* Growable buffers. */
#include "base_test.h"

#include "base/buf.h"
#include "base/ct.h"
#include "test_arena.h"

static void appended_bytes_come_back_in_order(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	for (unsigned i = 0; i < 10000; i++) {
		uint8_t byte = (uint8_t)(i * 31);
		assert_int_equal(buf_append(&b, view_of(&byte, 1)), ERR_OK);
	}
	assert_int_equal(buf_view(&b).len, 10000);
	for (unsigned i = 0; i < 10000; i++)
		assert_int_equal(buf_view(&b).ptr[i], (uint8_t)(i * 31));
	assert_int_equal(buf_append(&b, view_of(NULL, 0)), ERR_OK);
	assert_int_equal(b.len, 10000);
}

static void growth_doubles(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	unsigned grown = 0;
	size_t cap = 0;
	(void)state;
	for (unsigned i = 0; i < 100000; i++) {
		assert_int_equal(buf_append(&b, LITERAL("x")), ERR_OK);
		if (b.cap != cap) grown++;
		cap = b.cap;
	}
	assert_in_range(grown, 1, 12);
}

static void consume_moves_the_rest_and_wipes_what_it_leaves(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	assert_int_equal(buf_append(&b, LITERAL("headerbody")), ERR_OK);
	buf_consume(&b, 6);
	assert_true(view_equal_str(buf_view(&b), "body"));
	assert_true(ct_is_zero(b.ptr + 4, 6));
	buf_consume(&b, 4);
	assert_int_equal(b.len, 0);
	assert_true(ct_is_zero(b.ptr, 10));
	buf_consume(&b, 0);
}

static void clear_wipes_and_keeps_the_memory(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	buf_clear(&b);
	assert_int_equal(buf_append(&b, LITERAL("secret")), ERR_OK);
	uint8_t *ptr = b.ptr;
	buf_clear(&b);
	assert_ptr_equal(b.ptr, ptr);
	assert_int_equal(b.len, 0);
	assert_true(ct_is_zero(ptr, 6));
}

static void a_freed_buffer_is_empty_and_works_again(void **state)
{
	struct buf b = BUF_EMPTY;
	(void)state;
	buf_free(&b);
	assert_int_equal(buf_append(&b, LITERAL("one")), ERR_OK);
	buf_free(&b);
	assert_int_equal(b.cap, 0);
	assert_null(b.ptr);
	assert_int_equal(buf_append(&b, LITERAL("two")), ERR_OK);
	assert_true(view_equal_str(buf_view(&b), "two"));
	buf_free(&b);
}

static void no_room_leaves_the_buffer_as_it_was(void **state)
{
	static const size_t extras[] = { TEST_ARENA_SIZE, SIZE_MAX / 2, SIZE_MAX - 3, SIZE_MAX };
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	assert_int_equal(buf_append(&b, LITERAL("kept")), ERR_OK);
	for (unsigned i = 0; i < COUNT(extras); i++)
		assert_int_equal(buf_reserve(&b, extras[i]), ERR_MEMORY);
	assert_true(view_equal_str(buf_view(&b), "kept"));
	assert_int_equal(buf_reserve(&b, 100000), ERR_OK);
	assert_true(b.cap - b.len >= 100000);
	assert_true(view_equal_str(buf_view(&b), "kept"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appended_bytes_come_back_in_order),
		cmocka_unit_test(growth_doubles),
		cmocka_unit_test(consume_moves_the_rest_and_wipes_what_it_leaves),
		cmocka_unit_test(clear_wipes_and_keeps_the_memory),
		cmocka_unit_test(a_freed_buffer_is_empty_and_works_again),
		cmocka_unit_test(no_room_leaves_the_buffer_as_it_was),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
