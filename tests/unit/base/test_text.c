/* Hex, UUIDs, numbers, UTF-8 and printable text. */
#include "base_test.h"

#include "base/text.h"

static void hex_goes_both_ways_in_either_case(void **state)
{
	uint8_t all[256], back[256];
	char text[513];
	(void)state;
	for (unsigned i = 0; i < 256; i++)
		all[i] = (uint8_t)i;
	text_hex(view_of(all, sizeof all), text);
	assert_int_equal(strlen(text), 512);
	assert_memory_equal(text, "000102", 6);
	assert_int_equal(text_unhex(view_str(text), back, sizeof back), ERR_OK);
	assert_memory_equal(back, all, sizeof all);
	assert_int_equal(text_unhex(LITERAL("aBCdEF"), back, 3), ERR_OK);
	assert_memory_equal(back, "\xab\xcd\xef", 3);
	text_hex(view_of(NULL, 0), text);
	assert_string_equal(text, "");
}

static void bad_hex_is_refused_and_writes_nothing(void **state)
{
	static const struct { const char *text; size_t out_len; } cases[] = {
		{ "0", 1 }, { "0", 0 }, { "00", 0 }, { "00", 2 }, { "", 1 }, { "0g", 1 }, { "g0", 1 }, { "0/", 1 }, { "0:", 1 },
		{ "0@", 1 }, { "0`", 1 }, { "0G", 1 }, { " 0", 1 }, { "0x00", 2 }, { "00zz", 2 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t out[4] = { 9, 9, 9, 9 };
		assert_int_equal(text_unhex(view_str(cases[i].text), out, cases[i].out_len), ERR_INPUT);
		assert_memory_equal(out, "\x09\x09\x09\x09", 4);
	}
}

static void uuids_go_both_ways(void **state)
{
	static const char text[] = "00112233-4455-6677-8899-aabbccddeeff";
	uint8_t uuid[UUID_LEN];
	char back[UUID_TEXT_LEN + 1];
	(void)state;
	assert_int_equal(text_parse_uuid(LITERAL("00112233-4455-6677-8899-AABBCCDDEEFF"), uuid), ERR_OK);
	assert_memory_equal(uuid, "\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff", UUID_LEN);
	text_uuid(uuid, back);
	assert_string_equal(back, text);
}

static void other_uuid_forms_are_refused(void **state)
{
	static const char *const cases[] = {
		"", "00112233445566778899aabbccddeeff", "{00112233-4455-6677-8899-aabbccddeeff}",
		"00112233-4455-6677-8899-aabbccddeef", "00112233-4455-6677-8899-aabbccddeefff",
		"001122334-455-6677-8899-aabbccddeeff", "00112233-4455-6677-8899-aabbccddeefg",
		"00112233-4455-6677-8899_aabbccddeeff", "-0112233-4455-6677-8899-aabbccddeeff",
	};
	uint8_t uuid[UUID_LEN];
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++)
		assert_int_equal(text_parse_uuid(view_str(cases[i]), uuid), ERR_INPUT);
}

