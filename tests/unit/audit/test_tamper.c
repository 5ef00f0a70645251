/* What somebody with the database can do to the chain, and how far it is found (docs/formats.md section 8). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "audit/chain.h"
#include "audit/row.h"
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
	if (audit_chain_open(w.txn, &chain, NULL) != ERR_OK) return -1;
	begin(&w);
	for (unsigned i = 0; i < LENGTH; i++) assert_int_equal(audit_append(chain, w.txn, &e), ERR_OK);
	commit(&w);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	audit_chain_free(chain);
	chain = NULL;
	world_close(&w);
	return 0;
}

/* A private copy of a row, to edit and put back. */
struct copy { struct store_row row; uint8_t header[128], index[64], body[1024]; };

static void id_of(uint64_t seq, uint8_t id[static AUDIT_ID_LEN])
{
	audit_row_id(ring_domain(w.ring), seq, id);
}

static void take_copy(uint64_t seq, struct copy *c)
{
	uint8_t id[AUDIT_ID_LEN];
	struct store_row row;
	id_of(seq, id);
	assert_int_equal(store_get(w.store, STORE_AUDIT, view_of(id, sizeof id), &row), ERR_OK);
	assert_true(row.header.len <= 128 && row.index.len <= 64 && row.body.len <= 1024);
	c->row = row;
	memcpy(c->header, row.header.ptr, row.header.len);
	memcpy(c->index, row.index.ptr, row.index.len);
	memcpy(c->body, row.body.ptr, row.body.len);
	c->row.header.ptr = c->header;
	c->row.index.ptr = c->index;
	c->row.body.ptr = c->body;
}

static void put_copy(const struct copy *c)
{
	assert_int_equal(store_put(w.store, STORE_AUDIT, &c->row, true), ERR_OK);
}

static void erase(uint64_t seq)
{
	uint8_t id[AUDIT_ID_LEN];
	id_of(seq, id);
	assert_int_equal(store_erase(w.store, STORE_AUDIT, view_of(id, sizeof id)), ERR_OK);
}

static void assert_bad_from(uint64_t seq)
{
	struct reason reason = { "" };
	uint64_t bad = 0;
	assert_int_equal(audit_verify(chain, w.txn, &bad, &reason), ERR_CORRUPT);
	assert_int_equal(bad, seq);
	assert_non_null(strstr(reason.text, "does not verify from record"));
}

static enum coffer_err open_again(void)
{
	struct audit_chain *other = NULL;
	struct reason reason = { "" };
	enum coffer_err err = audit_chain_open(w.txn, &other, &reason);
	assert_int_equal(err == ERR_CORRUPT, strstr(reason.text, "the end of the audit log") != NULL);
	audit_chain_free(other);
	return err;
}

static void every_edited_byte_of_every_column_is_found(void **state)
{
	(void)state;
	begin(&w);
	for (uint64_t seq = 1; seq <= LENGTH; seq += LENGTH - 1) {
		struct copy good, bad;
		take_copy(seq, &good);
		const size_t lens[] = { good.row.header.len, good.row.body.len };
		for (size_t column = 0; column < 2; column++) {
			for (size_t i = 0; i < lens[column]; i++) {
				take_copy(seq, &bad);
				(column ? bad.body : bad.header)[i] ^= 4;
				put_copy(&bad);
				assert_bad_from(seq);
				assert_int_equal(open_again(), seq == LENGTH ? ERR_CORRUPT : ERR_OK);
				put_copy(&good);
			}
		}
		for (int column = 0; column < 3; column++) {
			bad = good;
			bad.row.header.ptr = bad.header;
			bad.row.index.ptr = bad.index;
			bad.row.body.ptr = bad.body;
			uint32_t *columns[] = { &bad.row.version, &bad.row.state, &bad.row.generation };
			(*columns[column])++;
			put_copy(&bad);
			assert_bad_from(seq);
			put_copy(&good);
		}
	}
	uint64_t bad = 1;
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_OK);
	txn_abort(w.txn);
}

static void a_row_that_is_missing_is_found_wherever_it_stood(void **state)
{
	(void)state;
	for (uint64_t seq = 1; seq <= LENGTH; seq++) {
		begin(&w);
		erase(seq);
		assert_bad_from(seq);
		txn_abort(w.txn);
	}
}

static void rows_in_another_order_are_found(void **state)
{
	struct copy a, b;
	(void)state;
	begin(&w);
	take_copy(2, &a);
	take_copy(3, &b);
	uint8_t id[STORE_ID_MAX];
	memcpy(id, a.row.id, sizeof id);
	memcpy(a.row.id, b.row.id, sizeof id);
	memcpy(b.row.id, id, sizeof id);
	put_copy(&a);
	put_copy(&b);
	assert_bad_from(2);
	txn_abort(w.txn);
}

/* Whoever has a data key could seal a row anew; the link still shows it. */
static void a_row_sealed_anew_breaks_its_link(void **state)
{
	struct audit_event e = { .seq = 3, .principal = view_str("unix:8") };
	struct buf plain = BUF_EMPTY, body = BUF_EMPTY;
	struct copy c;
	(void)state;
	begin(&w);
	take_copy(3, &c);
	assert_int_equal(audit_row_encode(ring_domain(w.ring), &e, &plain), ERR_OK);
	assert_int_equal(record_seal(w.ring, STORE_AUDIT, buf_view(&plain), &c.row, &body), ERR_OK);
	put_copy(&c);
	assert_bad_from(3);
	txn_abort(w.txn);
	buf_free(&plain);
	buf_free(&body);
}

/* A cut tail is found by the node that has it in memory; after a restart only checkpoints and the anchor could tell. */
static void a_cut_tail_is_found_while_the_node_runs(void **state)
{
	(void)state;
	begin(&w);
	erase(LENGTH);
	erase(LENGTH - 1);
	assert_bad_from(LENGTH - 1);
	assert_int_equal(open_again(), ERR_OK);
	txn_abort(w.txn);
}

static void a_tail_without_what_comes_before_it_does_not_open(void **state)
{
	(void)state;
	begin(&w);
	erase(LENGTH - 1);
	assert_int_equal(open_again(), ERR_CORRUPT);
	for (uint64_t seq = 1; seq < LENGTH - 1; seq++) erase(seq);
	assert_int_equal(open_again(), ERR_CORRUPT);
	txn_abort(w.txn);
	assert_int_equal(open_again(), ERR_OK);
}

static void rows_of_other_nodes_are_passed_by(void **state)
{
	struct copy c;
	uint64_t bad = 1;
	(void)state;
	begin(&w);
	for (int side = -1; side <= 1; side += 2) {
		take_copy(1, &c);
		c.row.id[0] = (uint8_t)(c.row.id[0] + side);
		put_copy(&c);
	}
	assert_int_equal(open_again(), ERR_OK);
	assert_int_equal(audit_verify(chain, w.txn, &bad, NULL), ERR_OK);
	assert_int_equal(bad, 0);
	txn_abort(w.txn);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_edited_byte_of_every_column_is_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_row_that_is_missing_is_found_wherever_it_stood, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_in_another_order_are_found, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_row_sealed_anew_breaks_its_link, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_cut_tail_is_found_while_the_node_runs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_tail_without_what_comes_before_it_does_not_open, set_up, tear_down),
		cmocka_unit_test_setup_teardown(rows_of_other_nodes_are_passed_by, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
