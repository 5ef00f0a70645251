/* Random histories of transactions, marks that are kept or undone, rows and index entries: what a store then holds is what the store in memory holds, also where
 * what SQLite's would write once more is exactly as much as it keeps, or a byte more. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/rooted_store.h"
#include "store/sqlite_internal.h"

#define IDS 24u
#define TRANSACTIONS 250u
#define TOKENS 5u
#define BODY_MAX (SQLITE_REDO_MAX + 1u)

static const enum store_table tables[] = { STORE_OBJECT, STORE_GRANT, STORE_REQUEST };
#define TABLES (sizeof tables / sizeof tables[0])

struct model {
	struct store *real, *plain;
	const struct sqlite_store *lowest; /* below the real one */
	unsigned seed;
	size_t entry_len;                  /* what it keeps of a row beside its bytes */
	unsigned filled, over;             /* rows that filled it to the last byte; that were one byte too long */
	unsigned undone[2];                /* marks undone by SQLite; from memory */
};

static unsigned pick(struct model *m, unsigned below)
{
	return (unsigned)rand_r(&m->seed) % below;
}

/* Some of TOKENS entries, in their order. */
static struct view pick_index(struct model *m)
{
	static uint8_t index[2 + TOKENS * STORE_INDEX_ENTRY_LEN];
	unsigned mask = pick(m, 1u << TOKENS);
	uint8_t *at = index + 2;
	for (unsigned t = 0; t < TOKENS; t++) {
		if (!(mask >> t & 1)) continue;
		at[0] = (uint8_t)(1 + t / 3);
		memset(at + 1, 'a' + (int)t, STORE_TOKEN_LEN);
		at += STORE_INDEX_ENTRY_LEN;
	}
	index[0] = 0;
	index[1] = (uint8_t)__builtin_popcount(mask);
	return view_of(index, (size_t)(at - index));
}

static struct store_row pick_row(struct model *m)
{
	struct store_row row = { .version = 1 + pick(m, 9), .state = pick(m, 4), .generation = 1, .index = pick_index(m), .header = view_str("header") };
	row.id_len = (size_t)snprintf((char *)row.id, sizeof row.id, "%02u", pick(m, IDS));
	return row;
}

static enum coffer_err put_into_both(struct model *m, enum store_table table, const struct store_row *row, bool replace)
{
	enum coffer_err want = store_put(m->plain, table, row, replace);
	assert_int_equal(store_put(m->real, table, row, replace), want);
	return want;
}

