/* What passes ttlv_check and what does not. */
#include "ttlv/ttlv.h"

#include "base/arena.h"
#include "base/buf.h"
#include "unit/ttlv/bytes.h"

struct check_case {
	const char *what, *hex;
	enum coffer_err expected;
};

static const struct check_case cases[] = {
	/* the accepted one, then the refused beside it */
	{ "integer", "420020 02 00000004 00000008 00000000", ERR_OK },
	{ "integer of length 3", "420020 02 00000003 00000800 00000000", ERR_INPUT },
	{ "integer of length 8", "420020 02 00000008 00000008 00000000", ERR_INPUT },
	{ "integer with padding that is not zero", "420020 02 00000004 00000008 00000001", ERR_INPUT },
	{ "integer without its padding", "420020 02 00000004 00000008", ERR_TRUNCATED },
	{ "long integer", "420020 03 00000008 01B69B4BA5749200", ERR_OK },
	{ "long integer of length 4", "420020 03 00000004 01B69B4B A5749200", ERR_INPUT },
	{ "big integer", "420020 04 00000010 0000000003FD35EB 6BC2DF4618080000", ERR_OK },
	{ "big integer that is no multiple of 8", "420020 04 0000000C 03FD35EB6BC2DF4618080000 00000000", ERR_INPUT },
	{ "enumeration", "420020 05 00000004 000000FF 00000000", ERR_OK },
	{ "enumeration of length 5", "420020 05 00000005 000000FF 00000000", ERR_INPUT },
	{ "boolean true", "420020 06 00000008 0000000000000001", ERR_OK },
	{ "boolean false", "420020 06 00000008 0000000000000000", ERR_OK },
	{ "boolean 2", "420020 06 00000008 0000000000000002", ERR_INPUT },
	{ "boolean in the high byte", "420020 06 00000008 0100000000000001", ERR_INPUT },
	{ "boolean of length 4", "420020 06 00000004 0000000100000000", ERR_INPUT },
	{ "text", "420020 07 0000000B 48656C6C6F20576F 726C640000000000", ERR_OK },
	{ "empty text", "420020 07 00000000", ERR_OK },
	{ "text in umlauts", "420020 07 00000002 C3A4 000000000000", ERR_OK },
	{ "text that is not UTF-8", "420020 07 00000002 C328 000000000000", ERR_INPUT },
	{ "text in overlong UTF-8", "420020 07 00000002 C081 000000000000", ERR_INPUT },
	{ "text that ends in NUL", "420020 07 00000002 4100 000000000000", ERR_INPUT },
	{ "text with padding that is not zero", "420020 07 00000002 4142 000000000041", ERR_INPUT },
	{ "bytes", "420020 08 00000003 0102030000000000", ERR_OK },
	{ "bytes with padding that is not zero", "420020 08 00000003 0102030400000000", ERR_INPUT },
	{ "bytes longer than the message", "420020 08 00000009 0102030405060708", ERR_TRUNCATED },
	{ "bytes whose padding is cut off", "420020 08 00000007 01020304050607", ERR_TRUNCATED },
	{ "bytes of almost 4 GiB", "420020 08 FFFFFFFF 0102030405060708", ERR_TRUNCATED },
	{ "bytes whose padded length wraps to 0", "420020 08 FFFFFFF9 0102030405060708", ERR_TRUNCATED },
	{ "date-time", "420020 09 00000008 0000000047DA67F8", ERR_OK },
	{ "date-time of length 4", "420020 09 00000004 47DA67F800000000", ERR_INPUT },
	{ "interval", "420020 0A 00000004 000D2F0000000000", ERR_OK },
	{ "interval of length 8", "420020 0A 00000008 00000000000D2F00", ERR_INPUT },
	{ "structure", "420020 01 00000020 420004 05 00000004 000000FE00000000 420005 02 00000004 000000FF00000000", ERR_OK },
	{ "empty structure", "420020 01 00000000", ERR_OK },
	{ "structure of length 4", "420020 01 00000004 00000000", ERR_INPUT },
	{ "structure longer than the message", "420020 01 00000020 420004 05 00000004 000000FE00000000", ERR_TRUNCATED },
	{ "child longer than its parent", "420020 01 00000010 420004 08 00000010 0102030405060708", ERR_TRUNCATED },
	{ "child that reaches behind its parent", "420020 01 00000018 420021 01 00000008 420004 08 00000008 0102030405060708",
		ERR_TRUNCATED },
	{ "child of which only a part is there", "420020 01 00000008 420004 08 00000000", ERR_OK },
	{ "child with half a header", "420020 01 00000010 420004 08 00000000 4200040800000001", ERR_TRUNCATED },
	{ "extension tag", "540001 02 00000004 0000000800000000", ERR_OK },
	{ "tag of no range", "430020 02 00000004 0000000800000000", ERR_INPUT },
	{ "tag 0", "000000 02 00000004 0000000800000000", ERR_INPUT },
	{ "type 0", "420020 00 00000004 0000000800000000", ERR_INPUT },
	{ "type 11", "420020 0B 00000008 0000000000000008", ERR_INPUT },
	{ "type 255", "420020 FF 00000008 0000000000000008", ERR_INPUT },
	{ "no bytes", "", ERR_TRUNCATED },
	{ "seven bytes", "420020 02 000000", ERR_TRUNCATED },
	{ "bytes behind the message", "420020 02 00000004 0000000800000000 00", ERR_INPUT },
	{ "second message", "420020 02 00000004 0000000800000000 420020 02 00000004 0000000800000000", ERR_INPUT },
};

