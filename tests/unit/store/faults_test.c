/* The nth file operation fails, for every n until the run passes clean: nothing acknowledged is lost, nothing is half done,
 * an unknown outcome is called one. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fault_vfs.h"
#include "store/sqlite_internal.h"

#define N_MAX 20000u /* bound of every loop */
#define SOONER 1000   /* pages in the log: less than the large transaction has */

struct fault_case {
	const char *what;
	enum fault_kind kind;
	int rc;
	bool stays;
};

static const struct fault_case cases[] = {
	{ "write: I/O error", FAULT_WRITE, SQLITE_IOERR_WRITE, false },
	{ "write: I/O error that stays", FAULT_WRITE, SQLITE_IOERR_WRITE, true },
	{ "torn write: I/O error", FAULT_TORN_WRITE, SQLITE_IOERR_WRITE, false },
	{ "write: disk full", FAULT_WRITE, SQLITE_FULL, false },
	{ "write: disk full that stays", FAULT_WRITE, SQLITE_FULL, true },
	{ "torn write: disk full", FAULT_TORN_WRITE, SQLITE_FULL, false },
	{ "sync fails and loses", FAULT_SYNC_LOST, SQLITE_IOERR_FSYNC, false },
	{ "sync fails and loses, stays", FAULT_SYNC_LOST, SQLITE_IOERR_FSYNC, true },
	{ "sync works and fails", FAULT_SYNC_LATE, SQLITE_IOERR_FSYNC, false },
	{ "read: I/O error", FAULT_READ, SQLITE_IOERR_READ, false },
	{ "read: I/O error that stays", FAULT_READ, SQLITE_IOERR_READ, true },
	{ "truncate: I/O error", FAULT_TRUNCATE, SQLITE_IOERR_TRUNCATE, false },
};
#define CASES (sizeof cases / sizeof cases[0])

static enum coffer_err every_call(struct store *s, size_t which)
{
	struct store_row row;
	uint64_t count;
	switch (which) {
	case 0: return store_get(s, STORE_OBJECT, view_str("old0"), &row);
	case 1: return store_count(s, STORE_OBJECT, &count);
	case 2: return store_scan(s, STORE_OBJECT, view_of(NULL, 0), false, 1, NULL, NULL);
	case 3: return store_index_find(s, STORE_OBJECT, 1, view_str("12345678901234567890123456789012"), view_of(NULL, 0), 1, NULL, NULL);
	case 4: return store_scrub_deleted(s, NULL);
	default: return store_begin(s, NULL);
	}
}

/* What `err` promises about the "new" rows, seen through the handle, after reopen, and by the next program. */
static void check_promise(const struct place *p, struct store *s, enum coffer_err err, unsigned rows, size_t body_len)
{
	if (err == ERR_UNKNOWN_OUTCOME) {
		for (size_t i = 0; i <= 5; i++) assert_int_equal(every_call(s, i), ERR_UNKNOWN_OUTCOME);
		assert_int_equal(store_reopen(s, NULL), ERR_OK);
	}
	unsigned found = count_rows(s, "new", rows, body_len);
	if (err == ERR_UNKNOWN_OUTCOME) assert_true(found == 0 || found == rows);
	else assert_int_equal(found, err ? 0 : rows);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	assert_int_equal(put_rows(s, "more", 2, 700), ERR_OK);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "new", rows, body_len), found);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	assert_int_equal(count_rows(s, "more", 2, 700), 2);
	store_close(s);
	expect_sound(p->db);
}

static size_t file_len(const char *path)
{
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	return (size_t)st.st_size;
}

/* One transaction with the nth operation failing; false when the fault was not reached. */
static bool run_once(const struct place *p, const struct fault_case *c, unsigned n, unsigned rows, size_t body_len)
{
	place_empty(p);
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	store_close(s);
	s = open_ok(p);
	fault_vfs_arm(c->kind, n, c->rc, c->stays);
	bool large = rows * body_len > SOONER * SQLITE_STORE_PAGE_LEN;
	if (large) sqlite3_wal_autocheckpoint(((struct sqlite_store *)s)->db, SOONER);
	enum coffer_err err = put_rows(s, "new", rows, body_len);
	bool unsynced = fault_vfs_log_is_unsynced();
	bool happened = fault_vfs_disarm();
	if (!err && unsynced) fail_msg("%s, n=%u: acknowledged before it was synced", c->what, n);
	if (!happened && err) fail_msg("%s, n=%u: failed without a fault: %s", c->what, n, err_name(err));
	if (c->rc == SQLITE_FULL && err && err != ERR_FULL) fail_msg("%s, n=%u: %s", c->what, n, err_name(err));
	if (large && !happened) assert_true(file_len(p->db) > rows * body_len); /* there was a checkpoint */
	check_promise(p, s, err, rows, body_len);
	return happened;
}

