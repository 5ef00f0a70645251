/* Which keys are refused as the master secret, and that each sentence helps. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "hsm/mech.h"
#include "hsm/object.h"
#include "unit/hsm/fixture.h"

static void provision_refuses(struct hsm_fixture *f, const char *path, const char *const *words)
{
	struct token_binding binding;
	struct reason reason = { "" };
	struct token *t = hsm_fixture_open(f, path, NULL);
	hsm_fixture_expect(token_backend.provision(t, &binding, &reason), ERR_TOKEN_REFUSED, &reason);
	for (size_t i = 0; words[i]; i++) {
		if (!strstr(reason.text, words[i])) fail_msg("'%s' is not in: %s", words[i], reason.text);
	}
	token_backend.close(t);
}

#define WORDS(...) (const char *const[]){ __VA_ARGS__, NULL }

static void extractable_key_is_refused(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label master --id 11 --sensitive --private "
		"--extractable --usage-wrap");
	provision_refuses(*state, "token=coffer", WORDS("can leave the token", "pkcs11-tool --module", "--label 'master'",
		"--sensitive --private"));
}

static void key_that_is_not_sensitive_is_refused(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label master --id 11 --private --usage-wrap");
	provision_refuses(*state, "token=coffer", WORDS("not sensitive"));
}

static void key_that_is_seen_without_login_is_refused(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label master --id 11 --sensitive --usage-wrap");
	provision_refuses(*state, "token=coffer", WORDS("without a login"));
}

static void key_that_may_decrypt_is_refused_unless_its_mechanisms_rule_that_out(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label master --id 11 --sensitive --private "
		"--usage-wrap --usage-decrypt");
	provision_refuses(*state, "token=coffer", WORDS("may also encrypt", "--allowed-mechanisms AES-KEY-WRAP"));
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label mixed --id 12 --sensitive --private "
		"--usage-wrap --usage-decrypt --allowed-mechanisms AES-KEY-WRAP,AES-CBC");
	provision_refuses(*state, "token=coffer;object=mixed", WORDS("may also encrypt"));
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label good --id 13 --sensitive --private "
		"--usage-wrap --usage-decrypt --allowed-mechanisms AES-KEY-WRAP");
	struct token_binding binding;
	token_backend.close(hsm_fixture_provision(*state, "token=coffer;object=good", NULL, &binding));
}

static void key_that_may_not_wrap_is_refused(void **state)
{
	static const uint8_t id[] = { 0x11 };
	struct hsm_raw raw;
	struct hsm_key key;
	struct reason reason = { "" };
	hsm_fixture_raw_open(*state, &raw);
	enum coffer_err err = hsm_object_generate(&raw.session, hsm_mech_by_name("CKM_AES_GCM"), "master", id, sizeof id,
		true, &key, &reason);
	hsm_fixture_raw_close(&raw);
	hsm_fixture_expect(err, ERR_OK, &reason);
	provision_refuses(*state, "token=coffer", WORDS("may not wrap", "--usage-wrap"));
}

static void imported_key_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	hsm_fixture_shell("head -c 32 /dev/urandom >%s/raw", f->dir);
	char args[256];
	(void)snprintf(args, sizeof args, "--write-object %s/raw --type secrkey --key-type AES:32 --label master --id 11 "
		"--sensitive --private --usage-wrap", f->dir);
	hsm_fixture_tool(f, "coffer", args);
	provision_refuses(f, "token=coffer", WORDS("a copy may exist"));
}

static void short_aes_key_is_refused(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:16 --label master --id 11 --sensitive --private "
		"--usage-wrap --allowed-mechanisms AES-KEY-WRAP");
	provision_refuses(*state, "token=coffer", WORDS("256 bits", "AES:32"));
}

static void elliptic_curve_key_is_refused(void **state)
{
	hsm_fixture_tool(*state, "coffer", "--keypairgen --key-type EC:prime256v1 --label master --id 11 --usage-derive");
	provision_refuses(*state, "token=coffer", WORDS("neither an AES nor an RSA key"));
}

static void doubled_label_is_refused_and_both_are_named(void **state)
{
	struct token_binding binding;
	hsm_fixture_tool(*state, "coffer", HSM_TEST_OPERATOR_KEY);
	hsm_fixture_tool(*state, "coffer", "--keygen --key-type AES:32 --label master --id 22 --sensitive --private "
		"--usage-wrap --allowed-mechanisms AES-KEY-WRAP");
	provision_refuses(*state, "token=coffer", WORDS("'master' id 11", "'master' id 22", ";id="));
	token_backend.close(hsm_fixture_provision(*state, "token=coffer;object=master;id=%22", NULL, &binding));
	token_backend.close(hsm_fixture_provision(*state, "token=coffer;id=%11", NULL, &binding));
}

static void rsa_pair_is_adopted_with_a_warning_and_a_small_one_refused(void **state)
{
	struct token_binding binding;
	struct token_info info;
	struct reason reason = { "" };
	hsm_fixture_tool(*state, "coffer", "--keypairgen --key-type RSA:1024 --label small --id 31 --usage-decrypt");
	provision_refuses(*state, "token=coffer;object=small", WORDS("less than 2048 bits"));
	hsm_fixture_tool(*state, "coffer", "--keypairgen --key-type RSA:2048 --label master --id 32 --usage-decrypt");
	struct token *t = hsm_fixture_provision(*state, "token=coffer", NULL, &binding);
	assert_string_equal(binding.mechanism, "CKM_RSA_PKCS_OAEP SHA-1"); /* SoftHSM 2.6.1 has no SHA-256 here */
	hsm_fixture_expect(token_backend.describe(t, &info, &reason), ERR_OK, &reason);
	assert_string_equal(info.warning, "master secret: weak usage");
	hsm_fixture_expect(token_backend.attach(t, &binding, &reason), ERR_OK, &reason);
	hsm_fixture_expect(token_backend.probe(t, &reason), ERR_OK, &reason);
	token_backend.close(t);
}

#define T(name) cmocka_unit_test_setup_teardown(name, hsm_fixture_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(extractable_key_is_refused),
		T(key_that_is_not_sensitive_is_refused),
		T(key_that_is_seen_without_login_is_refused),
		T(key_that_may_decrypt_is_refused_unless_its_mechanisms_rule_that_out),
		T(key_that_may_not_wrap_is_refused),
		T(imported_key_is_refused),
		T(short_aes_key_is_refused),
		T(elliptic_curve_key_is_refused),
		T(doubled_label_is_refused_and_both_are_named),
		T(rsa_pair_is_adopted_with_a_warning_and_a_small_one_refused),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
