/* The self-test that runs before a key is touched. */
#include "unit/crypto/support.h"

#include <string.h>

#include "base/reason.h"
#include "crypto/selftest.h"

static void selftest_passes_on_a_sound_machine(void **state)
{
	struct reason why = { "" };
	(void)state;
	enum coffer_err err = crypto_selftest(&why);
	assert_string_equal(why.text, "");
	assert_ok(err);
}

static bool break_gcm;
int __real_EVP_EncryptFinal_ex(void *ctx, unsigned char *out, int *len);
int __wrap_EVP_EncryptFinal_ex(void *ctx, unsigned char *out, int *len);
int __wrap_EVP_EncryptFinal_ex(void *ctx, unsigned char *out, int *len)
{
	return break_gcm ? 0 : __real_EVP_EncryptFinal_ex(ctx, out, len);
}

static void selftest_names_what_failed(void **state)
{
	struct reason why = { "" };
	(void)state;
	break_gcm = true;
	enum coffer_err err = crypto_selftest(&why);
	break_gcm = false;
	assert_err(err, ERR_CRYPTO);
	assert_non_null(strstr(why.text, "AES-256-GCM"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(selftest_passes_on_a_sound_machine),
		cmocka_unit_test(selftest_names_what_failed),
	};
	return cmocka_run_group_tests(tests, support_setup, NULL);
}