static void small_transaction_with_every_operation_failing_in_turn(void **state)
{
	for (size_t i = 0; i < CASES; i++) {
		unsigned n = 1;
		while (n < N_MAX && run_once(*state, &cases[i], n, 4, 1500)) n++;
		assert_true(n < N_MAX);
		if (cases[i].kind != FAULT_READ && cases[i].kind != FAULT_TRUNCATE) assert_true(n > 1);
	}
}

/* Larger than the page cache and the checkpoint threshold: pages go to the log early, and a checkpoint follows. */
static void large_transaction_with_many_operations_failing_in_turn(void **state)
{
	for (size_t i = 0; i < CASES; i++) {
		unsigned n = 1, step = cases[i].kind == FAULT_SYNC_LOST || cases[i].kind == FAULT_SYNC_LATE ? 1 : 397;
		while (n < N_MAX && run_once(*state, &cases[i], n, 6, 1u << 20)) n += step;
		assert_true(n < N_MAX);
	}
}

/* One try to open where nothing was; false when the fault was not reached. */
static bool open_once(const struct place *p, const struct fault_case *c, unsigned n)
{
	struct store *s = NULL;
	struct reason reason = { "" };
	place_empty(p);
	fault_vfs_arm(c->kind, n, c->rc, c->stays);
	enum coffer_err err = store_open_sqlite(p->db, &s, &reason);
	bool happened = fault_vfs_disarm();
	if (!happened) assert_int_equal(err, ERR_OK);
	if (err) {
		assert_null(s);
		assert_true(strlen(reason.text) > 20);
		assert_true(err == ERR_IO || err == ERR_FULL || err == ERR_CORRUPT || err == ERR_STORE);
		s = open_ok(p);
	}
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	store_close(s);
	expect_sound(p->db);
	return happened;
}

static void creation_with_every_operation_failing_in_turn_can_be_tried_again(void **state)
{
	for (size_t i = 0; i < CASES; i++) {
		unsigned n = 1;
		while (n < N_MAX && open_once(*state, &cases[i], n)) n++;
		assert_true(n > 1 || cases[i].kind == FAULT_TRUNCATE);
		assert_true(n < N_MAX);
	}
}

static void scrub_with_every_operation_failing_in_turn_can_be_tried_again(void **state)
{
	const struct place *p = *state;
	for (size_t i = 0; i < CASES; i++) {
		bool happened = true;
		for (unsigned n = 1; happened; n++) {
			assert_true(n < N_MAX);
			place_empty(p);
			struct store *s = open_ok(p);
			assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
			fault_vfs_arm(cases[i].kind, n, cases[i].rc, cases[i].stays);
			enum coffer_err err = store_scrub_deleted(s, NULL);
			happened = fault_vfs_disarm();
			if (!happened) assert_int_equal(err, ERR_OK);
			assert_int_equal(store_scrub_deleted(s, NULL), ERR_OK);
			check_promise(p, s, ERR_IO, 2, 600);
		}
	}
}

static void unknown_outcome_stays_until_a_reopen_succeeds(void **state)
{
	const struct place *p = *state;
	struct reason reason = { "" };
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	fault_vfs_arm(FAULT_SYNC_LOST, 1, SQLITE_IOERR_FSYNC, true);
	assert_int_equal(put_rows(s, "new", 2, 600), ERR_UNKNOWN_OUTCOME);
	assert_true(store_reopen(s, &reason) != ERR_OK);
	assert_true(strlen(reason.text) > 20);
	assert_int_equal(store_begin(s, &reason), ERR_UNKNOWN_OUTCOME);
	assert_true(strlen(reason.text) > 20);
	assert_true(store_reopen(s, NULL) != ERR_OK);
	assert_true(fault_vfs_disarm());
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	check_promise(p, s, count_rows(s, "new", 2, 600) ? ERR_OK : ERR_IO, 2, 600);
}

/* The process ends between the failed commit and the reopening: what the log holds by then decides. */
static void unknown_outcome_of_a_process_that_ends_is_there_whole_or_not_at_all(void **state)
{
	static const struct { enum fault_kind kind; unsigned want; } ends[] = { { FAULT_SYNC_LATE, 4 }, { FAULT_TORN_WRITE, 0 } };
	const struct place *p = *state;
	for (size_t i = 0; i < 2; i++) {
		int status;
		place_empty(p);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct store *s = NULL;
			if (store_open_sqlite(p->db, &s, NULL) || put_rows(s, "old", 3, 600)) _exit(2);
			fault_vfs_arm(ends[i].kind, 1, SQLITE_IOERR, true);
			_exit(put_rows(s, "new", 4, 1500) == ERR_UNKNOWN_OUTCOME ? 0 : 3);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
		struct store *s = open_ok(p);
		assert_int_equal(count_rows(s, "old", 3, 600), 3);
		assert_int_equal(count_rows(s, "new", 4, 1500), ends[i].want);
		store_close(s);
	}
}

