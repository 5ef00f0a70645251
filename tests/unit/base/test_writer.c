/* The writer: fixed memory and buffers, limits, reservations, rewinding. */
#include "base_test.h"

#include <signal.h>

#include "base/ct.h"
#include "base/reader.h"
#include "base/writer.h"
#include "child.h"
#include "test_arena.h"

/* Writes one of everything: 40 bytes. */
static void write_sample(struct writer *w)
{
	writer_u8(w, 0x01);
	writer_u16(w, 0x0203);
	writer_u24(w, 0x040506);
	struct writer_mark mark = writer_reserve_u32(w);
	writer_u64(w, UINT64_C(0x0708090a0b0c0d0e));
	writer_view_u32(w, LITERAL("abc"));
	writer_view_u16(w, LITERAL("de"));
	writer_bytes(w, view_of(NULL, 0));
	writer_zero(w, 3);
	writer_fill_len(w, mark);
	struct writer_mark number = writer_reserve_u32(w);
	writer_fill_u32(w, number, 0xfffefdfc);
}

static const uint8_t sample[] = "\x01\x02\x03\x04\x05\x06\0\0\0\x16\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\0\0\0\x03"
	"abc\0\x02" "de\0\0\0\xff\xfe\xfd\xfc";
#define SAMPLE_LEN (sizeof sample - 1)

static void everything_is_big_endian_and_in_order(void **state)
{
	uint8_t memory[64];
	struct writer w;
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	writer_init(&w, memory, SAMPLE_LEN);
	write_sample(&w);
	assert_int_equal(writer_done(&w), ERR_OK);
	assert_int_equal(writer_len(&w), SAMPLE_LEN);
	assert_memory_equal(writer_view(&w).ptr, sample, SAMPLE_LEN);

	assert_int_equal(buf_append(&b, LITERAL("before")), ERR_OK);
	writer_init_buf(&w, &b, SAMPLE_LEN);
	write_sample(&w);
	assert_int_equal(writer_done(&w), ERR_OK);
	assert_int_equal(b.len, 6 + SAMPLE_LEN);
	assert_memory_equal(b.ptr, "before", 6);
	assert_memory_equal(writer_view(&w).ptr, sample, SAMPLE_LEN);
}

static void every_limit_below_the_need_fails_and_nothing_passes_it(void **state)
{
	(void)state;
	for (size_t limit = 0; limit < SAMPLE_LEN; limit++) {
		uint8_t memory[64];
		struct writer w;
		AUTO_BUF struct buf b = BUF_EMPTY;
		memset(memory, 0xee, sizeof memory);
		writer_init(&w, memory, limit);
		write_sample(&w);
		assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
		for (size_t i = limit; i < sizeof memory; i++)
			assert_int_equal(memory[i], 0xee);
		writer_init_buf(&w, &b, limit);
		write_sample(&w);
		assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
		assert_true(b.len <= limit);
	}
}

static void the_first_failure_sticks(void **state)
{
	uint8_t memory[4];
	struct writer w;
	(void)state;
	writer_init(&w, memory, sizeof memory);
	writer_u8(&w, 1);
	writer_u32(&w, 2);
	writer_u8(&w, 3); /* would fit */
	assert_null(writer_space(&w, 1));
	assert_int_equal(writer_len(&w), 1);
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
	writer_rewind(&w, 0);
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
}

static void values_that_do_not_fit_their_field_fail(void **state)
{
	static uint8_t large[UINT16_MAX + 1], memory[UINT16_MAX + 16];
	struct writer w;
	(void)state;
	writer_init(&w, memory, sizeof memory);
	writer_view_u16(&w, view_of(large, UINT16_MAX));
	assert_int_equal(writer_done(&w), ERR_OK);
	writer_init(&w, memory, sizeof memory);
	writer_view_u16(&w, view_of(large, sizeof large));
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
	writer_init(&w, memory, sizeof memory);
	writer_u24(&w, 0xffffff);
	assert_int_equal(writer_done(&w), ERR_OK);
	writer_u24(&w, 0x1000000);
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
}

static void a_full_arena_is_a_memory_error(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	struct writer w;
	(void)state;
	writer_init_buf(&w, &b, SIZE_MAX);
	writer_u8(&w, 1);
	writer_zero(&w, TEST_ARENA_SIZE);
	writer_u8(&w, 2);
	assert_int_equal(writer_done(&w), ERR_MEMORY);
	assert_int_equal(b.len, 1);
}

