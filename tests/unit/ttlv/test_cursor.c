/* Cursors, typed getters and the redacted dump. */
#include "ttlv/ttlv.h"

#include <string.h>

#include "unit/ttlv/bytes.h"

#define A 0x420001u
#define B 0x420002u
#define C 0x420003u

/* A structure: Integer A = 1, Text B = "two", Enumeration C = 3. */
static struct ttlv_cursor sample(uint8_t *out, size_t cap)
{
	struct writer w;
	struct ttlv_item root;
	struct ttlv_cursor c;
	writer_init(&w, out, cap);
	struct ttlv_mark mark = ttlv_begin(&w, 0x420020);
	ttlv_put_i32(&w, A, 1);
	ttlv_put_str(&w, B, "two");
	ttlv_put_enum(&w, C, 3);
	ttlv_end(&w, mark);
	assert_int_equal(ttlv_root(writer_view(&w), &root), ERR_OK);
	assert_int_equal(ttlv_enter(&root, &c), ERR_OK);
	return c;
}

static void a_cursor_takes_fields_in_their_order(void **state)
{
	(void)state;
	uint8_t out[128];
	struct ttlv_cursor c = sample(out, sizeof out);
	int32_t one = 0;
	uint32_t three = 0;
	struct view two;
	bool present = true;
	assert_int_equal(ttlv_peek_tag(&c), A);
	assert_int_equal(ttlv_take_i32(&c, A, &one), ERR_OK);
	assert_int_equal(ttlv_take_optional_i32(&c, A, &one, &present), ERR_OK);
	assert_false(present);
	assert_int_equal(ttlv_take_text(&c, B, &two), ERR_OK);
	assert_int_equal(ttlv_take_optional_enum(&c, C, &three, &present), ERR_OK);
	assert_true(present);
	assert_int_equal(ttlv_done(&c), ERR_OK);
	assert_int_equal(one, 1);
	assert_true(view_equal_str(two, "two"));
	assert_int_equal(three, 3);
	assert_int_equal(ttlv_peek_tag(&c), 0);
}

static void a_missing_field_is_named_so_and_nothing_moves(void **state)
{
	(void)state;
	uint8_t out[128];
	struct ttlv_cursor c = sample(out, sizeof out);
	struct ttlv_item item;
	struct view text;
	assert_int_equal(ttlv_take(&c, B, &item), ERR_MISSING);
	assert_int_equal(ttlv_peek_tag(&c), A);
	assert_true(ttlv_next(&c, &item));
	assert_int_equal(ttlv_take_text(&c, C, &text), ERR_MISSING);
	assert_int_equal(ttlv_take_text(&c, B, &text), ERR_OK);
}

static void leftovers_are_unknown_doubled_or_passed_over(void **state)
{
	(void)state;
	uint8_t out[128];
	struct ttlv_item item;
	struct ttlv_cursor c = sample(out, sizeof out);
	assert_true(ttlv_next(&c, &item));
	assert_int_equal(ttlv_done(&c), ERR_FIELD);
	c.lenient = true;
	assert_int_equal(ttlv_done(&c), ERR_OK);
	c.last = B; /* as if B had been taken: it stands there again */
	assert_int_equal(ttlv_done(&c), ERR_INPUT);
}

static void a_cursor_over_broken_bytes_stops_and_says_so(void **state)
{
	(void)state;
	uint8_t bytes[64];
	struct ttlv_item item;
	struct view text;
	struct ttlv_cursor c = ttlv_cursor_of(bytes_of("420001 02 00000004 0000000100000000 420002 08 00000010 0102030405060708",
		bytes, sizeof bytes));
	assert_true(ttlv_next(&c, &item));
	assert_false(ttlv_next(&c, &item));
	assert_false(ttlv_next(&c, &item));
	assert_int_equal(ttlv_take_text(&c, B, &text), ERR_TRUNCATED);
	assert_int_equal(ttlv_done(&c), ERR_TRUNCATED);
}

static void getters_refuse_other_types(void **state)
{
	(void)state;
	uint8_t value[8] = { 0 };
	for (int type = TTLV_STRUCTURE; type < TTLV_TYPE_END; type++) {
		bool four = type == TTLV_INTEGER || type == TTLV_ENUMERATION || type == TTLV_INTERVAL;
		struct ttlv_item item = { .tag = A, .type = (enum ttlv_type)type, .value = view_of(value, four ? 4 : 8) };
		int32_t i32;
		int64_t i64;
		uint32_t u32;
		bool b;
		struct view v;
		struct ttlv_cursor c;
		assert_true((ttlv_enter(&item, &c) == ERR_OK) == (type == TTLV_STRUCTURE));
		assert_true((ttlv_get_i32(&item, &i32) == ERR_OK) == (type == TTLV_INTEGER));
		assert_true((ttlv_get_i64(&item, &i64) == ERR_OK) == (type == TTLV_LONG_INTEGER));
		assert_true((ttlv_get_bigint(&item, &v) == ERR_OK) == (type == TTLV_BIG_INTEGER));
		assert_true((ttlv_get_enum(&item, &u32) == ERR_OK) == (type == TTLV_ENUMERATION));
		assert_true((ttlv_get_bool(&item, &b) == ERR_OK) == (type == TTLV_BOOLEAN));
		assert_true((ttlv_get_text(&item, &v) == ERR_OK) == (type == TTLV_TEXT));
		assert_true((ttlv_get_bytes(&item, &v) == ERR_OK) == (type == TTLV_BYTES));
		assert_true((ttlv_get_time(&item, &i64) == ERR_OK) == (type == TTLV_DATE_TIME));
		assert_true((ttlv_get_interval(&item, &u32) == ERR_OK) == (type == TTLV_INTERVAL));
	}
}

static const char *name_of(uint32_t tag)
{
	return tag == A ? "First" : NULL;
}

static void a_dump_shows_numbers_and_hides_strings(void **state)
{
	(void)state;
	uint8_t out[256];
	char text[1024];
	struct writer w, t;
	writer_init(&w, out, sizeof out);
	struct ttlv_mark mark = ttlv_begin(&w, 0x420020);
	ttlv_put_i32(&w, A, -5);
	ttlv_put_str(&w, B, "passphrase");
	ttlv_put_bytes(&w, C, view_of("keykeykey", 9));
	ttlv_put_bigint(&w, C, view_of("keykeyke", 8));
	ttlv_put_bool(&w, C, true);
	ttlv_end(&w, mark);
	writer_init(&t, text, sizeof text - 1);
	ttlv_dump(writer_view(&w), name_of, &t);
	text[writer_len(&t)] = '\0';
	assert_string_equal(text,
		"420020 Structure (96 bytes)\n  First Integer -5\n  420002 TextString (10 bytes)\n  420003 ByteString (9 bytes)\n"
		"  420003 BigInteger (8 bytes)\n  420003 Boolean true\n");
	writer_init(&t, text, sizeof text - 1);
	ttlv_dump(view_of("\x42\x00\x20\x01\x00", 5), NULL, &t);
	text[writer_len(&t)] = '\0';
	assert_string_equal(text, "malformed (5 bytes)\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_cursor_takes_fields_in_their_order),
		cmocka_unit_test(a_missing_field_is_named_so_and_nothing_moves),
		cmocka_unit_test(leftovers_are_unknown_doubled_or_passed_over),
		cmocka_unit_test(a_cursor_over_broken_bytes_stops_and_says_so),
		cmocka_unit_test(getters_refuse_other_types),
		cmocka_unit_test(a_dump_shows_numbers_and_hides_strings),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
