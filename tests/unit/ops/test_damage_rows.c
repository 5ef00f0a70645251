/* Rows edited, exchanged, removed, added and put back by SQL: each is found, by the start or by one pass, and named. */
#include "unit/ops/damage.h"

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "ops/store_check.h"
#include "ops/store_fault.h"

static const char *const columns[] = { "id", "version", "state", "generation", "header", "idx", "body" };
#define COLUMNS (sizeof columns / sizeof columns[0])

static void expect_found(struct damage *d, const char *what, const char *word)
{
	struct damage_verdict v;
	damage_judge(d, &v);
	if (v.where == FOUND_NOTHING) fail_msg("%s: nothing was found", what);
	if (v.wrong_keys) fail_msg("%s: a wrong key came out", what);
	if (word && !strstr(v.text, word)) fail_msg("%s: '%s' is not in: %s", what, word, v.text);
}

static void the_store_that_nobody_touched_has_no_fault(void **state)
{
	struct damage *d = *state;
	struct damage_verdict v;
	damage_change(d);
	damage_judge(d, &v);
	if (v.where != FOUND_NOTHING) fail_msg("%s", v.text);
	assert_int_equal(v.good_keys, DAMAGE_KEYS - 1); /* one is destroyed */
}

static void bend(char *sql, size_t cap, int table, const char *column, unsigned nth)
{
	if (strcmp(column, "version") == 0 || strcmp(column, "state") == 0 || strcmp(column, "generation") == 0) {
		snprintf(sql, cap, "UPDATE record SET %s = %s + 1 WHERE rowid = (SELECT rowid FROM record WHERE tbl = %d AND id <> CAST('root' AS BLOB)"
			" ORDER BY id LIMIT 1 OFFSET %u)", column, column, table, nth);
		return;
	}
	/* The last byte but for the index column, which has none at times: there an entry is added. */
	if (strcmp(column, "idx") == 0)
		snprintf(sql, cap, "UPDATE record SET idx = CAST(x'000107' || randomblob(32) AS BLOB) WHERE rowid = (SELECT rowid FROM record WHERE tbl = %d AND"
			" id <> CAST('root' AS BLOB) ORDER BY id LIMIT 1 OFFSET %u)", table, nth);
	else
		snprintf(sql, cap, "UPDATE record SET %s = CAST(substr(%s, 1, length(%s) - 1) || CASE substr(%s, -1) WHEN x'41' THEN x'42' ELSE x'41' END AS BLOB)"
			" WHERE rowid = (SELECT rowid FROM record WHERE tbl = %d AND id <> CAST('root' AS BLOB) ORDER BY id LIMIT 1 OFFSET %u)", column, column,
			column, column, table, nth);
}

static void every_column_of_every_table_edited_is_found(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	unsigned judged = 0;
	damage_save(d, &whole);
	for (int table = STORE_OBJECT; table < STORE_TABLE_END; table++)
		for (size_t c = 0; c < COLUMNS; c++) {
			char sql[640], what[64];
			snprintf(what, sizeof what, "%s of table %s", columns[c], store_fault_table((enum store_table)table));
			bend(sql, sizeof sql, table, columns[c], 0);
			damage_sql(d, sql);
			expect_found(d, what, store_fault_table((enum store_table)table));
			damage_accept(d); /* the row itself tells as well: it does not open */
			expect_found(d, what, "does not open");
			damage_restore(d, &whole);
			judged++;
		}
	damage_files_free(&whole);
	print_message("%u edited columns, each found\n", judged);
}

static const char *const bad[] = {
	"version = -1", "state = 4294967296", "generation = -5", "header = zeroblob(5000)", "idx = x'00'", "idx = CAST(x'0002' || zeroblob(33) AS BLOB)",
	"body = zeroblob(5000000)", "id = zeroblob(65)", "id = zeroblob(2000)", "id = x''", "version = 0", "header = x''", "body = x''",
};
#define BAD (sizeof bad / sizeof bad[0])

static void columns_that_no_row_can_have_are_found_and_the_others_read(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	damage_save(d, &whole);
	for (size_t i = 0; i < BAD; i++) {
		char sql[256];
		struct damage_verdict v;
		snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE rowid = (SELECT rowid FROM record WHERE tbl = 1 ORDER BY id LIMIT 1 OFFSET 4)", bad[i]);
		damage_sql(d, sql);
		damage_judge(d, &v);
		if (v.where == FOUND_NOTHING || v.wrong_keys) fail_msg("%s: nothing was found", bad[i]);
		if (v.good_keys != DAMAGE_KEYS - 1) fail_msg("%s: %u of the others were read", bad[i], v.good_keys);
		damage_restore(d, &whole);
	}
	damage_files_free(&whole);
}

static enum coffer_err count_object(void *arg, struct object *o)
{
	(void)o;
	++*(unsigned *)arg;
	return ERR_OK;
}

