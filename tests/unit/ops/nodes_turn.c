/* Changes of the data key, step by step. */
#include "unit/ops/nodes_turn.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/rooted_store.h"
#include "ops/generation_take.h"
#include "ops/store_check.h"

enum coffer_err turn_rotate(struct reason *reason)
{
	struct engine *e = &w.a.engine;
	AUTO_BUF struct buf blob = BUF_EMPTY;
	AUTO_SECRET struct secret *key = secret_new(DATA_KEY_LEN);
	struct rotation_fresh fresh = { .principal = "unix:1", .key = key };
	assert_non_null(key);
	TRY(world_on_store(e, rotation_ask, &fresh, reason));
	memset(secret_mut(key), 0x40 + (int)fresh.generation, DATA_KEY_LEN);
	world_wrap(&blob, secret_view(key));
	fresh.blob = buf_view(&blob);
	return world_on_store(e, rotation_begin, &fresh, reason);
}

bool turn_has_row(enum store_table table, const struct node *n, uint32_t generation)
{
	uint8_t id[ROTATION_SLOT_ID];
	struct store_row row;
	rotation_slot_id(n->engine.domain.node_id, generation, id);
	return store_get(w.inner, table, view_of(id, sizeof id), &row) == ERR_OK;
}

/* As the rotator does, with the scrub beside it, until there is nothing more to be done, or it waits for a node. */
enum rotation_phase turn_work(struct node *n)
{
	struct engine *e = &n->engine;
	struct rotation_budget budget = { .rows = 1000, .ms = 1000 };
	for (unsigned i = 0; i < 200 && rotation_phase(e) != ROTATION_NONE; i++) {
		if (rotation_phase(e) == ROTATION_HELD) rotation_again(e);
		if (rotation_phase(e) == ROTATION_RESEAL) assert_int_equal(world_on_store(e, rotation_reseal, &budget, NULL), ERR_OK);
		if (rotation_phase(e) == ROTATION_HELD) return ROTATION_HELD;
		if (rotation_is_proven(e)) assert_int_equal(world_on_store(e, rotation_retire, NULL, NULL), ERR_OK);
		store_check_begin(e);
		while (!store_check_step(e, 1000, 1000)) {}
	}
	return rotation_phase(e);
}

enum coffer_err turn_take(struct node *n, struct reason *reason)
{
	bool waits;
	assert_int_equal(generation_waits(&n->engine, &waits), ERR_OK);
	assert_true(waits);
	return generation_take(&n->engine, reason);
}

void turn_expect_whole(struct node *n)
{
	size_t faults = 1;
	struct reason why = { "" };
	enum coffer_err err = world_hear(n);
	if (!err) err = rooted_store_verdict(n->engine.store, &why);
	if (err) fail_msg("%s", reason_text(&why, err));
	assert_int_equal(rooted_store_check_small(n->engine.store, &(struct rooted_watch){ .row = NULL }, &faults), ERR_OK);
	assert_int_equal(faults, 0);
}

enum coffer_err turn_create(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	AUTO_OBJECT struct object *o = object_new(2, "unix:1");
	(void)e;
	ENSURE(o, ERR_MEMORY);
	o->state = OBJECT_ACTIVE;
	memcpy(arg, o->id, UUID_LEN);
	return txn_create(txn, o, reason);
}

enum coffer_err turn_look(struct node *n, const uint8_t id[static UUID_LEN])
{
	AUTO_OBJECT struct object *o = NULL;
	return txn_object(n->engine.txn, id, &o);
}
