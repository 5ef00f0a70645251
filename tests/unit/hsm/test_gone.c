/* What is destroyed, and what only looks as if it were: a handle that is not valid says nothing of the key, and a key pair that is refused after it was made does not
 * stay in the token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/object.h"
#include "hsm/signer.h"
#include "token/erase.h"
#include "unit/hsm/fixture.h"
#include "unit/hsm/shimmed.h"

#ifndef HSM_SHIM_PATH
#error "the build names the shim by HSM_SHIM_PATH"
#endif

static const CK_RV invalid[] = { CKR_OBJECT_HANDLE_INVALID, CKR_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_HANDLE_INVALID,
	CKR_SESSION_HANDLE_INVALID, CKR_SESSION_CLOSED };
#define INVALID (sizeof invalid / sizeof invalid[0])

/* Asked of a module that nobody disturbs. */
static bool is_there(const struct hsm_fixture *f, const struct token_binding *binding)
{
	struct reason why = { "" };
	struct token *t = hsm_fixture_open(f, "token=coffer", NULL);
	enum coffer_err err = token_backend.attach(t, binding, &why);
	token_backend.close(t);
	if (err != ERR_OK) hsm_fixture_expect(err, ERR_TOKEN_KEY_MISSING, &why);
	return err == ERR_OK;
}

/* call answers rv, once or for ever, before or after it took effect. */
static enum coffer_err erase_with(const struct hsm_fixture *f, hsm_shim_arm_fn *arm, const char *call, CK_RV rv, int forever, bool *out_there)
{
	struct token_binding binding;
	struct reason why = { "" };
	struct token *t = hsm_fixture_provision(f, "token=coffer", HSM_SHIM_PATH, &binding);
	arm(call, 1, rv, forever);
	enum coffer_err err = token_erase_backend.erase(t, &why);
	assert_true(shim_calls(call) >= 1);
	shim_arm(NULL, 0, 0, 0);
	token_backend.close(t);
	*out_there = is_there(f, &binding);
	return err;
}

static void a_handle_that_is_not_valid_once_hinders_no_erase(void **state)
{
	static const char *const calls[] = { "C_DestroyObject", "C_GetAttributeValue", "C_FindObjectsInit" };
	for (size_t i = 0; i < 3 * INVALID; i++) {
		bool there;
		enum coffer_err err = erase_with(*state, shim_arm, calls[i / INVALID], invalid[i % INVALID], 0, &there);
		assert_int_equal(err, ERR_OK);
		assert_false(there);
	}
}

static void a_handle_that_is_never_valid_does_not_count_as_gone(void **state)
{
	static const char *const calls[] = { "C_DestroyObject", "C_GetAttributeValue", "C_FindObjectsInit" };
	for (size_t i = 0; i < 3 * INVALID; i++) {
		bool there;
		enum coffer_err err = erase_with(*state, shim_arm, calls[i / INVALID], invalid[i % INVALID], 1, &there);
		assert_int_not_equal(err, ERR_OK);
		assert_int_not_equal(err, ERR_TOKEN_KEY_MISSING);
		assert_true(there);
	}
}

/* It was destroyed, and the answer was lost: the key is looked for by its id before anybody is told. */
static void destroyed_without_an_answer_is_destroyed(void **state)
{
	for (size_t i = 0; i < INVALID; i++) {
		bool there;
		assert_int_equal(erase_with(*state, shim_arm_after, "C_DestroyObject", invalid[i], 0, &there), ERR_OK);
		assert_false(there);
	}
}

/* Another key is in the token, and the token shows nothing of either: what was destroyed is looked for as it is pinned. */
static void a_key_that_shows_nothing_of_itself_is_destroyed_alone(void **state)
{
	struct token_binding other;
	struct reason why = { "" };
	bool there;
	token_backend.close(hsm_fixture_provision(*state, "token=coffer;object=other", HSM_SHIM_PATH, &other));
	assert_int_equal(erase_with(*state, shim_arm, "C_GetAttributeValue", CKR_ATTRIBUTE_TYPE_INVALID, 1, &there), ERR_OK);
	assert_false(there);
	struct token *t = hsm_fixture_open(*state, "token=coffer;object=other", NULL);
	hsm_fixture_expect(token_backend.attach(t, &other, &why), ERR_OK, &why);
	token_backend.close(t);
}

/* ---- the signing key ---- */

static enum coffer_err make_signer(const struct hsm_fixture *f, const char *refuse, struct reason *reason)
{
	struct token_binding binding;
	struct token_signer_answer answer;
	uint8_t auth[TOKEN_SIGNER_AUTH_LEN] = { 1 };
	const struct token_signer_wish wish = { .owner = { 7 }, .auth = view_of(auth, sizeof auth) };
	struct token *t = hsm_fixture_provision(f, "token=coffer", HSM_SHIM_PATH, &binding);
	shim_arm(refuse, 1, CKR_ACTION_PROHIBITED, 1);
	enum coffer_err err = token_signer_backend.make(t, &wish, &answer, reason);
	shim_arm(NULL, 0, 0, 0);
	token_backend.close(t);
	return err;
}

static unsigned halves(const struct hsm_fixture *f)
{
	struct hsm_raw raw;
	CK_OBJECT_HANDLE found[4];
	CK_ULONG private_keys = 0, public_keys = 0;
	hsm_fixture_raw_open(f, &raw);
	assert_int_equal(hsm_object_find_some(&raw.session, CKO_PRIVATE_KEY, HSM_SIGNER_LABEL, NULL, 0, found, 4, &private_keys, NULL), ERR_OK);
	assert_int_equal(hsm_object_find_some(&raw.session, CKO_PUBLIC_KEY, HSM_SIGNER_LABEL, NULL, 0, found, 4, &public_keys, NULL), ERR_OK);
	hsm_fixture_raw_close(&raw);
	return (unsigned)(private_keys + public_keys);
}

static void a_pair_that_is_refused_does_not_stay(void **state)
{
	struct reason why = { "" };
	setenv("HSM_SHIM_LAX", "1", 1);
	hsm_fixture_expect(make_signer(*state, NULL, &why), ERR_TOKEN_REFUSED, &why);
	assert_non_null(strstr(why.text, "no signing key that stays in it"));
	assert_null(strstr(why.text, "could not be destroyed"));
	assert_int_equal(halves(*state), 0);
}

static void a_pair_that_cannot_be_judged_does_not_stay(void **state)
{
	struct reason why = { "" };
	assert_int_not_equal(make_signer(*state, "C_GetAttributeValue", &why), ERR_OK);
	assert_int_equal(halves(*state), 0);
}

static void a_pair_that_stays_all_the_same_is_told(void **state)
{
	struct reason why = { "" };
	setenv("HSM_SHIM_LAX", "1", 1);
	hsm_fixture_expect(make_signer(*state, "C_DestroyObject", &why), ERR_TOKEN_REFUSED, &why);
	assert_non_null(strstr(why.text, "could not be destroyed and stays in it: remove '" HSM_SIGNER_LABEL "'"));
	assert_int_equal(halves(*state), 2);
}

#define T(name) cmocka_unit_test_setup_teardown(name, shimmed_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_handle_that_is_not_valid_once_hinders_no_erase),
		T(a_handle_that_is_never_valid_does_not_count_as_gone),
		T(destroyed_without_an_answer_is_destroyed),
		T(a_key_that_shows_nothing_of_itself_is_destroyed_alone),
		T(a_pair_that_is_refused_does_not_stay),
		T(a_pair_that_cannot_be_judged_does_not_stay),
		T(a_pair_that_stays_all_the_same_is_told),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
