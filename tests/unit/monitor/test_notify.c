/* One run of a command that notifies, and the answers about it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "monitor/notify.h"

#define LINE "{\"event\":\"test\"}\n"
#define LONG_MS 60000u /* more than any of these takes */

static char dir[64];

static int start(void **state)
{
	(void)state;
	memcpy(dir, "/tmp/coffer-notify-XXXXXX", 26);
	(void)signal(SIGPIPE, SIG_IGN);
	return mkdtemp(dir) ? 0 : -1;
}

static int stop(void **state)
{
	char command[100];
	(void)state;
	snprintf(command, sizeof command, "rm -rf -- %s", dir);
	return system(command);
}

static enum coffer_err run_with(const char *script, uint64_t timeout_ms, int channel, struct notify_answer *out)
{
	char shell[] = "/bin/sh", flag[] = "-c", text[1024];
	char *const argv[] = { shell, flag, text, NULL };
	struct notify_plan plan = { .argv = argv, .timeout_ms = timeout_ms, .channel = channel };
	snprintf(text, sizeof text, "cd %s; %s", dir, script);
	return notify_run(&plan, view_str(LINE), out);
}

static struct notify_answer run(const char *script, uint64_t timeout_ms)
{
	struct notify_answer answer;
	assert_int_equal(run_with(script, timeout_ms, -1, &answer), ERR_OK);
	return answer;
}

