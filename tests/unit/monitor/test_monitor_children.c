/* The monitor and its children: token helpers, orphans, users and folders. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fixture.h"

/* Has the fake cofferd start a helper and returns its pid. */
static pid_t start_helper(struct fixture *f, unsigned request)
{
	char started[32];
	snprintf(started, sizeof started, "started %u %u ", request, request);
	fixture_command(f, "start", request);
	fixture_await(f, "cofferd.log", started, 1);
	fixture_await(f, "tokend.log", "began ", request);
	return (pid_t)fixture_number(f, "cofferd.log", started);
}

static void monitor_starts_a_helper_with_nothing_but_its_channel(void **state)
{
	struct fixture *f = *state;
	char env[256];
	fixture_start_ready(f, "");
	pid_t helper = start_helper(f, 1);
	assert_int_equal(helper, fixture_number(f, "tokend.log", "began "));
	assert_int_equal(fixture_count(f, "tokend.log", "fds 0 1 2 3\n"), 1);
	snprintf(env, sizeof env, "env JOURNAL_STREAM=1:2 FAKE_DIR=%s EXTRA=yes TSS2_LOG=all+NONE\n", f->dir);
	assert_int_equal(fixture_count(f, "tokend.log", env), 1);
	fixture_command(f, "kill", 1);
	fixture_await(f, "cofferd.log", "exited 1 9\n", 1);
	fixture_await_gone(helper);
}

static void monitor_kills_a_helper_that_is_stopped(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	pid_t helper = start_helper(f, 1);
	kill(helper, SIGSTOP);
	fixture_command(f, "kill", 1);
	fixture_await_gone(helper);
	fixture_command(f, "kill", 1);  /* gone already */
	fixture_command(f, "kill", 77); /* never was */
	(void)start_helper(f, 2);
}

static void monitor_tells_cofferd_of_a_helper_that_ended(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	kill(start_helper(f, 1), SIGTERM);
	fixture_await(f, "cofferd.log", "exited 1 ", 1);
	fixture_await(f, "log", "token helper 1 ended by itself: signal 15 (Terminated)", 1);
}

static void monitor_refuses_helpers_without_end(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	(void)start_helper(f, 1);
	(void)start_helper(f, 2);
	fixture_command(f, "start", 3);
	fixture_await(f, "cofferd.log", "failed 3 2 token helpers are running already\n", 1);
	fixture_command(f, "kill", 1);
	fixture_await(f, "cofferd.log", "exited 1 ", 1);
	fixture_command(f, "pkcs11", 4); /* a helper that is not installed */
	fixture_await(f, "cofferd.log", "failed 4 the program coffer-tokend-pkcs11 is not installed", 1);
}

static void monitor_ends_helpers_when_cofferd_crashes(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	pid_t helper = start_helper(f, 1);
	kill((pid_t)fixture_number(f, "cofferd.log", "began "), SIGKILL);
	fixture_await_gone(helper);
	fixture_await(f, "log", "cofferd is ready", 2);
}

static void monitor_leaves_nothing_behind_when_it_stops(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	pid_t helper = start_helper(f, 1);
	kill(f->monitor, SIGTERM);
	assert_int_equal(fixture_wait_end(f), 0);
	assert_false(fixture_alive(helper));
}

static void monitor_leaves_nothing_behind_when_it_is_killed(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	pid_t helper = start_helper(f, 1), cofferd = (pid_t)fixture_number(f, "cofferd.log", "began ");
	assert_true(fixture_alive(helper) && fixture_alive(cofferd));
	kill(f->monitor, SIGKILL);
	assert_int_equal(fixture_wait_end(f), 128 + SIGKILL);
	fixture_await_gone(helper);
	fixture_await_gone(cofferd);
}

static void monitor_gives_each_child_its_user_and_cofferd_its_folders(void **state)
{
	struct fixture *f = *state;
	char line[128], path[128];
	struct stat st;
	if (geteuid() != 0) skip();
	fixture_start_ready(f, "");
	(void)start_helper(f, 1);
	snprintf(line, sizeof line, "uid %d gid %d groups 0\n", FIXTURE_UID_COFFERD, FIXTURE_UID_COFFERD);
	assert_int_equal(fixture_count(f, "cofferd.log", line), 1);
	snprintf(line, sizeof line, "uid %d gid %d groups 0\n", FIXTURE_UID_TOKEND, FIXTURE_UID_TOKEND);
	assert_int_equal(fixture_count(f, "tokend.log", line), 1);
	snprintf(path, sizeof path, "%s/state", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, FIXTURE_UID_COFFERD);
	assert_int_equal(st.st_mode & 07777, 0700);
	snprintf(path, sizeof path, "%s/run", f->dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_uid, FIXTURE_UID_COFFERD);
	assert_int_equal(st.st_mode & 07777, 0755);
}

