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
		PLACED(kill_9_loses_nothing_acknowledged_and_leaves_nothing_half_done),
		PLACED(second_handle_in_the_same_process_is_told_that_the_store_is_in_use),
		PLACED(second_process_is_told_that_the_store_is_in_use_until_the_first_ends),
		PLACED(calls_in_a_forbidden_order_abort),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
