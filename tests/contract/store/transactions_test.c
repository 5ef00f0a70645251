/* What every store promises about transactions and savepoints. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

#define NONE view_of(NULL, 0)

static void rollback_undoes_put_replace_and_erase(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "a1");
	contract_put(s, STORE_OBJECT, "b", "b1");
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "a2", true), ERR_OK);
	assert_int_equal(contract_put_inside(s, "a", "a3", true), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("b")), ERR_OK);
	assert_int_equal(contract_put_inside(s, "b", "b2", false), ERR_OK);
	assert_int_equal(contract_put_inside(s, "c", "c1", false), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("c")), ERR_OK);
	store_rollback(s);
	contract_expect(s, STORE_OBJECT, "a", "a1");
	contract_expect(s, STORE_OBJECT, "b", "b1");
	assert_false(contract_has(s, STORE_OBJECT, "c"));
}

static void transaction_reads_its_own_writes(void **state)
{
	struct store *s = contract_store(state);
	uint64_t count = 0;
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "a1", false), ERR_OK);
	contract_expect(s, STORE_OBJECT, "a", "a1");
	assert_int_equal(store_count(s, STORE_OBJECT, &count), ERR_OK);
	assert_int_equal(count, 1);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("a")), ERR_OK);
	assert_false(contract_has(s, STORE_OBJECT, "a"));
	contract_commit(s);
	assert_false(contract_has(s, STORE_OBJECT, "a"));
}

static void rollback_without_a_transaction_does_nothing(void **state)
{
	struct store *s = contract_store(state);
	store_rollback(s);
	contract_put(s, STORE_OBJECT, "a", "a1");
	store_rollback(s);
	contract_expect(s, STORE_OBJECT, "a", "a1");
}

static void savepoint_released_with_keep_stays_and_without_is_undone(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "old", "1");
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "before", "1", false), ERR_OK);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "dropped", "1", false), ERR_OK);
	assert_int_equal(contract_put_inside(s, "before", "2", true), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("old")), ERR_OK);
	store_release(s, false);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "kept", "1", false), ERR_OK);
	store_release(s, true);
	assert_int_equal(contract_put_inside(s, "later", "1", false), ERR_OK);
	contract_commit(s);
	struct contract_list list = { .count = 0 };
	assert_int_equal(store_scan(s, STORE_OBJECT, NONE, false, 10, contract_list_row, &list), ERR_OK);
	assert_string_equal(list.text, "before kept later old");
	contract_expect(s, STORE_OBJECT, "before", "1");
}

/* Before anything was written a store may have a cheaper way to undo. */
static void savepoint_at_the_beginning_is_undone_and_the_transaction_goes_on(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "old", "1");
	contract_begin(s);
	assert_true(contract_has(s, STORE_OBJECT, "old"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(store_savepoint(s), ERR_OK);
		assert_int_equal(contract_put_inside(s, "dropped", "1", false), ERR_OK);
		assert_int_equal(contract_put_inside(s, "old", "2", true), ERR_OK);
		store_release(s, false);
		contract_expect(s, STORE_OBJECT, "old", "1");
	}
	assert_int_equal(store_savepoint(s), ERR_OK);
	store_release(s, false);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "kept", "1", false), ERR_OK);
	store_release(s, true);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "kept", "2", true), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("old")), ERR_OK);
	store_release(s, false);
	contract_commit(s);
	assert_false(contract_has(s, STORE_OBJECT, "dropped"));
	contract_expect(s, STORE_OBJECT, "kept", "1");
	contract_expect(s, STORE_OBJECT, "old", "1");
}

/* Everything that stood before the savepoint stays as it was, whatever it was: rows, what replaced them, what was erased, and what is found by an entry. */
static void all_kinds_of_writes_before_a_savepoint_outlive_its_undoing(void **state)
{
	struct store *s = contract_store(state);
	uint8_t entry[2 + STORE_INDEX_ENTRY_LEN] = { 0, 1, 7, 1, 2, 3 };
	const struct view token = view_of(entry + 3, STORE_TOKEN_LEN);
	struct store_row row = contract_row("found", "1");
	contract_put(s, STORE_OBJECT, "old", "1");
	contract_put(s, STORE_OBJECT, "gone", "1");
	contract_begin(s);
	row.index = view_of(entry, sizeof entry);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, false), ERR_OK);
	assert_int_equal(contract_put_inside(s, "old", "2", true), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("gone")), ERR_OK);
	assert_int_equal(contract_put_inside(s, "empty", "", false), ERR_OK);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(store_savepoint(s), ERR_OK);
		assert_int_equal(store_erase(s, STORE_OBJECT, view_str("found")), ERR_OK);
		assert_int_equal(contract_put_inside(s, "old", "3", true), ERR_OK);
		assert_int_equal(contract_put_inside(s, "gone", "2", false), ERR_OK);
		store_release(s, false);
		assert_int_equal(contract_put_inside(s, "empty", i ? "more" : "some", true), ERR_OK);
	}
	contract_commit(s);
	struct contract_list list = { .count = 0 };
	assert_int_equal(store_index_find(s, STORE_OBJECT, 7, token, NONE, 10, contract_list_id, &list), ERR_OK);
	assert_string_equal(list.text, "found");
	contract_expect(s, STORE_OBJECT, "found", "1");
	contract_expect(s, STORE_OBJECT, "old", "2");
	contract_expect(s, STORE_OBJECT, "empty", "more");
	assert_false(contract_has(s, STORE_OBJECT, "gone"));
}

