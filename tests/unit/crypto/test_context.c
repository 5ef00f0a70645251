/* The caller's context: one encoding, bounds, refusals. */
#include "unit/crypto/support.h"

#include <stdio.h>
#include <string.h>

#include "crypto/context.h"

static enum coffer_err add(struct context *c, const char *name, const char *value)
{
	return context_add(c, view_str(name), view_str(value), NULL);
}

static void any_order_gives_the_one_encoding(void **state)
{
	static const char *const orders[][4] = {
		{ "env", "app", "ap", "\xC3\xA9" }, { "\xC3\xA9", "ap", "app", "env" }, { "app", "\xC3\xA9", "env", "ap" }
	};
	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct context c;
		struct writer w;
		uint8_t out[64];
		context_init(&c);
		for (size_t j = 0; j < 4; j++) assert_ok(add(&c, orders[i][j], strcmp(orders[i][j], "env") == 0 ? "" : "v"));
		writer_init(&w, out, sizeof out);
		context_encode(&c, &w);
		assert_ok(writer_done(&w));
		assert_int_equal(writer_len(&w), c.encoded_len);
		assert_hex(out, c.encoded_len,
			"0000000261700000000176" "000000036170700000000176" "00000003656e7600000000" "00000002c3a90000000176");
	}
}

static void page_example_encodes_and_parses(void **state)
{
	struct context c, back;
	struct writer w;
	uint8_t out[64];
	(void)state;
	context_init(&c);
	assert_ok(add(&c, "env", ""));
	assert_ok(add(&c, "app", "payroll"));
	writer_init(&w, out, sizeof out);
	context_encode(&c, &w);
	assert_hex(out, c.encoded_len, "0000000361707000000007706179726f6c6c00000003656e7600000000");
	assert_ok(context_parse(writer_view(&w), &back, NULL));
	assert_int_equal(back.count, 2);
	assert_int_equal(back.encoded_len, c.encoded_len);
	assert_true(view_equal_str(back.pairs[0].value, "payroll"));
	assert_ok(context_parse(view_of(NULL, 0), &back, NULL));
	assert_int_equal(back.count, 0);
	for (size_t len = 1; len < c.encoded_len; len++) /* cut anywhere but between pairs */
		if (len != 18) assert_err(context_parse(view_of(out, len), &back, NULL), ERR_TRUNCATED);
}

static void bad_names_are_refused_with_a_sentence(void **state)
{
	static const struct { const char *name; size_t len; } table[] = {
		{ "", 0 }, { "a\0b", 3 }, { "\xFF", 1 }, { "\xED\xA0\x80", 3 }
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct reason why = { "" };
		struct context c;
		context_init(&c);
		assert_err(context_add(&c, view_of(table[i].name, table[i].len), view_str("v"), &why), ERR_FIELD);
		assert_true(strlen(why.text) > 10);
		assert_int_equal(c.count, 0);
	}
}

static void doubled_names_are_refused(void **state)
{
	struct reason why = { "" };
	struct context c;
	(void)state;
	context_init(&c);
	assert_ok(add(&c, "app", "1"));
	assert_err(context_add(&c, view_str("app"), view_str("2"), &why), ERR_FIELD);
	assert_non_null(strstr(why.text, "app"));
	assert_int_equal(c.count, 1);
}

static void bounds_of_the_page_hold(void **state)
{
	static char text[CONTEXT_VALUE_MAX + 1];
	struct context c;
	(void)state;
	memset(text, 'a', sizeof text);
	context_init(&c);
	assert_ok(context_add(&c, view_of(text, CONTEXT_NAME_MAX), view_of(text, CONTEXT_VALUE_MAX), NULL));
	assert_err(context_add(&c, view_of(text, CONTEXT_NAME_MAX + 1), view_str(""), NULL), ERR_FIELD);
	assert_err(context_add(&c, view_str("n"), view_of(text, CONTEXT_VALUE_MAX + 1), NULL), ERR_TOO_LARGE);
	assert_ok(context_add(&c, view_str("n0"), view_of(text, CONTEXT_VALUE_MAX), NULL));
	assert_ok(context_add(&c, view_str("n1"), view_of(text, CONTEXT_VALUE_MAX), NULL));
	size_t left = CONTEXT_ENCODED_MAX - c.encoded_len;
	assert_err(context_add(&c, view_str("z"), view_of(text, left - 8), NULL), ERR_TOO_LARGE);
	assert_ok(context_add(&c, view_str("z"), view_of(text, left - 9), NULL));
	assert_int_equal(c.encoded_len, CONTEXT_ENCODED_MAX);
	context_init(&c);
	char names[CONTEXT_PAIRS_MAX + 1][8];
	for (unsigned i = 0; i < CONTEXT_PAIRS_MAX; i++) {
		snprintf(names[i], sizeof names[i], "p%u", i);
		assert_ok(add(&c, names[i], ""));
	}
	assert_err(add(&c, "one more", ""), ERR_LIMIT);
}

static void encodings_that_are_not_the_one_are_refused(void **state)
{
	static const struct { const char *hex; enum coffer_err err; } table[] = {
		{ "000000016200000000" "000000016100000000", ERR_FIELD },  /* not sorted */
		{ "000000016100000000" "000000016100000000", ERR_FIELD },  /* doubled */
		{ "0000000000000000", ERR_FIELD },                         /* empty name */
		{ "000000016100000000" "00", ERR_TRUNCATED },              /* bytes left over */
		{ "ffffffff61", ERR_TOO_LARGE },
		{ "0000000161ffffffff", ERR_TOO_LARGE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		struct context c = { .count = 99 };
		assert_err(context_parse(support_unhex(&b, table[i].hex), &c, NULL), table[i].err);
		assert_int_equal(c.count, 99); /* untouched */
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_order_gives_the_one_encoding),
		cmocka_unit_test(page_example_encodes_and_parses),
		cmocka_unit_test(bad_names_are_refused_with_a_sentence),
		cmocka_unit_test(doubled_names_are_refused),
		cmocka_unit_test(bounds_of_the_page_hold),
		cmocka_unit_test(encodings_that_are_not_the_one_are_refused),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
