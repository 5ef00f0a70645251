/* What the PostgreSQL store promises beyond the contract: two writers, connections that are lost, a standby that is not there. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "world.h"

static void writers_that_touch_different_rows_do_not_hinder_each_other(void **state)
{
	struct world *w = *state;
	contract_put(w->a, STORE_OBJECT, "a", "1");
	contract_put(w->a, STORE_OBJECT, "b", "1");
	contract_begin(w->a);
	contract_begin(w->b);
	assert_int_equal(contract_put_inside(w->a, "a", "2", true), ERR_OK);
	assert_int_equal(contract_put_inside(w->b, "b", "2", true), ERR_OK);
	contract_commit(w->a);
	contract_commit(w->b);
	contract_expect(w->b, STORE_OBJECT, "a", "2");
	contract_expect(w->a, STORE_OBJECT, "b", "2");
}

/* Each reads what the other writes: one order must explain both. */
static void of_two_transactions_that_contradict_each_other_one_is_told_to_try_again(void **state)
{
	struct world *w = *state;
	contract_put(w->a, STORE_OBJECT, "x", "1");
	contract_put(w->a, STORE_OBJECT, "y", "1");
	contract_begin(w->a);
	contract_begin(w->b);
	contract_expect(w->a, STORE_OBJECT, "x", "1");
	contract_expect(w->b, STORE_OBJECT, "y", "1");
	enum coffer_err first = contract_put_inside(w->a, "y", "2", true);
	if (!first) first = store_commit(w->a, NULL);
	else store_rollback(w->a);
	enum coffer_err second = contract_put_inside(w->b, "x", "2", true);
	if (!second) second = store_commit(w->b, NULL);
	else store_rollback(w->b);
	assert_int_equal(first, ERR_OK);
	assert_int_equal(second, ERR_BUSY);
	contract_expect(w->b, STORE_OBJECT, "x", "1");
	contract_put(w->b, STORE_OBJECT, "z", "3");
}

static void a_row_that_another_writer_is_making_is_not_made_twice(void **state)
{
	struct world *w = *state;
	contract_begin(w->a);
	contract_begin(w->b);
	assert_false(contract_has(w->b, STORE_OBJECT, "name"));
	assert_int_equal(contract_put_inside(w->a, "name", "a", false), ERR_OK);
	contract_commit(w->a);
	enum coffer_err err = contract_put_inside(w->b, "name", "b", false);
	assert_true(err == ERR_BUSY || err == ERR_EXISTS);
	store_rollback(w->b);
	contract_expect(w->b, STORE_OBJECT, "name", "a");
}

static void a_writer_has_one_connection(void **state)
{
	struct world *w = *state;
	struct store *twin = NULL;
	struct reason reason = { "" };
	assert_int_equal(world_open_writer(w, 1, 2000, 2000, &twin, &reason), ERR_BUSY);
	assert_non_null(strstr(reason.text, "copy of this node"));
	store_close(w->a);
	w->a = NULL;
	assert_int_equal(world_open_writer(w, 1, 10000, 10000, &w->a, NULL), ERR_OK);
}

/* A reader of the lease stands before who changes it: by the lock where it came first, by being told to try again where it did not. */
static void a_row_that_is_held_is_written_by_nobody_else(void **state)
{
	struct world *w = *state;
	struct store_row row;
	struct store *hasty = NULL; /* does not wait long for a lock */
	assert_int_equal(world_open_writer(w, 8, 10000, 4000, &hasty, NULL), ERR_OK);
	contract_put(w->a, STORE_LEASE, "lease", "1");
	contract_begin(w->a);
	assert_int_equal(store_hold(w->a, STORE_LEASE, view_str("lease"), &row), ERR_OK);
	struct store_row other = contract_row("lease", "2");
	contract_begin(hasty);
	assert_int_equal(store_put(hasty, STORE_LEASE, &other, true), ERR_OK);
	assert_int_equal(store_get(hasty, STORE_LEASE, view_str("lease"), &row), ERR_BUSY); /* waited, and in vain */
	assert_int_equal(store_commit(hasty, NULL), ERR_BUSY);
	store_close(hasty);
	contract_commit(w->a);
	contract_begin(w->a);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
	contract_put(w->b, STORE_LEASE, "lease", "2");
	assert_int_equal(store_hold(w->a, STORE_LEASE, view_str("lease"), &row), ERR_BUSY); /* it would have read what is no longer so */
	assert_int_equal(store_commit(w->a, NULL), ERR_BUSY);
	contract_expect(w->a, STORE_LEASE, "lease", "2");
}

