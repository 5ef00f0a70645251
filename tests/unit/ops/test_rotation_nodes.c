/* Several nodes change their data key: the master server hands it to each member, each takes it by its own token, and the old one stays until all have. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "domain/answer.h"
#include "keyring/domain_record.h"
#include "keyring/rooted_store.h"
#include "ops/generation_take.h"
#include "ops/nodes.h"
#include "ops/rotation_internal.h"
#include "ops/rotation_master.h"
#include "ops/seat.h"
#include "ops/shared_news.h"
#include "ops/store_check.h"
#include "ops/transport_own.h"
#include "unit/ops/nodes_turn.h"

static void take_away(enum store_table table, const struct node *n, uint32_t generation)
{
	uint8_t id[ROTATION_SLOT_ID];
	rotation_slot_id(n->engine.domain.node_id, generation, id);
	assert_int_equal(store_begin(w.inner, NULL), ERR_OK);
	assert_int_equal(store_erase(w.inner, table, view_of(id, sizeof id)), ERR_OK);
	assert_int_equal(store_commit(w.inner, NULL), ERR_OK);
}

static atomic_bool asking;

/* Somebody who waits for the end, as 'coffer rotate data-key --wait' does. */
static void *ask_for_status(void *arg)
{
	struct engine *e = arg;
	uintptr_t held = 0;
	while (asking) {
		char text[4096];
		struct writer writer;
		struct json_out j = { .w = &writer };
		writer_init(&writer, text, sizeof text);
		rotation_json(e, &j);
		struct view said = writer_view(&writer);
		held += memmem(said.ptr, said.len, "\"phase\":\"held\"", 14) != NULL;
	}
	return (void *)held; /* NOLINT(performance-no-int-to-ptr) */
}

static void who_waits_never_reads_that_it_is_held(void **state)
{
	pthread_t thread;
	void *held;
	struct engine *e = &w.a.engine;
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	asking = true;
	assert_int_equal(pthread_create(&thread, NULL, ask_for_status, e), 0);
	for (unsigned i = 0; i < 1000000; i++) {
		rotation_await(e, "node 'b'");
		rotation_again(e);
	}
	asking = false;
	pthread_join(thread, &held);
	assert_null(held);
	rotation_hold(e, "%s", "for a reason");
	assert_false(rotation_awaits_node(e));
}

