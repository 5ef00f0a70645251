/* The data key when a node was removed: a newer one is begun at once or stays owed, and what the node left behind keeps nothing. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "keyring/domain_record.h"
#include "ops/nodes.h"
#include "ops/rotation_owed.h"
#include "unit/ops/nodes_turn.h"

/* The member takes the new key, all is sealed again, the old key leaves, and both nodes open the object. */
static void the_change_ends(const uint8_t id[static UUID_LEN])
{
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	assert_int_equal(ring_count(w.a.ring), 1);
	turn_expect_whole(&w.a);
	turn_expect_whole(&w.b);
	assert_int_equal(turn_look(&w.b, id), ERR_OK);
}

static void the_root_of_a_removed_node_stays_readable(void **state)
{
	uint8_t id[UUID_LEN];
	(void)state;
	world_open_node(&w.c, 0xc0);
	assert_int_equal(world_on_store(&w.c.engine, turn_create, id, NULL), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_MEMBER, false), ERR_OK);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_REMOVED, false), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_false(turn_has_row(STORE_REFRESH, &w.c, 2));
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	turn_expect_whole(&w.a);
	turn_expect_whole(&w.b);
	assert_int_equal(turn_look(&w.b, id), ERR_OK);
}

/* A machine that was stolen before it was removed, with its data keys and the database beside it: what was there before is sealed again, and what comes is under a key that it has not got. */
static void a_removed_node_with_all_that_it_kept_opens_nothing_newer(void **state)
{
	uint8_t before[UUID_LEN], after[UUID_LEN];
	(void)state;
	world_open_node(&w.c, 0xc0);
	assert_int_equal(world_on_store(&w.c.engine, turn_create, before, NULL), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_MEMBER, false), ERR_OK);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	object_table_clear(w.c.engine.objects);
	assert_int_equal(turn_look(&w.c, before), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_REMOVED, false), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	assert_int_equal(world_on_store(&w.a.engine, turn_create, after, NULL), ERR_OK);
	object_table_clear(w.c.engine.objects);
	assert_int_equal(ring_newest(w.c.ring), 1);
	assert_int_equal(turn_look(&w.c, before), ERR_BUSY);
	assert_int_equal(turn_look(&w.c, after), ERR_BUSY);
	assert_int_equal(turn_look(&w.a, before), ERR_OK);
	assert_int_equal(turn_look(&w.a, after), ERR_OK);
}

static enum coffer_err put_tombstones(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)reason;
	for (unsigned i = 0; i < *(unsigned *)arg; i++) {
		struct node_record r = { .node_id = { 0x10, (uint8_t)i }, .state = NODE_REMOVED, .name = "gone", .token_kind = "tpm2", .principal = "unix:1", .admitted_ms = 5, .joined_ms = 6, .removed_ms = 7 };
		TRY(node_record_put(txn_store(txn), txn_ring(txn), &r));
	}
	return ERR_OK;
}

/* Their records stay for ever, so there may be more of them than a domain has nodes. */
static void any_number_of_nodes_was_removed(void **state)
{
	unsigned count = 200;
	uint8_t id[UUID_LEN];
	(void)state;
	world_open_node(&w.c, 0xf0); /* the last of them all, with a root */
	assert_int_equal(world_on_store(&w.c.engine, turn_create, id, NULL), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_MEMBER, false), ERR_OK);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(world_record(&w.c, NODE_REMOVED, false), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, put_tombstones, &count, NULL), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	the_change_ends(id);
}

/* ---- what it leaves behind ---- */

static void name_of(const struct node *n, const char *prefix, char out[static STORE_ID_MAX + 1])
{
	domain_record_node_name(prefix, &n->engine.domain, out);
}

static bool has_record(const struct node *n, const char *prefix)
{
	char name[STORE_ID_MAX + 1];
	struct store_row row;
	name_of(n, prefix, name);
	return store_get(w.inner, STORE_DOMAIN, view_str(name), &row) == ERR_OK;
}

static enum coffer_err put_held(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	char name[STORE_ID_MAX + 1];
	(void)e;
	(void)reason;
	name_of(arg, "held-", name);
	return domain_record_put(txn_store(txn), txn_ring(txn), name, view_str("up to 7"));
}

static enum coffer_err erase_rows_of_b(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	return nodes_erase_rows(txn, w.b.engine.domain.node_id);
}

