/* Two connections to one database: one is told of what the other changed, and reads what stood there at one moment. Directly, and through coffer-stored. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "contract.h"
#include "store/postgres.h"

static struct store *other_writer(uint64_t writer)
{
	struct store *s = NULL;
	const struct postgres_config config = { .conninfo = getenv("COFFER_TEST_POSTGRES"), .schema = contract_last_schema(), .writer = writer, .connect_ms = 10000,
		.statement_ms = 10000 };
	assert_int_equal(store_open_postgres(&config, &s, NULL), ERR_OK);
	return s;
}

static bool has_news(struct store *s)
{
	bool news = false;
	assert_int_equal(store_take_news(s, &news), ERR_OK);
	return news;
}

/* It comes by itself, a moment after the commit; bounded. */
static bool is_told(struct store *s)
{
	for (int i = 0; i < 2000; i++) {
		if (has_news(s)) return true;
		usleep(5000);
	}
	return false;
}

static void who_shares_the_store_is_told_of_changes_and_of_nothing_else(void **state)
{
	struct store *s = contract_store(state), *other = other_writer(9001);
	assert_true(has_news(s)); /* before it was opened nobody listened */
	assert_false(has_news(s));
	assert_true(has_news(other));
	contract_put(s, STORE_CHANGE, "1", "own");
	assert_false(has_news(s));
	assert_true(is_told(other));
	contract_put(other, STORE_AUDIT, "1", "x"); /* an Encrypt's commit */
	contract_begin(other);
	struct store_row row = contract_row("2", "x");
	assert_int_equal(store_put(other, STORE_CHANGE, &row, false), ERR_OK);
	store_rollback(other);
	contract_put(s, STORE_AUDIT, "2", "x"); /* the server has answered: what it had to tell stands before that */
	assert_false(has_news(s));
	contract_put(other, STORE_CHANGE, "2", "x");
	assert_true(is_told(s));
	assert_false(has_news(s));
	store_close(other);
}

static void after_a_connection_was_made_anew_there_may_be_news(void **state)
{
	struct store *s = contract_store(state);
	assert_true(has_news(s) && !has_news(s));
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_true(has_news(s));
	assert_false(has_news(s));
}

static uint64_t count(struct store *s)
{
	uint64_t rows = 0;
	assert_int_equal(store_count(s, STORE_OBJECT, &rows), ERR_OK);
	return rows;
}

static void what_is_read_stood_there_at_one_moment(void **state)
{
	struct store *s = contract_store(state), *other = other_writer(9002);
	contract_put(s, STORE_OBJECT, "a", "1");
	assert_int_equal(store_begin_reading(s, NULL), ERR_OK);
	assert_int_equal(count(s), 1);
	contract_put(other, STORE_OBJECT, "b", "1");
	contract_put(other, STORE_OBJECT, "a", "2");
	assert_int_equal(count(s), 1);
	contract_expect(s, STORE_OBJECT, "a", "1");
	store_rollback(s);
	contract_expect(s, STORE_OBJECT, "a", "2");
	contract_begin(s); /* the next one writes as before */
	assert_int_equal(contract_put_inside(s, "c", "1", false), ERR_OK);
	contract_commit(s);
	assert_int_equal(count(other), 3);
	store_close(other);
}

/* A serializable transaction that had read it would be told to run again. */
static void who_only_reads_hinders_no_writer_and_is_not_hindered(void **state)
{
	struct store *s = contract_store(state), *other = other_writer(9003);
	struct store_row row;
	contract_put(s, STORE_OBJECT, "a", "1");
	contract_put(s, STORE_OBJECT, "b", "1");
	assert_int_equal(store_begin_reading(s, NULL), ERR_OK);
	contract_expect(s, STORE_OBJECT, "a", "1");
	contract_begin(other);
	contract_expect(other, STORE_OBJECT, "b", "1");
	assert_int_equal(contract_put_inside(other, "a", "2", true), ERR_OK);
	contract_commit(other);
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("b"), &row), ERR_OK);
	store_rollback(s);
	store_close(other);
}

static void what_only_reads_cannot_write(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row = contract_row("a", "1");
	assert_int_equal(store_begin_reading(s, NULL), ERR_OK);
	assert_int_equal(count(s), 0);
	assert_int_not_equal(store_put(s, STORE_OBJECT, &row, false), ERR_OK);
	store_rollback(s);
	if (store_reopen(s, NULL) != ERR_OK) fail();
	assert_int_equal(count(s), 0);
}

/* As each item of a request does, also of one that only reads: the connection goes on. */
static void what_only_reads_may_mark_where_it_is(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "1");
	assert_int_equal(store_begin_reading(s, NULL), ERR_OK);
	for (int keep = 0; keep < 2; keep++) {
		assert_int_equal(store_savepoint(s), ERR_OK);
		contract_expect(s, STORE_OBJECT, "a", "1");
		store_release(s, keep);
	}
	assert_int_equal(count(s), 1);
	store_rollback(s);
	contract_begin(s); /* the next one writes and goes back as before */
	assert_int_equal(contract_put_inside(s, "b", "1", false), ERR_OK);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "c", "1", false), ERR_OK);
	store_release(s, false);
	contract_commit(s);
	assert_int_equal(count(s), 2);
}

int main(void)
{
#define TEST(name) { #name " [postgres]", name, contract_setup_postgres, contract_teardown, NULL }, { #name " [remote]", name, contract_setup_remote, contract_teardown, NULL }
	const struct CMUnitTest tests[] = {
		TEST(who_shares_the_store_is_told_of_changes_and_of_nothing_else),
		TEST(after_a_connection_was_made_anew_there_may_be_news),
		TEST(what_is_read_stood_there_at_one_moment),
		TEST(who_only_reads_hinders_no_writer_and_is_not_hindered),
		TEST(what_only_reads_cannot_write),
		TEST(what_only_reads_may_mark_where_it_is),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
