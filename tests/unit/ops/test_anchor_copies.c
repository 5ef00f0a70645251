/* Copies of the store put back from moments at which it had no made counter, or left one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "test_arena.h"
#include "unit/ops/anchor_node.h"

/* The record of now as a copy has it. */
static struct anchor_record record_of(struct node *n)
{
	struct anchor_record record = ANCHOR_RECORD_NONE;
	assert_int_equal(anchor_record_read(n->engine.store, n->ring, &record), ERR_OK);
	return record;
}

/* The copy is put back, as far as the counter can tell. */
static void put_back(struct node *n, struct anchor_record *copy)
{
	struct anchor_record now = record_of(n);
	copy->row_version = now.row_version;
	anchor_record_clear(&now);
	assert_int_equal(txn_begin(n->engine.txn, NULL), ERR_OK);
	assert_int_equal(anchor_record_put(txn_store(n->engine.txn), n->ring, copy), ERR_OK);
	assert_int_equal(txn_commit(n->engine.txn, NULL), ERR_OK);
}

/* The token was full, and the node served without; then there was room, and the counter came. The copy of that time knows nothing that it takes. */
static void a_copy_of_when_no_counter_could_be_made_is_refused(void **state)
{
	struct node *n = *state;
	chip.full = true;
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	assert_int_equal(level_of(n), ANCHOR_BROKEN);
	struct anchor_record copy = record_of(n);
	assert_int_equal(copy.stage, ANCHOR_MAKING);
	next_life(n);
	chip.full = false;
	checks_well(n);
	put_back(n, &copy);
	next_life(n);
	is_refused(n, "from before it was made");
	anchor_record_clear(&copy);
}

/* The same with a record that says that another counter is to be replaced, in a token that has none. */
static void a_copy_of_a_move_that_found_nothing_is_refused(void **state)
{
	struct node *n = *state;
	checks_well(n);
	struct anchor_record copy = record_of(n);
	copy.stage = ANCHOR_MOVING;
	copy.ref = (struct token_counter_ref){ .len = 0 };
	copy.first = copy.made_ms = copy.counter = 0;
	assert_int_equal(anchor_record_new_auth(&copy), ERR_OK);
	put_back(n, &copy);
	anchor_record_clear(&copy);
	chip.there = false;
	chip.full = true;
	next_life(n);
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	assert_int_equal(level_of(n), ANCHOR_BROKEN);
	copy = record_of(n);
	next_life(n);
	chip.full = false;
	checks_well(n);
	put_back(n, &copy);
	next_life(n);
	is_refused(n, "from before it was made");
	anchor_record_clear(&copy);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_node, stop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_of_when_no_counter_could_be_made_is_refused),
		T(a_copy_of_a_move_that_found_nothing_is_refused),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