static void check_takes_what_the_specification_allows_and_nothing_else(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint8_t bytes[128];
		struct reason reason = { "" };
		enum coffer_err err = ttlv_check(bytes_of(cases[i].hex, bytes, sizeof bytes), NULL, &reason);
		if (err != cases[i].expected) fail_msg("%s: %s, expected %s", cases[i].what, err_name(err), err_name(cases[i].expected));
		assert_true((err == ERR_OK) == (reason.text[0] == '\0'));
	}
}

static void check_refuses_every_truncation_of_a_message(void **state)
{
	(void)state;
	uint8_t bytes[64];
	struct view whole = bytes_of("420020 01 00000028 420004 05 00000004 000000FE00000000 "
		"420005 07 0000000A 41424344454647484949000000000000",
		bytes, sizeof bytes);
	assert_int_equal(ttlv_check(whole, NULL, NULL), ERR_OK);
	for (size_t len = 0; len < whole.len; len++)
		assert_int_equal(ttlv_check(view_of(whole.ptr, len), NULL, NULL), ERR_TRUNCATED);
}

/* depth structures inside each other around one integer. */
static void nest(struct buf *buf, size_t depth)
{
	struct writer w;
	struct ttlv_mark marks[64];
	writer_init_buf(&w, buf, SIZE_MAX);
	for (size_t i = 0; i < depth; i++)
		marks[i] = ttlv_begin(&w, 0x420020);
	ttlv_put_i32(&w, 0x420021, 1);
	for (size_t i = depth; i-- > 0;)
		ttlv_end(&w, marks[i]);
	assert_int_equal(writer_done(&w), ERR_OK);
}

static void check_bounds_the_depth(void **state)
{
	(void)state;
	static const struct { size_t depth; enum coffer_err expected; } rows[] = {
		{ 1, ERR_OK }, { 16, ERR_OK }, { 17, ERR_DEPTH }, { 60, ERR_DEPTH },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		AUTO_BUF struct buf buf = BUF_EMPTY;
		nest(&buf, rows[i].depth);
		assert_int_equal(ttlv_check(buf_view(&buf), NULL, NULL), rows[i].expected);
	}
}

static void check_bounds_the_number_of_items(void **state)
{
	(void)state;
	for (uint32_t children = TTLV_ITEMS_MAX - 1; children <= TTLV_ITEMS_MAX; children++) {
		AUTO_BUF struct buf buf = BUF_EMPTY;
		struct writer w;
		writer_init_buf(&w, &buf, SIZE_MAX);
		struct ttlv_mark mark = ttlv_begin(&w, 0x420020);
		for (uint32_t i = 0; i < children; i++)
			ttlv_put_str(&w, 0x420021, "");
		ttlv_end(&w, mark);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_int_equal(ttlv_check(buf_view(&buf), NULL, NULL), children < TTLV_ITEMS_MAX ? ERR_OK : ERR_LIMIT);
	}
}

static void check_bounds_the_size(void **state)
{
	(void)state;
	uint8_t bytes[32];
	struct view message = bytes_of("420020 02 00000004 0000000800000000", bytes, sizeof bytes);
	struct ttlv_limits fits = ttlv_limits_of(16), small = ttlv_limits_of(15);
	assert_int_equal(ttlv_check(message, &fits, NULL), ERR_OK);
	assert_int_equal(ttlv_check(message, &small, NULL), ERR_TOO_LARGE);
}

static void frame_size_reads_the_header_alone(void **state)
{
	(void)state;
	static const struct { const char *hex; size_t max; enum coffer_err expected; size_t size; } rows[] = {
		{ "420078 01 00000100", 1024, ERR_OK, 264 },
		{ "420078 01 00000000", 8, ERR_OK, 8 },
		{ "420078 01 00000400", 1024, ERR_TOO_LARGE, 0 },
		{ "420078 01 FFFFFFF8", 1024, ERR_TOO_LARGE, 0 },
		{ "420078 01 00000000", 7, ERR_TOO_LARGE, 0 },
		{ "420078 01 00000101", 1024, ERR_FOREIGN, 0 },
		{ "42007B 01 00000100", 1024, ERR_FOREIGN, 0 },
		{ "420078 02 00000100", 1024, ERR_FOREIGN, 0 },
		{ "474554 20 2F204854", 1024, ERR_FOREIGN, 0 },
		{ "420078 01 000001", 1024, ERR_TRUNCATED, 0 },
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint8_t bytes[8];
		size_t size = 0;
		enum coffer_err err = ttlv_frame_size(bytes_of(rows[i].hex, bytes, sizeof bytes), 0x420078, rows[i].max, &size);
		assert_int_equal(err, rows[i].expected);
		assert_int_equal(size, rows[i].size);
	}
}

static int start_arena(void **state)
{
	(void)state;
	return arena_init(1024 * 1024, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(check_takes_what_the_specification_allows_and_nothing_else),
		cmocka_unit_test(check_refuses_every_truncation_of_a_message),
		cmocka_unit_test(check_bounds_the_depth),
		cmocka_unit_test(check_bounds_the_number_of_items),
		cmocka_unit_test(check_bounds_the_size),
		cmocka_unit_test(frame_size_reads_the_header_alone),
	};
	return cmocka_run_group_tests(tests, start_arena, NULL);
}