/* A search through the table: a row that cannot be read as one ends it only where nothing may be passed over. */
static void a_search_passes_over_columns_that_no_row_can_have(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	damage_save(d, &whole);
	for (size_t i = 0; i < BAD; i++) {
		char sql[256];
		struct txn_passed passed = { .count = 0 };
		unsigned found = 0, strict = 0;
		snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE rowid = (SELECT rowid FROM record WHERE tbl = 1 ORDER BY id LIMIT 1 OFFSET 4)", bad[i]);
		damage_sql(d, sql);
		assert_int_equal(damage_open(d, NULL), ERR_OK);
		enum coffer_err err = txn_scan_kept(d->engine.txn, view_of(NULL, 0), SIZE_MAX, NULL, count_object, &found, &passed);
		if (err || found != DAMAGE_KEYS - 1) fail_msg("%s: %s, %u of the others were found", bad[i], err_name(err), found);
		bool unseen = strstr(bad[i], "id = x''") != NULL; /* before the first id */
		if (passed.count != !unseen) fail_msg("%s: %zu were passed over", bad[i], passed.count);
		err = txn_scan_kept(d->engine.txn, view_of(NULL, 0), SIZE_MAX, NULL, count_object, &strict, NULL);
		if (err != (unseen ? ERR_OK : ERR_CORRUPT)) fail_msg("%s: %s where nothing may be passed over", bad[i], err_name(err));
		damage_close(d);
		damage_restore(d, &whole);
	}
	damage_files_free(&whole);
}

static void exchanged_bodies_are_found(void **state)
{
	static const int tables[] = { STORE_OBJECT, STORE_GRANT, STORE_AUDIT, STORE_REQUEST, STORE_DOMAIN, STORE_RECOVERY };
	struct damage *d = *state;
	struct damage_files whole;
	damage_change(d); /* a second recovery row */
	damage_save(d, &whole);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[640];
		snprintf(sql, sizeof sql, "CREATE TEMP TABLE two AS SELECT rowid AS r, body AS b FROM record WHERE tbl = %d AND id <> CAST('root' AS BLOB) ORDER BY id LIMIT 2;"
			"UPDATE record SET body = (SELECT b FROM two WHERE r <> record.rowid) WHERE rowid IN (SELECT r FROM two)", tables[i]);
		damage_sql(d, sql);
		expect_found(d, store_fault_table((enum store_table)tables[i]), store_fault_table((enum store_table)tables[i]));
		damage_restore(d, &whole);
	}
	damage_files_free(&whole);
}

static void edited_search_entries_are_found(void **state)
{
	static const struct { const char *sql, *word; } edits[] = {
		{ "DELETE FROM search WHERE token = (SELECT token FROM search WHERE tbl = 1 ORDER BY token LIMIT 1)", "search entries were edited" },
		{ "UPDATE search SET token = randomblob(32) WHERE token = (SELECT token FROM search WHERE tbl = 1 ORDER BY token LIMIT 1)",
			"search entries were edited" },
		{ "UPDATE search SET idx = 9 WHERE token = (SELECT token FROM search WHERE tbl = 2 ORDER BY token LIMIT 1)", "grant" },
		{ "UPDATE search SET tbl = 2 WHERE token = (SELECT token FROM search WHERE tbl = 1 ORDER BY token LIMIT 1)", "object" },
		{ "UPDATE search SET tbl = 77 WHERE token = (SELECT token FROM search WHERE tbl = 1 ORDER BY token LIMIT 1)", "belong to no table" },
		{ "UPDATE search SET id = randomblob(16) WHERE token = (SELECT token FROM search WHERE tbl = 1 ORDER BY token LIMIT 1)",
			"is not there but has search entries" },
		{ "INSERT INTO search SELECT 1, 1, randomblob(32), id FROM record WHERE tbl = 1 LIMIT 1", "search entries were edited" },
		{ "INSERT INTO search VALUES (1, 1, randomblob(32), randomblob(16))", "is not there but has search entries" },
		{ "INSERT INTO search VALUES (8, 1, x'', x'')", "is not there but has search entries" },
		{ "INSERT INTO record SELECT 9, id, version, state, generation, header, idx, body FROM record WHERE tbl = 1", "belong to no table" },
		{ "INSERT INTO record SELECT -1, id, version, state, generation, header, idx, body FROM record WHERE tbl = 1", "belong to no table" },
	};
	struct damage *d = *state;
	struct damage_files whole;
	damage_save(d, &whole);
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		damage_sql(d, edits[i].sql);
		expect_found(d, edits[i].sql, edits[i].word);
		damage_restore(d, &whole);
	}
	damage_files_free(&whole);
}