static void rewinding_wipes_and_goes_on_from_there(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	struct writer w;
	(void)state;
	writer_init_buf(&w, &b, 100);
	writer_bytes(&w, LITERAL("keep"));
	size_t at = writer_len(&w);
	writer_bytes(&w, LITERAL("secret"));
	writer_rewind(&w, at);
	assert_int_equal(b.len, 4);
	assert_true(ct_is_zero(b.ptr + 4, 6));
	writer_bytes(&w, LITERAL("!"));
	assert_true(view_equal_str(writer_view(&w), "keep!"));
}

static void space_can_be_filled_by_the_caller(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	struct writer w;
	(void)state;
	writer_init_buf(&w, &b, 5);
	assert_non_null(writer_space(&w, 0));
	memcpy(writer_space(&w, 5), "12345", 5);
	assert_true(view_equal_str(writer_view(&w), "12345"));
	assert_non_null(writer_space(&w, 0));
	assert_null(writer_space(&w, 1));
}

static int fill_outside(void)
{
	uint8_t memory[16];
	struct writer w;
	writer_init(&w, memory, sizeof memory);
	writer_u32(&w, 1);
	writer_fill_len(&w, (struct writer_mark){ 1 });
	return 0;
}

static void cutting_moves_the_rest_up_and_wipes_what_it_leaves(void **state)
{
	uint8_t bytes[8];
	struct writer w;
	(void)state;
	writer_init(&w, bytes, sizeof bytes);
	writer_bytes(&w, view_str("abcdefgh"));
	writer_cut(&w, 2, 3);
	assert_true(view_equal_str(writer_view(&w), "abfgh"));
	assert_memory_equal(bytes + 5, "\0\0\0", 3);
	writer_cut(&w, 4, 1);
	writer_cut(&w, 0, 0);
	assert_true(view_equal_str(writer_view(&w), "abfg"));
	writer_cut(&w, 0, 4);
	assert_int_equal(writer_len(&w), 0);
	writer_u8(&w, 'z');
	assert_true(view_equal_str(writer_view(&w), "z"));
}

static int rewind_forward(void)
{
	uint8_t memory[16];
	struct writer w;
	writer_init(&w, memory, sizeof memory);
	writer_rewind(&w, 1);
	return 0;
}

static void a_mark_or_length_that_is_not_this_writers_aborts(void **state)
{
	struct child_end end;
	(void)state;
	child_run(fill_outside, &end);
	assert_int_equal(end.signal, SIGABRT);
	child_run(rewind_forward, &end);
	assert_int_equal(end.signal, SIGABRT);
}

static void random_numbers_come_back_through_the_reader(void **state)
{
	uint32_t seed = 4711;
	(void)state;
	for (unsigned round = 0; round < 5000; round++) {
		uint8_t memory[18], u8;
		uint16_t u16;
		uint32_t u24, u32, a = test_random(&seed), b = test_random(&seed);
		uint64_t u64;
		struct writer w;
		struct reader r;
		writer_init(&w, memory, sizeof memory);
		writer_u8(&w, (uint8_t)a);
		writer_u16(&w, (uint16_t)b);
		writer_u24(&w, a >> 8);
		writer_u32(&w, b);
		writer_u64(&w, (uint64_t)a << 32 | b);
		assert_int_equal(writer_done(&w), ERR_OK);
		reader_init(&r, writer_view(&w));
		assert_int_equal(reader_u8(&r, &u8) | reader_u16(&r, &u16) | reader_u24(&r, &u24), ERR_OK);
		assert_int_equal(reader_u32(&r, &u32) | reader_u64(&r, &u64) | reader_end(&r), ERR_OK);
		assert_int_equal(u8, (uint8_t)a);
		assert_int_equal(u16, (uint16_t)b);
		assert_int_equal(u24, a >> 8);
		assert_int_equal(u32, b);
		assert_true(u64 == ((uint64_t)a << 32 | b));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(everything_is_big_endian_and_in_order),
		cmocka_unit_test(every_limit_below_the_need_fails_and_nothing_passes_it),
		cmocka_unit_test(the_first_failure_sticks),
		cmocka_unit_test(values_that_do_not_fit_their_field_fail),
		cmocka_unit_test(a_full_arena_is_a_memory_error),
		cmocka_unit_test(rewinding_wipes_and_goes_on_from_there),
		cmocka_unit_test(cutting_moves_the_rest_up_and_wipes_what_it_leaves),
		cmocka_unit_test(space_can_be_filled_by_the_caller),
		cmocka_unit_test(a_mark_or_length_that_is_not_this_writers_aborts),
		cmocka_unit_test(random_numbers_come_back_through_the_reader),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
