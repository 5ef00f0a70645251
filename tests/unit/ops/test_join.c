/* A node joins a domain over one store: the whole way, what is refused, and a failure of every call of its token, after which the same command goes on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "domain/level.h"
#include "domain/node_record.h"
#include "domain/transport_record.h"
#include "domain/waiting.h"
#include "keyring/generation.h"
#include "keyring/rooted_internal.h"
#include "keyring/slot.h"
#include "ops/join.h"
#include "ops/seat.h"
#include "unit/ops/join_world.h"
#include "unit/ops/vendor.h"

static void a_node_joins_when_its_fingerprint_was_typed(void **state)
{
	struct join_world w;
	struct join_said said, again;
	char answer[DOMAIN_FINGERPRINT_TEXT];
	(void)state;
	join_open(&w);
	assert_int_equal(w.a->fix.engine.on_store(&w.a->fix.engine, seat_take, NULL, NULL), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "waiting");
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &again), ERR_OK);
	assert_string_equal(said.print, again.print);
	char wrong[DOMAIN_FINGERPRINT_TEXT];
	memcpy(wrong, said.print, sizeof wrong);
	wrong[sizeof wrong - 2] = wrong[sizeof wrong - 2] == 'A' ? 'B' : 'A';
	assert_int_equal(join_approve(&w, wrong, answer, &again), ERR_NOT_FOUND);
	join_approve_well(&w, said.print);
	assert_int_equal(join_approve(&w, said.print, answer, &again), ERR_OK); /* twice: answered anew */
	assert_int_equal(join_ask(&w, &(struct join_ask){ .answer = w.domain }, &again), ERR_CONTEXT);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .answer = answer }, &again), ERR_OK);
	assert_string_equal(again.state, "member");
	join_expect_member(&w);
	assert_int_equal(join_approve(&w, said.print, answer, &again), ERR_NOT_FOUND);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &again), ERR_OK); /* the answer to it was lost */
	assert_string_equal(again.state, "member");
	assert_int_equal(join_ask(&w, &(struct join_ask){ .token = "tpm2:other" }, &again), ERR_EXISTS);
	join_close(&w);
}

static enum coffer_err set_level(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	(void)engine;
	(void)reason;
	return level_raise(txn_store(txn), txn_ring(txn), *(const uint32_t *)arg);
}

static void a_program_that_does_not_know_the_format_level_does_not_join(void **state)
{
	struct join_world w;
	struct join_said said;
	bool slots = true;
	uint32_t beyond = level_known() + 1, known = level_known();
	(void)state;
	join_open(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	assert_int_equal(w.a->fix.engine.on_store(&w.a->fix.engine, set_level, &beyond, NULL), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_VERSION);
	assert_non_null(strstr(said.why, "format level"));
	assert_int_equal(slot_any(w.b->fix.engine.store, w.b->fix.engine.domain.node_id, &slots), ERR_OK);
	assert_false(slots);
	assert_int_equal(w.a->fix.engine.on_store(&w.a->fix.engine, set_level, &known, NULL), ERR_OK); /* as with the program that does */
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_expect_member(&w);
	join_close(&w);
}

static enum coffer_err (*opens)(struct engine *engine, struct reason *reason);
static unsigned asked_later;

static enum coffer_err busy(struct engine *engine, struct reason *reason)
{
	(void)engine;
	return reason_fail(reason, ERR_BUSY, "others wrote meanwhile");
}

static void open_later(struct engine *engine)
{
	(void)engine;
	asked_later++;
}

static void who_opens_while_the_others_write_waits_and_is_not_at_fault(void **state)
{
	struct join_world w;
	struct join_said said;
	(void)state;
	join_open(&w);
	struct engine *b = &w.b->fix.engine;
	opens = b->open;
	b->open = busy;
	b->open_later = open_later;
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_BUSY);
	assert_int_equal(b->state, ENGINE_SEALED);
	assert_int_equal(asked_later, 1);
	assert_int_equal(opens(b, NULL), ERR_OK); /* as the daemon does then */
	join_expect_member(&w);
	join_close(&w);
}

/* The rows are written, and the node did not open: a start of the daemon goes on from there. */
static void expect_written(struct join_world *w)
{
	struct engine *b = &w->b->fix.engine;
	struct identity identity;
	bool slots = false;
	assert_int_equal(slot_any(b->store, b->domain.node_id, &slots), ERR_OK);
	assert_true(slots);
	assert_int_equal(identity_read(w->b->dir, &identity, NULL), ERR_OK);
	assert_memory_equal(identity.domain.node_id, b->domain.node_id, UUID_LEN);
	assert_int_equal(joining_erase(w->b->dir, NULL), ERR_OK);
}

/* Once more, in a new process where it failed. False: what failed came behind the last step. */
static bool finish(struct join_world *w, const struct join_said *said, bool *out_failed)
{
	struct join_said later;
	bool failed = join_ask(w, &(struct join_ask){ 0 }, &later) != ERR_OK;
	*out_failed = *out_failed || failed;
	if (failed && w->b->fix.engine.state == ENGINE_FAULT) return false;
	join_kill(w);
	if (failed) assert_int_equal(join_ask(w, &(struct join_ask){ 0 }, &later), ERR_OK);
	assert_string_equal(later.state, "member");
	assert_string_equal(later.node, said->node);
	return true;
}

