/* What the PostgreSQL store sends without waiting: made in order, bounded, and never confirmed when a part of it failed. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/postgres_internal.h"
#include "world.h"

static uint64_t trips(struct store *s)
{
	return ((struct postgres_store *)s)->sent.trips;
}

/* What asks for nothing waits for nobody: a transaction of many changes costs as much time on the way as one of a single change. */
static void changes_are_one_round_trip_with_the_commit_behind_them(void **state)
{
	struct world *w = *state;
	contract_put(w->a, STORE_OBJECT, "a", "1"); /* prepares */
	contract_begin(w->a);
	uint64_t before = trips(w->a);
	assert_int_equal(store_savepoint(w->a), ERR_OK);
	for (char id[2] = "a"; id[0] < 'u'; id[0]++) assert_int_equal(contract_put_inside(w->a, id, "2", true), ERR_OK);
	store_release(w->a, true);
	assert_int_equal(trips(w->a), before);
	assert_int_equal(store_commit(w->a, NULL), ERR_OK);
	assert_int_equal(trips(w->a), before + 1);
	contract_expect(w->b, STORE_OBJECT, "t", "2");
}

/* More of it than is kept open at a time. */
static void many_large_changes_are_all_made(void **state)
{
	struct world *w = *state;
	char id[8], *body = malloc(40001);
	assert_non_null(body);
	memset(body, 'x', 40000);
	body[40000] = '\0';
	contract_begin(w->a);
	for (int i = 0; i < 200; i++) {
		snprintf(id, sizeof id, "%d", i);
		assert_int_equal(contract_put_inside(w->a, id, body, true), ERR_OK);
	}
	assert_int_equal(store_commit(w->a, NULL), ERR_OK);
	contract_expect(w->b, STORE_OBJECT, "0", body);
	contract_expect(w->b, STORE_OBJECT, "199", body);
	free(body);
}

static void puts_fail(const struct world *w)
{
	char sql[400];
	snprintf(sql, sizeof sql, "SET search_path = %s; CREATE FUNCTION fails() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE 'made for a test' USING ERRCODE = '53100'; END$$;"
		" CREATE TRIGGER fails BEFORE INSERT ON record FOR EACH ROW WHEN (NEW.id = 'b') EXECUTE FUNCTION fails()", w->schema);
	world_admin(w, sql);
}

/* Found out by whatever waits next: COMMIT, which then is none, a question, or a rollback; and the connection goes on. */
static void a_change_that_fails_without_being_waited_for_takes_all_with_it(void **state)
{
	struct world *w = *state;
	struct store_row row;
	struct reason reason = { "" };
	puts_fail(w);
	for (int how = 0; how < 3; how++) {
		contract_begin(w->a);
		for (char id[2] = "a"; id[0] < 'd'; id[0]++) assert_int_equal(contract_put_inside(w->a, id, "1", true), ERR_OK);
		if (how == 0) {
			assert_int_equal(store_commit(w->a, &reason), ERR_FULL);
			assert_non_null(strstr(reason.text, "took back the whole change"));
		} else if (how == 1) {
			assert_int_equal(store_get(w->a, STORE_OBJECT, view_str("a"), &row), ERR_FULL);
			assert_int_equal(contract_put_inside(w->a, "e", "1", true), ERR_FULL);
			assert_int_equal(store_commit(w->a, NULL), ERR_FULL);
		} else {
			store_rollback(w->a);
		}
		assert_false(contract_has(w->a, STORE_OBJECT, "a"));
		assert_false(contract_has(w->a, STORE_OBJECT, "c"));
		contract_put(w->a, STORE_OBJECT, "d", "1");
		contract_erase(w->a, STORE_OBJECT, "d");
	}
}

/* A function that was replaced by one that does nothing and does not say so: found out too late to be refused, and so told as what nobody knows. */
static void a_change_that_the_database_did_not_make_is_never_confirmed(void **state)
{
	struct world *w = *state;
	char sql[400];
	snprintf(sql, sizeof sql, "SET search_path = %s; CREATE OR REPLACE FUNCTION coffer_put(t smallint, i bytea, v bigint, s bigint, g bigint, h bytea, x bytea, b bytea, r smallint) RETURNS bigint LANGUAGE sql AS $$ SELECT 0::bigint $$", w->schema);
	world_admin(w, sql);
	contract_begin(w->a);
	assert_int_equal(contract_put_inside(w->a, "a", "1", true), ERR_OK);
	struct store_row row;
	assert_int_equal(store_get(w->a, STORE_OBJECT, view_str("a"), &row), ERR_CORRUPT); /* the first question of this connection: it is prepared all the same */
	assert_int_equal(store_commit(w->a, NULL), ERR_CORRUPT);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
	contract_begin(w->a);
	assert_int_equal(contract_put_inside(w->a, "a", "1", true), ERR_OK);
	assert_int_equal(store_commit(w->a, NULL), ERR_UNKNOWN_OUTCOME);
	assert_int_equal(store_reopen(w->a, NULL), ERR_OK);
	assert_false(contract_has(w->a, STORE_OBJECT, "a"));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_setup, world_teardown)
	const struct CMUnitTest tests[] = {
		TEST(changes_are_one_round_trip_with_the_commit_behind_them),
		TEST(many_large_changes_are_all_made),
		TEST(a_change_that_fails_without_being_waited_for_takes_all_with_it),
		TEST(a_change_that_the_database_did_not_make_is_never_confirmed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
