/* Schema steps: from the first schema on, one transaction each, nothing newer, nothing foreign. */
#include "support.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "store/migrate_internal.h"

/* Schema 1 as a store of the first release has it, with one row: written out here, so that an edited step is noticed. */
static const char fixture_1[] =
	"PRAGMA journal_mode = WAL;"
	"CREATE TABLE record (tbl INTEGER NOT NULL, id BLOB NOT NULL, version INTEGER NOT NULL, state INTEGER NOT NULL,"
	" generation INTEGER NOT NULL, header BLOB NOT NULL, idx BLOB NOT NULL, body BLOB NOT NULL, PRIMARY KEY (tbl, id)) STRICT;"
	"CREATE TABLE search (tbl INTEGER NOT NULL, idx INTEGER NOT NULL, token BLOB NOT NULL, id BLOB NOT NULL,"
	" PRIMARY KEY (tbl, idx, token, id)) STRICT, WITHOUT ROWID;"
	"CREATE INDEX search_row ON search (tbl, id);"
	"INSERT INTO record VALUES (1, x'6964', 1, 2, 3, x'01', x'', x'626f6479');"
	"PRAGMA application_id = 1129268818; PRAGMA user_version = 1;";

static const char sql_ok[] = "ALTER TABLE record ADD COLUMN extra INTEGER; CREATE INDEX by_state ON record (tbl, state);";
static const char sql_bad[] = "CREATE TABLE half (x INTEGER) STRICT; INSERT INTO nowhere VALUES (1);";

/* The real first step and one more. */
static enum coffer_err run_with(const struct place *p, const char *second, struct reason *reason)
{
	const char *sql[] = { migrate_steps_all.sql[0], second };
	struct migrate_steps steps = { sql, 2 };
	sqlite3 *db = NULL;
	assert_int_equal(sqlite3_open(p->db, &db), SQLITE_OK);
	enum coffer_err err = migrate_run(db, &steps, p->db, reason);
	sqlite3_close(db);
	return err;
}

static void make_fixture(const struct place *p)
{
	raw_sql(p->db, fixture_1);
	assert_int_equal(chmod(p->db, 0600), 0);
}

static void expect_fixture_row(const struct place *p)
{
	struct store_row row;
	struct store *s = open_ok(p);
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("id"), &row), ERR_OK);
	assert_true(row.version == 1 && row.state == 2 && row.generation == 3 && view_equal_str(row.body, "body"));
	store_close(s);
}

static void store_of_schema_1_opens_with_its_rows(void **state)
{
	make_fixture(*state);
	expect_fixture_row(*state);
	expect_fixture_row(*state);
}

static void later_step_is_applied_once_and_the_older_program_then_refuses(void **state)
{
	const struct place *p = *state;
	struct reason reason = { "" };
	make_fixture(p);
	assert_int_equal(run_with(p, sql_ok, &reason), ERR_OK);
	assert_int_equal(run_with(p, sql_ok, &reason), ERR_OK);
	expect_refused(p, ERR_SCHEMA, "has schema 2 and this program knows schemas up to 1; use the newer version");
}

static void new_database_goes_through_every_step(void **state)
{
	const struct place *p = *state;
	assert_int_equal(run_with(p, sql_ok, NULL), ERR_OK);
	raw_sql(p->db, "INSERT INTO record VALUES (1, x'01', 1, 1, 1, x'', x'', x'', 5)");
	assert_int_equal(run_with(p, sql_ok, NULL), ERR_OK);
}

static void failing_step_leaves_the_schema_before_it_whole(void **state)
{
	const struct place *p = *state;
	struct reason reason = { "" };
	make_fixture(p);
	assert_int_equal(run_with(p, sql_bad, &reason), ERR_STORE);
	assert_non_null(strstr(reason.text, p->db));
	expect_fixture_row(p);
}

static void foreign_object_is_refused_before_a_step_touches_anything(void **state)
{
	const struct place *p = *state;
	make_fixture(p);
	raw_sql(p->db, "CREATE TABLE guest (x)");
	assert_int_equal(run_with(p, sql_ok, NULL), ERR_SCHEMA);
	raw_sql(p->db, "DROP TABLE guest");
	expect_fixture_row(p);
}

static void wrong_marks_in_the_header_are_not_a_coffer_store(void **state)
{
	static const char *const edits[] = { "PRAGMA application_id = 7", "PRAGMA application_id = 0", "PRAGMA user_version = 0",
		"PRAGMA user_version = -1" };
	const struct place *p = *state;
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		place_empty(p);
		make_fixture(p);
		raw_sql(p->db, edits[i]);
		expect_refused(p, ERR_SCHEMA, "not a Coffer store");
	}
}

#define PLACED(test) cmocka_unit_test_setup_teardown(test, place_setup, place_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PLACED(store_of_schema_1_opens_with_its_rows),
		PLACED(later_step_is_applied_once_and_the_older_program_then_refuses),
		PLACED(new_database_goes_through_every_step),
		PLACED(failing_step_leaves_the_schema_before_it_whole),
		PLACED(foreign_object_is_refused_before_a_step_touches_anything),
		PLACED(wrong_marks_in_the_header_are_not_a_coffer_store),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
