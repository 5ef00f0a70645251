/* Index tokens and the index column. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/record.h"
#include "unit/keyring/fixture.h"

static void token_and_column_are_the_frozen_ones(void **state)
{
	AUTO_BUF struct buf column = BUF_EMPTY;
	struct ring *ring = fixture_ring(1);
	struct record_index_entry entry = { 1, view_str("payroll-key") };
	uint8_t token[STORE_TOKEN_LEN];
	(void)state;
	assert_int_equal(record_token(ring, 1, STORE_OBJECT, 1, entry.value, token), ERR_OK);
	assert_answer("index-token", token, sizeof token);
	assert_int_equal(record_index(ring, 1, STORE_OBJECT, &entry, 1, &column), ERR_OK);
	assert_answer("object-index", column.ptr, column.len);
	ring_free(ring);
}

static void tokens_differ_by_table_index_generation_and_value(void **state)
{
	static const struct { uint32_t generation; enum store_table table; uint8_t index; const char *value; } other[] = {
		{ 2, STORE_OBJECT, 1, "payroll-key" }, { 1, STORE_GRANT, 1, "payroll-key" }, { 1, STORE_OBJECT, 2, "payroll-key" },
		{ 1, STORE_OBJECT, 1, "payroll-kez" }, { 1, STORE_OBJECT, 1, "" },
	};
	struct ring *ring = fixture_ring(2);
	uint8_t first[STORE_TOKEN_LEN], token[STORE_TOKEN_LEN];
	(void)state;
	assert_int_equal(record_token(ring, 1, STORE_OBJECT, 1, view_str("payroll-key"), first), ERR_OK);
	for (size_t i = 0; i < sizeof other / sizeof other[0]; i++) {
		assert_int_equal(record_token(ring, other[i].generation, other[i].table, other[i].index, view_str(other[i].value),
			token), ERR_OK);
		assert_memory_not_equal(first, token, sizeof token);
	}
	assert_int_equal(record_token(ring, 3, STORE_OBJECT, 1, view_str("x"), token), ERR_NOT_FOUND);
	ring_free(ring);
}

static void the_column_is_sorted_and_without_doubles(void **state)
{
	struct record_index_entry entries[] = { { 2, view_str("b") }, { 1, view_str("z") }, { 1, view_str("a") },
		{ 2, view_str("b") } };
	AUTO_BUF struct buf column = BUF_EMPTY;
	struct ring *ring = fixture_ring(1);
	uint8_t token[STORE_TOKEN_LEN];
	(void)state;
	assert_int_equal(record_index(ring, 1, STORE_OBJECT, entries, 4, &column), ERR_OK);
	assert_int_equal(column.len, 2 + 3 * STORE_INDEX_ENTRY_LEN);
	assert_int_equal(column.ptr[1], 3);
	for (size_t i = 1; i < 3; i++)
		assert_true(memcmp(column.ptr + 2 + (i - 1) * STORE_INDEX_ENTRY_LEN, column.ptr + 2 + i * STORE_INDEX_ENTRY_LEN,
			STORE_INDEX_ENTRY_LEN) < 0);
	assert_int_equal(record_token(ring, 1, STORE_OBJECT, 2, view_str("b"), token), ERR_OK);
	assert_true(record_index_has(buf_view(&column), 2, token));
	assert_false(record_index_has(buf_view(&column), 1, token));
	token[31] ^= 1;
	assert_false(record_index_has(buf_view(&column), 2, token));
	ring_free(ring);
}

static void the_column_has_its_limits(void **state)
{
	static struct record_index_entry entries[STORE_INDEX_MAX + 1];
	AUTO_BUF struct buf column = BUF_EMPTY, none = BUF_EMPTY;
	static uint8_t values[STORE_INDEX_MAX + 1][2];
	struct ring *ring = fixture_ring(1);
	(void)state;
	for (size_t i = 0; i <= STORE_INDEX_MAX; i++) {
		values[i][0] = (uint8_t)i;
		values[i][1] = (uint8_t)(i >> 8);
		entries[i] = (struct record_index_entry){ 1, view_of(values[i], 2) };
	}
	assert_int_equal(record_index(ring, 1, STORE_OBJECT, entries, STORE_INDEX_MAX + 1, &column), ERR_LIMIT);
	assert_int_equal(record_index(ring, 1, STORE_OBJECT, entries, STORE_INDEX_MAX, &column), ERR_OK);
	assert_int_equal(column.len, 2 + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN);
	assert_int_equal(record_index(ring, 1, STORE_OBJECT, NULL, 0, &none), ERR_OK);
	assert_int_equal(none.len, 2);
	ring_free(ring);
}

static void a_malformed_column_holds_nothing(void **state)
{
	uint8_t column[ANSWER_MAX], token[STORE_TOKEN_LEN];
	struct view whole = answer("object-index", column);
	(void)state;
	memcpy(token, column + 3, sizeof token);
	assert_true(record_index_has(whole, 1, token));
	for (size_t cut = 0; cut < whole.len; cut++) assert_false(record_index_has(view_of(column, cut), 1, token));
	assert_false(record_index_has(view_of(column, whole.len + 1), 1, token));
	column[1] = 2;
	assert_false(record_index_has(whole, 1, token));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(token_and_column_are_the_frozen_ones),
		cmocka_unit_test(tokens_differ_by_table_index_generation_and_value),
		cmocka_unit_test(the_column_is_sorted_and_without_doubles),
		cmocka_unit_test(the_column_has_its_limits),
		cmocka_unit_test(a_malformed_column_holds_nothing),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
