/* TSS return codes and what they lead to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tpm/tpm_err.h"

static void each_code_leads_to_its_error_and_action(void **state)
{
	(void)state;
	static const struct {
		TSS2_RC rc;
		enum coffer_err err;
		enum tpm_action action;
		bool blame;
	} table[] = {
		{ 0, ERR_OK, TPM_ACTION_STOP, false },
		{ 0x922, ERR_BUSY, TPM_ACTION_BACKOFF, false },          /* RETRY */
		{ 0x908, ERR_BUSY, TPM_ACTION_BACKOFF, false },          /* YIELDED */
		{ 0x90A, ERR_BUSY, TPM_ACTION_BACKOFF, false },          /* TESTING */
		{ 0x920, ERR_BUSY, TPM_ACTION_BACKOFF, false },          /* NV_RATE */
		{ 0x909, ERR_BUSY, TPM_ACTION_BACKOFF, false },          /* CANCELED */
		{ 0x923, ERR_BUSY, TPM_ACTION_STOP, false },             /* NV_UNAVAILABLE */
		{ 0x921, ERR_TOKEN_LOCKED, TPM_ACTION_STOP, false },     /* LOCKOUT */
		{ 0x98E, ERR_AUTH, TPM_ACTION_STOP, false },             /* AUTH_FAIL, session 1 */
		{ 0x9A2, ERR_AUTH, TPM_ACTION_STOP, false },             /* BAD_AUTH, session 1 */
		{ 0x101, ERR_TOKEN, TPM_ACTION_END, false },             /* FAILURE */
		{ 0x100, ERR_TOKEN_GONE, TPM_ACTION_END, false },        /* INITIALIZE */
		{ 0x902, ERR_BUSY, TPM_ACTION_REFRESH, false },          /* OBJECT_MEMORY */
		{ 0x903, ERR_BUSY, TPM_ACTION_REFRESH, false },          /* SESSION_MEMORY */
		{ 0x910, ERR_TOKEN, TPM_ACTION_REFRESH, false },         /* REFERENCE_H0 */
		{ 0x18B, ERR_TOKEN_KEY_MISSING, TPM_ACTION_REFRESH, false }, /* HANDLE, handle 1 */
		{ 0x1DF, ERR_CORRUPT, TPM_ACTION_STOP, true },           /* INTEGRITY, parameter 1 */
		{ 0x9F, ERR_CORRUPT, TPM_ACTION_STOP, true },            /* INTEGRITY */
		{ 0x2D6, ERR_UNSUPPORTED, TPM_ACTION_STOP, true },       /* SYMMETRIC, parameter 2 */
		{ 0x14C, ERR_EXISTS, TPM_ACTION_STOP, false },           /* NV_DEFINED */
		{ 0x126, ERR_TOKEN, TPM_ACTION_STOP, false },            /* POLICY: no row */
		{ 0xC0922, ERR_BUSY, TPM_ACTION_BACKOFF, false },        /* resource manager passes on RETRY */
		{ 0xB0143, ERR_UNSUPPORTED, TPM_ACTION_STOP, false },    /* kernel resource manager: COMMAND_CODE */
		{ 0xA000A, ERR_TOKEN_GONE, TPM_ACTION_END, false },      /* TCTI I/O error */
		{ 0xA0008, ERR_TOKEN_GONE, TPM_ACTION_END, false },      /* TCTI no connection */
		{ 0x70007, ERR_TOKEN, TPM_ACTION_END, false },           /* ESYS bad sequence */
		{ 0x7001B, ERR_TOKEN, TPM_ACTION_END, false },
		{ 0x90006, ERR_TOKEN, TPM_ACTION_END, false },           /* marshalling */
		{ 0x80011, ERR_TOKEN, TPM_ACTION_END, false },           /* SYS malformed response */
	};
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct tpm_verdict v = tpm_err_map(table[i].rc);
		if (v.err != table[i].err || v.action != table[i].action || v.blame != table[i].blame) {
			fail_msg("0x%X: %s, action %d", table[i].rc, err_name(v.err), (int)v.action);
		}
	}
}

static void nothing_that_costs_an_authorization_try_is_repeated(void **state)
{
	(void)state;
	for (TSS2_RC rc = 1; rc < 0x1000; rc++) {
		struct tpm_verdict v = tpm_err_map(rc);
		if (v.err == ERR_AUTH || v.err == ERR_TOKEN_LOCKED) assert_int_equal(v.action, TPM_ACTION_STOP);
		assert_int_not_equal(v.err, ERR_OK);
	}
}

static void a_failure_is_told_in_one_sentence(void **state)
{
	(void)state;
	struct reason why = { "" };
	assert_int_equal(tpm_err_fail(&why, "TPM2_Load", 0x921), ERR_TOKEN_LOCKED);
	assert_non_null(strstr(why.text, "TPM2_Load"));
	assert_non_null(strstr(why.text, "0x921"));
	assert_non_null(strstr(why.text, "lockout"));
	assert_int_equal(tpm_err_fail(&why, "TPM2_Load", 0), ERR_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_code_leads_to_its_error_and_action),
		cmocka_unit_test(nothing_that_costs_an_authorization_try_is_repeated),
		cmocka_unit_test(a_failure_is_told_in_one_sentence),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
