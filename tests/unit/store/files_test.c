/* What the store refuses to open: files of others, links, foreign or damaged databases. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

/* A store with some rows, closed. */
static void make_store(const struct place *p)
{
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "row", 40, 500), ERR_OK);
	store_close(s);
}

static void expect_intact(const struct place *p)
{
	struct store *s = open_ok(p);
	assert_int_equal(count_rows(s, "row", 40, 500), 40);
	store_close(s);
}

static void symbolic_link_in_place_of_the_file_is_refused(void **state)
{
	const struct place *p = *state;
	char real[128];
	make_store(p);
	snprintf(real, sizeof real, "%s/real.db", p->dir);
	assert_int_equal(rename(p->db, real), 0);
	assert_int_equal(symlink(real, p->db), 0);
	expect_refused(p, ERR_USAGE, "symbolic link is not followed");
	assert_int_equal(unlink(p->db), 0);
	assert_int_equal(symlink("nowhere", p->db), 0);
	expect_refused(p, ERR_USAGE, "symbolic link is not followed");
	assert_int_equal(unlink(p->db), 0);
	assert_int_equal(rename(real, p->db), 0);
	assert_int_equal(symlink("/etc/passwd", p->wal), 0);
	expect_refused(p, ERR_USAGE, "store.db-wal is not a regular file");
	assert_int_equal(unlink(p->wal), 0);
	expect_intact(p);
}

static void symbolic_link_in_place_of_the_directory_is_followed(void **state)
{
	const struct place *p = *state;
	struct place by_link = *p;
	char link[96];
	make_store(p);
	snprintf(link, sizeof link, "%.60s.link", p->dir);
	assert_int_equal(symlink(p->dir, link), 0);
	snprintf(by_link.db, sizeof by_link.db, "%.70s/store.db", link);
	expect_intact(&by_link);
	assert_int_equal(unlink(link), 0);
}

static void files_and_directories_that_others_can_write_are_refused(void **state)
{
	static const mode_t bad[] = { 0620, 0602, 0666 };
	const struct place *p = *state;
	make_store(p);
	for (size_t i = 0; i < 3; i++) {
		assert_int_equal(chmod(p->db, bad[i]), 0);
		expect_refused(p, ERR_USAGE, "mend it with 'chmod go-w");
	}
	assert_int_equal(chmod(p->db, 0644), 0);
	expect_intact(p);
	assert_int_equal(chmod(p->dir, 0770), 0);
	expect_refused(p, ERR_USAGE, "mend it with 'chmod go-w");
	assert_int_equal(chmod(p->dir, 0777), 0);
	expect_refused(p, ERR_USAGE, "mend it with 'chmod go-w");
	assert_int_equal(chmod(p->dir, 0750), 0);
	expect_intact(p);
}

static void files_and_directories_of_another_user_are_refused(void **state)
{
	const struct place *p = *state;
	if (geteuid() != 0) skip();
	make_store(p);
	assert_int_equal(chown(p->db, 1, 1), 0);
	expect_refused(p, ERR_USAGE, "belongs to uid 1, not to this process's uid 0; mend it with 'chown 0");
	assert_int_equal(chown(p->db, 0, 0), 0);
	assert_int_equal(chown(p->dir, 1, 1), 0);
	expect_refused(p, ERR_USAGE, "belongs to uid 1");
	assert_int_equal(chown(p->dir, 0, 0), 0);
	expect_intact(p);
}

static void paths_that_name_no_file_in_a_directory_are_refused(void **state)
{
	static const char *const bad[] = { "", "/", "/nonexistent/store.db", "/etc/passwd/store.db", "/tmp/..", "." };
	struct place p = *(const struct place *)*state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		snprintf(p.db, sizeof p.db, "%s", bad[i]);
		expect_refused(&p, ERR_USAGE, "");
	}
	snprintf(p.db, sizeof p.db, "%s", p.dir);
	expect_refused(&p, ERR_USAGE, "");
}