/* The control: it is the root that finds it and nothing else, for every row opens. */
static void expect_only_the_root_knows(struct damage *d, enum store_table table)
{
	struct damage_verdict v;
	damage_accept(d);
	damage_judge(d, &v);
	if (v.where != FOUND_NOTHING) fail_msg("an old row of table %s is found without the root: %s", store_fault_table(table), v.text);
}

/* Each row that the older file has and the newer one has not, or has otherwise, put back on its own. */
static void every_old_row_put_back_is_found(void **state)
{
	struct damage *d = *state;
	struct damage_files old, whole;
	char path[128], sql[512];
	unsigned of_table[STORE_TABLE_END] = { 0 }, judged = 0;
	damage_save(d, &old);
	damage_change(d);
	damage_save(d, &whole);
	snprintf(path, sizeof path, "%s/old.db", d->dir);
	FILE *f = fopen(path, "wb");
	assert_true(f && fwrite(old.db.bytes, 1, old.db.len, f) == old.db.len && fclose(f) == 0);
	for (unsigned i = 0; i < DAMAGE_ROWS; i++) {
		sqlite3 *db;
		sqlite3_stmt *stmt;
		assert_int_equal(sqlite3_open(d->db, &db), SQLITE_OK);
		snprintf(sql, sizeof sql, "ATTACH '%s' AS old", path);
		assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
		snprintf(sql, sizeof sql, "INSERT OR REPLACE INTO record SELECT o.* FROM old.record o LEFT JOIN main.record n ON n.tbl = o.tbl AND n.id = o.id"
			" WHERE (n.body IS NULL OR n.body <> o.body) AND o.id <> CAST('root' AS BLOB) ORDER BY o.tbl, o.id LIMIT 1 OFFSET %u RETURNING tbl, hex(id)", i);
		assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &stmt, NULL), SQLITE_OK);
		bool more = sqlite3_step(stmt) == SQLITE_ROW;
		int table = more ? sqlite3_column_int(stmt, 0) : 0;
		while (more && sqlite3_step(stmt) == SQLITE_ROW) {}
		sqlite3_finalize(stmt);
		sqlite3_close(db);
		if (!more) break;
		assert_true(table >= STORE_OBJECT && table < STORE_TABLE_END);
		of_table[table]++;
		judged++;
		expect_found(d, store_fault_table((enum store_table)table), store_fault_table((enum store_table)table));
		expect_only_the_root_knows(d, (enum store_table)table);
		damage_restore(d, &whole);
	}
	unlink(path);
	for (int t = STORE_OBJECT; t < STORE_TABLE_END; t++)
		if (t != STORE_AUDIT && !of_table[t]) fail_msg("no old row of table %s was there to put back", store_fault_table((enum store_table)t));
	damage_files_free(&old);
	damage_files_free(&whole);
	print_message("%u old rows put back, each found\n", judged);
}

static void every_row_that_is_removed_is_found(void **state)
{
	struct damage *d = *state;
	struct damage_files whole;
	unsigned judged = 0;
	damage_change(d);
	damage_save(d, &whole);
	for (int table = STORE_OBJECT; table < STORE_TABLE_END; table++)
		for (unsigned nth = 0; nth < 3; nth++) {
			char sql[256];
			static const char *const orders[] = { "id", "id DESC", "random()" };
			snprintf(sql, sizeof sql, "DELETE FROM record WHERE rowid = (SELECT rowid FROM record WHERE tbl = %d ORDER BY %s LIMIT 1)", table, orders[nth]);
			damage_sql(d, sql);
			struct damage_verdict v;
			damage_judge(d, &v);
			if (v.where == FOUND_NOTHING || v.wrong_keys) fail_msg("table %s: nothing was found", store_fault_table((enum store_table)table));
			damage_restore(d, &whole);
			judged++;
		}
	damage_files_free(&whole);
	print_message("%u removed rows, each found\n", judged);
}

/* The tail of the audit log with everything that could tell of it but the root. */
static void a_cut_tail_of_the_audit_log_is_found_at_start(void **state)
{
	struct damage *d = *state;
	struct damage_verdict v;
	damage_change(d);
	damage_sql(d, "DELETE FROM record WHERE rowid IN (SELECT rowid FROM record WHERE tbl = 3 ORDER BY id DESC LIMIT 3)");
	damage_judge(d, &v);
	assert_int_equal(v.where, FOUND_START);
	assert_non_null(strstr(v.text, "the audit log ends at record"));
}