/* Fails the n-th call of the token for each n, with a new process behind it: one node id, one key pair, and a member in the end. */
static void whatever_fails_the_same_command_goes_on(void **state)
{
	unsigned failures = 0;
	bool over = false;
	(void)state;
	for (int n = 1; n < 40 && !over; n++) {
		struct join_world w;
		struct join_said said;
		join_open(&w);
		join_fail_at = n;
		bool failed = join_ask(&w, &(struct join_ask){ 0 }, &said) != ERR_OK;
		join_kill(&w);
		if (failed) assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
		join_kill(&w);
		join_approve_well(&w, said.print);
		if (finish(&w, &said, &failed)) join_expect_member(&w);
		else expect_written(&w);
		assert_int_equal(w.b->token.transports, 1);
		failures += failed;
		over = join_fail_at > 0;
		join_close(&w);
	}
	assert_true(over && failures >= 8);
}

static void nothing_is_made_for_another_domain(void **state)
{
	struct join_world w;
	struct join_said said;
	struct joining kept = JOINING_NONE;
	(void)state;
	join_open(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .domain = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH" }, &said), ERR_CONTEXT);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .domain = "AAAA-BBBB" }, &said), ERR_INPUT);
	assert_int_equal(w.b->token.provisions, 0);
	assert_int_equal(joining_read(w.b->dir, &kept, NULL), ERR_NOT_FOUND);
	join_close(&w);
}

static void what_was_begun_is_not_mixed_with_something_else(void **state)
{
	struct join_world w;
	struct join_said first, said, anew;
	(void)state;
	join_open(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &first), ERR_OK);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .token = "tpm2:other" }, &said), ERR_STATE);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .domain = "AAAA-BBBB-CCCC-DDDD-EEEE-FFFF-GGGG-HHHH" }, &said), ERR_STATE);
	assert_int_equal(join_ask(&w, &(struct join_ask){ .name = "first" }, &said), ERR_OK); /* another request of the same node */
	assert_string_equal(said.node, first.node);
	assert_string_not_equal(said.print, first.print);
	char answer[DOMAIN_FINGERPRINT_TEXT];
	assert_int_equal(join_approve(&w, first.print, answer, &anew), ERR_NOT_FOUND);
	assert_int_equal(join_approve(&w, said.print, answer, &anew), ERR_EXISTS);
	assert_non_null(strstr(anew.why, "another node has the name 'first'"));
	assert_int_equal(join_ask(&w, &(struct join_ask){ .anew = true }, &anew), ERR_OK);
	assert_string_not_equal(anew.node, first.node);
	assert_int_equal(w.b->token.transports, 2);
	join_approve_well(&w, anew.print);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	assert_string_equal(said.state, "member");
	join_expect_member(&w);
	join_close(&w);
}

static enum coffer_err send_remove(struct join_world *w, const char *node)
{
	struct answer answer;
	struct ask a;
	ask_one(&a, OPERATION_COFFER_NODE_REMOVE);
	ttlv_put_str(&a.w, TAG_COFFER_NODE_NAME, node);
	enum coffer_err err = vendor_send(&w->a->fix, ADMIN, &a, &answer);
	answer_free(&answer);
	return err;
}

static void who_was_removed_before_it_joined_is_told_so(void **state)
{
	struct join_world w;
	struct join_said said, later;
	(void)state;
	join_open(&w);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	assert_int_equal(send_remove(&w, "nobody"), ERR_NOT_FOUND);
	assert_int_equal(send_remove(&w, "first"), ERR_STATE); /* itself */
	assert_int_equal(send_remove(&w, said.node), ERR_OK);
	assert_int_equal(send_remove(&w, said.node), ERR_STATE);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &later), ERR_DENIED);
	assert_non_null(strstr(later.why, "an administrator removed this node"));
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &later), ERR_OK); /* as a new one */
	assert_string_not_equal(later.node, said.node);
	join_approve_well(&w, later.print);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &later), ERR_OK);
	join_expect_member(&w);
	join_close(&w);
}

static bool has_record(struct join_world *w, const char *name)
{
	struct store_row row;
	return store_get(w->a->inner, STORE_DOMAIN, view_str(name), &row) == ERR_OK;
}

static void a_member_that_is_removed_loses_its_slots_and_writes_nothing(void **state)
{
	struct join_world w;
	struct join_said said;
	struct reason why = { "" };
	bool slots = true;
	(void)state;
	join_open(&w);
	struct engine *b = &w.b->fix.engine;
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_approve_well(&w, said.print);
	assert_int_equal(join_ask(&w, &(struct join_ask){ 0 }, &said), ERR_OK);
	join_expect_member(&w);
	bool everything;
	assert_int_equal(rooted_store_refresh(w.a->fix.engine.store, NULL, NULL, &everything, NULL), ERR_OK);
	assert_int_equal(send_remove(&w, "second"), ERR_OK);
	assert_true(has_record(&w, "rotation-owed")); /* nobody changes the data key in this test */
	assert_int_equal(slot_any(b->store, b->domain.node_id, &slots), ERR_OK);
	assert_false(slots);
	assert_int_equal(store_begin(b->store, NULL), ERR_OK);
	assert_int_equal(seat_check_member(b, &why), ERR_DENIED);
	store_rollback(b->store);
	join_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_node_joins_when_its_fingerprint_was_typed),
		cmocka_unit_test(a_program_that_does_not_know_the_format_level_does_not_join),
		cmocka_unit_test(who_opens_while_the_others_write_waits_and_is_not_at_fault),
		cmocka_unit_test(whatever_fails_the_same_command_goes_on),
		cmocka_unit_test(nothing_is_made_for_another_domain),
		cmocka_unit_test(what_was_begun_is_not_mixed_with_something_else),
		cmocka_unit_test(who_was_removed_before_it_joined_is_told_so),
		cmocka_unit_test(a_member_that_is_removed_loses_its_slots_and_writes_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
