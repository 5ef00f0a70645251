/* The SQLite store over time: reopening, kill -9, a second user, forbidden orders of calls. */
#include "support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "store/sqlite_internal.h"

#define KILL_ROUNDS 15u
#define ROWS_EACH 3u

static void committed_rows_are_there_after_reopening(void **state)
{
	const struct place *p = *state;
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "row", 50, 3000), ERR_OK);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "row", 50, 3000), 50);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_int_equal(count_rows(s, "row", 50, 3000), 50);
	store_close(s);
}

static void new_store_has_mode_0600_a_log_in_use_and_no_shared_memory_file(void **state)
{
	const struct place *p = *state;
	struct stat st;
	char shm[128];
	snprintf(shm, sizeof shm, "%s-shm", p->db);
	mode_t before = umask(0);
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "row", 1, 10), ERR_OK);
	umask(before);
	assert_int_equal(stat(p->db, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(stat(p->wal, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_size > 0);
	assert_int_equal(access(shm, F_OK), -1);
	assert_int_equal(access(p->fresh, F_OK), -1);
	store_close(s);
}

/* What the connection says of itself; negative: KiB. */
static int cache_size(struct store *s)
{
	sqlite3_stmt *stmt = NULL;
	sqlite3 *db = ((struct sqlite_store *)s)->db;
	assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA cache_size", -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int size = sqlite3_column_int(stmt, 0);
	sqlite3_finalize(stmt);
	return size;
}

static void the_size_of_its_memory_holds_after_reopening(void **state)
{
	const struct place *p = *state;
	struct store *s = open_ok(p);
	assert_int_not_equal(cache_size(s), -7168);
	assert_int_equal(store_set_cache(s, 7u << 20), ERR_OK);
	assert_int_equal(cache_size(s), -7168);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_int_equal(cache_size(s), -7168);
	store_close(s);
}

static void put_one(struct store *s, const char *id, size_t body_len)
{
	static uint8_t body[300000];
	struct store_row row = { .id_len = strlen(id), .body = view_of(body, body_len) };
	memcpy(row.id, id, row.id_len);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
}

/* Whether SQLite, which copies pages for it, has a savepoint: only what was undone once, or is too much to write once more. */
static void savepoint_costs_nothing_until_one_is_undone_or_much_is_written(void **state)
{
	const struct place *p = *state;
	struct store *s = open_ok(p);
	const bool *saved_here = &((struct sqlite_store *)s)->saved_here;
	for (int much = 0; much < 2; much++) {
		assert_int_equal(store_begin(s, NULL), ERR_OK);
		for (int i = 0; i < 5; i++) {
			put_one(s, "row", much && i >= 3 ? 300000 : 100);
			assert_int_equal(store_savepoint(s), ERR_OK);
			assert_int_equal(*saved_here, i < 4);
			put_one(s, "other", 10);
			store_release(s, much || i != 3);
		}
		assert_int_equal(store_commit(s, NULL), ERR_OK);
	}
	store_close(s);
}

/* What went well before does not go well when it is done once more: the file is damaged, and that is no answer about a row. */
static void what_cannot_be_written_once_more_is_damage(void **state)
{
	struct store_row row = { .id = "row", .id_len = 3 };
	for (int erased = 0; erased < 2; erased++) {
		struct store *s = open_ok(*state);
		struct sqlite_redo *redo = &((struct sqlite_store *)s)->redo;
		assert_int_equal(store_begin(s, NULL), ERR_OK);
		put_one(s, "before", 10);
		sqlite_redo_note(redo, STORE_OBJECT, view_str(erased ? "nowhere" : "row"), erased ? NULL : &row, false);
		sqlite_redo_note(redo, STORE_OBJECT, view_str(erased ? "nowhere" : "row"), erased ? NULL : &row, false);
		assert_int_equal(store_savepoint(s), ERR_OK);
		put_one(s, "behind", 10);
		store_release(s, false);
		assert_int_equal(store_get(s, STORE_OBJECT, view_str("before"), &row), ERR_CORRUPT);
		assert_int_equal(store_commit(s, NULL), ERR_CORRUPT);
		assert_int_equal(store_get(s, STORE_OBJECT, view_str("before"), &row), ERR_NOT_FOUND);
		assert_int_equal(put_rows(s, "after", 1, 10), ERR_OK);
		store_close(s);
		row = (struct store_row){ .id = "row", .id_len = 3 };
	}
}

/* The rows of a transaction, also those that were undone, do not stay in memory behind what scrubs the file. */
static void scrub_wipes_what_was_kept_in_memory(void **state)
{
	struct store *s = open_ok(*state);
	const struct sqlite_redo *redo = &((struct sqlite_store *)s)->redo;
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	put_one(s, "before", 10);
	assert_int_equal(store_savepoint(s), ERR_OK);
	struct store_row row = { .id = "undone", .id_len = 6, .body = view_str("sealed bytes of an undone row") };
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	size_t len = redo->len;
	store_release(s, false);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
	assert_non_null(memmem(redo->bytes, len, row.body.ptr, row.body.len));
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_OK);
	for (size_t i = 0; i < len; i++) assert_int_equal(redo->bytes[i], 0);
	store_close(s);
}

/* A page that many commits change goes into the database file once. */
static void database_file_is_not_written_by_every_few_commits(void **state)
{
	const struct place *p = *state;
	struct stat before, after;
	struct store *s = open_ok(p);
	assert_int_equal(stat(p->db, &before), 0);
	for (unsigned i = 0; i < 12; i++) assert_int_equal(put_rows(s, "row", 100, 3500 + i), ERR_OK);
	assert_int_equal(stat(p->db, &after), 0);
	assert_int_equal(after.st_size, before.st_size);
	for (unsigned i = 100; i < 140; i++) assert_int_equal(put_rows(s, "row", 100, 3500 + i), ERR_OK);
	assert_int_equal(stat(p->db, &after), 0);
	assert_true(after.st_size > before.st_size);
	assert_int_equal(stat(p->wal, &after), 0);
	assert_in_range(after.st_size, 1, (SQLITE_STORE_LOG_PAGES + 1000) * 4200);
	store_close(s);
}

/* Counting them takes a lock for each. */
static void pieces_of_memory_are_not_counted(void **state)
{
	struct store *s = open_ok(*state);
	assert_int_equal(sqlite3_memory_used(), 0);
	store_close(s);
}

/* Writes numbered transactions for ever; tells each number after its commit returned. */
static void write_until_killed(const struct place *p, int tell)
{
	struct store *s = NULL;
	if (store_open_sqlite(p->db, &s, NULL)) _exit(2);
	for (unsigned i = 0;; i++) {
		char prefix[16];
		snprintf(prefix, sizeof prefix, "t%u-", i);
		if (put_rows(s, prefix, ROWS_EACH, 2000)) _exit(3);
		if (write(tell, &i, sizeof i) != (ssize_t)sizeof i) _exit(4);
	}
}

/* Kills the writer after `acks` acknowledgements; returns how many were given in all. */
static unsigned kill_after(const struct place *p, unsigned acks)
{
	int pipe_fds[2];
	unsigned seen = 0, number;
	int status;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) write_until_killed(p, pipe_fds[1]);
	close(pipe_fds[1]);
	while (seen < acks && read(pipe_fds[0], &number, sizeof number) == (ssize_t)sizeof number) seen++;
	assert_int_equal(kill(child, SIGKILL), 0);
	while (read(pipe_fds[0], &number, sizeof number) == (ssize_t)sizeof number) seen++;
	close(pipe_fds[0]);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	return seen;
}

