/* What every store promises about rows: put, get, erase, scan, count, search and their limits. */
#include "contract.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define NONE view_of(NULL, 0)

static void get_returns_every_column_that_put_wrote(void **state)
{
	static const uint8_t index[] = { 0, 0 };
	struct store *s = contract_store(state);
	struct store_row row = contract_row("id", "body"), got;
	row.version = UINT32_MAX;
	row.state = 0x80000001u;
	row.generation = 0xfffffffeu;
	row.index = view_of(index, sizeof index);
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_SLOT, &row, false), ERR_OK);
	contract_commit(s);
	assert_int_equal(store_get(s, STORE_SLOT, view_str("id"), &got), ERR_OK);
	assert_int_equal(got.id_len, 2);
	assert_memory_equal(got.id, "id", 2);
	assert_true(got.version == row.version && got.state == row.state && got.generation == row.generation);
	assert_true(view_equal(got.header, row.header) && view_equal(got.index, row.index) && view_equal(got.body, row.body));
}

static void empty_header_index_and_body_stay_empty(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row = { .id = { 0 }, .id_len = 1 }, got;
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_DOMAIN, &row, false), ERR_OK);
	contract_commit(s);
	assert_int_equal(store_get(s, STORE_DOMAIN, view_of("", 1), &got), ERR_OK);
	assert_true(got.header.len == 0 && got.index.len == 0 && got.body.len == 0);
	assert_true(got.version == 0 && got.state == 0 && got.generation == 0);
}

static void get_and_erase_of_an_unknown_id_say_not_found_and_leave_the_row_alone(void **state)
{
	struct store *s = contract_store(state);
	struct store_row got = { .version = 77 };
	contract_put(s, STORE_OBJECT, "a", "1");
	assert_int_equal(store_get(s, STORE_OBJECT, view_str("b"), &got), ERR_NOT_FOUND);
	assert_int_equal(got.version, 77);
	assert_int_equal(store_get(s, STORE_GRANT, view_str("a"), &got), ERR_NOT_FOUND);
	contract_begin(s);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("b")), ERR_NOT_FOUND);
	contract_commit(s);
	contract_expect(s, STORE_OBJECT, "a", "1");
}

static void put_without_replace_refuses_an_id_that_is_there_and_the_transaction_goes_on(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "old");
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "new", false), ERR_EXISTS);
	assert_int_equal(contract_put_inside(s, "b", "other", false), ERR_OK);
	contract_commit(s);
	contract_expect(s, STORE_OBJECT, "a", "old");
	contract_expect(s, STORE_OBJECT, "b", "other");
}

static void put_with_replace_writes_over_and_erase_takes_away(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "a much longer body than the next");
	contract_put(s, STORE_OBJECT, "a", "new");
	contract_expect(s, STORE_OBJECT, "a", "new");
	contract_erase(s, STORE_OBJECT, "a");
	assert_false(contract_has(s, STORE_OBJECT, "a"));
}

static void tables_keep_the_same_id_apart(void **state)
{
	struct store *s = contract_store(state);
	for (int t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		char body[] = { (char)('0' + t), '\0' };
		contract_put(s, (enum store_table)t, "same", body);
	}
	contract_erase(s, STORE_AUDIT, "same");
	for (int t = STORE_OBJECT; t < STORE_TABLE_END; t++) {
		char body[] = { (char)('0' + t), '\0' };
		uint64_t count = 99;
		assert_int_equal(store_count(s, (enum store_table)t, &count), ERR_OK);
		assert_int_equal(count, t == STORE_AUDIT ? 0 : 1);
		if (t != STORE_AUDIT) contract_expect(s, (enum store_table)t, "same", body);
	}
}

static void what_the_nodes_share_is_held_and_is_no_stray(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row;
	uint64_t strays = 99;
	contract_put(s, STORE_LEASE, "lease", "1");
	contract_put(s, STORE_OBJECT, "lease", "2");
	contract_begin(s);
	assert_int_equal(store_hold(s, STORE_LEASE, view_str("lease"), &row), ERR_OK);
	assert_true(view_equal_str(row.body, "1"));
	assert_int_equal(store_hold(s, STORE_LEASE, view_str("other"), &row), ERR_NOT_FOUND);
	assert_int_equal(store_hold(s, STORE_OBJECT, view_str("lease"), &row), ERR_OK);
	assert_true(view_equal_str(row.body, "2"));
	contract_commit(s);
	assert_int_equal(store_strays(s, &strays), ERR_OK);
	assert_int_equal(strays, 0);
	contract_put(s, STORE_LEASE, "lease", "3");
	contract_expect(s, STORE_LEASE, "lease", "3");
	contract_erase(s, STORE_LEASE, "lease");
	assert_false(contract_has(s, STORE_LEASE, "lease"));
	contract_put(s, STORE_LEASE, "of all", "A");
	contract_put(s, STORE_ADMISSION, "of all", "B");
	contract_put(s, STORE_REFRESH, "of all", "D");
	contract_expect(s, STORE_LEASE, "of all", "A");
	contract_expect(s, STORE_ADMISSION, "of all", "B");
	contract_expect(s, STORE_REFRESH, "of all", "D");
	assert_int_equal(store_strays(s, &strays), ERR_OK);
	assert_int_equal(strays, 0);
}