/* More than a store may keep in mind. */
static void much_before_a_savepoint_outlives_its_undoing(void **state)
{
	struct store *s = contract_store(state);
	static uint8_t body[200000];
	memset(body, 'x', sizeof body);
	contract_begin(s);
	for (int i = 0; i < 6; i++) {
		const char id[] = { (char)('a' + i), '\0' };
		struct store_row row = contract_row(id, "");
		row.body = view_of(body, sizeof body);
		assert_int_equal(store_savepoint(s), ERR_OK);
		assert_int_equal(store_put(s, STORE_OBJECT, &row, false), ERR_OK);
		store_release(s, i != 1 && i != 4);
	}
	contract_commit(s);
	struct contract_list list = { .count = 0 };
	assert_int_equal(store_scan(s, STORE_OBJECT, NONE, false, 10, contract_list_row, &list), ERR_OK);
	assert_string_equal(list.text, "a c d f");
}

static void rollback_undoes_kept_savepoints_and_an_open_one(void **state)
{
	struct store *s = contract_store(state);
	contract_begin(s);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "kept", "1", false), ERR_OK);
	store_release(s, true);
	assert_int_equal(store_savepoint(s), ERR_OK);
	assert_int_equal(contract_put_inside(s, "open", "1", false), ERR_OK);
	store_rollback(s);
	assert_false(contract_has(s, STORE_OBJECT, "kept"));
	assert_false(contract_has(s, STORE_OBJECT, "open"));
	contract_put(s, STORE_OBJECT, "next", "1");
}

static void get_before_commit_or_rollback_does_not_hold_them_up(void **state)
{
	struct store *s = contract_store(state);
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "1", false), ERR_OK);
	contract_expect(s, STORE_OBJECT, "a", "1");
	contract_commit(s);
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "b", "1", false), ERR_OK);
	contract_expect(s, STORE_OBJECT, "b", "1");
	store_rollback(s);
	contract_expect(s, STORE_OBJECT, "a", "1");
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_OK);
}

static void reopen_keeps_what_was_committed_and_drops_what_was_not(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "1");
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "b", "1", false), ERR_OK);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	contract_expect(s, STORE_OBJECT, "a", "1");
	assert_false(contract_has(s, STORE_OBJECT, "b"));
	contract_put(s, STORE_OBJECT, "c", "1");
}

static void scrub_keeps_what_is_alive(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "1");
	contract_put(s, STORE_OBJECT, "b", "1");
	contract_erase(s, STORE_OBJECT, "a");
	assert_int_equal(store_scrub_deleted(s, NULL), ERR_OK);
	assert_false(contract_has(s, STORE_OBJECT, "a"));
	contract_expect(s, STORE_OBJECT, "b", "1");
}

static void closing_inside_a_transaction_is_allowed(void **state)
{
	struct contract *c = *state;
	contract_begin(c->store);
	assert_int_equal(contract_put_inside(c->store, "a", "1", false), ERR_OK);
	store_close(c->store);
	c->store = NULL;
	if (!c->dir[0]) return;
	char path[128];
	snprintf(path, sizeof path, "%s/store.db", c->dir);
	assert_int_equal(store_open_sqlite(path, &c->store, NULL), ERR_OK);
	assert_false(contract_has(c->store, STORE_OBJECT, "a"));
}

static void a_thousand_rows_in_one_transaction_are_all_there(void **state)
{
	struct store *s = contract_store(state);
	uint64_t count = 0;
	contract_begin(s);
	for (int i = 0; i < 1000; i++) {
		char id[16];
		snprintf(id, sizeof id, "%04d", i * 7919 % 1000);
		assert_int_equal(store_savepoint(s), ERR_OK);
		assert_int_equal(contract_put_inside(s, id, id, false), ERR_OK);
		store_release(s, i % 3 != 0);
	}
	contract_commit(s);
	assert_int_equal(store_count(s, STORE_OBJECT, &count), ERR_OK);
	assert_int_equal(count, 666);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(rollback_undoes_put_replace_and_erase),
		CONTRACT(transaction_reads_its_own_writes),
		CONTRACT(rollback_without_a_transaction_does_nothing),
		CONTRACT(savepoint_released_with_keep_stays_and_without_is_undone),
		CONTRACT(savepoint_at_the_beginning_is_undone_and_the_transaction_goes_on),
		CONTRACT(all_kinds_of_writes_before_a_savepoint_outlive_its_undoing),
		CONTRACT(much_before_a_savepoint_outlives_its_undoing),
		CONTRACT(rollback_undoes_kept_savepoints_and_an_open_one),
		CONTRACT(get_before_commit_or_rollback_does_not_hold_them_up),
		CONTRACT(reopen_keeps_what_was_committed_and_drops_what_was_not),
		CONTRACT(scrub_keeps_what_is_alive),
		CONTRACT(closing_inside_a_transaction_is_allowed),
		CONTRACT(a_thousand_rows_in_one_transaction_are_all_there),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