static void monitor_refuses_a_state_folder_of_someone_else(void **state)
{
	struct fixture *f = *state;
	char path[128];
	if (geteuid() != 0) skip();
	snprintf(path, sizeof path, "%s/state", f->dir);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(chown(path, FIXTURE_UID_TOKEND, 0), 0);
	fixture_start(f, "");
	assert_int_equal(fixture_wait_end(f), 78);
	assert_int_equal(fixture_count(f, "log", "belongs to user 64312, not to user 64311 whom cofferd runs as"), 1);
	assert_false(fixture_exists(f, "cofferd.log"));
}

/* A command that writes who it is and what it has. */
static void write_command(struct fixture *f, char path[static 128])
{
	snprintf(path, 128, "%s/told", f->dir);
	FILE *out = fopen(path, "w");
	assert_non_null(out);
	fprintf(out, "#!/bin/sh\necho fds >>%s/command.log\nls /proc/$$/fd >>%s/command.log\n{ cat; echo user $(id -u) words $# $1; env | sort; } >>%s/command.log\n", f->dir, f->dir,
		f->dir);
	fclose(out);
	assert_int_equal(chmod(path, 0755), 0);
}

/* Asks until the monitor does it: it refuses what comes too soon behind the last one. */
static pid_t start_notifier(struct fixture *f, unsigned *requests, unsigned instance)
{
	char started[32], failed[32];
	for (unsigned tries = 0; tries < 1000; tries++) {
		unsigned n = ++*requests;
		snprintf(started, sizeof started, "started %u %u ", n, instance);
		snprintf(failed, sizeof failed, "failed %u the last one", n);
		fixture_command(f, "notify", n);
		for (unsigned ms = 0; ms < FIXTURE_LIMIT_MS && !fixture_count(f, "cofferd.log", started) && !fixture_count(f, "cofferd.log", failed); ms++) usleep(1000);
		if (fixture_count(f, "cofferd.log", started)) return (pid_t)fixture_number(f, "cofferd.log", started);
	}
	fail_msg("the monitor starts no helper");
	return 0;
}

static void the_command_is_the_monitors_and_runs_once_at_a_time(void **state)
{
	struct fixture *f = *state;
	char command[128], lines[256];
	write_command(f, command);
	snprintf(lines, sizeof lines, "notify_command = %s one two\n", command);
	fixture_start_ready(f, lines);
	unsigned requests = 0;
	pid_t first = start_notifier(f, &requests, 1), helper = start_notifier(f, &requests, 2);
	fixture_await_gone(first); /* the second took its place */
	fixture_command(f, "event", 1);
	fixture_await(f, "command.log", "LANG=C.UTF-8\nPATH=/usr/sbin:/usr/bin:/sbin:/bin\nPWD=/\n", 1);
	assert_int_equal(fixture_count(f, "command.log", "{}\n"), 1);
	assert_int_equal(fixture_count(f, "command.log", " words 2 one\n"), 1);
	assert_int_equal(fixture_count(f, "command.log", "fds\n0\n1\n"), 1); /* and those that the shell keeps, 10 and up */
	assert_int_equal(fixture_count(f, "command.log", "\n3\n"), 0);
	if (geteuid() == 0) assert_int_equal(fixture_count(f, "command.log", "user 64313 "), 1);
	kill(helper, SIGSTOP);
	fixture_command(f, "kill", 2);
	fixture_await_gone(helper);
}

static void without_a_command_nothing_is_run(void **state)
{
	struct fixture *f = *state;
	fixture_start_ready(f, "");
	fixture_command(f, "notify", 5);
	fixture_await(f, "cofferd.log", "failed 5 notify_command is not set in the monitor's configuration", 1);
}

static void the_commands_user_is_nobody_elses(void **state)
{
	struct fixture *f = *state;
	if (geteuid() != 0) skip();
	fixture_start(f, "notify_command = /bin/true\nuser_notify = 64311\n");
	assert_int_equal(fixture_wait_end(f), 78);
	assert_int_equal(fixture_count(f, "log", "user_notify must be a user of its own"), 1);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(monitor_starts_a_helper_with_nothing_but_its_channel), TEST(monitor_kills_a_helper_that_is_stopped),
		TEST(monitor_tells_cofferd_of_a_helper_that_ended), TEST(monitor_refuses_helpers_without_end),
		TEST(monitor_ends_helpers_when_cofferd_crashes), TEST(monitor_leaves_nothing_behind_when_it_stops),
		TEST(monitor_leaves_nothing_behind_when_it_is_killed),
		TEST(monitor_gives_each_child_its_user_and_cofferd_its_folders),
		TEST(monitor_refuses_a_state_folder_of_someone_else), TEST(the_command_is_the_monitors_and_runs_once_at_a_time),
		TEST(without_a_command_nothing_is_run), TEST(the_commands_user_is_nobody_elses),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