#define BACKENDS "FROM pg_stat_activity WHERE application_name = 'coffer'"

static void end_connections(const struct world *w)
{
	world_admin(w, "SELECT pg_terminate_backend(pid) " BACKENDS);
	world_await(w, "SELECT count(*) " BACKENDS, "0");
}

/* A new one may lead to another server, which has less: whoever reads must be told before. */
static void a_connection_that_ended_is_made_anew_by_nothing_but_opening_again(void **state)
{
	struct world *w = *state;
	contract_put(w->a, STORE_OBJECT, "a", "1");
	end_connections(w);
	for (int i = 0; i < 3; i++) assert_int_equal(store_begin(w->a, NULL), ERR_CLOSED);
	assert_int_equal(store_begin_reading(w->a, NULL), ERR_CLOSED);
	assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
	contract_put(w->a, STORE_OBJECT, "a", "2");
	contract_expect(w->a, STORE_OBJECT, "a", "2");
}

/* One that the server gave up for standing idle in a transaction (25P03, a class of its own): it says so and goes. */
static void a_session_that_thought_for_too_long_is_a_lost_connection(void **state)
{
	struct world *w = *state;
	struct store_row row;
	struct store *slow = NULL; /* thinks for longer than it may */
	assert_int_equal(world_open_writer(w, 9, 10000, 1000, &slow, NULL), ERR_OK);
	contract_begin(slow);
	assert_int_equal(store_get(slow, STORE_OBJECT, view_str("a"), &row), ERR_NOT_FOUND);
	world_await(w, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'coffer' AND state = 'idle in transaction'", "0");
	assert_int_equal(store_get(slow, STORE_OBJECT, view_str("a"), &row), ERR_CLOSED);
	store_rollback(slow);
	assert_int_equal(store_begin(slow, NULL), ERR_CLOSED);
	assert_int_equal(store_reopen(slow, NULL), ERR_OK);
	contract_put(slow, STORE_OBJECT, "a", "1");
	store_close(slow);
}

/* A node takes one connection, so a limit for its role can be as low; where the server has none left the sentence is the server's, and it is no failure that lasts. */
static void one_connection_is_enough_and_none_left_is_told(void **state)
{
	struct world *w = *state;
	char conninfo[300], schema[48];
	struct store *one = NULL, *other = NULL;
	struct reason reason = { "" };
	world_admin(w, "CREATE ROLE few LOGIN CONNECTION LIMIT 1; GRANT CREATE ON DATABASE postgres TO few");
	snprintf(conninfo, sizeof conninfo, "%s user=few", getenv("COFFER_TEST_POSTGRES"));
	snprintf(schema, sizeof schema, "%s_few", w->schema);
	struct postgres_config config = { .conninfo = conninfo, .schema = schema, .writer = 11, .connect_ms = 10000, .statement_ms = 10000 };
	assert_int_equal(store_open_postgres(&config, &one, NULL), ERR_OK);
	contract_put(one, STORE_OBJECT, "a", "1");
	config.writer = 12;
	assert_int_equal(store_open_postgres(&config, &other, &reason), ERR_CLOSED);
	assert_non_null(strstr(reason.text, "too many connections for role"));
	store_close(one);
	world_await(w, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'few'", "0");
	assert_int_equal(store_open_postgres(&config, &other, NULL), ERR_OK);
	contract_expect(other, STORE_OBJECT, "a", "1");
	store_close(other);
}

static void a_rollback_that_failed_is_told_by_what_begins_next(void **state)
{
	struct world *w = *state;
	contract_begin(w->a);
	assert_int_equal(contract_put_inside(w->a, "a", "1", false), ERR_OK);
	end_connections(w);
	store_rollback(w->a);
	assert_int_equal(store_begin(w->a, NULL), ERR_CLOSED);
	assert_int_equal(store_begin(w->a, NULL), ERR_CLOSED);
	assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
	contract_put(w->a, STORE_OBJECT, "a", "1");
}

static void a_connection_that_ends_before_the_commit_leaves_nothing_of_the_transaction(void **state)
{
	struct world *w = *state;
	contract_begin(w->a);
	assert_int_equal(contract_put_inside(w->a, "a", "1", false), ERR_OK);
	end_connections(w);
	assert_int_equal(store_commit(w->a, NULL), ERR_UNKNOWN_OUTCOME); /* from here it could have been made */
	assert_int_equal(store_begin(w->a, NULL), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
}

static void *commit_in_thread(void *arg)
{
	return (void *)(intptr_t)store_commit(arg, NULL);
}

/* Whether a commit waits for a standby now: the checkpointer tells all sessions, perhaps after this one has read the new setting. */
static bool commits_wait(const struct world *w)
{
	char sql[160];
	bool waits = false;
	PGconn *probe = PQconnectdb(getenv("COFFER_TEST_POSTGRES"));
	assert_int_equal(PQstatus(probe), CONNECTION_OK);
	snprintf(sql, sizeof sql, "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE pid = %d AND wait_event = 'SyncRep'", PQbackendPID(probe));
	assert_int_equal(PQsendQuery(probe, "SELECT pg_logical_emit_message(true, 'coffer', 'a commit')"), 1);
	for (int i = 0; i < 2000 && PQconsumeInput(probe) && PQisBusy(probe); i++) {
		char *cancelled = world_answer(w, sql);
		waits = waits || strcmp(cancelled, "t") == 0;
		free(cancelled);
		usleep(1000);
	}
	PQfinish(probe);
	return waits;
}

static void without_standby(const struct world *w, bool missing)
{
	world_admin(w, missing ? "ALTER SYSTEM SET synchronous_standby_names = 'nobody'" : "ALTER SYSTEM RESET synchronous_standby_names");
	world_admin(w, "SELECT pg_reload_conf()");
	world_await(w, "SHOW synchronous_standby_names", missing ? "nobody" : "");
	for (int i = 0; i < 100 && commits_wait(w) != missing; i++) usleep(10000);
}

#define WAITING BACKENDS " AND wait_event = 'SyncRep'"

/* "Committed locally, but might not have been replicated to the standby" is no success. */
static void a_commit_that_the_standby_may_not_have_is_of_unknown_outcome(void **state)
{
	struct world *w = *state;
	pthread_t thread;
	void *result;
	without_standby(w, true);
	contract_begin(w->a);
	assert_int_equal(contract_put_inside(w->a, "a", "1", false), ERR_OK);
	assert_int_equal(pthread_create(&thread, NULL, commit_in_thread, w->a), 0);
	world_await(w, "SELECT count(*) " WAITING, "1");
	world_admin(w, "SELECT pg_cancel_backend(pid) " WAITING);
	pthread_join(thread, &result);
	assert_int_equal((intptr_t)result, ERR_UNKNOWN_OUTCOME);
	without_standby(w, false);
	assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
	contract_expect(w->a, STORE_OBJECT, "a", "1");
}

/* Each COMMIT of a new row is answered with an ERROR of this SQLSTATE. */
static void commits_fail_with(const struct world *w, const char *state)
{
	char sql[512];
	snprintf(sql, sizeof sql, "SET client_min_messages = error; SET search_path = %s; CREATE OR REPLACE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'made for a test' USING ERRCODE = '%s'; END$$;"
		" DROP TRIGGER IF EXISTS fails ON record; CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON record DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fails()", w->schema, state);
	world_admin(w, sql);
}

static enum coffer_err commit_new_row(struct store *s)
{
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "1", false), ERR_OK);
	return store_commit(s, NULL);
}

/* Who answers that he does not know, or that his own connection broke, has not said that nothing was changed. */
static void a_commit_that_is_refused_without_knowing_is_of_unknown_outcome(void **state)
{
	static const char *const ignorant[] = { "40003", "08006", "08007" };
	struct world *w = *state;
	for (size_t i = 0; i < sizeof ignorant / sizeof ignorant[0]; i++) {
		commits_fail_with(w, ignorant[i]);
		assert_int_equal(commit_new_row(w->a), ERR_UNKNOWN_OUTCOME);
		assert_int_equal(store_begin(w->a, NULL), ERR_UNKNOWN_OUTCOME);
		assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
		assert_false(contract_has(w->a, STORE_OBJECT, "a"));
	}
	commits_fail_with(w, "23514"); /* check_violation: that is known */
	assert_int_equal(commit_new_row(w->a), ERR_STORE);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
}

static enum coffer_err open_as_role_says(const struct world *w, const char *setting, struct store **out)
{
	char sql[96];
	snprintf(sql, sizeof sql, "ALTER ROLE coffer SET synchronous_commit = %s", setting);
	world_admin(w, sql);
	enum coffer_err err = world_open_writer(w, 9, 10000, 10000, out, NULL);
	world_admin(w, "ALTER ROLE coffer RESET synchronous_commit");
	return err;
}

/* What was acknowledged is on the disks that it should be on, whatever role, database or server are set to. */
static void a_commit_is_durable_whatever_the_role_is_set_to(void **state)
{
	static const struct { const char *role, *session; } cases[] = { { "off", "on" }, { "local", "on" }, { "remote_write", "on" }, { "on", "on" }, { "remote_apply", "remote_apply" } };
	struct world *w = *state;
	char sql[512];
	snprintf(sql, sizeof sql, "SET search_path = %s; CREATE TABLE seen (setting text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS"
		" $$BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NEW; END$$; CREATE TRIGGER see BEFORE INSERT ON record FOR EACH ROW EXECUTE FUNCTION see()", w->schema);
	world_admin(w, sql);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store *s = NULL;
		assert_int_equal(open_as_role_says(w, cases[i].role, &s), ERR_OK);
		contract_put(s, STORE_OBJECT, "a", "1");
		store_close(s);
		char *seen = world_answer(w, "DELETE FROM seen RETURNING setting");
		assert_string_equal(seen, cases[i].session);
		free(seen);
	}
}

