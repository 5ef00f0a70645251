/* Pages of the chain for exports: what the store holds is what is handed out and signed. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/page.h"
#include "audit/row.h"
#include "keyring/generation.h"
#include "keyring/record.h"
#include "unit/objects/support.h"

#define LENGTH 6u

static struct world w;
static struct audit_chain *chain;

static int set_up(void **state)
{
	struct audit_event e = { .principal = view_str("unix:7"), .operation = 10, .details = view_str("something") };
	(void)state;
	world_open(&w);
	begin(&w);
	struct secret *seed = fixture_seed();
	assert_int_equal(generation_put_domain_key(w.store, w.ring, seed, ring_domain(w.ring)->public_key), ERR_OK);
	secret_free(seed);
	if (audit_chain_open(w.txn, &chain, NULL) != ERR_OK) return -1;
	for (unsigned i = 0; i < LENGTH; i++) assert_int_equal(audit_append(chain, w.txn, &e), ERR_OK);
	commit(&w);
	begin(&w);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	txn_abort(w.txn);
	audit_chain_free(chain);
	chain = NULL;
	world_close(&w);
	return 0;
}

struct seen {
	uint64_t next, stop;
	struct audit_place place;
};

static enum coffer_err take(void *arg, const struct audit_event *event, const struct audit_links *links)
{
	struct seen *seen = arg;
	uint8_t row[AUDIT_ROW_MAX], digest[AUDIT_DIGEST_LEN];
	struct writer out;
	if (event->seq == seen->stop) return ERR_LIMIT;
	assert_int_equal(event->seq, seen->next++);
	writer_init(&out, row, sizeof row);
	audit_event_write(ring_domain(w.ring), event, &out);
	assert_int_equal(audit_digest_next(seen->place.digest, links->generation, links->link, writer_view(&out), digest), ERR_OK);
	assert_memory_equal(digest, links->digest, sizeof digest);
	memcpy(seen->place.digest, digest, sizeof digest);
	return ERR_OK;
}

static void rows_go_on_from_place_to_place(void **state)
{
	(void)state;
	for (uint64_t first = 1; first <= LENGTH + 1; first++) {
		struct seen seen = { .next = first };
		assert_int_equal(audit_page_place(w.txn, first - 1, &seen.place), ERR_OK);
		assert_int_equal(audit_page_rows(w.txn, first, 100, take, &seen), ERR_OK);
		assert_int_equal(seen.next, LENGTH + 1);
		seen = (struct seen){ .next = first };
		assert_int_equal(audit_page_place(w.txn, first - 1, &seen.place), ERR_OK);
		assert_int_equal(audit_page_rows(w.txn, first, 2, take, &seen), ERR_OK);
		assert_int_equal(seen.next, first + 2 < LENGTH + 1 ? first + 2 : LENGTH + 1);
	}
	struct seen seen = { .next = 1, .stop = 4 };
	assert_int_equal(audit_page_place(w.txn, 0, &seen.place), ERR_OK);
	assert_int_equal(audit_page_rows(w.txn, 1, 100, take, &seen), ERR_LIMIT);
	assert_int_equal(seen.next, 4);
	assert_int_equal(audit_page_place(w.txn, LENGTH + 1, &seen.place), ERR_NOT_FOUND);
}

static void checkpoints_and_gaps_are_signed_over_what_the_store_holds(void **state)
{
	struct domain_id domain = *ring_domain(w.ring);
	struct audit_checkpoint checkpoint;
	struct audit_gap gap;
	struct audit_place place, first;
	(void)state;
	assert_int_equal(audit_page_place(w.txn, 1, &first), ERR_OK);
	for (uint64_t seq = 0; seq <= LENGTH; seq++) {
		assert_int_equal(audit_page_checkpoint(w.txn, seq, &checkpoint), ERR_OK);
		assert_int_equal(audit_checkpoint_verify(&domain, &checkpoint), ERR_OK);
		assert_int_equal(audit_page_place(w.txn, seq, &place), ERR_OK);
		assert_memory_equal(&place, &checkpoint.at, sizeof place);
	}
	assert_int_equal(audit_page_checkpoint(w.txn, LENGTH + 1, &checkpoint), ERR_NOT_FOUND);
	assert_int_equal(audit_page_gap(w.txn, &first, 5, view_str("why"), &gap), ERR_OK);
	assert_int_equal(audit_gap_verify(&domain, &gap), ERR_OK);
	assert_int_equal(gap.from, 2);
	assert_int_equal(gap.to.seq, 5);
	assert_memory_equal(gap.before, first.digest, sizeof gap.before);
	assert_int_equal(audit_page_gap(w.txn, &first, LENGTH + 1, view_str("why"), &gap), ERR_NOT_FOUND);
}

/* However many are gone or damaged, what comes behind them is found. */
static void the_first_place_behind_damage_is_found(void **state)
{
	struct audit_place place, wanted;
	uint8_t id[AUDIT_ID_LEN];
	(void)state;
	assert_int_equal(audit_page_place_behind(w.txn, 0, &place), ERR_OK);
	assert_int_equal(place.seq, 1);
	assert_int_equal(audit_page_place(w.txn, LENGTH, &wanted), ERR_OK);
	for (uint64_t seq = 2; seq < LENGTH; seq++) {
		audit_row_id(ring_domain(w.ring), seq, id);
		assert_int_equal(store_erase(w.store, STORE_AUDIT, view_of(id, sizeof id)), ERR_OK);
	}
	assert_int_equal(audit_page_place_behind(w.txn, 1, &place), ERR_OK);
	assert_memory_equal(&place, &wanted, sizeof place);
	assert_int_equal(audit_page_place_behind(w.txn, LENGTH, &place), ERR_NOT_FOUND);
}

