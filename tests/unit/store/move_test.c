/* Moving a store's rows: what may be moved where, that everything arrives, and that it goes on wherever it was cut off. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/move.h"
#include "store/store_internal.h"
#include "support.h"

#define OBJECTS 700u

static const enum store_table tables[] = { STORE_OBJECT, STORE_GRANT, STORE_AUDIT, STORE_DOMAIN, STORE_SLOT, STORE_RECOVERY, STORE_LEASE, STORE_REFRESH };

struct world {
	struct store *from, *to;
	struct store_move_mark mark;
};

static struct store_row row_of(const char *id, const char *body)
{
	static const uint8_t header[] = { 3, 9 };
	static uint8_t index[2 + STORE_INDEX_ENTRY_LEN] = { 0, 1, 4 };
	struct store_row row = { .id_len = strlen(id), .version = 7, .state = 2, .generation = 3, .header = view_of(header, sizeof header),
		.index = view_of(index, sizeof index), .body = view_str(body) };
	memcpy(row.id, id, row.id_len);
	return row;
}

static void put(struct store *s, enum store_table table, const char *id, const char *body)
{
	struct store_row row = row_of(id, body);
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	assert_int_equal(store_put(s, table, &row, true), ERR_OK);
	assert_int_equal(store_commit(s, NULL), ERR_OK);
}

static void fill(struct store *s)
{
	char id[32];
	assert_int_equal(store_begin(s, NULL), ERR_OK);
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++)
		for (unsigned i = 0; i < (t ? 3 : OBJECTS); i++) {
			snprintf(id, sizeof id, "row-%06u", i);
			struct store_row row = row_of(id, t ? "small" : "an object's body");
			assert_int_equal(store_put(s, tables[t], &row, false), ERR_OK);
		}
	assert_int_equal(store_commit(s, NULL), ERR_OK);
}

static int begin(void **state)
{
	struct world *w = calloc(1, sizeof *w);
	*state = w;
	if (!w || store_open_memory(&w->from) != ERR_OK || store_open_memory(&w->to) != ERR_OK) return -1;
	w->mark = (struct store_move_mark){ .move_id = { 1 }, .domain_id = { 2 }, .node_id = { 3 }, .at_ms = 4, .place = "SQLite" };
	fill(w->from);
	return 0;
}

static int end(void **state)
{
	struct world *w = *state;
	store_close(w->from);
	store_close(w->to);
	free(w);
	return 0;
}

/* At most `steps` pages, as a process would that is killed then. */
static enum coffer_err run(struct world *w, unsigned steps, bool *out_done, struct reason *reason)
{
	struct store_move m;
	enum coffer_err err = store_move_begin(&m, w->from, w->to, &w->mark);
	*out_done = false;
	for (unsigned i = 0; i < steps && !err && !*out_done; i++) err = store_move_step(&m, out_done, reason);
	store_move_end(&m);
	return err;
}

static uint64_t rows(struct store *s)
{
	uint64_t sum = 0, n;
	for (size_t t = 0; t < sizeof tables / sizeof tables[0]; t++) {
		assert_int_equal(store_count(s, tables[t], &n), ERR_OK);
		sum += n;
	}
	return sum;
}

static void expect_moved(struct world *w)
{
	struct store_move_mark mark;
	struct store_row row;
	assert_int_equal(store_move_mark_get(w->to, &mark), ERR_OK);
	assert_int_equal(mark.state, STORE_MOVE_INCOMPLETE); /* it is for who ordered the move to take it away */
	assert_string_equal(mark.place, "SQLite");
	assert_true(rows(w->to) == rows(w->from));
	assert_int_equal(store_get(w->to, STORE_OBJECT, view_str("row-000699"), &row), ERR_OK);
	assert_true(row.version == 7 && row.state == 2 && row.generation == 3 && view_equal_str(row.body, "an object's body"));
	bool same = false;
	assert_int_equal(store_index_same(w->to, STORE_OBJECT, view_str("row-000699"), row_of("x", "").index, &same), ERR_OK);
	assert_true(same);
}

static void test_all(void **state)
{
	struct world *w = *state;
	bool done;
	assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
	assert_true(done);
	expect_moved(w);
}

/* Whatever page it is cut off behind: the next process ends it, from one page at a time to all. */
static void test_goes_on(void **state)
{
	struct world *w = *state;
	for (unsigned steps = 1; steps < 40; steps++) {
		bool done = false;
		assert_int_equal(run(w, steps, &done, NULL), ERR_OK);
		assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
		assert_true(done);
		expect_moved(w);
		w->mark.move_id[1]++; /* another move, which clears what this one put there */
	}
}

/* Every page a process of its own: the copy is not begun anew each time. */
static void test_page_by_page(void **state)
{
	struct world *w = *state;
	bool done = false;
	uint64_t before = 0;
	unsigned tries = 0;
	for (; !done && tries < 40 && rows(w->to) < rows(w->from); tries++) {
		assert_int_equal(run(w, 8, &done, NULL), ERR_OK);
		assert_true(rows(w->to) >= before);
		before = rows(w->to);
	}
	assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
	assert_true(done);
	expect_moved(w);
}

static void expect_refusal(struct world *w, enum coffer_err want, const char *words)
{
	struct reason reason = { "" };
	bool done;
	assert_int_equal(run(w, 1000, &done, &reason), want);
	assert_false(done);
	if (!strstr(reason.text, words)) fail_msg("not '%s': %s", words, reason.text);
}

