/* What a process does to itself, each case in a forked child. */
#include "base_test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/process.h"
#include "child.h"

#define NOBODY 65534u

static int hardened(void)
{
	struct rlimit core;
	struct reason reason = { "" };
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 1);
	CHILD_CHECK(process_harden(&reason) == ERR_OK);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_CHECK(getrlimit(RLIMIT_CORE, &core) == 0 && core.rlim_cur == 0 && core.rlim_max == 0);
	CHILD_CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	CHILD_CHECK(umask(0) == 077);
	return 0;
}

/* A sibling of the same unprivileged user tries to attach. */
static int attach_as_nobody(bool harden)
{
	int status = 0;
	if (geteuid() == 0) CHILD_CHECK(setresgid(NOBODY, NOBODY, NOBODY) == 0 && setresuid(NOBODY, NOBODY, NOBODY) == 0);
	CHILD_CHECK(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == 0);
	(void)prctl(PR_SET_PTRACER, PR_SET_PTRACER_ANY, 0, 0, 0); /* where Yama would hinder, so that our step is what does */
	if (harden) CHILD_CHECK(process_harden(NULL) == ERR_OK);
	pid_t victim = getpid(), pid = fork();
	if (pid == 0) {
		long attached = ptrace(PTRACE_SEIZE, victim, NULL, NULL);
		_exit(attached == 0 ? 10 : errno == EPERM ? 11 : 12);
	}
	CHILD_CHECK(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	CHILD_CHECK(WEXITSTATUS(status) == (harden ? 11 : 10));
	return 0;
}

static int attach_hardened(void)
{
	return attach_as_nobody(true);
}

static int attach_plain(void)
{
	return attach_as_nobody(false);
}

static int descriptors_closed(void)
{
	int low = open("/dev/null", O_RDONLY), high = fcntl(low, F_DUPFD, 200);
	CHILD_CHECK(low > STDERR_FILENO && high >= 200);
	process_close_fds_from(low + 1);
	CHILD_CHECK(fcntl(low, F_GETFD) >= 0);
	CHILD_CHECK(fcntl(high, F_GETFD) < 0);
	process_close_fds_from(low);
	CHILD_CHECK(fcntl(low, F_GETFD) < 0);
	return 0;
}

static int standard_fds_taken(void)
{
	char byte;
	int report = fcntl(STDERR_FILENO, F_DUPFD, 100);
	CHILD_CHECK(report >= 100);
	close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	bool done = process_own_standard_fds();
	int next = open("/dev/null", O_RDONLY);
	bool unusable = read(STDIN_FILENO, &byte, 1) < 0 && write(STDOUT_FILENO, "x", 1) < 0 && write(STDERR_FILENO, "x", 1) < 0;
	CHILD_CHECK(dup2(report, STDERR_FILENO) == STDERR_FILENO);
	CHILD_CHECK(done && next > STDERR_FILENO && unusable);
	CHILD_CHECK(process_own_standard_fds() && write(STDERR_FILENO, "", 0) == 0); /* what is open stays */
	return 0;
}

static int signals_reset(void)
{
	sigset_t all, now;
	int wait_status = 0;
	sigfillset(&all);
	CHILD_CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR && signal(SIGTERM, SIG_IGN) != SIG_ERR);
	CHILD_CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
	process_reset_signals();
	CHILD_CHECK(sigprocmask(SIG_SETMASK, NULL, &now) == 0 && sigisemptyset(&now));
	CHILD_CHECK(signal(SIGTERM, SIG_DFL) == SIG_DFL);
	pid_t pid = fork();
	if (pid == 0) _exit(7);
	CHILD_CHECK(pid > 0 && waitpid(pid, &wait_status, 0) == pid && WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 7);
	return 0;
}

static int environment_cleaned(void)
{
	static const char *const keep[] = { "KEPT", "EMPTY", "ABSENT", NULL };
	static const char *const none[] = { NULL };
	setenv("KEPT", "value", 1);
	setenv("EMPTY", "", 1);
	setenv("LD_PRELOAD_LIKE", "bad", 1);
	process_clean_environment(keep);
	CHILD_CHECK(getenv("KEPT") && strcmp(getenv("KEPT"), "value") == 0);
	CHILD_CHECK(getenv("EMPTY") && !getenv("ABSENT") && !getenv("LD_PRELOAD_LIKE") && !getenv("PATH"));
	CHILD_CHECK(setenv("KEPT", "again", 1) == 0 && strcmp(getenv("KEPT"), "again") == 0); /* still open to changes */
	process_clean_environment(none);
	CHILD_CHECK(!getenv("KEPT"));
	return 0;
}

static int environment_names_twice(void)
{
	static const char *const keep[] = { "LATE", "TWICE", NULL };
	char first[] = "TWICE=first", longer[] = "TWICE_LONGER=x", second[] = "TWICE=second", late[] = "LATE=x";
	char *given[] = { first, longer, second, late, NULL };
	environ = given;
	process_clean_environment(keep);
	CHILD_CHECK(environ[0] == late && environ[1] == first && !environ[2]);
	environ = NULL;
	process_clean_environment(keep);
	CHILD_CHECK(!environ);
	return 0;
}