static void its_own_records_go_with_it_and_no_other_ones(void **state)
{
	(void)state;
	world_open_node(&w.c, 0xc0);
	assert_int_equal(world_on_store(&w.b.engine, put_held, &w.b, NULL), ERR_OK);
	assert_int_equal(world_on_store(&w.c.engine, put_held, &w.c, NULL), ERR_OK);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_true(has_record(&w.b, "transport-") && has_record(&w.b, "held-"));
	assert_int_equal(world_on_store(&w.a.engine, erase_rows_of_b, NULL, NULL), ERR_OK);
	assert_false(has_record(&w.b, "transport-") || has_record(&w.b, "held-"));
	assert_true(has_record(&w.c, "transport-") && has_record(&w.c, "held-"));
}

/* ---- a change that is owed because a node was removed ---- */

static enum coffer_err owe(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)reason;
	return rotation_owe(e, txn, arg);
}

static bool status_says(struct node *n, const char *words)
{
	char text[4096];
	struct writer writer;
	struct json_out j = { .w = &writer };
	writer_init(&writer, text, sizeof text);
	rotation_json(&n->engine, &j);
	struct view said = writer_view(&writer);
	return memmem(said.ptr, said.len, words, strlen(words)) != NULL;
}

/* What is sealed under generation 2 from then on the removed node would open. */
static void a_removal_does_not_wait_for_the_reseal_under_way(void **state)
{
	struct reason why = { "" };
	uint8_t id[UUID_LEN];
	(void)state;
	world_open_node(&w.c, 0xc0);
	assert_int_equal(world_record(&w.c, NODE_MEMBER, false), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, turn_create, id, NULL), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	assert_int_equal(turn_take(&w.c, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(rotation_phase(&w.a.engine), ROTATION_RESEAL);
	assert_int_equal(turn_rotate(&why), ERR_STATE);
	assert_int_equal(world_record(&w.c, NODE_REMOVED, false), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, owe, (void *)(uintptr_t)"node c0", NULL), ERR_OK);
	assert_true(rotation_is_owed(&w.a.engine) && status_says(&w.a, "node 'node c0' was removed and knows generation 2"));
	assert_int_equal(turn_rotate(&why), ERR_OK);
	assert_false(rotation_is_owed(&w.a.engine) || status_says(&w.a, "was removed"));
	assert_int_equal(ring_newest(w.a.ring), 3);
	assert_true(turn_has_row(STORE_REFRESH, &w.b, 3) && !turn_has_row(STORE_REFRESH, &w.c, 3));
	the_change_ends(id);
	assert_int_equal(turn_rotate(&why), ERR_OK); /* and nothing is owed: one at a time again */
	assert_int_equal(turn_rotate(&why), ERR_STATE);
}

/* Whoever is master server by then finds it in the store. */
static void what_is_owed_outlives_the_process_and_the_master_server(void **state)
{
	struct engine *a = &w.a.engine, *b = &w.b.engine;
	(void)state;
	assert_int_equal(rotation_owed_read(b), ERR_OK);
	assert_false(rotation_is_owed(b));
	assert_int_equal(world_on_store(a, owe, (void *)(uintptr_t)"node c0", NULL), ERR_OK);
	rotation_free(a->rotation);
	a->rotation = rotation_new();
	assert_int_equal(world_on_store(a, rotation_load, NULL, NULL), ERR_OK);
	assert_int_equal(rotation_owed_read(a), ERR_OK);
	assert_true(rotation_is_owed(a));
	turn_expect_whole(&w.b); /* it heard of it */
	assert_true(rotation_owed_unread(b));
	assert_int_equal(rotation_owed_read(b), ERR_OK);
	assert_true(rotation_is_owed(b) && !rotation_owed_unread(b));
	rotation_owed_waits(b, "the token is away");
	assert_true(status_says(&w.b, "knows generation 1") && status_says(&w.b, "it waits: the token is away"));
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	assert_false(rotation_is_owed(a) || rotation_is_owed(b));
	assert_int_equal(rotation_owed_read(b), ERR_OK);
	assert_false(status_says(&w.b, "was removed"));
	turn_expect_whole(&w.b);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
	const struct CMUnitTest tests[] = {
		TEST(the_root_of_a_removed_node_stays_readable),
		TEST(a_removed_node_with_all_that_it_kept_opens_nothing_newer),
		TEST(any_number_of_nodes_was_removed),
		TEST(its_own_records_go_with_it_and_no_other_ones),
		TEST(a_removal_does_not_wait_for_the_reseal_under_way),
		TEST(what_is_owed_outlives_the_process_and_the_master_server),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
