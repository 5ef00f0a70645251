/* Whole files. */
#include "base_test.h"

#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fdio.h"
#include "test_arena.h"

static char dir[] = "/tmp/coffer-test-fdio-XXXXXX";
static char path[sizeof dir + 8];

static int setup_dir(void **state)
{
	if (setup_arena(state) != 0 || !mkdtemp(dir)) return -1;
	snprintf(path, sizeof path, "%s/file", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	(void)unlink(path);
	return rmdir(dir);
}

static unsigned files_in_dir(void)
{
	unsigned count = 0;
	DIR *d = opendir(dir);
	assert_non_null(d);
	for (struct dirent *e; (e = readdir(d)) != NULL;)
		count += e->d_name[0] != '.';
	closedir(d);
	return count;
}

static void a_file_is_written_with_its_mode_and_read_back(void **state)
{
	static const mode_t modes[] = { 0600, 0644, 0400, 0666 };
	(void)state;
	for (unsigned i = 0; i < COUNT(modes); i++) {
		AUTO_BUF struct buf b = BUF_EMPTY;
		struct reason reason = { "" };
		struct stat st;
		char text[32];
		snprintf(text, sizeof text, "contents %u", i);
		assert_int_equal(fdio_write_file_atomic(path, modes[i], view_str(text), &reason), ERR_OK);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 07777, modes[i]);
		assert_int_equal(fdio_read_file(path, 100, &b, &reason), ERR_OK);
		assert_true(view_equal_str(buf_view(&b), text));
		assert_int_equal(files_in_dir(), 1);
	}
}

static void an_empty_file_is_a_file(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	(void)state;
	assert_int_equal(fdio_write_file_atomic(path, 0600, view_of(NULL, 0), NULL), ERR_OK);
	assert_int_equal(fdio_read_file(path, 0, &b, NULL), ERR_OK);
	assert_int_equal(b.len, 0);
}

static void reading_is_bounded_and_names_the_path(void **state)
{
	AUTO_BUF struct buf b = BUF_EMPTY;
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(fdio_write_file_atomic(path, 0600, LITERAL("12345"), NULL), ERR_OK);
	assert_int_equal(fdio_read_file(path, 4, &b, &reason), ERR_TOO_LARGE);
	assert_non_null(strstr(reason.text, path));
	assert_int_equal(b.len, 0);
	assert_int_equal(fdio_read_file(dir, 4, &b, &reason), ERR_IO);
	unlink(path);
	assert_int_equal(fdio_read_file(path, 4, &b, &reason), ERR_NOT_FOUND);
	assert_non_null(strstr(reason.text, path));
}

static void a_failed_replacement_keeps_what_was_there(void **state)
{
	struct reason reason = { "" };
	(void)state;
	assert_int_equal(mkdir(path, 0700), 0); /* a directory cannot be replaced by a file */
	assert_int_equal(fdio_write_file_atomic(path, 0600, LITERAL("x"), &reason), ERR_IO);
	assert_non_null(strstr(reason.text, path));
	assert_int_equal(files_in_dir(), 1);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(fdio_write_file_atomic("/nonexistent-directory/file", 0600, LITERAL("x"), &reason), ERR_IO);
}

static void a_full_disk_has_its_own_error(void **state)
{
	(void)state;
	if (access("/dev/full", W_OK) != 0) skip();
	FILE *full = fopen("/dev/full", "w");
	assert_non_null(full);
	assert_int_equal(fdio_write_all(fileno(full), LITERAL("x")), ERR_FULL);
	fclose(full);
}

static void a_path_that_is_too_long_is_refused(void **state)
{
	char large[5000];
	(void)state;
	memset(large, 'x', sizeof large - 1);
	large[sizeof large - 1] = '\0';
	assert_int_equal(fdio_write_file_atomic(large, 0600, LITERAL("x"), NULL), ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_file_is_written_with_its_mode_and_read_back),
		cmocka_unit_test(an_empty_file_is_a_file),
		cmocka_unit_test(reading_is_bounded_and_names_the_path),
		cmocka_unit_test(a_failed_replacement_keeps_what_was_there),
		cmocka_unit_test(a_full_disk_has_its_own_error),
		cmocka_unit_test(a_path_that_is_too_long_is_refused),
	};
	return cmocka_run_group_tests(tests, setup_dir, remove_dir);
}
