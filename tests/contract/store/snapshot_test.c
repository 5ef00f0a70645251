/* What every store promises about snapshots: all rows as they stood at one moment, whatever is written while they are read. */
#include "contract.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "store/snapshot.h"

#define IDS 40u          /* in each of two tables */
#define TEXT_MAX_LEN 16384u
#define ROUNDS 12u

static const struct store_snapshot_plan plan = { .tables = 1u << STORE_OBJECT | 1u << STORE_GRANT, .keep_max = 1u << 20, .idle_ms = 60000 };

struct text {
	char at[TEXT_MAX_LEN];
	size_t len;
};

static enum coffer_err write_down(void *arg, enum store_table table, const struct store_row *row)
{
	struct text *t = arg;
	int n = snprintf(t->at + t->len, sizeof t->at - t->len, "%d/%.*s=%.*s,%u ", (int)table, (int)row->id_len, (const char *)row->id,
		(int)row->body.len, (const char *)row->body.ptr, row->state);
	assert_true(n > 0 && t->len + (size_t)n < sizeof t->at);
	t->len += (size_t)n;
	return ERR_OK;
}

static enum coffer_err write_object(void *arg, const struct store_row *row)
{
	return write_down(arg, STORE_OBJECT, row);
}

static enum coffer_err write_grant(void *arg, const struct store_row *row)
{
	return write_down(arg, STORE_GRANT, row);
}

/* What the store holds now. */
static void write_all(struct store *s, struct text *out)
{
	out->len = 0;
	assert_int_equal(store_scan(s, STORE_OBJECT, view_of(NULL, 0), false, SIZE_MAX, write_object, out), ERR_OK);
	assert_int_equal(store_scan(s, STORE_GRANT, view_of(NULL, 0), false, SIZE_MAX, write_grant, out), ERR_OK);
}

static struct store_snapshot *begin_snapshot(struct store *s)
{
	struct store_snapshot *snapshot = NULL;
	assert_int_equal(store_snapshot_begin(s, &plan, &snapshot), ERR_OK);
	return snapshot;
}

static void read_rest(struct store_snapshot *snapshot, struct text *out)
{
	bool done = false;
	for (unsigned i = 0; i < 4096 && !done; i++) assert_int_equal(store_snapshot_read(snapshot, 1, write_down, out, &done), ERR_OK);
	assert_true(done);
}

/* A write, an erase or nothing, in a row that is drawn. */
static void change_something(struct store *s, unsigned *seed, unsigned number)
{
	char id[8], body[16];
	enum store_table table = rand_r(seed) % 2 ? STORE_OBJECT : STORE_GRANT;
	snprintf(id, sizeof id, "%02u", (unsigned)rand_r(seed) % IDS);
	snprintf(body, sizeof body, "b%u", number);
	struct store_row row = contract_row(id, body);
	row.state = number;
	if (rand_r(seed) % 3) assert_int_equal(store_put(s, table, &row, true), ERR_OK);
	else (void)!store_erase(s, table, view_str(id));
}

/* A transaction: kept, undone in part, or rolled back. */
static void disturb(struct store *s, unsigned *seed, unsigned *number)
{
	contract_begin(s);
	for (int i = rand_r(seed) % 5; i > 0; i--) change_something(s, seed, ++*number);
	if (rand_r(seed) % 2) {
		assert_int_equal(store_savepoint(s), ERR_OK);
		change_something(s, seed, ++*number);
		store_release(s, rand_r(seed) % 2);
	}
	if (rand_r(seed) % 4) contract_commit(s);
	else store_rollback(s);
}

static void a_snapshot_is_of_one_moment_whatever_is_written_meanwhile(void **state)
{
	struct store *s = contract_store(state);
	unsigned seed = 20261122, number = 0;
	struct text *before = malloc(sizeof *before), *got = malloc(sizeof *got);
	assert_true(before && got);
	for (unsigned round = 0; round < ROUNDS; round++) {
		bool done = false;
		for (int i = 0; i < 10; i++) disturb(s, &seed, &number);
		write_all(s, before);
		struct store_snapshot *snapshot = begin_snapshot(s);
		got->len = 0;
		for (unsigned i = 0; i < 4096 && !done; i++) {
			disturb(s, &seed, &number);
			assert_int_equal(store_snapshot_read(snapshot, (size_t)rand_r(&seed) % 400, write_down, got, &done), ERR_OK);
		}
		store_snapshot_end(snapshot);
		assert_true(done);
		if (got->len != before->len || memcmp(got->at, before->at, got->len) != 0)
			fail_msg("round %u of seed 20261122:\nwas %.*s\ngot %.*s", round, (int)before->len, before->at, (int)got->len, got->at);
	}
	free(before);
	free(got);
}