/* While the server may still be committing nobody is told what is there. */
static void after_a_deadline_nothing_is_read_before_the_lost_connection_has_ended(void **state)
{
	struct world *w = *state;
	struct store *s = NULL;
	struct reason reason = { "" };
	assert_int_equal(world_open_writer(w, 3, 2000, 2000, &s, NULL), ERR_OK);
	without_standby(w, true);
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "1", false), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_UNKNOWN_OUTCOME); /* the deadline passed: the server still waits for its standby */
	world_await(w, "SELECT count(*) " WAITING, "1");
	enum coffer_err err = store_reopen(s, &reason);
	assert_true(err == ERR_BUSY || err == ERR_TIMEOUT);
	assert_int_equal(store_begin(s, NULL), ERR_UNKNOWN_OUTCOME);
	without_standby(w, false);
	world_await(w, "SELECT count(*) " WAITING, "0");
	for (int i = 0; i < 20 && err; i++) err = store_reopen(s, &reason);
	assert_int_equal(err, ERR_OK);
	contract_expect(s, STORE_OBJECT, "a", "1");
	store_close(s);
}

static void a_lock_that_is_not_given_ends_within_the_deadline(void **state)
{
	struct world *w = *state;
	char sql[128];
	struct store *s = NULL;
	assert_int_equal(world_open_writer(w, 4, 10000, 2000, &s, NULL), ERR_OK);
	snprintf(sql, sizeof sql, "BEGIN; LOCK TABLE %s.record IN ACCESS EXCLUSIVE MODE", w->schema);
	world_admin(w, sql);
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "1", false), ERR_BUSY);
	assert_int_equal(store_commit(s, NULL), ERR_BUSY);
	world_admin(w, "ROLLBACK");
	contract_put(s, STORE_OBJECT, "a", "1");
	store_close(s);
}

