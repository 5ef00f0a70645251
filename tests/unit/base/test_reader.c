/* The reader: every read at every length, stickiness, children. */
#include "base_test.h"

#include "base/reader.h"

static const uint8_t bytes[] = { 0x01, 0x82, 0x03, 0x84, 0x05, 0x86, 0x07, 0x88, 0x09 };

/* One read by its width, as a number. */
static enum coffer_err read_width(struct reader *r, unsigned width, uint64_t *out)
{
	uint8_t u8 = 0;
	uint16_t u16 = 0;
	uint32_t u32 = 0;
	enum coffer_err err;
	switch (width) {
	case 1: err = reader_u8(r, &u8); *out = u8; return err;
	case 2: err = reader_u16(r, &u16); *out = u16; return err;
	case 3: err = reader_u24(r, &u32); *out = u32; return err;
	case 4: err = reader_u32(r, &u32); *out = u32; return err;
	default: return reader_u64(r, out);
	}
}

static void integers_are_big_endian_and_need_all_their_bytes(void **state)
{
	static const unsigned widths[] = { 1, 2, 3, 4, 8 };
	(void)state;
	for (unsigned w = 0; w < COUNT(widths); w++) {
		for (unsigned len = 0; len <= sizeof bytes; len++) {
			struct reader r;
			uint64_t value = 0, expected = 0;
			reader_init(&r, view_of(bytes, len));
			enum coffer_err err = read_width(&r, widths[w], &value);
			assert_int_equal(err, len >= widths[w] ? ERR_OK : ERR_TRUNCATED);
			for (unsigned i = 0; i < widths[w]; i++)
				expected = expected << 8 | bytes[i];
			if (err == ERR_OK) assert_int_equal(value, expected);
			assert_int_equal(reader_left(&r), err == ERR_OK ? len - widths[w] : 0);
		}
	}
}

static void after_a_failure_every_read_fails(void **state)
{
	struct reader r, child;
	struct view v = { NULL, 77 };
	uint8_t u8 = 0x55, copy[1] = { 0x55 };
	uint64_t u64 = 0x55;
	(void)state;
	reader_init(&r, view_of(bytes, 4));
	assert_int_equal(reader_u64(&r, &u64), ERR_TRUNCATED);
	assert_int_equal(u64, 0x55); /* untouched */
	assert_int_equal(reader_u8(&r, &u8), ERR_TRUNCATED);
	assert_int_equal(u8, 0x55);
	assert_int_equal(reader_bytes(&r, copy, 1), ERR_TRUNCATED);
	assert_int_equal(copy[0], 0x55);
	assert_int_equal(reader_view(&r, 0, &v), ERR_TRUNCATED);
	assert_int_equal(v.len, 77);
	assert_int_equal(reader_child(&r, 0, &child), ERR_TRUNCATED);
	assert_int_equal(reader_skip(&r, 0), ERR_TRUNCATED);
	assert_int_equal(reader_end(&r), ERR_TRUNCATED);
	assert_int_equal(reader_left(&r), 0);
}

