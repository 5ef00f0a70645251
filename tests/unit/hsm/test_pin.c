/* Changing the PIN of a PKCS#11 token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/arena.h"
#include "token/policy.h"
#include "unit/hsm/fixture.h"

static void put_pin(const struct hsm_fixture *f, const char *pin)
{
	hsm_fixture_shell("printf '%%s' '%s' > %s", pin, f->pin_path);
}

static void change(struct token *t, const char *pin, enum coffer_err wanted)
{
	struct reason reason = { "" };
	struct token_policy_made made;
	AUTO_SECRET struct secret *s = secret_copy(pin, strlen(pin));
	hsm_fixture_expect(token_policy_backend.make(t, "", s, &made, &reason), wanted, &reason);
}

static void the_pin_is_changed_and_the_old_one_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct reason reason = { "" };
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding), *again = NULL;
	change(t, "87654321", ERR_OK);
	change(t, "8765432100", ERR_OK); /* with the one that it was just given */
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_OK, &reason);
	token_backend.close(t);
	hsm_fixture_expect(token_backend.open(hsm_fixture_uri(f, "token=coffer", NULL), &again, &reason), ERR_AUTH, &reason);
	put_pin(f, "8765432100");
	t = hsm_fixture_open(f, "token=coffer", NULL);
	hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
	token_backend.close(t);
}

static void a_pin_that_the_token_does_not_take_changes_nothing(void **state)
{
	struct hsm_fixture *f = *state;
	struct token_binding binding;
	struct token_policy_made made;
	struct token_policy_status status;
	struct reason reason = { "" };
	struct token *t = hsm_fixture_provision(f, "token=coffer", NULL, &binding);
	change(t, "1", ERR_FIELD); /* SoftHSM wants 4 bytes */
	assert_int_equal(token_policy_backend.make(t, "pcrs=sha256:7", NULL, &made, &reason), ERR_UNSUPPORTED);
	assert_non_null(strstr(reason.text, "no policy to reseal"));
	assert_int_equal(token_policy_backend.status(t, &status, &reason), ERR_OK);
	assert_int_equal(status.boot, TOKEN_BOOT_OPENS);
	token_backend.close(t);
	token_backend.close(hsm_fixture_open(f, "token=coffer", NULL));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_pin_is_changed_and_the_old_one_is_refused, hsm_fixture_setup, hsm_fixture_teardown),
		cmocka_unit_test_setup_teardown(a_pin_that_the_token_does_not_take_changes_nothing, hsm_fixture_setup, hsm_fixture_teardown),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