static void leave_a_log(const struct place *p)
{
	int status;
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *s = NULL;
		_exit(store_open_sqlite(p->db, &s, NULL) || put_rows(s, "old", 3, 600) ? 2 : 0);
	}
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

static size_t log_len(const struct place *p)
{
	size_t len = 0;
	free(read_all(p->wal, &len));
	return len;
}

static void log_of_a_killed_process_is_emptied_at_open_if_there_is_room(void **state)
{
	const struct place *p = *state;
	struct store *s = NULL;
	leave_a_log(p);
	assert_true(log_len(p) > 0);
	fault_vfs_arm(FAULT_WRITE, 1, SQLITE_FULL, true);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	store_close(s);
	assert_true(fault_vfs_disarm());
	assert_true(log_len(p) > 0);
	static const enum fault_kind kinds[] = { FAULT_SYNC_LOST, FAULT_WRITE, FAULT_TRUNCATE };
	for (size_t i = 0; i < 3; i++) {
		fault_vfs_arm(kinds[i], 1, SQLITE_IOERR, true);
		expect_refused(p, ERR_IO, "store.db");
		assert_true(fault_vfs_disarm());
	}
	s = open_ok(p);
	assert_int_equal(log_len(p), 0);
	assert_int_equal(count_rows(s, "old", 3, 600), 3);
	store_close(s);
}

/* The cut of the log itself is synced: a power loss does not bring its bytes back. */
static void scrub_syncs_the_log_that_it_cut(void **state)
{
	const struct place *p = *state;
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	fault_vfs_arm(FAULT_SYNC_LATE, 3, SQLITE_IOERR_FSYNC, false); /* log, database, log */
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_IO);
	assert_true(fault_vfs_disarm());
	assert_int_equal(log_len(p), 0);
	store_close(s);
}

static void check_doom(const struct place *p, bool saved_at_begin)
{
	struct store_row big = { .id = "big", .id_len = 3 }, small = { .id = "small", .id_len = 5 };
	static uint8_t body[STORE_BODY_MAX];
	struct reason reason = { "" };
	big.body = view_of(body, sizeof body);
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "old", 3, 600), ERR_OK);
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	if (!saved_at_begin) assert_int_equal(store_put(s, STORE_OBJECT, &small, true), ERR_OK);
	assert_int_equal(store_savepoint(s), ERR_OK);
	fault_vfs_arm(FAULT_WRITE, 1, SQLITE_FULL, false);
	assert_int_equal(store_put(s, STORE_OBJECT, &big, true), ERR_FULL);
	assert_true(fault_vfs_disarm());
	assert_int_equal(store_put(s, STORE_OBJECT, &small, true), ERR_FULL);
	store_release(s, false);
	assert_int_equal(store_put(s, STORE_OBJECT, &small, true), ERR_FULL);
	assert_int_equal(store_commit(s, &reason), ERR_FULL);
	assert_non_null(strstr(reason.text, "the disk is full"));
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("small"), &small), ERR_NOT_FOUND);
	check_promise(p, s, ERR_FULL, 2, 600);
}

static void write_that_failed_dooms_its_transaction(void **state)
{
	check_doom(*state, false);
}

static void write_that_failed_behind_a_savepoint_at_the_beginning_dooms_too(void **state)
{
	check_doom(*state, true);
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_setup_fast, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(small_transaction_with_every_operation_failing_in_turn),
		PLACED(large_transaction_with_many_operations_failing_in_turn),
		PLACED(creation_with_every_operation_failing_in_turn_can_be_tried_again),
		PLACED(scrub_with_every_operation_failing_in_turn_can_be_tried_again),
		PLACED(unknown_outcome_stays_until_a_reopen_succeeds),
		PLACED(unknown_outcome_of_a_process_that_ends_is_there_whole_or_not_at_all),
		PLACED(log_of_a_killed_process_is_emptied_at_open_if_there_is_room),
		PLACED(scrub_syncs_the_log_that_it_cut),
		PLACED(write_that_failed_dooms_its_transaction),
		PLACED(write_that_failed_behind_a_savepoint_at_the_beginning_dooms_too),
	};
	if (fault_vfs_install() != SQLITE_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
