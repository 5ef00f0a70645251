/* The data key when a node was removed: a newer one is begun at once or stays owed, and what the node left behind keeps nothing. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "ops/rotation_owed.h"
#include "unit/ops/nodes_turn.h"

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
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	assert_int_equal(ring_count(w.a.ring), 1);
	turn_expect_whole(&w.a);
	turn_expect_whole(&w.b);
	assert_int_equal(turn_look(&w.b, id), ERR_OK);
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
		TEST(a_removal_does_not_wait_for_the_reseal_under_way),
		TEST(what_is_owed_outlives_the_process_and_the_master_server),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
