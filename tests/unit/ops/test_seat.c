/* What a domain of several nodes begins with: the founder's record and the card; and that a transaction of a node that is no member does not write. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "domain/level.h"
#include "domain/node_record.h"
#include "keyring/rooted_store.h"
#include "ops/seat.h"
#include "unit/ops/founded.h"

static char name[] = "first";

static void share(struct founded *n)
{
	struct engine *e = &n->fix.engine;
	n->fix.config.node_name = name;
	n->fix.config.lease_time_ms = 15000;
	assert_int_equal(rooted_store_share(e->store), ERR_OK);
	e->seat = seat_new(&n->fix.config);
	assert_non_null(e->seat);
}

static void end(struct founded *n)
{
	seat_free(TAKE(n->fix.engine.seat));
	founded_free(n);
}

static enum coffer_err take(struct founded *n, struct reason *reason)
{
	return n->fix.engine.on_store(&n->fix.engine, seat_take, NULL, reason);
}

/* Founder and card are there, once, and say what they must. */
static void expect_founded(struct founded *n)
{
	struct engine *e = &n->fix.engine;
	struct node_record own = { .state = 0 };
	struct domain_id read = { .id = { 0 } };
	struct store_row card;
	uint8_t zeros[UUID_LEN] = { 0 }, fingerprint[DOMAIN_FINGERPRINT_LEN];
	uint64_t nodes = 0;
	assert_int_equal(node_record_get(e->store, n->fix.ring, e->domain.node_id, &own), ERR_OK);
	assert_int_equal(own.state, NODE_MEMBER);
	assert_int_equal(own.origin, NODE_FOUNDED);
	assert_string_equal(own.name, name);
	assert_int_equal(store_count(e->store, STORE_NODE, &nodes), ERR_OK);
	assert_int_equal(nodes, 1);
	assert_int_equal(domain_fingerprint(&e->domain, fingerprint), ERR_OK);
	assert_int_equal(store_get(e->store, STORE_ADMISSION, view_of(zeros, sizeof zeros), &card), ERR_OK);
	assert_int_equal(admission_card_read(card.body, fingerprint, &read, NULL), ERR_OK);
	assert_memory_equal(read.id, e->domain.id, UUID_LEN);
}

static void init_writes_founder_and_card(void **state)
{
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	share(n);
	founded_init(n);
	expect_founded(n);
	assert_int_equal(take(n, NULL), ERR_OK);
	assert_true(n->fix.engine.seat->taken);
	expect_founded(n);
	end(n);
}

static void a_domain_that_one_node_wrote_alone_is_moved(void **state)
{
	uint64_t nodes = 1;
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	founded_init(n);
	assert_int_equal(store_count(n->fix.engine.store, STORE_NODE, &nodes), ERR_OK);
	assert_int_equal(nodes, 0);
	assert_int_equal(rooted_store_attach(n->fix.engine.store, NULL, NULL), ERR_OK);
	share(n);
	assert_int_equal(rooted_store_attach(n->fix.engine.store, n->fix.ring, NULL), ERR_OK);
	assert_int_equal(take(n, NULL), ERR_OK);
	expect_founded(n);
	end(n);
}

static enum coffer_err remove_self(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct node_record own;
	(void)arg;
	(void)reason;
	TRY(node_record_get(txn_store(txn), txn_ring(txn), engine->domain.node_id, &own));
	own.state = NODE_REMOVED;
	own.removed_ms = own.joined_ms + 1;
	return node_record_put(txn_store(txn), txn_ring(txn), &own);
}

static enum coffer_err check_member(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)txn;
	(void)arg;
	return seat_check_member(engine, reason);
}

static enum coffer_err check_master(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)txn;
	(void)arg;
	return seat_check_master(engine, reason);
}