/* One row with what is left of the room for rows that are written once more, or a byte more than that. */
static void put_rest(struct model *m)
{
	static uint8_t body[BODY_MAX];
	const struct sqlite_redo *redo = &m->lowest->redo;
	struct store_row row = pick_row(m);
	size_t fixed = m->entry_len + row.header.len + row.index.len, more = pick(m, 2);
	if (redo->full || redo->used || redo->len + fixed > SQLITE_REDO_MAX) return;
	memset(body, (int)pick(m, 256), sizeof body);
	row.body = view_of(body, SQLITE_REDO_MAX - redo->len - fixed + more);
	assert_int_equal(put_into_both(m, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(redo->full, more == 1);
	if (more) m->over++;
	else m->filled += redo->len == SQLITE_REDO_MAX;
}

static void write_something(struct model *m)
{
	uint8_t body[300];
	enum store_table table = tables[pick(m, TABLES)];
	struct store_row row = pick_row(m);
	if (pick(m, 4) == 0) {
		enum coffer_err want = store_erase(m->plain, table, view_of(row.id, row.id_len));
		assert_int_equal(store_erase(m->real, table, view_of(row.id, row.id_len)), want);
		return;
	}
	memset(body, (int)pick(m, 256), sizeof body);
	row.body = view_of(body, pick(m, sizeof body));
	put_into_both(m, table, &row, pick(m, 3) > 0);
}

static void write_behind_a_mark(struct model *m)
{
	assert_int_equal(store_savepoint(m->plain), ERR_OK);
	assert_int_equal(store_savepoint(m->real), ERR_OK);
	bool keep = pick(m, 3) > 0, here = m->lowest->saved_here;
	for (unsigned i = pick(m, 4); i > 0; i--) write_something(m);
	if (pick(m, 12) == 0) put_rest(m);
	if (!keep) m->undone[here]++;
	store_release(m->plain, keep);
	store_release(m->real, keep);
}

struct comparison {
	struct model *m;
	enum store_table table;
	uint64_t rows;
};

static enum coffer_err compare_row(void *arg, const struct store_row *row)
{
	struct comparison *c = arg;
	struct store_row want;
	enum coffer_err err = store_get(c->m->plain, c->table, view_of(row->id, row->id_len), &want);
	bool same = !err && row->version == want.version && row->state == want.state && row->generation == want.generation &&
		view_equal(row->header, want.header) && view_equal(row->index, want.index) && view_equal(row->body, want.body);
	c->rows++;
	return same ? ERR_OK : ERR_CORRUPT;
}

static void compare_searches(struct model *m, enum store_table table)
{
	for (unsigned t = 0; t < TOKENS; t++) {
		uint8_t token[STORE_TOKEN_LEN], index = (uint8_t)(1 + t / 3);
		struct contract_list want = { .count = 0 }, got = { .count = 0 };
		memset(token, 'a' + (int)t, sizeof token);
		struct view which = view_of(token, sizeof token), start = view_of(NULL, 0);
		assert_int_equal(store_index_find(m->plain, table, index, which, start, IDS, contract_list_id, &want), ERR_OK);
		assert_int_equal(store_index_find(m->real, table, index, which, start, IDS, contract_list_id, &got), ERR_OK);
		assert_string_equal(got.text, want.text);
	}
}

static void compare(struct model *m)
{
	for (size_t i = 0; i < TABLES; i++) {
		struct comparison c = { .m = m, .table = tables[i] };
		uint64_t want;
		assert_int_equal(store_scan(m->real, tables[i], view_of(NULL, 0), false, IDS + 1, compare_row, &c), ERR_OK);
		assert_int_equal(store_count(m->plain, tables[i], &want), ERR_OK);
		assert_int_equal(c.rows, want);
		compare_searches(m, tables[i]);
	}
}

static void run_transaction(struct model *m)
{
	contract_begin(m->plain);
	contract_begin(m->real);
	for (unsigned i = pick(m, 12); i > 0; i--) {
		if (pick(m, 2)) write_behind_a_mark(m);
		else write_something(m);
		if (pick(m, 20) == 0) put_rest(m);
		if (pick(m, 8) == 0) compare(m);
	}
	if (pick(m, 6) == 0) {
		store_rollback(m->plain);
		store_rollback(m->real);
	} else {
		contract_commit(m->plain);
		contract_commit(m->real);
	}
}

static size_t measure_entry(struct model *m)
{
	struct store_row row = contract_row("measured", "body");
	contract_begin(m->real);
	assert_int_equal(store_put(m->real, STORE_OBJECT, &row, true), ERR_OK);
	size_t len = m->lowest->redo.len - row.header.len - row.body.len;
	store_rollback(m->real);
	return len;
}

static void random_histories_are_those_of_the_store_in_memory(void **state)
{
	struct model m = { .real = contract_store(state), .seed = 20261123 };
	m.lowest = (const struct sqlite_store *)(const void *)store_lowest(m.real);
	m.entry_len = measure_entry(&m);
	assert_int_equal(store_open_memory(&m.plain), ERR_OK);
	for (unsigned i = 0; i < TRANSACTIONS; i++) {
		run_transaction(&m);
		compare(&m);
	}
	assert_int_equal(store_reopen(m.real, NULL), ERR_OK);
	compare(&m);
	store_close(m.plain);
	assert_true(m.filled > 3 && m.over > 3 && m.undone[0] > 10 && m.undone[1] > 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(random_histories_are_those_of_the_store_in_memory, contract_setup_sqlite, contract_teardown),
		{ "the same, and its root", random_histories_are_those_of_the_store_in_memory, contract_setup_rooted, contract_teardown, NULL },
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