static void kill_9_loses_nothing_acknowledged_and_leaves_nothing_half_done(void **state)
{
	const struct place *p = *state;
	for (unsigned round = 0; round < KILL_ROUNDS; round++) {
		place_empty(p);
		unsigned acked = kill_after(p, 1 + round * 2);
		struct store *s = open_ok(p);
		for (unsigned i = 0; i < acked + 4; i++) {
			char prefix[16];
			snprintf(prefix, sizeof prefix, "t%u-", i);
			unsigned found = count_rows(s, prefix, ROWS_EACH, 2000);
			if (i < acked) assert_int_equal(found, ROWS_EACH);
			else assert_true(found == 0 || found == ROWS_EACH);
		}
		assert_int_equal(put_rows(s, "after", 1, 10), ERR_OK);
		store_close(s);
	}
}

static void second_handle_in_the_same_process_is_told_that_the_store_is_in_use(void **state)
{
	const struct place *p = *state;
	struct store *s = open_ok(p);
	expect_refused(p, ERR_BUSY, "in use by another process; stop");
	assert_int_equal(put_rows(s, "row", 1, 10), ERR_OK);
	store_close(s);
	s = open_ok(p);
	assert_int_equal(count_rows(s, "row", 1, 10), 1);
	store_close(s);
}