static int user_dropped(void)
{
	struct reason reason = { "" };
	gid_t groups[64];
	if (geteuid() != 0) { /* then to become somebody else must fail with a sentence */
		CHILD_CHECK(process_drop_user(NOBODY - (geteuid() == NOBODY), NOBODY, &reason) == ERR_IO && reason.text[0]);
		return 0;
	}
	CHILD_CHECK(process_drop_user(NOBODY, NOBODY, &reason) == ERR_OK);
	CHILD_CHECK(getuid() == NOBODY && geteuid() == NOBODY && getgid() == NOBODY && getegid() == NOBODY);
	CHILD_CHECK(getgroups(64, groups) == 0);
	CHILD_CHECK(setuid(0) != 0 && setgid(0) != 0);
	CHILD_CHECK(prctl(PR_GET_DUMPABLE) == 0);
	CHILD_CHECK(process_drop_user(NOBODY, NOBODY, &reason) == ERR_OK); /* already so */
	CHILD_CHECK(process_drop_user(NOBODY - 1, NOBODY, &reason) == ERR_IO);
	CHILD_CHECK(strstr(reason.text, "start as root"));
	return 0;
}

static int root_refused(void)
{
	struct reason reason = { "" };
	CHILD_CHECK(process_drop_user(0, NOBODY, &reason) == ERR_USAGE);
	CHILD_CHECK(process_drop_user(NOBODY, 0, &reason) == ERR_USAGE);
	CHILD_CHECK(process_drop_user((uid_t)-1, NOBODY, &reason) == ERR_USAGE);
	CHILD_CHECK(process_drop_user(NOBODY, (gid_t)-1, &reason) == ERR_USAGE);
	return 0;
}

/* A grandchild that lives as long as its parent: the pipe's end tells that it is gone. */
static int dies_with_parent(void)
{
	int alive[2], ready[2];
	char byte;
	CHILD_CHECK(pipe(alive) == 0 && pipe(ready) == 0);
	pid_t parent = fork();
	if (parent == 0) {
		pid_t expected = getpid();
		if (fork() == 0) {
			close(alive[0]);
			if (process_die_with_parent(expected) != ERR_OK) _exit(1);
			if (write(ready[1], "r", 1) != 1) _exit(1);
			for (;;)
				pause();
		}
		close(alive[1]);
		for (;;)
			pause();
	}
	close(alive[1]);
	CHILD_CHECK(parent > 0 && read(ready[0], &byte, 1) == 1);
	CHILD_CHECK(kill(parent, SIGKILL) == 0 && waitpid(parent, NULL, 0) == parent);
	alarm(30);
	CHILD_CHECK(read(alive[0], &byte, 1) == 0);
	return 0;
}

static int wrong_parent(void)
{
	CHILD_CHECK(process_die_with_parent(getppid()) == ERR_OK);
	CHILD_CHECK(process_die_with_parent(getpid()) == ERR_CLOSED);
	return 0;
}

static void each_step_does_what_it_says(void **state)
{
	static const struct { const char *name; int (*fn)(void); } cases[] = {
		{ "hardened", hardened }, { "attach_plain", attach_plain }, { "attach_hardened", attach_hardened },
		{ "descriptors_closed", descriptors_closed }, { "standard_fds_taken", standard_fds_taken }, { "signals_reset", signals_reset }, { "environment_cleaned", environment_cleaned },
		{ "environment_names_twice", environment_names_twice },
		{ "user_dropped", user_dropped }, { "root_refused", root_refused }, { "dies_with_parent", dies_with_parent },
		{ "wrong_parent", wrong_parent },
	};
	struct child_end end;
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		child_run(cases[i].fn, &end);
		if (end.status != 0) print_error("%s: signal %d: %s\n", cases[i].name, end.signal, end.text);
		assert_int_equal(end.status, 0);
	}
}

static void users_are_found_by_name_or_number(void **state)
{
	static const struct { const char *text; enum coffer_err err; uid_t uid; gid_t gid; } cases[] = {
		{ "root", ERR_OK, 0, 0 }, { "0", ERR_OK, 0, 0 }, { "64001", ERR_OK, 64001, 64001 },
		{ "4294967294", ERR_OK, 4294967294u, 4294967294u }, { "4294967295", ERR_NOT_FOUND, 7, 7 },
		{ "99999999999", ERR_NOT_FOUND, 7, 7 }, { "no-such-user-here", ERR_NOT_FOUND, 7, 7 }, { "", ERR_NOT_FOUND, 7, 7 },
		{ "-1", ERR_NOT_FOUND, 7, 7 },
	};
	(void)state;
	for (unsigned i = 0; i < COUNT(cases); i++) {
		struct reason reason = { "" };
		uid_t uid = 7;
		gid_t gid = 7;
		assert_int_equal(process_parse_user(cases[i].text, &uid, &gid, &reason), cases[i].err);
		assert_int_equal(uid, cases[i].uid);
		assert_int_equal(gid, cases[i].gid);
		if (cases[i].err != ERR_OK) assert_true(reason.text[0]);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_step_does_what_it_says),
		cmocka_unit_test(users_are_found_by_name_or_number),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
