/* Opening: the token URI, the PIN file, the module, the token. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "unit/hsm/fixture.h"

static void open_fails(const char *uri, enum coffer_err wanted, const char *word)
{
	struct token *t = NULL;
	struct reason reason = { "" };
	hsm_fixture_expect(token_backend.open(uri, &t, &reason), wanted, &reason);
	assert_null(t);
	if (!strstr(reason.text, word)) fail_msg("%s: '%s' is not in: %s", uri, word, reason.text);
}

static void bad_uris_are_refused_with_what_mends_them(void **state)
{
	static const struct { const char *uri, *word; } rows[] = {
		{ "", "pkcs11:token=" },
		{ "tpm:device", "pkcs11:token=" },
		{ "pkcs11:token=a%zz?module-path=/x", "pkcs11:token=" },
		{ "pkcs11:token=a", "add ?module-path=" },
		{ "pkcs11:token=a?module-name=softhsm2", "module-path" },
		{ "pkcs11:token=a?module-path=libsofthsm2.so", "absolute" },
		{ "pkcs11:token=a?module-path=/x&pin-value=1234", "secrets are never arguments" },
		{ "pkcs11:token=a;colour=red?module-path=/x", "not known" },
		{ "pkcs11:token=a;object=?module-path=/x", "'object'" },
		{ "pkcs11:token=a?module-path=/x&pin-source=%7Ccat%20/etc/passwd", "pin-source must be" },
		{ "pkcs11:token=a?module-path=/x&pin-source=relative", "pin-source must be" },
		{ "pkcs11:token=a?module-path=/x&pin-source=credential:../a", "not a credential's name" },
		{ "pkcs11:token=a?module-path=/x&pin-source=credential:.a", "not a credential's name" },
	};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) open_fails(rows[i].uri, ERR_USAGE, rows[i].word);
	char longer[TOKEN_URI_MAX + 64];
	memset(longer, 'a', sizeof longer);
	memcpy(longer, "pkcs11:token=", 13);
	longer[sizeof longer - 1] = '\0';
	open_fails(longer, ERR_USAGE, "longer than");
}

static void missing_or_foreign_module_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	char path[256];
	open_fails(hsm_fixture_uri(f, "token=coffer", "/nowhere/module.so"), ERR_USAGE, "correct module-path");
	open_fails(hsm_fixture_uri(f, "token=coffer", f->dir), ERR_USAGE, "regular file");
	(void)snprintf(path, sizeof path, "%s/pin", f->dir);
	open_fails(hsm_fixture_uri(f, "token=coffer", path), ERR_USAGE, "cannot be loaded");
	hsm_fixture_shell("cp %s %s/m.so && chmod 777 %s/m.so", f->softhsm, f->dir, f->dir);
	(void)snprintf(path, sizeof path, "%s/m.so", f->dir);
	open_fails(hsm_fixture_uri(f, "token=coffer", path), ERR_USAGE, "written by everyone");
}

static void missing_token_is_gone_and_the_present_ones_are_named(void **state)
{
	open_fails(hsm_fixture_uri(*state, "token=absent", NULL), ERR_TOKEN_GONE, "'coffer' (serial ");
	open_fails(hsm_fixture_uri(*state, "token=coffer;slot-id=7", NULL), ERR_TOKEN_GONE, "no token matches");
}

static void two_matching_tokens_are_refused(void **state)
{
	hsm_fixture_add_token(*state, "coffer");
	open_fails(hsm_fixture_uri(*state, "token=coffer", NULL), ERR_USAGE, "add ;serial=");
	hsm_fixture_add_token(*state, "other");
	token_backend.close(hsm_fixture_open(*state, "token=other", NULL));
}

static void pin_file_that_others_can_read_is_refused(void **state)
{
	static const struct { const char *change, *word; enum coffer_err err; } rows[] = {
		{ "chmod 640 pin", "chmod 600", ERR_USAGE },
		{ "chmod 604 pin", "chmod 600", ERR_USAGE },
		{ "chmod 620 pin", "chmod 600", ERR_USAGE },
		{ "mv pin real && ln -s real pin", "symbolic link", ERR_USAGE },
		{ "rm pin && mkdir -m 700 pin", "not a regular file", ERR_USAGE },
		{ "rmdir pin && mkfifo -m 600 pin", "not a regular file", ERR_USAGE },
		{ "rm pin && umask 077 && : >pin", "is empty", ERR_USAGE },
		{ "echo >pin", "is empty", ERR_USAGE },
		{ "head -c 300 /dev/zero | tr '\\0' 1 >pin", "more than 255 bytes", ERR_USAGE },
		{ "rm pin", "No such file", ERR_NOT_FOUND },
	};
	struct hsm_fixture *f = *state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		hsm_fixture_shell("cd %s && %s", f->dir, rows[i].change);
		open_fails(hsm_fixture_uri(f, "token=coffer", NULL), rows[i].err, rows[i].word);
		if (i < 3) hsm_fixture_shell("chmod 600 %s/pin", f->dir);
		if (i == 3) hsm_fixture_shell("cd %s && rm pin && mv real pin", f->dir);
	}
}

static void pin_file_of_another_user_is_refused(void **state)
{
	struct hsm_fixture *f = *state;
	if (geteuid() != 0) skip(); /* only root can give a file away */
	hsm_fixture_shell("chown 12345 %s/pin", f->dir);
	open_fails(hsm_fixture_uri(f, "token=coffer", NULL), ERR_USAGE, "belongs to another user");
}