static void scan_gives_ids_in_memcmp_order_whatever_the_order_of_writing(void **state)
{
	static const uint8_t ids[][3] = { { 0x80, 0, 0 }, { 0x7f, 0xff, 0 }, { 0, 0, 1 }, { 0xff, 0, 0 }, { 0, 0, 0 }, { 0x80, 0, 1 } };
	static const size_t lens[] = { 1, 2, 3, 1, 1, 3 };
	static const size_t order[] = { 4, 2, 1, 0, 5, 3 };
	struct store *s = contract_store(state);
	contract_begin(s);
	for (size_t i = 0; i < 6; i++) {
		struct store_row row = { .id_len = lens[i], .version = (uint32_t)i };
		memcpy(row.id, ids[i], lens[i]);
		assert_int_equal(store_put(s, STORE_OBJECT, &row, false), ERR_OK);
	}
	contract_commit(s);
	struct view after = NONE;
	for (size_t i = 0; i < 6; i++) {
		struct contract_list one = { .count = 0 };
		assert_int_equal(store_scan(s, STORE_OBJECT, after, false, 1, contract_list_row, &one), ERR_OK);
		assert_int_equal(one.count, 1);
		assert_memory_equal(one.text, ids[order[i]], strlen(one.text));
		after = view_of(ids[order[i]], lens[order[i]]);
	}
	struct contract_list rest = { .count = 0 };
	assert_int_equal(store_scan(s, STORE_OBJECT, after, false, 1, contract_list_row, &rest), ERR_OK);
	assert_int_equal(rest.count, 0);
}

static void scan_pages_in_both_directions(void **state)
{
	static const struct { const char *after; bool backwards; size_t limit; const char *want; } cases[] = {
		{ "", false, 10, "a b c d e" },   { "", true, 10, "e d c b a" },  { "", false, 2, "a b" },      { "", true, 2, "e d" },
		{ "b", false, 2, "c d" },         { "d", true, 2, "c b" },        { "bb", false, 10, "c d e" }, { "bb", true, 10, "b a" },
		{ "e", false, 10, "" },           { "a", true, 10, "" },          { "", false, 0, "" },         { "", true, 0, "" },
		{ "", false, SIZE_MAX, "a b c d e" }, { "", true, SIZE_MAX, "e d c b a" },
	};
	static const char *const ids[] = { "d", "a", "e", "c", "b" };
	struct store *s = contract_store(state);
	for (size_t i = 0; i < 5; i++) contract_put(s, STORE_AUDIT, ids[i], "x");
	contract_put(s, STORE_REQUEST, "other table", "x");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct contract_list list = { .count = 0 };
		assert_int_equal(store_scan(s, STORE_AUDIT, view_str(cases[i].after), cases[i].backwards, cases[i].limit, contract_list_row,
			&list), ERR_OK);
		assert_string_equal(list.text, cases[i].want);
	}
}

static void backwards_scan_from_the_end_reaches_the_highest_id(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row = { .id_len = STORE_ID_MAX };
	memset(row.id, 0xff, sizeof row.id);
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_AUDIT, &row, false), ERR_OK);
	contract_commit(s);
	struct contract_list list = { .count = 0 };
	assert_int_equal(store_scan(s, STORE_AUDIT, NONE, true, 1, contract_list_row, &list), ERR_OK);
	assert_int_equal(list.count, 1);
}

static void callback_that_fails_ends_the_scan_and_its_error_comes_back(void **state)
{
	struct store *s = contract_store(state);
	contract_put(s, STORE_OBJECT, "a", "x");
	contract_put(s, STORE_OBJECT, "b", "x");
	contract_put(s, STORE_OBJECT, "c", "x");
	struct contract_list list = { .stop_after = 2 };
	assert_int_equal(store_scan(s, STORE_OBJECT, NONE, false, 10, contract_list_row, &list), ERR_LIMIT);
	assert_string_equal(list.text, "a b");
	contract_put(s, STORE_OBJECT, "d", "the store goes on");
	contract_expect(s, STORE_OBJECT, "d", "the store goes on");
}

