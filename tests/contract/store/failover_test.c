/* Two real servers: a standby that is promoted is followed, and neither its former primary server nor another one is written to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
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

/* It takes connections, and does not answer. */
static void does_not_wait_for_one(struct store *s)
{
	servers("freeze", "one");
	uint64_t from = clock_mono_ms();
	enum coffer_err err = store_reopen(s, NULL);
	servers("thaw", "one");
	assert_int_equal(err, ERR_OK);
	assert_true(clock_mono_ms() - from < 5000); /* connect_ms is twice that */
	contract_expect(s, STORE_OBJECT, "b2", "1");
}

/* The former primary server answers at once, and that it is refused does not end the wait for the right one. */
static void waits_for_the_right_one(struct store *s)
{
	struct reason reason = { "" };
	servers("freeze-for-a-while", "two"); /* longer than the others are waited for when one that may be used has answered */
	enum coffer_err err = store_reopen(s, &reason);
	if (err) fail_msg("%s", reason_text(&reason, err));
	contract_expect(s, STORE_OBJECT, "b2", "1");
}

/* Only a user that may not know goes without: a server that fails to say is not used. */
static void is_not_used_while_it_does_not_say(struct store *s)
{
	struct reason reason = { "" };
	servers("fails-to-say", "one 57014"); /* query_canceled */
	assert_int_equal(store_reopen(s, &reason), ERR_CLOSED);
	if (!strstr(reason.text, "did not say which one it is")) fail_msg("%s", reason.text);
	servers("fails-to-say", "one 42501"); /* insufficient_privilege */
	reopens(s);
	contract_expect(s, STORE_OBJECT, "a", "1");
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
	reopens(s);
	contract_expect(s, STORE_OBJECT, "b", "1"); /* it was passed over */
	s = contract_reopen_remote(state); /* who has seen neither goes by the timelines */
	contract_expect(s, STORE_OBJECT, "b", "1");
	contract_put(s, STORE_OBJECT, "b2", "1");
	does_not_wait_for_one(s);
	waits_for_the_right_one(s);
	servers("stop", "two");
	refused(s, "former primary server");
	is_not_used_while_it_does_not_say(s);
	servers("stop", "one");
	servers("anew", "one");
	refused(s, "another system identifier");
	servers("untouched", "one");
	servers("start", "two");
	reopens(s);
	contract_expect(s, STORE_OBJECT, "b", "1");
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