static void second_process_is_told_that_the_store_is_in_use_until_the_first_ends(void **state)
{
	const struct place *p = *state;
	int pipe_fds[2], status;
	char ready;
	assert_int_equal(pipe(pipe_fds), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct store *theirs = NULL;
		if (store_open_sqlite(p->db, &theirs, NULL) || write(pipe_fds[1], "r", 1) != 1) _exit(2);
		for (;;) pause();
	}
	assert_int_equal(read(pipe_fds[0], &ready, 1), 1);
	expect_refused(p, ERR_BUSY, "in use by another process; stop");
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	store_close(open_ok(p));
}

static enum coffer_err call_from_inside(void *arg, const struct store_row *row)
{
	uint64_t count;
	(void)row;
	return store_count(arg, STORE_OBJECT, &count);
}

/* Each order of calls that is our own bug. */
static void forbidden_call(struct store *s, int which)
{
	struct store_row row = { .id = { 1 }, .id_len = 1 };
	enum coffer_err err = ERR_OK;
	switch (which) {
	case 0: err = store_put(s, STORE_OBJECT, &row, true); break;
	case 1: err = store_erase(s, STORE_OBJECT, view_of(row.id, 1)); break;
	case 2: err = store_commit(s, NULL); break;
	case 3: err = store_begin(s, NULL); err = store_begin(s, NULL); break;
	case 4: err = store_savepoint(s); break;
	case 5: err = store_begin(s, NULL); store_release(s, true); break;
	case 6: err = store_begin(s, NULL); err = store_scrub_deleted(s, NULL); break;
	case 7: err = store_get(s, STORE_OBJECT, view_of(NULL, 0), &row); break;
	case 8: err = store_get(s, STORE_OBJECT, view_of(row.id, STORE_ID_MAX + 1), &row); break;
	case 9: err = store_get(s, STORE_TABLE_END, view_of(row.id, 1), &row); break;
	case 10: err = store_begin(s, NULL); err = store_savepoint(s); err = store_commit(s, NULL); break;
	case 11:
		err = store_begin(s, NULL);
		err = store_put(s, STORE_OBJECT, &row, true);
		err = store_scan(s, STORE_OBJECT, view_of(NULL, 0), false, 1, call_from_inside, s);
		break;
	default: _exit(9);
	}
	_exit(err ? 8 : 7);
}

static void calls_in_a_forbidden_order_abort(void **state)
{
	(void)state;
	for (int which = 0; which <= 11; which++) {
		int status;
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			struct store *s = NULL;
			if (!freopen("/dev/null", "w", stderr) || signal(SIGABRT, SIG_DFL) == SIG_ERR) _exit(6);
			if (store_open_memory(&s)) _exit(5);
			forbidden_call(s, which);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGABRT) fail_msg("case %d did not abort", which);
	}
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(committed_rows_are_there_after_reopening),
		PLACED(new_store_has_mode_0600_a_log_in_use_and_no_shared_memory_file),
		PLACED(the_size_of_its_memory_holds_after_reopening),
		PLACED(savepoint_costs_nothing_until_one_is_undone_or_much_is_written),
		PLACED(what_cannot_be_written_once_more_is_damage),
		PLACED(scrub_wipes_what_was_kept_in_memory),
		PLACED(database_file_is_not_written_by_every_few_commits),
		PLACED(pieces_of_memory_are_not_counted),
		PLACED(kill_9_loses_nothing_acknowledged_and_leaves_nothing_half_done),
		PLACED(second_handle_in_the_same_process_is_told_that_the_store_is_in_use),
		PLACED(second_process_is_told_that_the_store_is_in_use_until_the_first_ends),
		PLACED(calls_in_a_forbidden_order_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