#define FOUNDERS 4

struct founder {
	const struct world *world;
	uint64_t writer;
	struct store *store;
	enum coffer_err err;
	struct reason why;
};

static void *found(void *arg)
{
	struct founder *f = arg;
	f->err = world_open_writer(f->world, f->writer, 20000, 20000, &f->store, &f->why);
	return NULL;
}

/* Each finds none, and one makes it. */
static void nodes_that_start_at_the_same_moment_make_one_schema(void **state)
{
	struct world *w = *state, empty = *w;
	struct founder founders[FOUNDERS];
	pthread_t threads[FOUNDERS];
	for (int round = 0; round < 3; round++) {
		snprintf(empty.schema, sizeof empty.schema, "%.30s_%d", w->schema, round);
		for (unsigned i = 0; i < FOUNDERS; i++) {
			founders[i] = (struct founder){ .world = &empty, .writer = 100 + i };
			assert_int_equal(pthread_create(&threads[i], NULL, found, &founders[i]), 0);
		}
		for (unsigned i = 0; i < FOUNDERS; i++) pthread_join(threads[i], NULL);
		for (unsigned i = 0; i < FOUNDERS; i++)
			if (founders[i].err) fail_msg("%s", reason_text(&founders[i].why, founders[i].err));
		contract_put(founders[0].store, STORE_OBJECT, "a", "1");
		contract_expect(founders[FOUNDERS - 1].store, STORE_OBJECT, "a", "1");
		for (unsigned i = 0; i < FOUNDERS; i++) store_close(founders[i].store);
	}
}

