/* What every store promises about searches by token, as the searching of objects uses them. */
#include "contract.h"

#include <stdio.h>
#include <string.h>

#define ENTRIES_MAX 4u

struct entry { uint8_t index, fill; };

static void put_inside(struct store *s, enum store_table table, const char *id, size_t count, const struct entry *entries)
{
	uint8_t column[2 + ENTRIES_MAX * STORE_INDEX_ENTRY_LEN] = { 0, (uint8_t)count };
	struct store_row row = contract_row(id, "body");
	for (size_t i = 0; i < count; i++) {
		column[2 + i * STORE_INDEX_ENTRY_LEN] = entries[i].index;
		memset(column + 3 + i * STORE_INDEX_ENTRY_LEN, entries[i].fill, STORE_TOKEN_LEN);
	}
	row.index = view_of(column, 2 + count * STORE_INDEX_ENTRY_LEN);
	assert_int_equal(store_put(s, table, &row, true), ERR_OK);
}

static void put(struct store *s, enum store_table table, const char *id, size_t count, const struct entry *entries)
{
	contract_begin(s);
	put_inside(s, table, id, count, entries);
	contract_commit(s);
}

static enum coffer_err find(struct store *s, enum store_table table, struct entry entry, const char *after, size_t limit, struct contract_list *list)
{
	uint8_t token[STORE_TOKEN_LEN];
	memset(token, entry.fill, sizeof token);
	return store_index_find(s, table, entry.index, view_of(token, sizeof token), view_str(after), limit, contract_list_id, list);
}

static void expect(struct store *s, enum store_table table, struct entry entry, const char *want)
{
	struct contract_list list = { .count = 0 };
	assert_int_equal(find(s, table, entry, "", SIZE_MAX, &list), ERR_OK);
	assert_string_equal(list.text, want);
}

static void pages_of_a_search_hold_every_hit_once_and_in_order(void **state)
{
	enum { COUNT = 90, PAGE = 7 };
	static const struct entry shared = { 4, 0xaa };
	struct store *s = contract_store(state);
	char after[8] = "", id[8];
	unsigned seen = 0;
	contract_begin(s);
	for (unsigned i = 0; i < COUNT; i++) {
		const struct entry own[] = { { 3, 1 }, shared };
		snprintf(id, sizeof id, "%03u", (i * 37) % COUNT); /* written in another order */
		put_inside(s, STORE_OBJECT, id, i % 3 ? 2 : 1, own);
	}
	contract_commit(s);
	for (;;) {
		struct contract_list list = { .count = 0 };
		assert_int_equal(find(s, STORE_OBJECT, shared, after, PAGE, &list), ERR_OK);
		if (list.count == 0) break;
		assert_true(list.count <= PAGE);
		for (const char *at = list.text; *at; at += at[3] ? 4 : 3) { /* "000 001 …" */
			char word[4] = { at[0], at[1], at[2], '\0' };
			assert_true(strcmp(word, after) > 0);
			memcpy(after, word, sizeof word);
			seen++;
		}
	}
	assert_int_equal(seen, COUNT / 3 * 2);
}

static void the_entries_of_a_row_are_replaced_as_a_whole(void **state)
{
	static const struct entry before[] = { { 1, 1 }, { 3, 2 }, { 4, 3 }, { 4, 4 } }, after[] = { { 1, 1 }, { 4, 4 }, { 5, 2 } };
	struct store *s = contract_store(state);
	put(s, STORE_OBJECT, "a", 4, before);
	put(s, STORE_OBJECT, "a", 3, after);
	for (size_t i = 0; i < 3; i++) expect(s, STORE_OBJECT, after[i], "a");
	expect(s, STORE_OBJECT, before[1], "");
	expect(s, STORE_OBJECT, before[2], "");
	contract_erase(s, STORE_OBJECT, "a");
	for (size_t i = 0; i < 3; i++) expect(s, STORE_OBJECT, after[i], "");
}

static void tables_and_index_numbers_keep_the_same_token_apart(void **state)
{
	static const struct entry one = { 1, 0xcc }, two = { 2, 0xcc };
	struct store *s = contract_store(state);
	put(s, STORE_OBJECT, "same", 1, &one);
	put(s, STORE_GRANT, "same", 1, &one);
	put(s, STORE_OBJECT, "other", 1, &two);
	expect(s, STORE_OBJECT, one, "same");
	expect(s, STORE_OBJECT, two, "other");
	expect(s, STORE_GRANT, two, "");
	contract_erase(s, STORE_OBJECT, "same");
	expect(s, STORE_OBJECT, one, "");
	expect(s, STORE_GRANT, one, "same");
}

static void a_search_sees_its_own_transaction_and_what_is_undone_is_gone(void **state)
{
	static const struct entry old[] = { { 4, 1 } }, new[] = { { 4, 2 } };
	struct store *s = contract_store(state);
	put(s, STORE_OBJECT, "a", 1, old);
	contract_begin(s);
	assert_int_equal(store_savepoint(s), ERR_OK);
	put_inside(s, STORE_OBJECT, "a", 1, new);
	put_inside(s, STORE_OBJECT, "b", 1, new);
	expect(s, STORE_OBJECT, new[0], "a b");
	expect(s, STORE_OBJECT, old[0], "");
	store_release(s, false);
	expect(s, STORE_OBJECT, new[0], "");
	expect(s, STORE_OBJECT, old[0], "a");
	put_inside(s, STORE_OBJECT, "b", 1, old);
	contract_commit(s);
	expect(s, STORE_OBJECT, old[0], "a b");
}

static void a_callback_that_fails_ends_the_search_and_the_store_goes_on(void **state)
{
	static const struct entry one[] = { { 4, 1 } };
	struct store *s = contract_store(state);
	struct contract_list list = { .stop_after = 2 };
	for (const char *id = "a\0b\0c\0"; *id; id += 2) put(s, STORE_OBJECT, id, 1, one);
	assert_int_equal(find(s, STORE_OBJECT, one[0], "", SIZE_MAX, &list), ERR_LIMIT);
	assert_string_equal(list.text, "a b");
	expect(s, STORE_OBJECT, one[0], "a b c");
	list = (struct contract_list){ .count = 0 };
	assert_int_equal(find(s, STORE_OBJECT, one[0], "b", SIZE_MAX, &list), ERR_OK);
	assert_string_equal(list.text, "c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(pages_of_a_search_hold_every_hit_once_and_in_order),
		CONTRACT(the_entries_of_a_row_are_replaced_as_a_whole),
		CONTRACT(tables_and_index_numbers_keep_the_same_token_apart),
		CONTRACT(a_search_sees_its_own_transaction_and_what_is_undone_is_gone),
		CONTRACT(a_callback_that_fails_ends_the_search_and_the_store_goes_on),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