static void a_snapshot_that_is_read_in_a_transaction_does_not_see_what_that_wrote(void **state)
{
	struct store *s = contract_store(state);
	struct text got = { .len = 0 };
	contract_put(s, STORE_OBJECT, "a", "old");
	contract_put(s, STORE_OBJECT, "c", "old");
	struct store_snapshot *snapshot = begin_snapshot(s);
	contract_begin(s);
	assert_int_equal(contract_put_inside(s, "a", "new", true), ERR_OK);
	assert_int_equal(contract_put_inside(s, "b", "new", true), ERR_OK);
	assert_int_equal(store_erase(s, STORE_OBJECT, view_str("c")), ERR_OK);
	read_rest(snapshot, &got);
	contract_commit(s);
	store_snapshot_end(snapshot);
	assert_string_equal(got.at, "1/a=old,2 1/c=old,2 ");
}

static void only_the_tables_asked_for_are_read(void **state)
{
	struct store *s = contract_store(state);
	struct text got = { .len = 0 };
	contract_put(s, STORE_OBJECT, "a", "1");
	contract_put(s, STORE_SLOT, "b", "2");
	contract_put(s, STORE_GRANT, "c", "3");
	struct store_snapshot *snapshot = begin_snapshot(s);
	contract_put(s, STORE_SLOT, "b", "4");
	read_rest(snapshot, &got);
	store_snapshot_end(snapshot);
	assert_string_equal(got.at, "1/a=1,2 2/c=3,2 ");
}

static void there_is_one_snapshot_at_a_time(void **state)
{
	struct store *s = contract_store(state);
	struct store_snapshot *first = begin_snapshot(s), *second = NULL;
	assert_int_equal(store_snapshot_begin(s, &plan, &second), ERR_BUSY);
	store_snapshot_end(first);
	store_snapshot_end(begin_snapshot(s));
}

static void what_is_kept_aside_is_bounded_and_the_change_goes_on(void **state)
{
	struct store *s = contract_store(state);
	struct store_snapshot_plan small = plan;
	struct store_snapshot *snapshot = NULL;
	struct text got = { .len = 0 };
	bool done = false;
	char id[8];
	small.keep_max = 2048;
	contract_put(s, STORE_OBJECT, "zz", "last");
	assert_int_equal(store_snapshot_begin(s, &small, &snapshot), ERR_OK);
	for (unsigned i = 0; i < 64; i++) {
		snprintf(id, sizeof id, "%02u", i);
		contract_put(s, STORE_OBJECT, id, "new");
	}
	assert_true(contract_has(s, STORE_OBJECT, "63"));
	assert_int_equal(store_snapshot_read(snapshot, 1, write_down, &got, &done), ERR_LIMIT);
	assert_int_equal(store_snapshot_read(snapshot, 1, write_down, &got, &done), ERR_LIMIT);
	store_snapshot_end(snapshot);
}

static void a_store_that_was_opened_again_has_no_snapshot_any_more(void **state)
{
	struct store *s = contract_store(state);
	struct text got = { .len = 0 };
	bool done = false;
	struct store_snapshot *snapshot = begin_snapshot(s);
	assert_int_equal(store_reopen(s, NULL), ERR_OK);
	assert_int_equal(store_snapshot_read(snapshot, 1, write_down, &got, &done), ERR_UNKNOWN_OUTCOME);
	store_snapshot_end(snapshot);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CONTRACT(a_snapshot_is_of_one_moment_whatever_is_written_meanwhile),
		CONTRACT(a_snapshot_that_is_read_in_a_transaction_does_not_see_what_that_wrote),
		CONTRACT(only_the_tables_asked_for_are_read),
		CONTRACT(there_is_one_snapshot_at_a_time),
		CONTRACT(what_is_kept_aside_is_bounded_and_the_change_goes_on),
		CONTRACT(a_store_that_was_opened_again_has_no_snapshot_any_more),
	};
	return cmocka_run_group_tests_name("store snapshots", tests, NULL, NULL);
}
