/* The state directory's check and lock. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/state_dir.h"

static char dir[64], lock[96], other[96];

static int set_up(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/coffer-state-XXXXXX");
	if (!mkdtemp(dir)) return -1;
	snprintf(lock, sizeof lock, "%s/lock", dir);
	snprintf(other, sizeof other, "%s-other", dir);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	unlink(lock);
	unlink(other);
	return rmdir(dir);
}

static enum coffer_err try_lock(const char *path, struct reason *reason)
{
	int fd = -7;
	enum coffer_err err = state_dir_lock(path, &fd, reason);
	if (err) assert_int_equal(fd, -7);
	else close(fd);
	return err;
}

static void a_directory_of_ours_is_locked_and_names_the_process(void **state)
{
	int fd = -1;
	struct stat st;
	char text[32] = "", expected[32];
	(void)state;
	assert_int_equal(state_dir_lock(dir, &fd, NULL), ERR_OK);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(pread(fd, text, sizeof text - 1, 0) > 0);
	snprintf(expected, sizeof expected, "%ld\n", (long)getpid());
	assert_string_equal(text, expected);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	close(fd);
	assert_int_equal(try_lock(dir, NULL), ERR_OK); /* closing gave it back */
}

static void a_directory_that_is_open_to_others_is_refused(void **state)
{
	static const mode_t odd[] = { 0710, 0701, 0720, 0702, 0740, 0704, 0777 };
	struct reason reason = { "" };
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_int_equal(chmod(dir, odd[i]), 0);
		assert_int_equal(try_lock(dir, &reason), ERR_USAGE);
		assert_non_null(strstr(reason.text, "chmod 0700"));
	}
	assert_int_equal(access(lock, F_OK), -1); /* nothing was made in it */
	assert_int_equal(chmod(dir, 0700), 0);
	assert_int_equal(try_lock(dir, NULL), ERR_OK);
}

static void what_is_no_directory_is_refused(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(try_lock(other, &reason), ERR_USAGE);
	assert_non_null(strstr(reason.text, "install -d"));
	assert_int_equal(symlink(dir, other), 0);
	assert_int_equal(try_lock(other, &reason), ERR_USAGE);
	assert_non_null(strstr(reason.text, "is not a directory"));
}

static void a_symbolic_link_in_place_of_the_lock_is_not_followed(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(symlink(other, lock), 0);
	assert_int_equal(try_lock(dir, &reason), ERR_IO);
	assert_int_equal(access(other, F_OK), -1);
}

static void somebody_elses_directory_is_refused(void **state)
{
	struct reason reason = { "" };
	(void)state;
	if (geteuid() != 0) skip();
	assert_int_equal(chown(dir, 1, 1), 0);
	assert_int_equal(try_lock(dir, &reason), ERR_USAGE);
	assert_non_null(strstr(reason.text, "belongs to uid 1"));
}

static void a_second_process_is_refused_until_the_first_one_ends(void **state)
{
	int ready[2], done[2];
	char byte = 0, expected[32];
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(pipe(ready), 0);
	assert_int_equal(pipe(done), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		int fd;
		close(done[1]);
		if (state_dir_lock(dir, &fd, NULL) != ERR_OK || write(ready[1], "r", 1) != 1) _exit(1);
		_exit(read(done[0], &byte, 1) == 0 ? 0 : 2); /* with the lock still held */
	}
	close(done[0]);
	close(ready[1]);
	assert_int_equal(read(ready[0], &byte, 1), 1);
	assert_int_equal(try_lock(dir, &reason), ERR_BUSY);
	snprintf(expected, sizeof expected, "(pid %ld)", (long)child);
	assert_non_null(strstr(reason.text, expected));
	close(done[1]);
	close(ready[0]);
	int status;
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	assert_int_equal(try_lock(dir, NULL), ERR_OK);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_directory_of_ours_is_locked_and_names_the_process, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_directory_that_is_open_to_others_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_no_directory_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_symbolic_link_in_place_of_the_lock_is_not_followed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(somebody_elses_directory_is_refused, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_second_process_is_refused_until_the_first_one_ends, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
