/* The table of PKCS#11 answers keeps its promises, row by row. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/p11_err.h"

static const struct { CK_RV rv; const char *name; enum coffer_err err; } rows[] = {
#define CKR_ROW(name, err, action, blame) { CKR_##name, "CKR_" #name, ERR_##err },
#include "hsm/p11_err.def"
#undef CKR_ROW
};

#define ROWS (sizeof rows / sizeof rows[0])

static void every_row_is_found_once(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS; i++) {
		struct hsm_verdict v = hsm_err_map(rows[i].rv);
		assert_string_equal(v.name, rows[i].name);
		assert_int_equal(v.err, rows[i].err);
		for (size_t j = i + 1; j < ROWS; j++) assert_true(rows[i].rv != rows[j].rv);
	}
}

static void answer_about_the_pin_is_never_retried(void **state)
{
	(void)state;
	for (CK_RV rv = 0; rv < 0x300; rv++) {
		struct hsm_verdict v = hsm_err_map(rv);
		if (v.err == ERR_AUTH || v.err == ERR_TOKEN_LOCKED) assert_int_equal(v.action, HSM_ACTION_STOP);
		if (strstr(v.name, "PIN_")) assert_int_equal(v.action, HSM_ACTION_STOP);
	}
}

static void answer_that_ends_the_process_means_the_token_is_gone(void **state)
{
	(void)state;
	for (CK_RV rv = 0; rv < 0x300; rv++) {
		struct hsm_verdict v = hsm_err_map(rv);
		if (v.action == HSM_ACTION_END) assert_int_equal(v.err, ERR_TOKEN_GONE);
		if (v.err == ERR_CORRUPT) assert_true(v.blame_blob);
	}
}

static void unknown_answer_is_a_failure_of_the_token(void **state)
{
	static const CK_RV unknown[] = { 0x2FF, CKR_VENDOR_DEFINED, CKR_VENDOR_DEFINED | 5, (CK_RV)-1 };
	(void)state;
	for (size_t i = 0; i < sizeof unknown / sizeof unknown[0]; i++) {
		struct reason reason = { "" };
		assert_int_equal(hsm_err_fail(&reason, "C_Any", unknown[i]), ERR_TOKEN);
		assert_non_null(strstr(reason.text, "C_Any"));
		assert_int_equal(hsm_err_map(unknown[i]).action, HSM_ACTION_STOP);
	}
}

static void success_leaves_the_sentence_alone(void **state)
{
	static const struct { const char *call; CK_RV rv; } good[] = { { "C_Any", CKR_OK }, { "C_Login", CKR_USER_ALREADY_LOGGED_IN },
		{ "C_Initialize", CKR_CRYPTOKI_ALREADY_INITIALIZED } };
	(void)state;
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
		struct reason reason = { "before" };
		assert_int_equal(hsm_err_fail(&reason, good[i].call, good[i].rv), ERR_OK);
		assert_string_equal(reason.text, "before");
	}
}

static void what_stands_already_is_success_for_its_own_call_alone(void **state)
{
	(void)state;
	assert_int_equal(hsm_err_fail(NULL, "C_GenerateRandom", CKR_USER_ALREADY_LOGGED_IN), ERR_TOKEN_GONE);
	assert_int_equal(hsm_err_fail(NULL, "C_WrapKey", CKR_CRYPTOKI_ALREADY_INITIALIZED), ERR_TOKEN_GONE);
	assert_int_equal(hsm_err_fail(NULL, "C_Login", CKR_CRYPTOKI_ALREADY_INITIALIZED), ERR_TOKEN_GONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_row_is_found_once),
		cmocka_unit_test(answer_about_the_pin_is_never_retried),
		cmocka_unit_test(answer_that_ends_the_process_means_the_token_is_gone),
		cmocka_unit_test(unknown_answer_is_a_failure_of_the_token),
		cmocka_unit_test(success_leaves_the_sentence_alone),
		cmocka_unit_test(what_stands_already_is_success_for_its_own_call_alone),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
