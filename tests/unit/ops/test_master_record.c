/* The record of a change of the master secret: what an earlier program wrote of the one node of its domain is this node's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "keyring/domain_record.h"
#include "ops/rotation_master.h"
#include "test_arena.h"
#include "unit/ops/anchor_node.h"

static enum coffer_err put_old(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct master_record record = { .phase = 2, .uri = "tpm2:x", .kind = "tpm2", .binding = { .mechanism = "m", .data = { 1 }, .data_len = 1 } };
	struct store_row row = { .id_len = 0 };
	char name[STORE_ID_MAX + 1];
	(void)arg;
	(void)reason;
	domain_record_node_name("master-change-", &e->domain, name);
	TRY(master_record_put(txn, &record));
	TRY(domain_record_get(txn_store(txn), txn_ring(txn), name, &plain));
	TRY(domain_record_put(txn_store(txn), txn_ring(txn), "master-change", buf_view(&plain)));
	TRY(domain_record_erase(txn_store(txn), name));
	TRY(store_get(txn_store(txn), STORE_DOMAIN, view_str("master-change"), &row));
	return master_record_is(&row) ? ERR_OK : ERR_BUG;
}

static enum coffer_err take_over(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct store_row row;
	(void)e;
	(void)reason;
	TRY(master_record_read(txn, arg));
	assert_int_equal(((struct master_record *)arg)->phase, 0);
	TRY(master_record_take_over(txn));
	assert_int_equal(store_get(txn_store(txn), STORE_DOMAIN, view_str("master-change"), &row), ERR_NOT_FOUND);
	TRY(master_record_take_over(txn));
	return master_record_read(txn, arg);
}

static void what_the_one_node_wrote_before_is_its_own(void **state)
{
	struct engine *e = &((struct node *)*state)->engine;
	struct master_record record;
	assert_int_equal(e->on_store(e, put_old, NULL, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, take_over, &record, NULL), ERR_OK);
	assert_int_equal(record.phase, 2);
	assert_string_equal(record.uri, "tpm2:x");
	assert_int_equal(record.binding.data_len, 1);
}

static enum coffer_err put_and_read(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record *record = arg;
	(void)e;
	(void)reason;
	TRY(master_record_put(txn, record));
	return master_record_read(txn, record);
}

static void a_pin_that_was_refused_is_on_record(void **state)
{
	struct engine *e = &((struct node *)*state)->engine;
	for (int refused = 0; refused <= 1; refused++) {
		struct master_record record = { .phase = 2, .uri = "pkcs11:token=x", .kind = "pkcs11", .refused = refused == 1 };
		assert_int_equal(e->on_store(e, put_and_read, &record, NULL), ERR_OK);
		assert_int_equal(record.phase, 2);
		assert_int_equal(record.refused, refused == 1);
		assert_null(record.left.auth);
	}
}

static enum coffer_err put_own(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e; (void)reason;
	return master_record_put(txn, arg);
}

static enum coffer_err take_over_beside(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct store_row row;
	(void)e; (void)reason;
	TRY(master_record_take_over(txn));
	assert_int_equal(store_get(txn_store(txn), STORE_DOMAIN, view_str("master-change"), &row), ERR_OK);
	return master_record_read(txn, arg);
}

/* A program from before was put back for a while, and changed the master secret: the node's own record, which names one that is not destroyed yet, is not lost for it. */
static void one_of_its_own_is_not_overwritten(void **state)
{
	struct engine *e = &((struct node *)*state)->engine;
	struct master_record own = { .phase = 2, .uri = "tpm2:own", .kind = "tpm2", .binding = { .mechanism = "m" } }, record;
	assert_int_equal(e->on_store(e, put_old, NULL, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, put_own, &own, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, take_over_beside, &record, NULL), ERR_OK);
	assert_string_equal(record.uri, "tpm2:own");
	own.phase = 0;
	assert_int_equal(e->on_store(e, put_own, &own, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, take_over, &record, NULL), ERR_OK); /* its turn */
	assert_string_equal(record.uri, "tpm2:x");
}

static void its_row_is_known_whosever_it_is(void **state)
{
	struct domain_id other = { .node_id = { 7 } };
	struct store_row row = { .id_len = 0 };
	(void)state;
	domain_record_node_id("master-change-", &other, &row);
	assert_true(master_record_is(&row));
	domain_record_node_id("anchor-", &other, &row);
	assert_false(master_record_is(&row));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_the_one_node_wrote_before_is_its_own, start_node, stop_node),
		cmocka_unit_test_setup_teardown(a_pin_that_was_refused_is_on_record, start_node, stop_node),
		cmocka_unit_test_setup_teardown(one_of_its_own_is_not_overwritten, start_node, stop_node),
		cmocka_unit_test(its_row_is_known_whosever_it_is),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