/* As who writes the database can. */
static void edit_own(struct founded *n, uint8_t node_state, uint32_t generation)
{
	struct store_row row;
	struct store *inner = n->inner;
	assert_int_equal(store_begin(inner, NULL), ERR_OK);
	assert_int_equal(store_get(inner, STORE_NODE, view_of(n->fix.engine.domain.node_id, UUID_LEN), &row), ERR_OK);
	AUTO_BUF struct buf body = BUF_EMPTY;
	assert_int_equal(buf_append(&body, row.body), ERR_OK);
	row.body = buf_view(&body);
	row.state = node_state;
	if (generation) row.generation = generation;
	assert_int_equal(store_put(inner, STORE_NODE, &row, true), ERR_OK);
	assert_int_equal(store_commit(inner, NULL), ERR_OK);
}

static void take_slots(struct founded *n)
{
	uint8_t id[UUID_LEN + 4] = { 0 };
	memcpy(id, n->fix.engine.domain.node_id, UUID_LEN);
	id[UUID_LEN + 3] = 1;
	assert_int_equal(store_begin(n->inner, NULL), ERR_OK);
	assert_int_equal(store_erase(n->inner, STORE_SLOT, view_of(id, sizeof id)), ERR_OK);
	assert_int_equal(store_commit(n->inner, NULL), ERR_OK);
}

static void a_seat_whose_commit_fails_is_not_taken(void **state)
{
	uint32_t level = 0;
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	struct engine *e = &n->fix.engine;
	share(n);
	founded_init(n);
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(seat_take(e, e->txn, NULL, NULL), ERR_OK);
	txn_abort(e->txn); /* as another node's transaction came between */
	assert_false(e->seat->taken);
	assert_int_equal(take(n, NULL), ERR_OK);
	assert_true(e->seat->taken);
	assert_int_equal(level_of_node(e->store, n->fix.ring, e->domain.node_id, &level), ERR_OK);
	assert_int_equal(level, level_known());
	end(n);
}

static void who_was_removed_writes_nothing(void **state)
{
	struct reason why = { "" };
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	struct engine *e = &n->fix.engine;
	share(n);
	founded_init(n);
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_OK); /* the seat is not taken yet */
	assert_int_equal(take(n, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, check_master, NULL, &why), ERR_STATE);
	assert_string_equal(why.text, "nobody is master server now; wait for one, or run 'coffer promote' on a node");
	assert_false(seat_was_removed(e) || e->seat->denied);
	assert_int_equal(e->on_store(e, remove_self, NULL, NULL), ERR_OK);
	assert_true(seat_was_removed(e));
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_DENIED);
	assert_true(e->seat->denied);
	edit_own(n, NODE_MEMBER, 0); /* the state beside the record alone says nothing */
	assert_false(seat_was_removed(e));
	edit_own(n, NODE_REMOVED, 7); /* under a newer data key: then it is believed of a node without a wrapped one */
	assert_false(seat_was_removed(e));
	take_slots(n);
	assert_true(seat_was_removed(e));
	edit_own(n, NODE_MEMBER, 7);
	assert_false(seat_was_removed(e));
	edit_own(n, NODE_REMOVED, 1); /* as it was, and as it is sealed */
	assert_true(seat_was_removed(e));
	seat_leave(e);
	assert_int_equal(take(n, NULL), ERR_DENIED);
	assert_false(e->seat->taken);
	end(n);
}

static enum coffer_err note(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)arg;
	(void)reason;
	return fence_note_twin(txn_store(txn), txn_ring(txn));
}

static void the_note_of_a_clone_stops_all_but_its_acceptance(void **state)
{
	(void)state;
	founded_reset();
	struct founded *n = founded_new();
	struct engine *e = &n->fix.engine;
	share(n);
	founded_init(n);
	assert_int_equal(take(n, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, note, NULL, NULL), ERR_OK);
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_EXISTS);
	assert_true(e->seat->role.twin);
	e->seat->accepting = true;
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_OK);
	e->seat->accepting = false;
	assert_int_equal(e->on_store(e, check_member, NULL, NULL), ERR_OK); /* the note is gone */
	end(n);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(init_writes_founder_and_card),
		cmocka_unit_test(a_domain_that_one_node_wrote_alone_is_moved),
		cmocka_unit_test(a_seat_whose_commit_fails_is_not_taken),
		cmocka_unit_test(who_was_removed_writes_nothing),
		cmocka_unit_test(the_note_of_a_clone_stops_all_but_its_acceptance),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