/* An index column of entries (index, token of one byte repeated). */
static struct view make_index(uint8_t *out, size_t count, const uint8_t (*entries)[2])
{
	out[0] = (uint8_t)(count >> 8);
	out[1] = (uint8_t)count;
	for (size_t i = 0; i < count; i++) {
		out[2 + i * STORE_INDEX_ENTRY_LEN] = entries[i][0];
		memset(out + 3 + i * STORE_INDEX_ENTRY_LEN, entries[i][1], STORE_TOKEN_LEN);
	}
	return view_of(out, 2 + count * STORE_INDEX_ENTRY_LEN);
}

static void put_indexed(struct store *s, const char *id, size_t count, const uint8_t (*entries)[2])
{
	uint8_t column[2 + 4 * STORE_INDEX_ENTRY_LEN];
	struct store_row row = contract_row(id, "body");
	row.index = make_index(column, count, entries);
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	contract_commit(s);
}

static void expect_found(struct store *s, uint8_t index, uint8_t fill, const char *after, size_t limit, const char *want)
{
	uint8_t token[STORE_TOKEN_LEN];
	struct contract_list list = { .count = 0 };
	memset(token, fill, sizeof token);
	assert_int_equal(store_index_find(s, STORE_OBJECT, index, view_of(token, sizeof token), view_str(after), limit, contract_list_id,
		&list), ERR_OK);
	assert_string_equal(list.text, want);
}

static void search_finds_exactly_the_rows_whose_index_column_holds_the_token(void **state)
{
	static const uint8_t one[][2] = { { 1, 0xaa } }, both[][2] = { { 1, 0xaa }, { 2, 0xbb } }, other[][2] = { { 2, 0xaa } };
	struct store *s = contract_store(state);
	put_indexed(s, "c", 1, one);
	put_indexed(s, "a", 2, both);
	put_indexed(s, "b", 1, other);
	put_indexed(s, "d", 0, one);
	expect_found(s, 1, 0xaa, "", 10, "a c");
	expect_found(s, 2, 0xaa, "", 10, "b");
	expect_found(s, 2, 0xbb, "", 10, "a");
	expect_found(s, 3, 0xaa, "", 10, "");
	expect_found(s, 1, 0xcc, "", 10, "");
	expect_found(s, 1, 0xaa, "a", 10, "c");
	expect_found(s, 1, 0xaa, "", 1, "a");
	expect_found(s, 1, 0xaa, "", 0, "");
}

static void search_follows_replace_erase_and_rollback(void **state)
{
	static const uint8_t one[][2] = { { 1, 0xaa } }, two[][2] = { { 1, 0xbb } };
	struct store *s = contract_store(state);
	put_indexed(s, "a", 1, one);
	put_indexed(s, "a", 1, two);
	expect_found(s, 1, 0xaa, "", 10, "");
	expect_found(s, 1, 0xbb, "", 10, "a");
	contract_begin(s);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("a")), ERR_OK);
	expect_found(s, 1, 0xbb, "", 10, "");
	store_rollback(s);
	expect_found(s, 1, 0xbb, "", 10, "a");
	contract_erase(s, STORE_OBJECT, "a");
	expect_found(s, 1, 0xbb, "", 10, "");
}

static void malformed_index_columns_are_refused_and_change_nothing(void **state)
{
	static const uint8_t sorted[][2] = { { 1, 1 }, { 1, 2 } }, doubled[][2] = { { 1, 1 }, { 1, 1 } }, unsorted[][2] = { { 2, 1 }, { 1, 1 } };
	uint8_t good[80], twice[80], wrong[80], big[2] = { 1, 1 };
	struct view cases[] = { view_of(good, 1), view_of(good, 67), view_of(good, 69), view_of(good, 35), view_of(good, 2),
		make_index(twice, 2, doubled), make_index(wrong, 2, unsorted), view_of(big, 2) };
	struct store *s = contract_store(state);
	struct view whole = make_index(good, 2, sorted);
	struct store_row row = contract_row("a", "body");
	contract_begin(s);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		row.index = cases[i];
		assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_FIELD);
	}
	assert_false(contract_has(s, STORE_OBJECT, "a"));
	row.index = whole;
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	contract_commit(s);
	expect_found(s, 1, 2, "", 10, "a");
}

static void index_column_of_256_entries_is_kept_and_searched(void **state)
{
	struct store *s = contract_store(state);
	struct store_row row = contract_row("a", "body");
	size_t len = 2 + (size_t)STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN;
	AUTO_FREE uint8_t *column = calloc(1, len + STORE_INDEX_ENTRY_LEN);
	assert_non_null(column);
	column[0] = 1;
	for (size_t i = 0; i < STORE_INDEX_MAX; i++) memset(column + 2 + i * STORE_INDEX_ENTRY_LEN, (int)i, STORE_INDEX_ENTRY_LEN);
	row.index = view_of(column, len);
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_OK);
	contract_commit(s);
	expect_found(s, 0, 0, "", 10, "a");
	expect_found(s, 255, 255, "", 10, "a");
	column[1] = 1;
	memset(column + len, 0xff, STORE_INDEX_ENTRY_LEN);
	column[len] = 0xff;
	row.index = view_of(column, len + STORE_INDEX_ENTRY_LEN);
	contract_begin(s);
	assert_int_equal(store_put(s, STORE_OBJECT, &row, true), ERR_FIELD);
	store_rollback(s);
}