/* Grants decide who may do what: an old one must not serve for a moment. */
static void small_tables_are_judged_before_the_node_serves(void **state)
{
	static const int tables[] = { STORE_GRANT, STORE_DOMAIN, STORE_NODE, STORE_SLOT, STORE_RECOVERY };
	struct damage *d = *state;
	struct damage_files whole;
	damage_change(d);
	damage_save(d, &whole);
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[256];
		struct damage_verdict v;
		snprintf(sql, sizeof sql, "DELETE FROM record WHERE rowid = (SELECT rowid FROM record WHERE tbl = %d AND id <> CAST('root' AS BLOB) LIMIT 1)", tables[i]);
		damage_sql(d, sql);
		damage_judge(d, &v);
		assert_int_equal(v.where, FOUND_START);
		damage_restore(d, &whole);
	}
	damage_files_free(&whole);
}

static enum damage_where judged(struct damage *d, const char *word)
{
	struct damage_verdict v;
	damage_judge(d, &v);
	if (!strstr(v.text, word)) fail_msg("'%s' is not in: %s", word, v.text);
	return v.where;
}

/* What does not open gives no right, so an operator's word is enough; for what would give one, or take one away unseen, it must be said again. */
static void damaged_grants_stop_the_start_until_they_are_accepted(void **state)
{
	static const char *const edits[] = { "body = CAST(substr(body, 1, length(body) - 1) || x'4142' AS BLOB)", "state = state + 1", "header = zeroblob(5000)" };
	struct damage *d = *state;
	struct damage_files whole;
	damage_save(d, &whole);
	for (size_t i = 0; i < sizeof edits / sizeof edits[0]; i++) {
		char sql[256];
		snprintf(sql, sizeof sql, "UPDATE record SET %s WHERE rowid = (SELECT rowid FROM record WHERE tbl = 2 ORDER BY id LIMIT 1)", edits[i]);
		damage_sql(d, sql);
		assert_int_equal(judged(d, "grant"), FOUND_START);
		damage_accept(d);
		assert_int_equal(judged(d, "grant"), FOUND_PASS);
		damage_sql(d, "DELETE FROM record WHERE rowid = (SELECT rowid FROM record WHERE tbl = 2 ORDER BY id DESC LIMIT 1)");
		assert_int_equal(judged(d, "grant"), FOUND_START);
		damage_accept(d);
		damage_sql(d, "UPDATE record SET body = zeroblob(length(body)) WHERE tbl = 8");
		assert_int_equal(judged(d, "recovery"), FOUND_START);
		damage_accept(d);
		assert_int_equal(judged(d, "recovery"), FOUND_START);
		damage_restore(d, &whole);
	}
	/* One that no sum counts: it is not taken for accepted either. */
	damage_sql(d, "INSERT INTO record SELECT tbl, zeroblob(65), version, state, generation, header, idx, body FROM record WHERE tbl = 2 LIMIT 1");
	assert_int_equal(judged(d, "a column is outside of its limits"), FOUND_START);
	damage_accept(d);
	assert_int_equal(judged(d, "a column is outside of its limits"), FOUND_PASS);
	damage_files_free(&whole);
}

/* A record that was not written is not taken for one: the next pass tries again. */
static void what_was_found_is_news_until_its_record_is_durable(void **state)
{
	struct damage *d = *state;
	struct engine *e = &d->engine;
	damage_sql(d, "DELETE FROM record WHERE rowid = (SELECT rowid FROM record WHERE tbl = 1 LIMIT 1)");
	assert_int_equal(damage_open(d, NULL), ERR_OK);
	store_check_begin(e);
	for (unsigned i = 0; i < 100000 && !store_check_step(e, 64, 1000); i++) {}
	assert_true(store_check_is_news(e));
	for (int durable = 0; durable < 2; durable++) {
		assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
		if (!e->audit) assert_int_equal(audit_chain_open(e->txn, &e->audit, NULL), ERR_OK);
		assert_int_equal(store_check_note(e, e->txn, NULL, NULL), ERR_OK);
		assert_true(store_check_is_news(e));
		if (durable) assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
		else txn_abort(e->txn);
		assert_int_equal(store_check_is_news(e), !durable);
	}
	damage_close(d);
}

int main(void)
{
#define DAMAGE(test) cmocka_unit_test_setup_teardown(test, damage_start, damage_stop)
	const struct CMUnitTest tests[] = {
		DAMAGE(the_store_that_nobody_touched_has_no_fault),
		DAMAGE(every_column_of_every_table_edited_is_found),
		DAMAGE(columns_that_no_row_can_have_are_found_and_the_others_read),
		DAMAGE(a_search_passes_over_columns_that_no_row_can_have),
		DAMAGE(exchanged_bodies_are_found),
		DAMAGE(edited_search_entries_are_found),
		DAMAGE(every_old_row_put_back_is_found),
		DAMAGE(every_row_that_is_removed_is_found),
		DAMAGE(a_cut_tail_of_the_audit_log_is_found_at_start),
		DAMAGE(small_tables_are_judged_before_the_node_serves),
		DAMAGE(damaged_grants_stop_the_start_until_they_are_accepted),
		DAMAGE(what_was_found_is_news_until_its_record_is_durable),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
