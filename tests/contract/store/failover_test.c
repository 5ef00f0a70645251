/* Two real servers: a standby that is promoted is followed, and neither its former primary server nor another one is written to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "contract.h"

static void servers(const char *what, const char *name)
{
	char line[512];
	assert_true(snprintf(line, sizeof line, "%s %s %s", getenv("COFFER_TEST_SERVERS"), what, name) < (int)sizeof line);
	if (system(line) != 0) fail_msg("%s", line);
}

/* Anew until a server answers as it should; a promotion ends a moment before its server takes writes. */
static void reopens(struct store *s)
{
	struct reason reason = { "" };
	enum coffer_err err = ERR_CLOSED;
	for (int i = 0; i < 100 && (err == ERR_CLOSED || err == ERR_TIMEOUT); i++) err = store_reopen(s, &reason);
	if (err) fail_msg("%s", reason_text(&reason, err));
}

static void refused(struct store *s, const char *why)
{
	struct reason reason = { "" };
	struct store_row row;
	enum coffer_err err = ERR_CLOSED;
	for (int i = 0; i < 100 && (err == ERR_CLOSED || err == ERR_TIMEOUT); i++) err = store_reopen(s, &reason);
	assert_int_equal(err, ERR_CORRUPT);
	if (!strstr(reason.text, why)) fail_msg("%s", reason.text);
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("a"), &row), ERR_CLOSED); /* and nothing is read there */
}

static void a_promoted_standby_is_followed_and_no_other_server(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "1");
	servers("caught-up", "two");
	servers("stop", "one");
	servers("promote", "two");
	reopens(s);
	contract_expect(s, STORE_OBJECT, "a", "1");
	contract_put(s, STORE_OBJECT, "b", "1");
	servers("start", "one"); /* the first of the list, and it takes writes */
	refused(s, "former primary server");
	servers("stop", "one");
	reopens(s);
	contract_expect(s, STORE_OBJECT, "b", "1");
	servers("anew", "one");
	refused(s, "another system identifier");
	servers("stop", "one");
	reopens(s);
	contract_put(s, STORE_OBJECT, "c", "1");
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_promoted_standby_is_followed_and_no_other_server, contract_setup_remote, contract_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