static void pin_may_come_with_or_without_newline_and_from_a_credential(void **state)
{
	struct hsm_fixture *f = *state;
	char uri[512];
	struct token *t = NULL;
	struct reason reason = { "" };
	hsm_fixture_shell("printf " HSM_TEST_PIN " >%s/pin", f->dir);
	token_backend.close(hsm_fixture_open(f, "token=coffer", NULL));
	(void)snprintf(uri, sizeof uri, "pkcs11:token=coffer?module-path=%s&pin-source=credential:pin", f->softhsm);
	unsetenv("CREDENTIALS_DIRECTORY");
	open_fails(uri, ERR_USAGE, "LoadCredential=pin:");
	setenv("CREDENTIALS_DIRECTORY", f->dir, 1);
	hsm_fixture_expect(token_backend.open(uri, &t, &reason), ERR_OK, &reason);
	token_backend.close(t);
	hsm_fixture_shell("chmod 440 %s/pin", f->dir); /* as systemd shows it under an access-control list */
	hsm_fixture_expect(token_backend.open(uri, &t, &reason), ERR_OK, &reason);
	token_backend.close(t);
	hsm_fixture_shell("chmod 444 %s/pin", f->dir);
	open_fails(uri, ERR_USAGE, "by others");
	unsetenv("CREDENTIALS_DIRECTORY");
	(void)snprintf(uri, sizeof uri, "pkcs11:token=coffer?module-path=%s", f->softhsm);
	open_fails(uri, ERR_USAGE, "add &pin-source=");
}

static void pin_with_a_second_newline_is_another_pin(void **state)
{
	struct hsm_fixture *f = *state;
	hsm_fixture_shell("printf '" HSM_TEST_PIN "\\n\\n' >%s/pin", f->dir);
	open_fails(hsm_fixture_uri(f, "token=coffer", NULL), ERR_AUTH, "CKR_PIN_INCORRECT");
}

static void close_accepts_null(void **state)
{
	(void)state;
	token_backend.close(NULL);
	assert_string_equal(token_backend.kind, "pkcs11");
}

#define T(name) cmocka_unit_test_setup_teardown(name, hsm_fixture_setup, hsm_fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_uris_are_refused_with_what_mends_them),
		T(missing_or_foreign_module_is_refused),
		T(missing_token_is_gone_and_the_present_ones_are_named),
		T(two_matching_tokens_are_refused),
		T(pin_file_that_others_can_read_is_refused),
		T(pin_file_of_another_user_is_refused),
		T(pin_may_come_with_or_without_newline_and_from_a_credential),
		T(pin_with_a_second_newline_is_another_pin),
		cmocka_unit_test(close_accepts_null),
	};
	return cmocka_run_group_tests(tests, hsm_fixture_group, NULL);
}