static void each_member_takes_it_and_then_the_old_one_leaves(void **state)
{
	uint8_t before[UUID_LEN], after[UUID_LEN], own[UUID_LEN];
	const struct secret *audit;
	(void)state;
	assert_int_equal(world_on_store(&w.b.engine, turn_create, before, NULL), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_true(turn_has_row(STORE_REFRESH, &w.b, 2) && turn_has_row(STORE_SLOT, &w.a, 2) && !turn_has_row(STORE_REFRESH, &w.a, 2));
	assert_int_equal(world_on_store(&w.a.engine, turn_create, after, NULL), ERR_OK);
	/* b has not got it: what is under it waits, and is not damaged */
	assert_int_equal(turn_look(&w.b, after), ERR_BUSY);
	assert_int_equal(world_hear(&w.b), ERR_STATE);
	assert_int_equal(world_on_store(&w.b.engine, turn_create, own, NULL), ERR_STATE);
	size_t faults = 0;
	assert_int_equal(rooted_store_check_small(w.b.engine.store, &(struct rooted_watch){ .row = NULL }, &faults), ERR_STATE);
	/* and nothing leaves, nor is anything sealed again that b must read */
	assert_int_equal(turn_work(&w.a), ROTATION_HELD);
	assert_true(rotation_awaits_node(&w.a.engine) && ring_count(w.a.ring) == 2);
	assert_int_equal(turn_look(&w.b, before), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	assert_true(turn_has_row(STORE_SLOT, &w.b, 2) && !turn_has_row(STORE_REFRESH, &w.b, 2) && ring_newest(w.b.ring) == 2);
	turn_expect_whole(&w.b);
	assert_int_equal(turn_look(&w.b, after), ERR_OK);
	assert_int_equal(world_on_store(&w.b.engine, turn_create, own, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	assert_int_equal(ring_count(w.a.ring), 1);
	assert_true(!turn_has_row(STORE_SLOT, &w.a, 1) && !turn_has_row(STORE_SLOT, &w.b, 1));
	assert_int_equal(ring_count(w.b.ring), 2); /* it has not heard of it */
	turn_expect_whole(&w.b);
	assert_int_equal(ring_count(w.b.ring), 1);
	assert_int_equal(ring_subkey(w.b.ring, 1, SUBKEY_AUDIT, &audit), ERR_OK);
	assert_int_equal(rotation_phase(&w.b.engine), ROTATION_NONE);
	object_table_clear(w.b.engine.objects);
	assert_int_equal(turn_look(&w.b, before), ERR_OK);
	assert_int_equal(turn_look(&w.b, after), ERR_OK);
	assert_int_equal(world_on_store(&w.b.engine, turn_create, own, NULL), ERR_OK);
	turn_expect_whole(&w.a);
}

/* Begun before the key is here, and ended with it: the alert would say 'integrity' until the next pass. */
static void a_scrub_that_met_a_key_to_come_finds_no_damage(void **state)
{
	char found[STORE_CHECK_SENTENCE];
	struct engine *e = &w.b.engine;
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(world_hear(&w.b), ERR_STATE);
	store_check_begin(e);
	assert_false(store_check_step(e, 1000, 1000));
	assert_true(store_check_is_well(e->check));
	assert_int_equal(store_check_reopened(e, NULL), ERR_STATE); /* nor does it make a fault of the node */
	assert_true(store_check_is_well(e->check));
	store_check_begin(e);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	while (!store_check_step(e, 1000, 1000)) {}
	store_check_sentence(e->check, found, sizeof found);
	assert_string_equal(found, "no fault");
	turn_expect_whole(&w.b);
}

static enum coffer_err put_over(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	return domain_record_put(txn_store(txn), txn_ring(txn), "rotation", view_str("x"));
}

/* Its entry in the sums is under a key that this node has not got. */
/* It believed that it is when the step was begun. */
static void who_is_not_master_server_any_more_seals_nothing_again(void **state)
{
	struct engine *e = &w.a.engine;
	struct rotation_budget budget = { .rows = 1000, .ms = 1000 };
	struct config config = { .node_name = (char *)(uintptr_t)"a", .lease_time_ms = 15000 };
	uint8_t id[UUID_LEN];
	(void)state;
	assert_int_equal(world_on_store(e, turn_create, id, NULL), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	e->seat = seat_new(&config);
	assert_non_null(e->seat);
	assert_int_equal(world_on_store(e, rotation_reseal, &budget, NULL), ERR_STATE);
	seat_free(TAKE(e->seat));
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	turn_expect_whole(&w.a);
}

/* Looking after many nodes may take all the time of a step. */
static void a_step_without_time_goes_on_all_the_same(void **state)
{
	struct engine *e = &w.a.engine;
	struct rotation_budget budget = { .rows = 1000, .ms = 0 };
	uint8_t id[UUID_LEN];
	(void)state;
	for (unsigned i = 0; i < 3; i++) assert_int_equal(world_on_store(e, turn_create, id, NULL), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	for (unsigned i = 0; i < 200 && rotation_phase(e) == ROTATION_RESEAL && !rotation_is_proven(e); i++)
		assert_int_equal(world_on_store(e, rotation_reseal, &budget, NULL), ERR_OK);
	assert_int_equal(rotation_phase(e), ROTATION_PROOF);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
	turn_expect_whole(&w.a);
}

static void a_row_under_a_key_to_come_is_not_written_over(void **state)
{
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(world_on_store(&w.b.engine, put_over, NULL, NULL), ERR_BUSY);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.b);
}

static void it_can_be_done_again(void **state)
{
	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		assert_int_equal(turn_rotate(NULL), ERR_OK);
		assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
		turn_expect_whole(&w.a);
		assert_int_equal(turn_work(&w.a), ROTATION_NONE);
		turn_expect_whole(&w.b);
	}
	assert_int_equal(ring_newest(w.b.ring), 4);
}

static enum coffer_err count_event(void *arg, const struct audit_event *event)
{
	static const char words[] = "was wrapped for node 'node b0'";
	*(unsigned *)arg += memmem(event->details.ptr, event->details.len, words, sizeof words - 1) != NULL;
	return ERR_OK;
}

static unsigned wraps(void)
{
	unsigned count = 0;
	struct engine *e = &w.a.engine;
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	assert_int_equal(audit_read(e->audit, e->txn, 1, 1000, count_event, &count), ERR_OK);
	txn_abort(e->txn);
	return count;
}

static void each_wrap_is_audited_and_one_that_was_taken_away_is_made_again(void **state)
{
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(wraps(), 1);
	take_away(STORE_REFRESH, &w.b, 2);
	assert_int_equal(turn_work(&w.a), ROTATION_HELD);
	assert_true(turn_has_row(STORE_REFRESH, &w.b, 2));
	assert_int_equal(wraps(), 2);
	assert_int_equal(turn_work(&w.a), ROTATION_HELD);
	assert_int_equal(wraps(), 2);
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
	turn_expect_whole(&w.a);
	assert_int_equal(turn_work(&w.a), ROTATION_NONE);
}

static void a_token_that_does_not_open_it_takes_nothing_and_may_try_again(void **state)
{
	struct reason why = { "" };
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	w.silent = true;
	assert_int_not_equal(turn_take(&w.b, &why), ERR_OK);
	assert_true(w.asked == 1 && why.text[0] && !turn_has_row(STORE_SLOT, &w.b, 2) && ring_newest(w.b.ring) == 1);
	w.silent = false;
	assert_int_equal(turn_take(&w.b, NULL), ERR_OK);
}

static enum coffer_err bend(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	uint8_t bytes[REFRESH_LEN];
	struct store_row row;
	(void)e;
	(void)arg;
	(void)reason;
	uint8_t id[ROTATION_SLOT_ID];
	rotation_slot_id(w.b.engine.domain.node_id, 2, id);
	TRY(store_get(txn_store(txn), STORE_REFRESH, view_of(id, sizeof id), &row));
	memcpy(bytes, row.body.ptr, sizeof bytes);
	bytes[100] ^= 1;
	row.body = view_of(bytes, sizeof bytes);
	return store_put(txn_store(txn), STORE_REFRESH, &row, true);
}

static void a_row_that_was_edited_asks_no_token(void **state)
{
	(void)state;
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, bend, NULL, NULL), ERR_OK);
	assert_int_equal(turn_take(&w.b, NULL), ERR_CONTEXT);
	assert_true(w.asked == 0 && ring_newest(w.b.ring) == 1);
}

static void a_member_to_whom_nothing_can_be_handed_holds_the_change_up(void **state)
{
	struct reason why = { "" };
	(void)state;
	assert_int_equal(world_record(&w.b, NODE_MEMBER, true), ERR_OK);
	assert_int_equal(turn_rotate(&why), ERR_STATE);
	assert_non_null(strstr(why.text, "node b0"));
	assert_int_equal(rotation_settle(&w.a.engine), ERR_OK);
	assert_true(ring_newest(w.a.ring) == 1 && !turn_has_row(STORE_SLOT, &w.a, 2));
}

static enum coffer_err leave_token(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)arg;
	(void)reason;
	return transport_own_leave(e, txn);
}

/* Between another token and a transport key in it: a key that is wrapped for the token that was left would be lost, and the node with it. */
static void no_data_key_is_begun_while_a_member_goes_over_to_another_token(void **state)
{
	struct reason why = { "" };
	(void)state;
	assert_int_equal(world_on_store(&w.b.engine, leave_token, NULL, NULL), ERR_OK);
	assert_int_equal(world_on_store(&w.b.engine, leave_token, NULL, NULL), ERR_OK); /* once more changes nothing */
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(turn_rotate(&why), ERR_STATE);
	assert_non_null(strstr(why.text, "has no transport key"));
	assert_int_equal(rotation_settle(&w.a.engine), ERR_OK);
	assert_true(ring_newest(w.a.ring) == 1 && !turn_has_row(STORE_REFRESH, &w.b, 2));
}

static void who_was_admitted_and_has_not_joined_is_refused(void **state)
{
	struct node_record r;
	(void)state;
	memset(w.c.engine.domain.node_id, 0xc0, UUID_LEN);
	memcpy(w.c.transport, w.b.transport, sizeof w.c.transport);
	assert_int_equal(world_record(&w.c, NODE_ADMITTED, false), ERR_OK);
	assert_int_equal(turn_rotate(NULL), ERR_OK);
	assert_int_equal(node_record_get(w.a.engine.store, w.a.ring, w.c.engine.domain.node_id, &r), ERR_OK);
	assert_int_equal(r.state, NODE_REMOVED);
	assert_false(turn_has_row(STORE_REFRESH, &w.c, 2));
}

/* ---- changes of master secrets ---- */

static enum coffer_err put_change(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record = { .phase = *(uint8_t *)arg, .uri = "tpm2:device?handle=0x81010C0F", .kind = "tpm2", .binding = e->identity.binding };
	(void)reason;
	return master_record_put(txn, &record);
}

static enum coffer_err put_shared(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	return domain_record_put(txn_store(txn), txn_ring(txn), "master-change", view_str("whose?"));
}

static enum coffer_err get_change(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	struct master_record record;
	(void)e;
	(void)reason;
	TRY(master_record_read(txn, &record));
	*(uint8_t *)arg = record.phase;
	return ERR_OK;
}

static enum coffer_err erase_b(struct engine *e, struct txn *txn, void *arg, struct reason *reason)
{
	(void)e;
	(void)arg;
	(void)reason;
	return nodes_erase_rows(txn, w.b.engine.domain.node_id);
}

static unsigned change_of(struct node *n)
{
	uint8_t phase = 9;
	assert_int_equal(world_on_store(&n->engine, get_change, &phase, NULL), ERR_OK);
	return phase;
}

static void put_phase(struct node *n, uint8_t phase)
{
	assert_int_equal(world_on_store(&n->engine, put_change, &phase, NULL), ERR_OK);
}

static void a_change_of_one_nodes_master_secret_is_not_anothers(void **state)
{
	(void)state;
	put_phase(&w.a, 2);
	assert_int_equal(world_hear(&w.b), ERR_OK);
	assert_int_equal(change_of(&w.b), 0);
	put_phase(&w.b, 1);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(change_of(&w.a), 2);
	put_phase(&w.b, 0);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(change_of(&w.a), 2);
	put_phase(&w.b, 2);
	assert_int_equal(world_hear(&w.a), ERR_OK);
	assert_int_equal(world_on_store(&w.a.engine, erase_b, NULL, NULL), ERR_OK); /* as `node remove` does */
	assert_int_equal(world_hear(&w.b), ERR_OK);
	assert_int_equal(change_of(&w.b), 0);
	assert_int_equal(change_of(&w.a), 2);
}

static void a_change_of_nobody_knows_which_node_is_nobodys(void **state)
{
	(void)state;
	assert_int_equal(world_on_store(&w.a.engine, put_shared, NULL, NULL), ERR_OK);
	assert_int_equal(world_hear(&w.b), ERR_OK);
	assert_int_equal(world_on_store(&w.b.engine, rotation_load, NULL, NULL), ERR_OK);
	assert_int_equal(change_of(&w.b), 0);
	assert_int_equal(change_of(&w.a), 0);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, world_open, world_close)
	const struct CMUnitTest tests[] = {
		TEST(each_member_takes_it_and_then_the_old_one_leaves),
		TEST(who_is_not_master_server_any_more_seals_nothing_again),
		TEST(a_step_without_time_goes_on_all_the_same),
		TEST(a_row_under_a_key_to_come_is_not_written_over),
		TEST(who_waits_never_reads_that_it_is_held),
		TEST(a_scrub_that_met_a_key_to_come_finds_no_damage),
		TEST(it_can_be_done_again),
		TEST(each_wrap_is_audited_and_one_that_was_taken_away_is_made_again),
		TEST(a_token_that_does_not_open_it_takes_nothing_and_may_try_again),
		TEST(a_row_that_was_edited_asks_no_token),
		TEST(a_member_to_whom_nothing_can_be_handed_holds_the_change_up),
		TEST(no_data_key_is_begun_while_a_member_goes_over_to_another_token),
		TEST(who_was_admitted_and_has_not_joined_is_refused),
		TEST(a_change_of_one_nodes_master_secret_is_not_anothers),
		TEST(a_change_of_nobody_knows_which_node_is_nobodys),
	};
	log_init("test", LOG_LEVEL_ERROR);
	if (arena_init(16u << 20, false, NULL) != ERR_OK) return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