/* Bytes that differ from place to place. */
static void fill(uint8_t *out, size_t len)
{
	for (size_t i = 0; i < len; i++) out[i] = (uint8_t)(i * 2654435761u >> 13);
}

static void bodies_and_headers_up_to_their_limits_come_back_whole_and_longer_ones_are_refused(void **state)
{
	static const struct { size_t header, body; enum coffer_err want; } cases[] = {
		{ 0, 1u << 20, ERR_OK }, { STORE_HEADER_MAX, STORE_BODY_MAX, ERR_OK },
		{ STORE_HEADER_MAX + 1, 0, ERR_TOO_LARGE }, { 0, STORE_BODY_MAX + 1, ERR_TOO_LARGE },
	};
	struct store *s = contract_store(state);
	AUTO_FREE uint8_t *bytes = malloc(STORE_BODY_MAX + 1);
	assert_non_null(bytes);
	fill(bytes, STORE_BODY_MAX + 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct store_row row = { .id_len = STORE_ID_MAX, .header = view_of(bytes, cases[i].header), .body = view_of(bytes, cases[i].body) };
		struct store_row got;
		row.id[0] = (uint8_t)i;
		contract_begin(s);
		assert_int_equal(store_put(s, STORE_OBJECT, &row, false), cases[i].want);
		contract_commit(s);
		enum coffer_err err = store_get(s, STORE_OBJECT, view_of(row.id, row.id_len), &got);
		assert_int_equal(err, cases[i].want ? ERR_NOT_FOUND : ERR_OK);
		if (!err) assert_true(view_equal(got.header, row.header) && view_equal(got.body, row.body));
	}
}

static enum coffer_err list_survey(void *arg, const struct store_row *row, bool is_whole)
{
	assert_true(is_whole);
	return contract_list_row(arg, row);
}

static void a_survey_walks_every_row_in_order_and_its_place_tells_what_is_past(void **state)
{
	struct store *s = contract_store(state);
	struct contract_list list = { "", 0, 0 };
	struct store_place place = { .len = 0 };
	static const char *const ids[] = { "b", "a", "ab", "abc", "c", "\xff\xff" };
	for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++) contract_put(s, STORE_GRANT, ids[i], "x");
	assert_false(store_place_is_past(&place, view_str("a")));
	for (size_t before = SIZE_MAX; before != list.count;) {
		before = list.count;
		assert_int_equal(store_survey(s, STORE_GRANT, &place, 2, list_survey, &list), ERR_OK);
		if (list.count != 4) continue;
		assert_true(store_place_is_past(&place, view_str("b")) && store_place_is_past(&place, view_str("abc")));
		assert_false(store_place_is_past(&place, view_of("b\0", 2)) || store_place_is_past(&place, view_str("c")));
	}
	assert_string_equal(list.text, "a ab abc b c \xff\xff");
	assert_false(store_place_is_end(&place));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_survey_walks_every_row_in_order_and_its_place_tells_what_is_past),
		CONTRACT(get_returns_every_column_that_put_wrote),
		CONTRACT(empty_header_index_and_body_stay_empty),
		CONTRACT(get_and_erase_of_an_unknown_id_say_not_found_and_leave_the_row_alone),
		CONTRACT(put_without_replace_refuses_an_id_that_is_there_and_the_transaction_goes_on),
		CONTRACT(put_with_replace_writes_over_and_erase_takes_away),
		CONTRACT(tables_keep_the_same_id_apart),
		CONTRACT(what_the_nodes_share_is_held_and_is_no_stray),
		CONTRACT(scan_gives_ids_in_memcmp_order_whatever_the_order_of_writing),
		CONTRACT(scan_pages_in_both_directions),
		CONTRACT(backwards_scan_from_the_end_reaches_the_highest_id),
		CONTRACT(callback_that_fails_ends_the_scan_and_its_error_comes_back),
		CONTRACT(search_finds_exactly_the_rows_whose_index_column_holds_the_token),
		CONTRACT(search_follows_replace_erase_and_rollback),
		CONTRACT(malformed_index_columns_are_refused_and_change_nothing),
		CONTRACT(index_column_of_256_entries_is_kept_and_searched),
		CONTRACT(bodies_and_headers_up_to_their_limits_come_back_whole_and_longer_ones_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
