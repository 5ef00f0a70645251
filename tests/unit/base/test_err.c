/* Errors, reasons, views and constant-time helpers. */
#include <stdlib.h>

#include "base_test.h"

#include "base/ct.h"
#include "base/reason.h"

static void every_error_has_a_name_a_sentence_and_a_class(void **state)
{
	(void)state;
	for (unsigned e = 0; e < ERR_COUNT; e++) {
		assert_true(strlen(err_name((enum coffer_err)e)) > 0);
		assert_true(strlen(err_text((enum coffer_err)e)) > 0);
		for (unsigned other = 0; other < e; other++)
			assert_string_not_equal(err_name((enum coffer_err)e), err_name((enum coffer_err)other));
	}
	assert_string_equal(err_name(ERR_TOKEN_GONE), "TOKEN_GONE");
	assert_int_equal(err_class(ERR_TOKEN_GONE), ERR_CLASS_token);
	assert_int_equal(err_class(ERR_OK), ERR_CLASS_ok);
}

static void an_unknown_error_number_is_an_internal_error(void **state)
{
	(void)state;
	assert_string_equal(err_name(ERR_COUNT), "?");
	assert_int_equal(err_class(ERR_COUNT), ERR_CLASS_bug);
	assert_true(strlen(err_text(ERR_COUNT)) > 0);
}

static void a_reason_is_one_printable_line_of_limited_length(void **state)
{
	struct reason reason = { "" };
	char large[2 * REASON_MAX];
	(void)state;
	assert_int_equal(reason_fail(&reason, ERR_FIELD, "a\nb\x1b[2Jc\x7f%d", 7), ERR_FIELD);
	assert_string_equal(reason.text, "a?b?[2Jc?7");
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_int_equal(reason_fail(&reason, ERR_IO, "%s", large), ERR_IO);
	assert_int_equal(strlen(reason.text), REASON_MAX - 1);
	assert_int_equal(reason_fail(NULL, ERR_IO, "nobody listens"), ERR_IO);
}

static void a_reason_can_be_put_into_a_longer_sentence(void **state)
{
	struct reason reason = { "inner" };
	(void)state;
	assert_int_equal(reason_fail(&reason, ERR_IO, "outer: %s", reason.text), ERR_IO);
	assert_string_equal(reason.text, "outer: inner");
}

static void a_default_reason_keeps_the_more_precise_one(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_string_equal(reason_text(&reason, ERR_DENIED), err_text(ERR_DENIED));
	assert_int_equal(reason_default(&reason, ERR_IO, "first"), ERR_IO);
	assert_int_equal(reason_default(&reason, ERR_BUSY, "second"), ERR_BUSY);
	assert_string_equal(reason_text(&reason, ERR_BUSY), "first");
	assert_string_equal(reason_text(NULL, ERR_BUSY), err_text(ERR_BUSY));
}

static void views_compare_by_content_and_length(void **state)
{
	(void)state;
	assert_true(view_equal(view_str("abc"), LITERAL("abc")));
	assert_false(view_equal(view_str("abc"), view_str("abd")));
	assert_false(view_equal(view_str("abc"), view_str("abcd")));
	assert_true(view_equal(view_of(NULL, 0), view_str("")));
	assert_true(view_equal_str(LITERAL("k"), "k"));
	assert_false(view_equal_str(LITERAL("k\0"), "k"));
}

static void a_copied_view_has_bytes_of_its_own(void **state)
{
	(void)state;
	char text[] = "abc";
	uint8_t *copy = view_copy(view_str(text)), *empty = view_copy(view_of(NULL, 0));
	text[0] = 'x';
	assert_non_null(copy);
	assert_memory_equal(copy, "abc", 3);
	assert_non_null(empty);
	free(copy);
	free(empty);
}

static void ct_equal_sees_a_difference_in_any_bit(void **state)
{
	uint8_t a[33], b[33];
	(void)state;
	memset(a, 0x5a, sizeof a);
	memcpy(b, a, sizeof b);
	assert_true(ct_equal(a, b, sizeof a));
	assert_true(ct_equal(a, b, 0));
	for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
		assert_false(ct_equal(a, b, sizeof a));
		b[bit / 8] ^= (uint8_t)(1u << bit % 8);
	}
}

static void ct_is_zero_and_wipe_agree(void **state)
{
	uint8_t a[17];
	(void)state;
	memset(a, 0xff, sizeof a);
	wipe(a, sizeof a);
	assert_true(ct_is_zero(a, sizeof a));
	for (unsigned bit = 0; bit < 8 * sizeof a; bit++) {
		a[bit / 8] = (uint8_t)(1u << bit % 8);
		assert_false(ct_is_zero(a, sizeof a));
		a[bit / 8] = 0;
	}
	wipe(NULL, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_error_has_a_name_a_sentence_and_a_class),
		cmocka_unit_test(an_unknown_error_number_is_an_internal_error),
		cmocka_unit_test(a_reason_is_one_printable_line_of_limited_length),
		cmocka_unit_test(a_reason_can_be_put_into_a_longer_sentence),
		cmocka_unit_test(a_default_reason_keeps_the_more_precise_one),
		cmocka_unit_test(views_compare_by_content_and_length),
		cmocka_unit_test(a_copied_view_has_bytes_of_its_own),
		cmocka_unit_test(ct_equal_sees_a_difference_in_any_bit),
		cmocka_unit_test(ct_is_zero_and_wipe_agree),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