static void schema_objects_that_are_not_ours_are_refused_by_name(void **state)
{
	static const struct { const char *add, *words, *remove; } cases[] = {
		{ "CREATE TRIGGER spy AFTER INSERT ON record BEGIN DELETE FROM record; END", "trigger 'spy' does not belong", "DROP TRIGGER spy" },
		{ "CREATE VIEW peek AS SELECT * FROM record", "view 'peek' does not belong", "DROP VIEW peek" },
		{ "CREATE TABLE extra (x)", "table 'extra' does not belong", "DROP TABLE extra" },
		{ "CREATE INDEX slow ON record (state)", "index 'slow' does not belong", "DROP INDEX slow" },
		{ "DROP INDEX search_row", "index 'search_row' is missing", "CREATE INDEX search_row ON search (tbl, id)" },
		{ "DROP INDEX search_row; CREATE INDEX search_row ON search (tbl)", "index 'search_row' was changed",
			"DROP INDEX search_row; CREATE INDEX search_row ON search (tbl, id)" },
		{ "ALTER TABLE record ADD COLUMN more TEXT", "table 'record' was changed", "ALTER TABLE record DROP COLUMN more" },
	};
	const struct place *p = *state;
	make_store(p);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		raw_sql(p->db, cases[i].add);
		expect_refused(p, ERR_SCHEMA, cases[i].words);
		raw_sql(p->db, cases[i].remove);
		expect_intact(p);
	}
}

static void database_of_another_program_is_refused_and_left_alone(void **state)
{
	const struct place *p = *state;
	size_t before_len, after_len;
	raw_sql(p->db, "CREATE TABLE theirs (x); PRAGMA user_version = 1");
	AUTO_FREE uint8_t *before = read_all(p->db, &before_len);
	assert_int_equal(chmod(p->db, 0600), 0);
	expect_refused(p, ERR_SCHEMA, "not a Coffer store");
	AUTO_FREE uint8_t *after = read_all(p->db, &after_len);
	assert_int_equal(after_len, before_len);
	/* Only the mark of the log (header bytes 18, 19) and the change counters may differ. */
	assert_memory_equal(before + 100, after + 100, before_len - 100);
}

static void garbage_and_empty_files_are_damage(void **state)
{
	const struct place *p = *state;
	char garbage[9000];
	memset(garbage, 'g', sizeof garbage);
	write_all(p->db, garbage, sizeof garbage);
	expect_refused(p, ERR_CORRUPT, "damaged");
	write_all(p->db, "", 0);
	expect_refused(p, ERR_CORRUPT, "is empty");
	write_all(p->db, "SQLite format 3", 16);
	expect_refused(p, ERR_CORRUPT, "damaged");
}

static enum coffer_err ignore_row(void *arg, const struct store_row *row)
{
	(void)arg;
	(void)row;
	return ERR_OK;
}

static void file_truncated_anywhere_is_damage_or_recovers_no_row_wrongly(void **state)
{
	const struct place *p = *state;
	size_t len;
	make_store(p);
	AUTO_FREE uint8_t *whole = read_all(p->db, &len);
	assert_true(len > 5 * 4096u);
	for (size_t cut = 512; cut < len; cut += 1024) {
		struct store *s = NULL;
		write_all(p->db, whole, cut);
		enum coffer_err err = store_open_sqlite(p->db, &s, NULL);
		if (!err) err = store_scan(s, STORE_OBJECT, view_of(NULL, 0), false, SIZE_MAX, ignore_row, NULL);
		store_close(s);
		if (err != ERR_CORRUPT) fail_msg("cut at %zu: %s", cut, err_name(err));
		if (access(p->wal, F_OK) == 0) unlink(p->wal);
	}
	write_all(p->db, whole, len);
	expect_intact(p);
}

