/* A disk that is really full or really read-only: a small tmpfs in a mount namespace of this process. Without the right to
 * mount these are skipped; faults_test.c has the same failures through SQLite's file access. */
#include "support.h"

#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static bool may_mount;

static int setup_disk(void **state, const char *options)
{
	if (place_setup(state) != 0) return -1;
	const struct place *p = *state;
	if (may_mount) may_mount = mount("tmpfs", p->dir, "tmpfs", 0, options) == 0;
	return 0;
}

static int setup(void **state) { return setup_disk(state, "size=1m,mode=0700"); }
static int setup_large(void **state) { return setup_disk(state, "size=64m,mode=0700"); }

static int teardown(void **state)
{
	const struct place *p = *state;
	if (may_mount) {
		place_empty(p);
		if (umount(p->dir) != 0) return -1;
	}
	return place_teardown(state);
}

static void fill_disk(const char *path)
{
	static const uint8_t block[4096];
	AUTO_FD int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	unsigned blocks = 0;
	while (blocks < 20000 && write(fd, block, sizeof block) == (ssize_t)sizeof block) blocks++;
	assert_true(blocks < 20000);
}

static void full_disk_refuses_writes_in_words_goes_on_reading_and_recovers_with_space(void **state)
{
	const struct place *p = *state;
	char filler[128];
	struct reason reason = { "" };
	if (!may_mount) skip();
	snprintf(filler, sizeof filler, "%s/filler", p->dir);
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 20, 1000), ERR_OK);
	fill_disk(filler);
	enum coffer_err err = ERR_OK;
	for (unsigned i = 0; i < 50 && !err; i++) err = put_rows(s, "new", 20, 1000);
	assert_int_equal(err, ERR_FULL);
	struct store_row row = { .id = { 1 }, .id_len = 1, .body = view_of(filler, sizeof filler) };
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(store_commit(s, &reason), ERR_FULL);
	assert_non_null(strstr(reason.text, "the disk is full"));
	assert_int_equal(count_rows(s, "old", 20, 1000), 20);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "old", 20, 1000), 20);
	assert_int_equal(unlink(filler), 0);
	assert_int_equal(put_rows(s, "late", 20, 1000), ERR_OK);
	assert_int_equal(count_rows(s, "late", 20, 1000), 20);
	store_close(s);
	expect_sound(p->db);
}

/* A disk that is full while the log is as long as it may be, and what stands in it is new to the file: with STORE_LOG_ROOM given back it can be emptied. */
static void log_of_any_length_is_emptied_in_the_room_that_is_kept_for_it(void **state)
{
	const struct place *p = *state;
	char filler[128], reserve[128];
	struct stat file, log;
	if (!may_mount) skip();
	snprintf(filler, sizeof filler, "%s/filler", p->dir);
	snprintf(reserve, sizeof reserve, "%s/reserve", p->dir);
	AUTO_FD int fd = open(reserve, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	assert_int_equal(posix_fallocate(fd, 0, STORE_LOG_ROOM), 0);
	struct store *s = open_ok(p);
	for (unsigned i = 0; i < 14; i++) {
		char prefix[] = { (char)('a' + (int)i), '\0' };
		assert_int_equal(put_rows(s, prefix, 1, 1u << 20), ERR_OK);
	}
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("a0")), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
	assert_true(stat(p->db, &file) == 0 && stat(p->wal, &log) == 0);
	assert_true(log.st_size > 15 << 20 && file.st_size < 1 << 20);
	fill_disk(filler);
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_FULL);
	assert_int_equal(put_rows(s, "large", 1, STORE_BODY_MAX), ERR_FULL);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_OK);
	assert_true(stat(p->wal, &log) == 0 && log.st_size == 0);
	assert_int_equal(put_rows(s, "late", 1, STORE_BODY_MAX), ERR_OK);
	assert_int_equal(count_rows(s, "n", 1, 1u << 20), 1);
	store_close(s);
	expect_sound(p->db);
}

static void store_cannot_be_made_on_a_full_disk_and_leaves_nothing_behind(void **state)
{
	const struct place *p = *state;
	char filler[128];
	if (!may_mount) skip();
	snprintf(filler, sizeof filler, "%s/filler", p->dir);
	fill_disk(filler);
	expect_refused(p, ERR_FULL, "the disk is full");
	assert_int_equal(access(p->db, F_OK), -1);
	assert_int_equal(access(p->fresh, F_OK), -1);
	assert_int_equal(unlink(filler), 0);
	store_close(open_ok(p));
}

static void read_only_directory_is_refused_in_words(void **state)
{
	const struct place *p = *state;
	if (!may_mount) skip();
	assert_int_equal(mount(NULL, p->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_refused(p, ERR_IO, "cannot be made");
	assert_int_equal(mount(NULL, p->dir, NULL, MS_REMOUNT, NULL), 0);
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	store_close(s);
	assert_int_equal(mount(NULL, p->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), 0);
	expect_refused(p, ERR_IO, "cannot be written; make its file and file system writable");
	assert_int_equal(mount(NULL, p->dir, NULL, MS_REMOUNT, NULL), 0);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	store_close(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(full_disk_refuses_writes_in_words_goes_on_reading_and_recovers_with_space, setup, teardown),
		cmocka_unit_test_setup_teardown(log_of_any_length_is_emptied_in_the_room_that_is_kept_for_it, setup_large, teardown),
		cmocka_unit_test_setup_teardown(store_cannot_be_made_on_a_full_disk_and_leaves_nothing_behind, setup, teardown),
		cmocka_unit_test_setup_teardown(read_only_directory_is_refused_in_words, setup, teardown),
	};
	may_mount = unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