static void test_holds_a_store(void **state)
{
	struct world *w = *state;
	put(w->to, STORE_AUDIT, "one", "body");
	struct reason reason = { "" };
	assert_int_equal(store_move_admits(w->to, &w->mark, &reason), ERR_EXISTS);
	expect_refusal(w, ERR_EXISTS, "holds a store already");
	struct store_row row;
	assert_int_equal(store_get(w->to, STORE_AUDIT, view_str("one"), &row), ERR_OK); /* untouched */
	assert_int_equal(rows(w->to), 1);
}

static void test_of_another(void **state)
{
	struct world *w = *state;
	struct store_move_mark other = w->mark;
	other.state = STORE_MOVE_LEFT;
	other.domain_id[0]++;
	assert_int_equal(store_move_mark_set(w->to, &other, NULL), ERR_OK);
	expect_refusal(w, ERR_EXISTS, "another domain or node");
}

static void test_unknown_mark(void **state)
{
	struct world *w = *state;
	put(w->to, STORE_MOVE, "mark", "\x02newer");
	expect_refusal(w, ERR_CORRUPT, "this version cannot read");
}

/* The way back: what the domain left there is cleared, whole, before rows are put. */
static void test_left(void **state)
{
	struct world *w = *state;
	bool done;
	put(w->to, STORE_OBJECT, "row-zzz of before", "old");
	put(w->to, STORE_REQUEST, "an old answer", "old");
	struct store_move_mark left = w->mark;
	left.state = STORE_MOVE_LEFT;
	left.move_id[5] = 9;
	assert_int_equal(store_move_mark_set(w->to, &left, NULL), ERR_OK);
	for (unsigned i = 0; i < 5; i++) assert_int_equal(run(w, i, &done, NULL), ERR_OK); /* cut off while it is cleared */
	assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
	assert_true(done);
	expect_moved(w);
	struct store_row row;
	assert_int_equal(store_get(w->to, STORE_REQUEST, view_str("an old answer"), &row), ERR_NOT_FOUND);
}

/* Somebody else writes to the new place, or to the old one. */
static void test_differs(void **state)
{
	struct world *w = *state;
	bool done;
	assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
	put(w->to, STORE_OBJECT, "row-000001", "an object's bodY");
	expect_refusal(w, ERR_CORRUPT, "table 1 of the store is not the same");
	put(w->to, STORE_OBJECT, "row-000001", "an object's body");
	assert_int_equal(run(w, 1000, &done, NULL), ERR_OK);
	put(w->to, STORE_GRANT, "row-999999", "one too many");
	expect_refusal(w, ERR_CORRUPT, "table 2 of the store is not the same");
}

static void test_mark(void **state)
{
	struct world *w = *state;
	struct store_move_mark mark = w->mark, found;
	mark.state = STORE_MOVE_LEFT;
	assert_int_equal(store_move_mark_set(w->from, &mark, NULL), ERR_OK);
	assert_int_equal(store_move_mark_get(w->from, &found), ERR_OK);
	assert_true(found.state == STORE_MOVE_LEFT && found.at_ms == 4 && memcmp(found.node_id, mark.node_id, UUID_LEN) == 0);
	uint64_t strays;
	assert_int_equal(store_strays(w->from, &strays), ERR_OK);
	assert_int_equal(strays, 0);
	mark.state = STORE_MOVE_NONE;
	assert_int_equal(store_move_mark_set(w->from, &mark, NULL), ERR_OK);
	assert_int_equal(store_move_mark_set(w->from, &mark, NULL), ERR_OK); /* again */
	assert_int_equal(store_move_mark_get(w->from, &found), ERR_OK);
	assert_int_equal(found.state, STORE_MOVE_NONE);
}

/* From and to a file, which is closed and opened in between. */
static void test_file(void **state)
{
	struct place *p = *state;
	struct world w = { .mark = { .move_id = { 1 } } };
	bool done = false;
	assert_int_equal(store_open_memory(&w.from), ERR_OK);
	fill(w.from);
	for (unsigned i = 0; i < 60 && !done; i++) {
		w.to = open_ok(p);
		assert_int_equal(run(&w, i < 6 ? 3 : 1000, &done, NULL), ERR_OK);
		store_close(w.to);
	}
	assert_true(done);
	expect_sound(p->db);
	struct store *file = open_ok(p);
	struct store *back;
	assert_int_equal(store_open_memory(&back), ERR_OK);
	struct world again = { .from = file, .to = back };
	assert_int_equal(run(&again, 1000, &done, NULL), ERR_OK);
	assert_true(done && rows(back) == rows(w.from));
	store_close(back);
	store_close(file);
	store_close(w.from);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_all, begin, end),
		cmocka_unit_test_setup_teardown(test_goes_on, begin, end),
		cmocka_unit_test_setup_teardown(test_page_by_page, begin, end),
		cmocka_unit_test_setup_teardown(test_holds_a_store, begin, end),
		cmocka_unit_test_setup_teardown(test_of_another, begin, end),
		cmocka_unit_test_setup_teardown(test_unknown_mark, begin, end),
		cmocka_unit_test_setup_teardown(test_left, begin, end),
		cmocka_unit_test_setup_teardown(test_differs, begin, end),
		cmocka_unit_test_setup_teardown(test_mark, begin, end),
		cmocka_unit_test_setup_teardown(test_file, place_setup_fast, place_teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
