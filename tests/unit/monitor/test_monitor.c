/* The monitor with a fake cofferd: start, stop, restart, exit codes. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "fixture.h"

static void monitor_starts_reports_and_stops(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	fixture_await_notify(f, "READY=1");
	pid_t cofferd = (pid_t)fixture_number(f, "cofferd.pid", "");
	assert_int_equal(cofferd, fixture_number(f, "cofferd.log", "began "));
	assert_int_equal(f->monitor, fixture_number(f, "monitor.pid", ""));
	fixture_command(f, "status", 0);
	fixture_await_notify(f, "STATUS=all is well");
	kill(f->monitor, SIGTERM);
	fixture_await_notify(f, "STOPPING=1");
	assert_int_equal(fixture_wait_end(f), 0);
	assert_false(fixture_alive(cofferd));
	assert_false(fixture_exists(f, "cofferd.pid"));
	assert_false(fixture_exists(f, "monitor.pid"));
}

static void monitor_gives_cofferd_a_clean_start(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	assert_int_equal(fixture_count(f, "cofferd.log", "fds 0 1 2 3\n"), 1);
	assert_int_equal(fixture_count(f, "cofferd.log", "env JOURNAL_STREAM=1:2\n"), 1);
}

static void monitor_restarts_a_killed_cofferd_with_growing_pauses(void **state)
{
	static const char *const said[] = { "signal 9 (Killed); starting cofferd again in 0 ms (1 in a row)",
		"starting cofferd again in 100 ms (2 in a row)", "starting cofferd again in 200 ms (3 in a row)" };
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	for (unsigned i = 0; i < 3; i++) {
		pid_t before = (pid_t)fixture_number(f, "cofferd.log", "began ");
		kill(before, SIGKILL);
		fixture_await(f, "log", said[i], 1);
		fixture_await(f, "log", "cofferd is ready", i + 2);
		assert_int_not_equal(fixture_number(f, "cofferd.pid", ""), before);
		assert_int_equal(fixture_number(f, "cofferd.pid", ""), fixture_number(f, "cofferd.log", "began "));
	}
	assert_int_equal(fixture_count(f, "cofferd.log", "began "), 4);
}

static void monitor_starts_at_once_when_asked_during_a_pause(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	for (unsigned i = 1; i <= 6; i++) { /* the pause after the sixth is 1.6 s */
		fixture_await(f, "log", "cofferd is ready", i);
		kill((pid_t)fixture_number(f, "cofferd.log", "began "), SIGKILL);
		fixture_await_notify(f, "STATUS=cofferd ended unexpectedly and is started again; see the log");
	}
	fixture_await(f, "log", "1600 ms (6 in a row)", 1);
	uint64_t began = clock_mono_ms();
	kill(f->monitor, SIGHUP);
	fixture_await(f, "log", "cofferd started", 7);
	assert_true(clock_mono_ms() - began < 1400);
}

static void monitor_stops_during_a_pause(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	for (unsigned i = 1; i <= 6; i++) { /* the pause after the sixth is 1.6 s */
		fixture_await(f, "log", "cofferd is ready", i);
		kill((pid_t)fixture_number(f, "cofferd.log", "began "), SIGKILL);
		fixture_await_notify(f, "STATUS=cofferd ended unexpectedly and is started again; see the log");
	}
	fixture_await(f, "log", "(6 in a row)", 1);
	kill(f->monitor, SIGINT);
	assert_int_equal(fixture_wait_end(f), 0);
	assert_int_equal(fixture_count(f, "cofferd.log", "began "), 6);
}

static void monitor_ends_with_what_cofferd_meant(void **state)
{
	struct fixture *f = *state;
	static const struct { unsigned exits; int monitor; } cases[] = { { 0, 0 }, { 78, 78 } };
	for (size_t i = 0; i < 2; i++) {
		fixture_start(f, "");
		fixture_await(f, "log", "cofferd is ready", (unsigned)i + 1);
		fixture_command(f, "exit", cases[i].exits);
		assert_int_equal(fixture_wait_end(f), cases[i].monitor);
		assert_int_equal(fixture_count(f, "cofferd.log", "began "), i + 1);
	}
}

static void monitor_restarts_a_cofferd_that_fails(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	fixture_command(f, "exit", 1);
	fixture_await(f, "log", "cofferd ended unexpectedly: exit status 1; starting cofferd again in 0 ms", 1);
	fixture_await(f, "log", "cofferd is ready", 2);
}

static void monitor_kills_a_cofferd_that_does_not_stop(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "drain_timeout = 0\nstop_timeout = 1s\n");
	fixture_command(f, "deaf", 0);
	pid_t cofferd = (pid_t)fixture_number(f, "cofferd.log", "began ");
	kill(cofferd, SIGSTOP);
	kill(f->monitor, SIGTERM);
	assert_int_equal(fixture_wait_end(f), 1);
	assert_false(fixture_alive(cofferd));
	assert_int_equal(fixture_count(f, "log", "cofferd did not stop in order: signal 9 (Killed)"), 1);
}

static void monitor_replaces_a_cofferd_that_breaks_the_protocol(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	fixture_command(f, "noise", 0);
	fixture_await(f, "log", "cofferd broke the protocol of the control channel (INPUT); killing it", 1);
	fixture_await(f, "log", "cofferd is ready", 2);
}

static void monitor_passes_a_reload_on(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	fixture_await_notify(f, "READY=1");
	kill(f->monitor, SIGHUP);
	fixture_await(f, "cofferd.log", "reload", 1);
	fixture_await_notify(f, "RELOADING=1");
	fixture_await_notify(f, "READY=1");
}

static void monitor_refuses_what_it_cannot_run_with(void **state)
{
	struct fixture *f = *state;
	fixture_start(f, "workers = many\n");
	assert_int_equal(fixture_wait_end(f), 78);
	assert_int_equal(fixture_count(f, "log", "cofferd.conf:6: workers: 'many' is not a whole number"), 1);
	if (geteuid() != 0) return;
	fixture_start(f, "user_cofferd = nobody-of-that-name\n");
	assert_int_equal(fixture_wait_end(f), 78);
	assert_int_equal(fixture_count(f, "log", "user_cofferd: there is no user 'nobody-of-that-name'; make it, or give a numeric user id"), 1);
	assert_false(fixture_exists(f, "cofferd.log"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(monitor_starts_reports_and_stops), TEST(monitor_gives_cofferd_a_clean_start),
		TEST(monitor_restarts_a_killed_cofferd_with_growing_pauses), TEST(monitor_starts_at_once_when_asked_during_a_pause), TEST(monitor_stops_during_a_pause),
		TEST(monitor_ends_with_what_cofferd_meant), TEST(monitor_restarts_a_cofferd_that_fails),
		TEST(monitor_kills_a_cofferd_that_does_not_stop), TEST(monitor_replaces_a_cofferd_that_breaks_the_protocol),
		TEST(monitor_passes_a_reload_on), TEST(monitor_refuses_what_it_cannot_run_with),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
