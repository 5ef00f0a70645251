/* Base32 against RFC 4648 section 10, and its refusals. */
#include "base_test.h"

#include "base/text.h"

static const struct { const char *bytes; const char *text; } vectors[] = {
	{ "", "" }, { "f", "MY" }, { "fo", "MZXQ" }, { "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "fooba", "MZXW6YTB" },
	{ "foobar", "MZXW6YTBOI" },
};

static void the_rfc_vectors_go_both_ways(void **state)
{
	(void)state;
	for (unsigned i = 0; i < COUNT(vectors); i++) {
		char text[16];
		uint8_t back[8];
		size_t len = 99;
		text_base32(view_str(vectors[i].bytes), text);
		assert_string_equal(text, vectors[i].text);
		assert_int_equal(text_unbase32(view_str(text), back, sizeof back, &len), ERR_OK);
		assert_true(view_equal_str(view_of(back, len), vectors[i].bytes));
	}
}

static void lower_case_is_accepted(void **state)
{
	uint8_t back[6];
	size_t len = 0;
	(void)state;
	assert_int_equal(text_unbase32(LITERAL("mzxw6ytboi"), back, sizeof back, &len), ERR_OK);
	assert_true(view_equal_str(view_of(back, len), "foobar"));
}

static void exactly_the_alphabet_is_accepted(void **state)
{
	(void)state;
	for (unsigned c = 0; c < 256; c++) {
		uint8_t text[8] = "AAAAAAAA", back[5];
		size_t len;
		bool valid = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '2' && c <= '7');
		text[3] = (uint8_t)c;
		assert_int_equal(text_unbase32(view_of(text, 8), back, sizeof back, &len), valid ? ERR_OK : ERR_INPUT);
	}
}

static void bad_lengths_spare_bits_and_small_outputs_are_refused(void **state)
{
	static const struct { const char *text; size_t cap; } cases[] = {
		{ "A", 8 }, { "AAA", 8 }, { "AAAAAA", 8 }, { "AAAAAAAAA", 8 }, /* lengths that no byte string has */
		{ "MZ", 8 }, { "MZXR", 8 }, { "MZXW7", 8 }, { "MZXW6YR", 8 },  /* a bit set behind the last byte */
		{ "MZXW6YTBOI", 5 }, { "MY", 0 },                              /* no room */
		{ "MY======", 8 }, { "MZ XW", 8 },                             /* padding, space */
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		uint8_t back[8] = { 9 };
		size_t len = 99;
		assert_int_equal(text_unbase32(view_str(cases[i].text), back, cases[i].cap, &len), ERR_INPUT);
		assert_int_equal(len, 99);
		assert_int_equal(back[0], 9);
	}
}

static void random_bytes_of_every_length_come_back(void **state)
{
	uint32_t seed = 7;
	(void)state;
	for (size_t n = 0; n <= 64; n++) {
		uint8_t bytes[64], back[64];
		char text[(64 * 8 + 4) / 5 + 2];
		size_t len = 0;
		for (size_t i = 0; i < n; i++)
			bytes[i] = (uint8_t)test_random(&seed);
		memset(text, '~', sizeof text);
		text_base32(view_of(bytes, n), text);
		assert_int_equal(strlen(text), (n * 8 + 4) / 5);
		assert_int_equal(text[(n * 8 + 4) / 5 + 1], '~');
		assert_int_equal(text_unbase32(view_str(text), back, n, &len), ERR_OK);
		assert_true(view_equal(view_of(back, len), view_of(bytes, n)));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_rfc_vectors_go_both_ways),
		cmocka_unit_test(lower_case_is_accepted),
		cmocka_unit_test(exactly_the_alphabet_is_accepted),
		cmocka_unit_test(bad_lengths_spare_bits_and_small_outputs_are_refused),
		cmocka_unit_test(random_bytes_of_every_length_come_back),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
