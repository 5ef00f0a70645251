/* What is told of PINs before they go to a PKCS#11 token, and that none goes where nobody is told. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "token/policy.h"
#include "unit/hsm/fixture.h"
#include "unit/hsm/shimmed.h"
#include "unit/token/heard.h"

static enum coffer_err open_once(struct hsm_fixture *f, struct token **out, struct reason *reason)
{
	return token_backend.open(hsm_fixture_uri(f, "token=coffer", HSM_SHIM_PATH), out, reason);
}

/* In the hook of C_Login or C_SetPIN: what had been told by then. */
static struct heard heard;
static unsigned told_before;

static void look(void *arg)
{
	(void)arg;
	told_before = heard.count;
}

static void a_login_is_told_before_and_when_it_is_taken(void **state)
{
	struct hsm_fixture *f = *state;
	struct token *t = NULL;
	struct reason reason = { "" };
	uint8_t mark[TOKEN_PIN_MARK_LEN];
	heard_begin(&heard);
	shim_hook("C_Login", 1, look, NULL, 1);
	hsm_fixture_expect(open_once(f, &t, &reason), ERR_OK, &reason);
	assert_int_equal(told_before, 1);
	memcpy(mark, heard.notices[0].mark, sizeof mark);
	assert_memory_equal(mark, heard.notices[1].mark, sizeof mark);
	assert_true(heard_steps(&heard, "gt"));
	token_backend.close(t);
	hsm_fixture_shell("printf 9999 >%s/pin", f->dir);
	hsm_fixture_expect(open_once(f, &t, &reason), ERR_AUTH, &reason);
	assert_memory_not_equal(mark, heard.notices[0].mark, sizeof mark);
	assert_true(heard_steps(&heard, "g"));
	heard_begin(NULL);
}

static void a_login_that_nobody_hears_of_is_not_sent(void **state)
{
	struct token *t = NULL;
	struct reason reason = { "" };
	heard_begin(&heard);
	heard.refuses = ERR_CLOSED;
	shim_arm(NULL, 0, 0, 0);
	hsm_fixture_expect(open_once(*state, &t, &reason), ERR_TOKEN_GONE, &reason);
	assert_int_equal(shim_calls("C_Login"), 0);
	heard_begin(NULL);
}

static void a_change_is_told_before_and_when_it_is_made(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct token_policy_made made;
	struct reason reason = { "" };
	uint8_t old[TOKEN_PIN_MARK_LEN];
	AUTO_SECRET struct secret *pin = secret_copy("87654321", 8);
	struct token *t = hsm_fixture_provision(f, "token=coffer", HSM_SHIM_PATH, &binding);
	heard_begin(&heard);
	heard.refuses = ERR_CLOSED;
	shim_hook("C_SetPIN", 1, look, NULL, 1);
	assert_int_equal(token_policy_backend.make(t, "", pin, &made, &reason), ERR_TOKEN_GONE);
	assert_int_equal(shim_calls("C_SetPIN"), 0);
	heard_begin(&heard);
	hsm_fixture_expect(token_policy_backend.make(t, "", pin, &made, &reason), ERR_OK, &reason);
	assert_int_equal(told_before, 1);
	memcpy(old, heard.notices[0].mark, sizeof old);
	assert_memory_not_equal(old, heard.notices[1].mark, sizeof old); /* the new one is what the token takes from now on */
	assert_true(heard_steps(&heard, "ct"));
	token_backend.close(t);
	heard_begin(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_login_is_told_before_and_when_it_is_taken, shimmed_setup, hsm_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_login_that_nobody_hears_of_is_not_sent, shimmed_setup, hsm_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_change_is_told_before_and_when_it_is_made, shimmed_setup, hsm_fixture_teardown),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