static void a_row_that_does_not_open_ends_the_page_in_front_of_it(void **state)
{
	uint8_t id[AUDIT_ID_LEN];
	struct seen seen = { .next = 1 };
	(void)state;
	audit_row_id(ring_domain(w.ring), 4, id);
	assert_int_equal(store_erase(w.store, STORE_AUDIT, view_of(id, sizeof id)), ERR_OK);
	assert_int_equal(audit_page_place(w.txn, 0, &seen.place), ERR_OK);
	assert_int_equal(audit_page_rows(w.txn, 1, 100, take, &seen), ERR_CORRUPT);
	assert_int_equal(seen.next, 4);
}

/* A chain that an older program began: its rows have no digest, and the chain of digests begins behind them. */
static void rows_of_schema_1_are_read_and_gone_on_from(void **state)
{
	struct audit_event e = { .principal = view_str("unix:8") };
	struct audit_chain *again = NULL;
	uint64_t bad = 9;
	(void)state;
	for (uint64_t seq = 1; seq <= LENGTH; seq++) {
		uint8_t id[AUDIT_ID_LEN], header[AUDIT_HEADER_LEN];
		struct buf plain = BUF_EMPTY, body = BUF_EMPTY;
		struct store_row row;
		audit_row_id(ring_domain(w.ring), seq, id);
		assert_int_equal(store_get(w.store, STORE_AUDIT, view_of(id, sizeof id), &row), ERR_OK);
		assert_int_equal(record_open(w.ring, STORE_AUDIT, &row, &plain), ERR_OK);
		memcpy(header, row.header.ptr, AUDIT_HEADER_OLD_LEN);
		header[0] = 1;
		static const uint8_t index[] = { 0, 0 };
		row.header = view_of(header, AUDIT_HEADER_OLD_LEN);
		row.index = view_of(index, sizeof index);
		assert_int_equal(record_seal(w.ring, STORE_AUDIT, buf_view(&plain), &row, &body), ERR_OK);
		assert_int_equal(store_put(w.store, STORE_AUDIT, &row, true), ERR_OK);
		buf_free(&plain);
		buf_free(&body);
	}
	assert_int_equal(audit_chain_open(w.txn, &again, NULL), ERR_OK);
	for (unsigned i = 0; i < 3; i++) assert_int_equal(audit_append(again, w.txn, &e), ERR_OK);
	assert_int_equal(audit_verify(again, w.txn, &bad, NULL), ERR_OK);
	struct seen seen = { .next = LENGTH + 1 };
	assert_int_equal(audit_page_place(w.txn, LENGTH, &seen.place), ERR_OK);
	assert_int_equal(audit_page_rows(w.txn, LENGTH + 1, 100, take, &seen), ERR_OK);
	assert_int_equal(seen.next, LENGTH + 4);
	txn_abort(w.txn);
	audit_chain_free(again);
	begin(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rows_go_on_from_place_to_place, set_up, tear_down),
		cmocka_unit_test_setup_teardown(checkpoints_and_gaps_are_signed_over_what_the_store_holds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_first_place_behind_damage_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_row_that_does_not_open_ends_the_page_in_front_of_it, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_of_schema_1_are_read_and_gone_on_from, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