static void log_without_its_database_and_a_foreign_journal_are_refused(void **state)
{
	const struct place *p = *state;
	char journal[128];
	snprintf(journal, sizeof journal, "%s-journal", p->db);
	write_all(p->wal, "x", 1);
	expect_refused(p, ERR_CORRUPT, "is missing but its log");
	assert_int_equal(access(p->db, F_OK), -1);
	assert_int_equal(unlink(p->wal), 0);
	make_store(p);
	write_all(journal, "x", 1);
	expect_refused(p, ERR_CORRUPT, "move it away");
	assert_int_equal(unlink(journal), 0);
	expect_intact(p);
}

static void remains_of_an_interrupted_creation_are_cleared(void **state)
{
	const struct place *p = *state;
	char log[128];
	snprintf(log, sizeof log, "%s-wal", p->fresh);
	write_all(p->fresh, "half a file", 11);
	write_all(log, "half a log", 10);
	make_store(p);
	expect_intact(p);
	assert_int_equal(access(p->fresh, F_OK), -1);
	assert_int_equal(access(log, F_OK), -1);
}

static void store_that_disappeared_is_not_made_anew_by_reopen(void **state)
{
	const struct place *p = *state;
	char away[128];
	struct reason reason = { "" };
	struct store *s = open_ok(p);
	assert_int_equal(put_rows(s, "row", 1, 10), ERR_OK);
	snprintf(away, sizeof away, "%s.away", p->db);
	assert_int_equal(rename(p->db, away), 0);
	assert_true(store_reopen(s, &reason) != ERR_OK);
	assert_int_equal(access(p->db, F_OK), -1);
	assert_int_equal(put_rows(s, "row", 1, 10), ERR_UNKNOWN_OUTCOME);
	if (access(p->wal, F_OK) == 0) assert_int_equal(unlink(p->wal), 0);
	assert_int_equal(rename(away, p->db), 0);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_int_equal(put_rows(s, "row", 1, 10), ERR_OK);
	store_close(s);
}

/* Rows edited behind the store's back: their shape is checked before anybody believes it. */
static void rows_of_an_impossible_shape_are_damage(void **state)
{
	static const char *const edits[] = {
		"UPDATE record SET version = -1", "UPDATE record SET state = 4294967296", "UPDATE record SET generation = -5",
		"UPDATE record SET header = zeroblob(5000)", "UPDATE record SET body = zeroblob(4194305)", "UPDATE record SET idx = x'0001'",
	};
	const struct place *p = *state;
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		struct store_row row;
		place_empty(p);
		make_store(p);
		raw_sql(p->db, edits[i]);
		struct store *s = open_ok(p);
		assert_int_equal(store_get(s, STORE_OBJECT, view_str("row1"), &row), ERR_CORRUPT);
		assert_int_equal(store_scan(s, STORE_OBJECT, view_of(NULL, 0), false, 1, ignore_row, NULL), ERR_CORRUPT);
		assert_int_equal(put_rows(s, "row", 40, 500), ERR_OK);
		assert_int_equal(count_rows(s, "row", 40, 500), 40);
		store_close(s);
	}
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(symbolic_link_in_place_of_the_file_is_refused),
		PLACED(symbolic_link_in_place_of_the_directory_is_followed),
		PLACED(files_and_directories_that_others_can_write_are_refused),
		PLACED(files_and_directories_of_another_user_are_refused),
		PLACED(paths_that_name_no_file_in_a_directory_are_refused),
		PLACED(schema_objects_that_are_not_ours_are_refused_by_name),
		PLACED(database_of_another_program_is_refused_and_left_alone),
		PLACED(garbage_and_empty_files_are_damage),
		PLACED(file_truncated_anywhere_is_damage_or_recovers_no_row_wrongly),
		PLACED(log_without_its_database_and_a_foreign_journal_are_refused),
		PLACED(remains_of_an_interrupted_creation_are_cleared),
		PLACED(store_that_disappeared_is_not_made_anew_by_reopen),
		PLACED(rows_of_an_impossible_shape_are_damage),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
