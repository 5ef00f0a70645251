/* The chain: append, read, verify, and the tail when transactions end otherwise than planned. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/follow.h"
#include "audit/kept_record.h"
#include "audit/page.h"
#include "base/clock.h"
#include "keyring/generation.h"
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

/* ---- records that are taken out of the store (docs/formats.md section 20.7) ---- */

static void put_domain_key(void)
{
	struct secret *seed = fixture_seed();
	begin(&w);
	assert_int_equal(generation_put_domain_key(w.store, w.ring, seed, ring_domain(w.ring)->public_key), ERR_OK);
	commit(&w);
	secret_free(seed);
}

static void take_out(uint64_t last, bool exported)
{
	if (audit_chain_base(chain)->seq == 0) put_domain_key();
	begin(&w);
	assert_int_equal(audit_take_out(chain, w.txn, last, exported), ERR_OK);
	commit(&w);
}

static void assert_verifies_from(uint64_t first, uint64_t length)
{
	uint64_t bad = 99;
	assert_int_equal(audit_chain_base(chain)->seq, first - 1);
	assert_int_equal(audit_chain_length(chain), length);
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_OK);
	assert_int_equal(rows(&w, STORE_AUDIT), length - first + 1);
}

static enum coffer_err follow_one(void *arg, const struct store_row *row)
{
	return audit_follow_row(arg, txn_ring(w.txn), row);
}

static enum coffer_err follow_all(const struct audit_place *base)
{
	struct audit_follow follow = { .base = base };
	return store_scan(txn_store(w.txn), STORE_AUDIT, view_of(NULL, 0), false, SIZE_MAX, follow_one, &follow);
}

static void what_was_taken_out_is_gone_and_the_rest_verifies(void **state)
{
	struct audit_place at_5, again;
	struct kept_record kept;
	(void)state;
	append_many(12);
	assert_int_equal(audit_page_place(w.txn, 5, &at_5), ERR_OK);
	take_out(5, true);
	assert_verifies_from(6, 12);
	assert_int_equal(audit_page_place(w.txn, 5, &again), ERR_OK); /* where the first one goes on */
	assert_memory_equal(&again, &at_5, sizeof again);
	assert_int_equal(audit_page_place(w.txn, 4, &again), ERR_NOT_FOUND);
	reopen();
	assert_verifies_from(6, 12);
	assert_int_equal(follow_all(audit_chain_base(chain)), ERR_OK);
	assert_int_equal(follow_all(NULL), ERR_OK); /* as an archive is read */
	append_many(3);
	take_out(9, false);
	reopen();
	assert_verifies_from(10, 15);
	assert_int_equal(kept_record_read(txn_store(w.txn), txn_ring(w.txn), ring_domain(txn_ring(w.txn)), &kept), ERR_OK);
	assert_false(kept.exported); /* once is enough */
	assert_int_equal(kept.row_version, 2);
	struct ring *wider = fixture_ring(2); /* and after a change of the data key */
	txn_set_ring(w.txn, wider);
	append_many(2);
	assert_verifies_from(10, 17);
	ring_free(w.ring);
	w.ring = wider;
}

static void what_was_not_committed_was_not_taken_out(void **state)
{
	(void)state;
	append_many(8);
	put_domain_key();
	begin(&w);
	assert_int_equal(audit_take_out(chain, w.txn, 3, true), ERR_OK);
	assert_int_equal(audit_chain_base(chain)->seq, 3);
	txn_abort(w.txn);
	assert_verifies_from(1, 8);
	reopen();
	assert_verifies_from(1, 8);
}

static void erase_by_hand(uint64_t seq)
{
	uint8_t id[UUID_LEN + 8] = { 0 };
	memcpy(id, ring_domain(txn_ring(w.txn))->node_id, UUID_LEN);
	id[sizeof id - 1] = (uint8_t)seq;
	begin(&w);
	assert_int_equal(store_erase(txn_store(w.txn), STORE_AUDIT, view_of(id, sizeof id)), ERR_OK);
	commit(&w);
}

/* Rows 2 and 3 of the table there. */
static void records_that_somebody_else_took_out_are_missed(void **state)
{
	uint64_t bad = 0;
	(void)state;
	append_many(10);
	take_out(3, true);
	erase_by_hand(4);
	reopen();
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_CORRUPT);
	assert_int_equal(bad, 4);
	assert_int_equal(follow_all(audit_chain_base(chain)), ERR_CORRUPT);
}

static void a_log_without_its_record_of_what_is_gone_does_not_verify(void **state)
{
	char id[64];
	uint64_t bad = 0;
	const uint8_t *node = ring_domain(txn_ring(w.txn))->node_id;
	size_t len = (size_t)snprintf(id, sizeof id, "audit-kept-");
	(void)state;
	for (unsigned i = 0; i < UUID_LEN; i++) len += (size_t)snprintf(id + len, sizeof id - len, "%02x", node[i]);
	append_many(10);
	take_out(3, true);
	begin(&w);
	assert_int_equal(store_erase(txn_store(w.txn), STORE_DOMAIN, view_str(id)), ERR_OK);
	commit(&w);
	reopen();
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_CORRUPT);
	assert_int_equal(bad, 1);
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
		cmocka_unit_test_setup_teardown(what_was_taken_out_is_gone_and_the_rest_verifies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_was_not_committed_was_not_taken_out, set_up, tear_down),
		cmocka_unit_test_setup_teardown(records_that_somebody_else_took_out_are_missed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_log_without_its_record_of_what_is_gone_does_not_verify, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
