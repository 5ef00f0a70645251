/* The chain: append, read, verify, and the tail when transactions end otherwise than planned. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "audit/chain.h"
#include "base/clock.h"
#include "unit/objects/support.h"

static struct world w;
static struct audit_chain *chain;

static int set_up(void **state)
{
	(void)state;
	world_open(&w);
	return audit_chain_open(w.txn, &chain, NULL) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	audit_chain_free(chain);
	chain = NULL;
	world_close(&w);
	return 0;
}

static void append(const char *details)
{
	struct audit_event e = { .principal = view_str("unix:7"), .operation = 10, .status = 1, .result_reason = 12,
		.details = view_str(details) };
	assert_int_equal(audit_append(chain, w.txn, &e), ERR_OK);
}

static void append_many(unsigned count)
{
	begin(&w);
	for (unsigned i = 0; i < count; i++) append("something");
	commit(&w);
}

static void assert_verifies(uint64_t length)
{
	uint64_t bad = 99;
	assert_int_equal(audit_chain_length(chain), length);
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_OK);
	assert_int_equal(bad, 0);
	assert_int_equal(rows(&w, STORE_AUDIT), length);
}

static void reopen(void)
{
	audit_chain_free(chain);
	chain = NULL;
	assert_int_equal(audit_chain_open(w.txn, &chain, NULL), ERR_OK);
}

static void rows_are_appended_and_verify_after_every_reopening(void **state)
{
	(void)state;
	assert_verifies(0);
	for (unsigned i = 1; i <= 4; i++) {
		append_many(i);
		reopen();
		assert_verifies((uint64_t)i * (i + 1) / 2);
	}
}

static uint64_t now_s;

static uint64_t wall_now(void *arg)
{
	(void)arg;
	return now_s;
}

static void append_at(uint64_t wall_s, unsigned count)
{
	now_s = wall_s;
	clock_set_source(&(struct clock_source){ wall_now, NULL, NULL });
	append_many(count);
	clock_set_source(NULL);
}

static void the_latest_time_among_the_newest_rows_is_known(void **state)
{
	(void)state;
	assert_int_equal(audit_chain_known_ms(chain), 0);
	append_at(9000, 1);
	append_at(5000, 1);
	reopen();
	assert_int_equal(audit_chain_known_ms(chain), 9000000);
	append_at(60, 62); /* starts with a wrong clock */
	reopen();
	assert_int_equal(audit_chain_known_ms(chain), 9000000);
	append_at(6000, 1); /* a clock that once was in the future is forgotten */
	reopen();
	assert_int_equal(audit_chain_known_ms(chain), 6000000);
	assert_verifies(65);
}

struct read_state { uint64_t next; unsigned count; enum coffer_err answer; };

static enum coffer_err on_row(void *arg, const struct audit_event *e)
{
	struct read_state *r = arg;
	assert_int_equal(e->seq, r->next++);
	assert_true(view_equal_str(e->principal, "unix:7"));
	assert_true(view_equal_str(e->details, "something"));
	assert_int_equal(e->operation, 10);
	assert_int_equal(e->status, 1);
	assert_int_equal(e->result_reason, 12);
	assert_true(e->time_ms > 0);
	r->count++;
	return r->answer;
}

static void reading_gives_the_rows_asked_for_in_order(void **state)
{
	static const struct { uint64_t first; size_t limit; unsigned expected; } table[] = {
		{ 0, 100, 7 }, { 1, 100, 7 }, { 3, 2, 2 }, { 7, 100, 1 }, { 8, 100, 0 }, { 1, 0, 0 }, { UINT64_MAX, 5, 0 },
	};
	(void)state;
	append_many(7);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct read_state r = { .next = table[i].first ? table[i].first : 1 };
		assert_int_equal(audit_read(chain, w.txn, table[i].first, table[i].limit, on_row, &r), ERR_OK);
		assert_int_equal(r.count, table[i].expected);
	}
	struct read_state r = { .next = 1, .answer = ERR_EXISTS };
	assert_int_equal(audit_read(chain, w.txn, 1, 100, on_row, &r), ERR_EXISTS); /* the reader had enough */
	assert_int_equal(r.count, 1);
}

static void the_tail_goes_back_when_a_transaction_ends_without_a_commit(void **state)
{
	(void)state;
	append_many(2);
	begin(&w);
	append("gone");
	assert_int_equal(audit_chain_length(chain), 3);
	txn_abort(w.txn);
	assert_verifies(2);
	begin(&w);
	append("gone");
	append("gone");
	world_fail_commit(&w, ERR_FULL, false);
	assert_int_equal(txn_commit(w.txn, NULL), ERR_FULL);
	assert_verifies(2);
	append_many(1);
	assert_verifies(3);
}

static void an_undone_part_takes_back_its_rows_alone(void **state)
{
	(void)state;
	begin(&w);
	append("kept");
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	append("gone");
	append("gone");
	txn_undo(w.txn);
	assert_int_equal(audit_chain_length(chain), 1);
	append("kept");
	commit(&w);
	assert_verifies(2);
	reopen();
	assert_verifies(2);
}

static void an_unknown_outcome_is_settled_both_ways(void **state)
{
	(void)state;
	for (int kept = 0; kept < 2; kept++) {
		uint64_t before = audit_chain_length(chain);
		begin(&w);
		append("maybe");
		world_fail_commit(&w, ERR_UNKNOWN_OUTCOME, kept);
		assert_int_equal(txn_commit(w.txn, NULL), ERR_UNKNOWN_OUTCOME);
		assert_int_equal(txn_settle(w.txn, kept), ERR_OK);
		assert_verifies(before + (uint64_t)kept);
	}
}

static void an_event_that_is_too_large_leaves_the_chain_as_it_was(void **state)
{
	static const uint8_t details[4097] = { 0 };
	struct audit_event e = { .details = view_of(details, sizeof details) };
	(void)state;
	begin(&w);
	assert_int_equal(audit_append(chain, w.txn, &e), ERR_TOO_LARGE);
	append("kept");
	commit(&w);
	assert_verifies(1);
}

static void a_new_generation_links_on(void **state)
{
	(void)state;
	append_many(3);
	struct ring *wider = fixture_ring(2);
	txn_set_ring(w.txn, wider);
	append_many(2);
	reopen();
	assert_verifies(5);
	ring_free(w.ring);
	w.ring = wider;
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_are_appended_and_verify_after_every_reopening, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_latest_time_among_the_newest_rows_is_known, set_up, tear_down),
		cmocka_unit_test_setup_teardown(reading_gives_the_rows_asked_for_in_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_tail_goes_back_when_a_transaction_ends_without_a_commit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_undone_part_takes_back_its_rows_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_unknown_outcome_is_settled_both_ways, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_event_that_is_too_large_leaves_the_chain_as_it_was, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_new_generation_links_on, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
