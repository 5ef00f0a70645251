/* Principals as people type them, and roles by name. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "access/policy.h"

static void texts_parse_to_their_canonical_form(void **state)
{
	static const struct { const char *text, *canonical; bool is_unix; uid_t uid; } table[] = {
		{ "unix:1000", "unix:1000", true, 1000 },
		{ "unix:0", "unix:0", true, 0 },
		{ "unix:007", "unix:7", true, 7 },
		{ "unix:4294967294", "unix:4294967294", true, 4294967294u },
		{ "unix:root", "unix:0", true, 0 },
		{ "tls:CN=app,O=Example", "tls:CN=app,O=Example", false, 0 },
		{ "tls:\xc3\xbc", "tls:\xc3\xbc", false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct principal p;
		assert_int_equal(principal_parse(view_str(table[i].text), &p, NULL), ERR_OK);
		assert_string_equal(p.text, table[i].canonical);
		assert_int_equal(p.is_unix, table[i].is_unix);
		if (p.is_unix) assert_int_equal(p.uid, table[i].uid);
	}
}

static void texts_that_name_nobody_are_refused(void **state)
{
	static const char *const table[] = {
		"", "unix", "unix:", "tls:", "1000", "root", "UNIX:0", " unix:0", "unix:4294967295", "unix:18446744073709551616", "unix:-1",
		"unix:no-such-user-here", "tls:\xff", "kerberos:a@B",
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct principal p = { .text = "untouched" };
		struct reason reason = { "" };
		assert_int_equal(principal_parse(view_str(table[i]), &p, &reason), ERR_FIELD);
		assert_string_equal(p.text, "untouched");
		assert_true(reason.text[0] != '\0');
	}
	struct principal p;
	assert_int_equal(principal_parse(view_of("tls:a\0b", 7), &p, NULL), ERR_FIELD);
}

static void a_principal_has_at_most_1024_bytes(void **state)
{
	char text[PRINCIPAL_MAX + 1] = "tls:";
	struct principal p;
	(void)state;
	memset(text + 4, 'a', sizeof text - 4);
	assert_int_equal(principal_parse(view_of(text, PRINCIPAL_MAX), &p, NULL), ERR_OK);
	assert_int_equal(strlen(p.text), PRINCIPAL_MAX);
	assert_int_equal(principal_parse(view_of(text, PRINCIPAL_MAX + 1), &p, NULL), ERR_FIELD);
}

static void roles_are_found_by_their_exact_name(void **state)
{
	static const struct { const char *text; int number; } table[] = {
		{ "administrator", 1 }, { "key-manager", 2 }, { "key-user", 3 }, { "key-exporter", 4 }, { "auditor", 5 },
	};
	static const char *const odd[] = { "", "Administrator", "key", "key-user ", "root" };
	enum role role = ROLE_NONE;
	struct reason reason = { "" };
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(role_parse(view_str(table[i].text), &role, NULL), ERR_OK);
		assert_int_equal(role, table[i].number); /* the numbers stand in sealed records */
		assert_string_equal(role_name(role), table[i].text);
	}
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++)
		assert_int_equal(role_parse(view_str(odd[i]), &role, &reason), ERR_FIELD);
	assert_non_null(strstr(reason.text, "key-exporter"));
	assert_string_equal(role_name(ROLE_NONE), "?");
	assert_int_equal(role_permissions(ROLE_NONE), 0);
	assert_int_equal(role_permissions(ROLE_END), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(texts_parse_to_their_canonical_form),
		cmocka_unit_test(texts_that_name_nobody_are_refused),
		cmocka_unit_test(a_principal_has_at_most_1024_bytes),
		cmocka_unit_test(roles_are_found_by_their_exact_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