static void the_line_and_then_the_end_come_on_standard_input(void **state)
{
	(void)state;
	struct notify_answer a = run("cat >got; echo fine", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
	assert_string_equal(a.text, "fine");
	a = run("grep -q '^{\"event\":\"test\"}$' got && [ $(wc -c <got) = 17 ]", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
}

static void the_exit_status_is_the_verdict(void **state)
{
	(void)state;
	struct notify_answer a = run("echo mail server is away >&2; exit 75", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_EXIT);
	assert_int_equal(a.number, 75);
	assert_string_equal(a.text, "mail server is away");
	a = run("kill -TERM $$", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_SIGNAL);
	assert_int_equal(a.number, SIGTERM);
}

static void a_program_that_is_not_there_is_said_so(void **state)
{
	char none[] = "/nonexistent/program";
	char *const argv[] = { none, NULL };
	const struct notify_plan plan = { .argv = argv, .timeout_ms = LONG_MS, .channel = -1 };
	struct notify_answer a;
	(void)state;
	assert_int_equal(notify_run(&plan, view_str(LINE), &a), ERR_OK);
	assert_int_equal(a.outcome, NOTIFY_EXIT);
	assert_int_equal(a.number, 127);
	assert_non_null(strstr(a.text, "/nonexistent/program cannot be run: No such file"));
}

/* It ignores what can be ignored, and its child does too. */
static void one_that_hangs_is_killed_at_the_deadline(void **state)
{
	(void)state;
	struct notify_answer a = run("trap '' TERM INT HUP; sleep 1000 & echo $! >child; wait; sleep 1000", 300);
	assert_int_equal(a.outcome, NOTIFY_TIMEOUT);
	a = run("! kill -0 $(cat child)", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
}

static void what_it_leaves_behind_ends_with_it(void **state)
{
	(void)state;
	struct notify_answer a = run("setsid sh -c 'echo $$ >left; exec sleep 1000' & until [ -s left ]; do :; done", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
	a = run("! kill -0 $(cat left)", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void what_it_says_without_end_is_dropped(void **state)
{
	(void)state;
	struct notify_answer a = run("head -c 20000000 /dev/zero | tr '\\0' x; exit 9", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_EXIT);
	assert_int_equal(a.number, 9);
	assert_int_equal(strlen(a.text), NOTIFY_TEXT_MAX);
	a = run("yes", 3000);
	assert_int_equal(a.outcome, NOTIFY_TIMEOUT);
	assert_string_equal(a.text, "y");
	a = run("printf 'a\\033[2Jb\\rc\\n'; exit 1", LONG_MS);
	assert_string_equal(a.text, "a?[2Jb?c");
}

static void it_has_limits_and_a_clean_environment(void **state)
{
	(void)state;
	assert_int_equal(setenv("SECRET_OF_OURS", "x", 1), 0);
	struct notify_answer a = run("[ -z \"$SECRET_OF_OURS\" ] && [ $(ulimit -c) = 0 ] && [ $(ulimit -n) -le 256 ] && [ $(ulimit -t) -le 61 ] && [ $(ulimit -f) -le 131072 ]", LONG_MS);
	assert_int_equal(a.outcome, NOTIFY_TOLD);
}

static void a_closed_channel_ends_it(void **state)
{
	int pair[2];
	struct notify_answer a;
	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	close(pair[1]);
	assert_int_equal(run_with("sleep 1000", LONG_MS, pair[0], &a), ERR_CLOSED);
	close(pair[0]);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void events_are_one_line(void **state)
{
	static char large[NOTIFY_EVENT_MAX + 1];
	(void)state;
	memset(large, 'x', sizeof large);
	large[NOTIFY_EVENT_MAX - 1] = '\n';
	assert_true(notify_is_event(view_of(large, NOTIFY_EVENT_MAX)));
	assert_false(notify_is_event(view_of(large, NOTIFY_EVENT_MAX + 1)));
	assert_false(notify_is_event(view_str("{}")));
	assert_false(notify_is_event(view_str("\n")));
	assert_false(notify_is_event(view_str("{}\n{}\n")));
	assert_false(notify_is_event(view_str("{\033}\n")));
	assert_true(notify_is_event(view_str("{}\n")));
}

static void answers_come_back_and_nothing_else_is_one(void **state)
{
	static const struct notify_answer all[] = { { NOTIFY_TOLD, 0, "" }, { NOTIFY_EXIT, 1, "why" }, { NOTIFY_SIGNAL, 9, "" }, { NOTIFY_TIMEOUT, 0, "slow" },
		{ NOTIFY_NOT_STARTED, 0, "x" } };
	uint8_t bytes[NOTIFY_ANSWER_MAX + 1] = { 0 };
	struct notify_answer back;
	(void)state;
	for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
		size_t len = notify_encode(&all[i], bytes);
		assert_int_equal(notify_decode(view_of(bytes, len), &back), ERR_OK);
		assert_int_equal(back.outcome, all[i].outcome);
		assert_int_equal(back.number, all[i].number);
		assert_string_equal(back.text, all[i].text);
		for (size_t cut = 0; cut < 5; cut++) assert_int_equal(notify_decode(view_of(bytes, cut), &back), ERR_INPUT);
	}
	for (unsigned op = 0; op < 256; op++) {
		memset(bytes, 0, sizeof bytes);
		bytes[0] = (uint8_t)op;
		assert_int_equal(notify_decode(view_of(bytes, 5), &back) == ERR_OK, op == NOTIFY_TOLD || op == NOTIFY_TIMEOUT || op == NOTIFY_NOT_STARTED);
		bytes[4] = 1;
		assert_int_equal(notify_decode(view_of(bytes, 5), &back) == ERR_OK, op == NOTIFY_EXIT || op == NOTIFY_SIGNAL);
	}
	bytes[0] = NOTIFY_TOLD;
	bytes[4] = 0;
	assert_int_equal(notify_decode(view_of(bytes, sizeof bytes), &back), ERR_INPUT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_line_and_then_the_end_come_on_standard_input), cmocka_unit_test(the_exit_status_is_the_verdict),
		cmocka_unit_test(a_program_that_is_not_there_is_said_so), cmocka_unit_test(one_that_hangs_is_killed_at_the_deadline),
		cmocka_unit_test(what_it_leaves_behind_ends_with_it), cmocka_unit_test(what_it_says_without_end_is_dropped),
		cmocka_unit_test(it_has_limits_and_a_clean_environment), cmocka_unit_test(a_closed_channel_ends_it), cmocka_unit_test(events_are_one_line),
		cmocka_unit_test(answers_come_back_and_nothing_else_is_one),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
