/* The encoder against the examples of KMIP 1.4 section 9.1.2, byte by byte, and its reservations. */
#include "ttlv/ttlv.h"

#include <string.h>

#include "base/arena.h"
#include "base/buf.h"
#include "unit/ttlv/bytes.h"
#include "unit/ttlv/reencode.h"

#define T 0x420020u

static void put_integer(struct writer *w) { ttlv_put_i32(w, T, 8); }
static void put_long(struct writer *w) { ttlv_put_i64(w, T, INT64_C(123456789000000000)); }
static void put_enum(struct writer *w) { ttlv_put_enum(w, T, 255); }
static void put_true(struct writer *w) { ttlv_put_bool(w, T, true); }
static void put_text(struct writer *w) { ttlv_put_str(w, T, "Hello World"); }
static void put_bytes(struct writer *w) { ttlv_put_bytes(w, T, view_of("\x01\x02\x03", 3)); }
static void put_time(struct writer *w) { ttlv_put_time(w, T, 0x47DA67F8); }
static void put_interval(struct writer *w) { ttlv_put_interval(w, T, 10 * 24 * 3600); }
static void put_negative(struct writer *w) { ttlv_put_i32(w, T, -2); }
static void put_eight_bytes(struct writer *w) { ttlv_put_bytes(w, T, view_of("ABCDEFGH", 8)); }

/* 1234567890000000000000000000 */
static void put_bigint(struct writer *w)
{
	ttlv_put_bigint(w, T, view_of("\x03\xFD\x35\xEB\x6B\xC2\xDF\x46\x18\x08\x00\x00", 12));
}

static void put_negative_bigint(struct writer *w) { ttlv_put_bigint(w, T, view_of("\xFE", 1)); }
static void put_no_bigint(struct writer *w) { ttlv_put_bigint(w, T, view_of(NULL, 0)); }

static void put_structure(struct writer *w)
{
	struct ttlv_mark mark = ttlv_begin(w, T);
	ttlv_put_enum(w, 0x420004, 254);
	ttlv_put_i32(w, 0x420005, 255);
	ttlv_end(w, mark);
}

static void put_item(struct writer *w)
{
	struct ttlv_item item = { .tag = 0x420099, .type = TTLV_BYTES, .value = view_of("\x01\x02\x03", 3) };
	ttlv_put_item(w, T, &item);
}

static void put_late(struct writer *w)
{
	struct writer_mark mark = ttlv_reserve_i32(w, T);
	writer_fill_u32(w, mark, 8);
}

static const struct { void (*put)(struct writer *w); const char *hex; } examples[] = {
	{ put_integer, "42 00 20 | 02 | 00 00 00 04 | 00 00 00 08 00 00 00 00" },
	{ put_long, "42 00 20 | 03 | 00 00 00 08 | 01 B6 9B 4B A5 74 92 00" },
	{ put_bigint, "42 00 20 | 04 | 00 00 00 10 | 00 00 00 00 03 FD 35 EB 6B C2 DF 46 18 08 00 00" },
	{ put_enum, "42 00 20 | 05 | 00 00 00 04 | 00 00 00 FF 00 00 00 00" },
	{ put_true, "42 00 20 | 06 | 00 00 00 08 | 00 00 00 00 00 00 00 01" },
	{ put_text, "42 00 20 | 07 | 00 00 00 0B | 48 65 6C 6C 6F 20 57 6F 72 6C 64 00 00 00 00 00" },
	{ put_bytes, "42 00 20 | 08 | 00 00 00 03 | 01 02 03 00 00 00 00 00" },
	{ put_time, "42 00 20 | 09 | 00 00 00 08 | 00 00 00 00 47 DA 67 F8" },
	{ put_interval, "42 00 20 | 0A | 00 00 00 04 | 00 0D 2F 00 00 00 00 00" },
	{ put_structure, "42 00 20 | 01 | 00 00 00 20 | 42 00 04 | 05 | 00 00 00 04 | 00 00 00 FE 00 00 00 00 | "
		"42 00 05 | 02 | 00 00 00 04 | 00 00 00 FF 00 00 00 00" },
	/* beyond the specification's own */
	{ put_negative, "42 00 20 | 02 | 00 00 00 04 | FF FF FF FE 00 00 00 00" },
	{ put_eight_bytes, "42 00 20 | 08 | 00 00 00 08 | 41 42 43 44 45 46 47 48" },
	{ put_negative_bigint, "42 00 20 | 04 | 00 00 00 08 | FF FF FF FF FF FF FF FE" },
	{ put_no_bigint, "42 00 20 | 04 | 00 00 00 08 | 00 00 00 00 00 00 00 00" },
	{ put_item, "42 00 20 | 08 | 00 00 00 03 | 01 02 03 00 00 00 00 00" },
	{ put_late, "42 00 20 | 02 | 00 00 00 04 | 00 00 00 08 00 00 00 00" },
};