static void foreign_and_newer_schemas_are_refused(void **state)
{
	struct world *w = *state, other = { .schema = "somebody" };
	struct store *s = NULL;
	struct reason reason = { "" };
	char sql[128];
	world_admin(w, "DROP SCHEMA IF EXISTS somebody CASCADE");
	world_admin(w, "CREATE SCHEMA somebody CREATE TABLE things (id int)");
	assert_int_equal(world_open_writer(&other, 5, 10000, 10000, &s, &reason), ERR_SCHEMA);
	assert_non_null(strstr(reason.text, "another program"));
	snprintf(sql, sizeof sql, "UPDATE %s.coffer SET schema = 99", w->schema);
	world_admin(w, sql);
	assert_int_equal(world_open_writer(w, 5, 10000, 10000, &s, &reason), ERR_SCHEMA);
	assert_non_null(strstr(reason.text, "newer version"));
	snprintf(other.schema, sizeof other.schema, "a;drop");
	assert_int_equal(world_open_writer(&other, 5, 10000, 10000, &s, &reason), ERR_USAGE);
}

static void a_server_that_only_reads_is_not_used(void **state)
{
	struct world *w = *state;
	struct store *s = NULL;
	world_admin(w, "ALTER ROLE coffer SET default_transaction_read_only = on");
	enum coffer_err err = world_open_writer(w, 6, 2000, 2000, &s, NULL);
	world_admin(w, "SET default_transaction_read_only = off");
	world_admin(w, "ALTER ROLE coffer RESET default_transaction_read_only");
	assert_int_equal(err, ERR_CLOSED);
}

static void rows_that_were_edited_are_found(void **state)
{
	struct world *w = *state;
	struct store_row row;
	char sql[160];
	contract_put(w->a, STORE_OBJECT, "a", "1");
	snprintf(sql, sizeof sql, "UPDATE %s.record SET version = -1", w->schema);
	world_admin(w, sql);
	assert_int_equal(store_get(w->a, STORE_OBJECT, view_str("a"), &row), ERR_CORRUPT);
	snprintf(sql, sizeof sql, "UPDATE %s.record SET version = 1, idx = '\\x0003'", w->schema);
	world_admin(w, sql);
	assert_int_equal(store_get(w->a, STORE_OBJECT, view_str("a"), &row), ERR_CORRUPT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(writers_that_touch_different_rows_do_not_hinder_each_other),
		TEST(of_two_transactions_that_contradict_each_other_one_is_told_to_try_again),
		TEST(a_row_that_another_writer_is_making_is_not_made_twice),
		TEST(a_row_that_is_held_is_written_by_nobody_else),
		TEST(a_writer_has_one_connection),
		TEST(a_connection_that_ended_is_made_anew_by_nothing_but_opening_again),
		TEST(a_session_that_thought_for_too_long_is_a_lost_connection),
		TEST(one_connection_is_enough_and_none_left_is_told),
		TEST(a_rollback_that_failed_is_told_by_what_begins_next),
		TEST(a_connection_that_ends_before_the_commit_leaves_nothing_of_the_transaction),
		TEST(a_commit_that_the_standby_may_not_have_is_of_unknown_outcome),
		TEST(a_commit_that_is_refused_without_knowing_is_of_unknown_outcome),
		TEST(a_commit_is_durable_whatever_the_role_is_set_to),
		TEST(after_a_deadline_nothing_is_read_before_the_lost_connection_has_ended),
		TEST(a_lock_that_is_not_given_ends_within_the_deadline),
		TEST(nodes_that_start_at_the_same_moment_make_one_schema),
		TEST(foreign_and_newer_schemas_are_refused),
		TEST(a_server_that_only_reads_is_not_used),
		TEST(rows_that_were_edited_are_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