static void counted_views_respect_the_limit_and_the_end(void **state)
{
	static const struct { const char *text; size_t len, max; bool wide; enum coffer_err err; size_t got; } cases[] = {
		{ "\0\0\0\3abc", 7, 3, true, ERR_OK, 3 },
		{ "\0\0\0\0", 4, 0, true, ERR_OK, 0 },
		{ "\0\0\0\3abc", 7, 2, true, ERR_TOO_LARGE, 0 },
		{ "\0\0\0\4abc", 7, 10, true, ERR_TRUNCATED, 0 },
		{ "\0\0\0", 3, 10, true, ERR_TRUNCATED, 0 },
		{ "\xff\xff\xff\xff" "abc", 7, SIZE_MAX, true, ERR_TRUNCATED, 0 },
		{ "\0\3abc", 5, 3, false, ERR_OK, 3 },
		{ "\0\3abc", 5, 2, false, ERR_TOO_LARGE, 0 },
		{ "\xff\xff" "abc", 5, SIZE_MAX, false, ERR_TRUNCATED, 0 },
		{ "\0", 1, 10, false, ERR_TRUNCATED, 0 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct reader r;
		struct view v = { NULL, 0 };
		reader_init(&r, view_of(cases[i].text, cases[i].len));
		enum coffer_err err = cases[i].wide ? reader_view_u32(&r, cases[i].max, &v) : reader_view_u16(&r, cases[i].max, &v);
		assert_int_equal(err, cases[i].err);
		assert_int_equal(v.len, cases[i].got);
		if (err == ERR_OK) assert_int_equal(reader_end(&r), ERR_OK);
		if (err != ERR_OK) assert_int_equal(reader_skip(&r, 0), ERR_TRUNCATED);
	}
}

static void a_child_cannot_see_past_its_length(void **state)
{
	struct reader r, child;
	uint32_t u32;
	uint16_t u16 = 0;
	(void)state;
	reader_init(&r, view_of(bytes, sizeof bytes));
	assert_int_equal(reader_child(&r, 3, &child), ERR_OK);
	assert_int_equal(reader_left(&child), 3);
	assert_int_equal(reader_u32(&child, &u32), ERR_TRUNCATED);
	assert_int_equal(reader_u16(&r, &u16), ERR_OK); /* the parent stands behind the child, unharmed */
	assert_int_equal(u16, 0x8405);
	assert_int_equal(reader_child(&r, 5, &child), ERR_TRUNCATED);
}

static void leftover_bytes_are_an_error(void **state)
{
	struct reader r;
	(void)state;
	reader_init(&r, view_of(bytes, 2));
	assert_int_equal(reader_skip(&r, 1), ERR_OK);
	assert_int_equal(reader_end(&r), ERR_INPUT);
	reader_init(&r, view_of(bytes, 2));
	assert_int_equal(reader_skip(&r, 2), ERR_OK);
	assert_int_equal(reader_end(&r), ERR_OK);
	reader_init(&r, view_of(NULL, 0));
	assert_int_equal(reader_end(&r), ERR_OK);
}

static void lengths_near_the_largest_size_do_not_wrap(void **state)
{
	static const size_t lens[] = { SIZE_MAX, SIZE_MAX - 1, SIZE_MAX - 8, SIZE_MAX / 2 + 1 };
	(void)state;
	for (unsigned i = 0; i < COUNT(lens); i++) {
		struct reader r;
		struct view v;
		reader_init(&r, view_of(bytes, sizeof bytes));
		assert_int_equal(reader_skip(&r, 8), ERR_OK);
		assert_int_equal(reader_view(&r, lens[i], &v), ERR_TRUNCATED);
	}
}

/* Random reads over random lengths: the position is the sum of what succeeded and never passes the end. */
static void reads_never_pass_the_end(void **state)
{
	uint32_t seed = 99;
	(void)state;
	for (unsigned round = 0; round < 20000; round++) {
		struct reader r;
		uint64_t value;
		size_t len = test_random(&seed) % (sizeof bytes + 1), sum = 0;
		reader_init(&r, view_of(bytes, len));
		for (unsigned i = 0; i < 6; i++) {
			static const unsigned widths[] = { 1, 2, 3, 4, 8 };
			unsigned width = widths[test_random(&seed) % COUNT(widths)];
			if (read_width(&r, width, &value) != ERR_OK) break;
			sum += width;
			assert_true(sum <= len);
			assert_int_equal(reader_left(&r), len - sum);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(integers_are_big_endian_and_need_all_their_bytes),
		cmocka_unit_test(after_a_failure_every_read_fails),
		cmocka_unit_test(counted_views_respect_the_limit_and_the_end),
		cmocka_unit_test(a_child_cannot_see_past_its_length),
		cmocka_unit_test(leftover_bytes_are_an_error),
		cmocka_unit_test(lengths_near_the_largest_size_do_not_wrap),
		cmocka_unit_test(reads_never_pass_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