static void items_are_written_as_the_specification_shows(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof examples[0]; i++) {
		uint8_t expected[64], out[64];
		struct view bytes = bytes_of(examples[i].hex, expected, sizeof expected);
		struct writer w;
		writer_init(&w, out, sizeof out);
		examples[i].put(&w);
		assert_int_equal(writer_done(&w), ERR_OK);
		if (!view_equal(writer_view(&w), bytes)) fail_msg("example %zu differs", i);
		assert_int_equal(ttlv_check(bytes, NULL, NULL), ERR_OK);
		writer_init(&w, out, sizeof out);
		assert_int_equal(reencode(bytes, &w), ERR_OK);
		assert_true(view_equal(writer_view(&w), bytes));
	}
}

static void a_reserved_byte_string_is_as_long_as_what_was_committed(void **state)
{
	(void)state;
	for (size_t max = 0; max <= 17; max++) {
		for (size_t len = 0; len <= max; len++) {
			AUTO_BUF struct buf buf = BUF_EMPTY;
			struct writer w;
			uint8_t out[128];
			struct writer plain;
			writer_init_buf(&w, &buf, 4096);
			struct ttlv_mark mark = ttlv_begin(&w, 0x420001);
			struct ttlv_space space = ttlv_reserve_bytes(&w, T, max);
			assert_non_null(space.ptr);
			memset(space.ptr, 0x5a, max);
			ttlv_commit_bytes(&w, space, len);
			ttlv_put_i32(&w, 0x420002, 7);
			ttlv_end(&w, mark);
			writer_init(&plain, out, sizeof out);
			mark = ttlv_begin(&plain, 0x420001);
			ttlv_put_bytes(&plain, T, view_of("ZZZZZZZZZZZZZZZZZ", len));
			ttlv_put_i32(&plain, 0x420002, 7);
			ttlv_end(&plain, mark);
			assert_int_equal(writer_done(&w), ERR_OK);
			assert_true(view_equal(buf_view(&buf), writer_view(&plain)));
		}
	}
}

static void a_full_writer_hands_out_no_space_and_stays_failed(void **state)
{
	(void)state;
	uint8_t out[24];
	struct writer w;
	writer_init(&w, out, sizeof out);
	struct ttlv_space space = ttlv_reserve_bytes(&w, T, 17);
	assert_null(space.ptr);
	ttlv_commit_bytes(&w, space, 3);
	ttlv_put_i32(&w, T, 1);
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
	writer_init(&w, out, sizeof out);
	space = ttlv_reserve_bytes(&w, T, 16);
	assert_non_null(space.ptr);
	writer_init(&w, out, sizeof out);
	assert_null(ttlv_reserve_bytes(&w, T, SIZE_MAX).ptr);
	assert_int_equal(writer_done(&w), ERR_TOO_LARGE);
}

static int start_arena(void **state)
{
	(void)state;
	return arena_init(1024 * 1024, false, NULL) == ERR_OK ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(items_are_written_as_the_specification_shows),
		cmocka_unit_test(a_reserved_byte_string_is_as_long_as_what_was_committed),
		cmocka_unit_test(a_full_writer_hands_out_no_space_and_stays_failed),
	};
	return cmocka_run_group_tests(tests, start_arena, NULL);
}