static void numbers_are_plain_decimal_and_fit(void **state)
{
	static const struct { const char *text; enum coffer_err err; uint64_t value; } cases[] = {
		{ "0", ERR_OK, 0 }, { "007", ERR_OK, 7 }, { "18446744073709551615", ERR_OK, UINT64_MAX },
		{ "18446744073709551616", ERR_INPUT, 5 }, { "99999999999999999999", ERR_INPUT, 5 },
		{ "184467440737095516150", ERR_INPUT, 5 }, { "", ERR_INPUT, 5 }, { "+1", ERR_INPUT, 5 }, { "-1", ERR_INPUT, 5 },
		{ " 1", ERR_INPUT, 5 }, { "1 ", ERR_INPUT, 5 }, { "0x1", ERR_INPUT, 5 }, { "1.0", ERR_INPUT, 5 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint64_t value = 5;
		assert_int_equal(text_parse_u64(view_str(cases[i].text), &value), cases[i].err);
		assert_true(value == cases[i].value);
	}
}

/* RFC 3629 section 4 and the borders of each form. */
static void utf8_follows_rfc_3629(void **state)
{
	static const struct { const char *bytes; bool ok; } cases[] = {
		{ "", true }, { "plain", true }, { "\x7f", true }, { "\xc2\x80", true }, { "\xdf\xbf", true },
		{ "\xe0\xa0\x80", true }, { "\xed\x9f\xbf", true }, { "\xee\x80\x80", true }, { "\xef\xbf\xbf", true },
		{ "\xf0\x90\x80\x80", true }, { "\xf4\x8f\xbf\xbf", true }, { "gr\xc3\xbc\xc3\x9f", true },
		{ "\x80", false }, { "\xbf", false }, { "\xc0\x80", false }, { "\xc0\xaf", false }, { "\xc1\xbf", false },
		{ "\xc2", false }, { "\xc2\x7f", false }, { "\xc2\xc0", false }, { "\xe0\x80\x80", false },
		{ "\xe0\x9f\xbf", false }, { "\xe1\x80", false }, { "\xe1\x80\x7f", false }, { "\xed\xa0\x80", false },
		{ "\xed\xbf\xbf", false }, { "\xf0\x80\x80\x80", false }, { "\xf0\x8f\xbf\xbf", false }, { "\xf1\x80\x80", false },
		{ "\xf4\x90\x80\x80", false }, { "\xf5\x80\x80\x80", false }, { "\xf8\x88\x80\x80\x80", false },
		{ "\xfe", false }, { "\xff", false }, { "ok\xe2\x82", false }, { "\xf1\x80\x80\xc0", false },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		if (text_is_utf8(view_str(cases[i].bytes)) != cases[i].ok) print_error("case %u\n", i);
		assert_int_equal(text_is_utf8(view_str(cases[i].bytes)), cases[i].ok);
	}
	assert_false(text_is_utf8(LITERAL("a\0b")));
	assert_false(text_is_utf8(LITERAL("\0")));
	for (unsigned at = 0; at < 20; at++) { /* eight bytes are looked at together */
		uint8_t text[20];
		memset(text, 'a' + (int)at, sizeof text);
		assert_true(text_is_utf8(view_of(text, sizeof text)));
		text[at] = 0x7f;
		assert_true(text_is_utf8(view_of(text, sizeof text)));
		text[at] = 0;
		assert_false(text_is_utf8(view_of(text, sizeof text)));
		text[at] = 0x80;
		assert_false(text_is_utf8(view_of(text, sizeof text)));
	}
}

static void printable_text_cannot_steer_a_terminal(void **state)
{
	static const struct { const char *in; const char *out; } cases[] = {
		{ "plain text", "plain text" }, { "a\nb\tc\rd", "a?b?c?d" }, { "\x1b[31mred", "?[31mred" },
		{ "\x7f", "?" }, { "gr\xc3\xbc\xc3\x9f", "gr\xc3\xbc\xc3\x9f" }, { "\xc2\x9b" "31m", "?31m" },
		{ "\xff\xfe", "??" }, { "cut\xe2\x82", "cut??" }, { "\xe2\x80\xae" "txt", "?txt" }, { "\xe2\x81\xa6" "x", "?x" },
	};
	char out[64];
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		text_printable(view_str(cases[i].in), out, sizeof out);
		assert_string_equal(out, cases[i].out);
	}
	text_printable(LITERAL("a\0b"), out, sizeof out);
	assert_string_equal(out, "a?b");
}

static void printable_text_is_cut_between_characters(void **state)
{
	char out[8] = "1234567";
	(void)state;
	text_printable(view_str("abcdefghij"), out, 4);
	assert_string_equal(out, "abc");
	assert_string_equal(out + 4, "567");
	text_printable(view_str("ab\xc3\xbc"), out, 4);
	assert_string_equal(out, "ab");
	text_printable(view_str("ab\xc3\xbc"), out, 5);
	assert_string_equal(out, "ab\xc3\xbc");
	text_printable(view_str("x"), out, 1);
	assert_string_equal(out, "");
	out[0] = 'k';
	text_printable(view_str("x"), out, 0);
	assert_int_equal(out[0], 'k');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hex_goes_both_ways_in_either_case),
		cmocka_unit_test(bad_hex_is_refused_and_writes_nothing),
		cmocka_unit_test(uuids_go_both_ways),
		cmocka_unit_test(other_uuid_forms_are_refused),
		cmocka_unit_test(numbers_are_plain_decimal_and_fit),
		cmocka_unit_test(utf8_follows_rfc_3629),
		cmocka_unit_test(printable_text_cannot_steer_a_terminal),
		cmocka_unit_test(printable_text_is_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
