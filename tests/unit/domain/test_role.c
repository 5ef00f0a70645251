/* The role by itself, on time that the test makes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "domain/role.h"

#define LEASE_TIME 15000u
#define HOLDS 9000u

struct bench {
	struct domain_role role;
	uint64_t now;
	struct lease row; /* what stands in the store */
	struct role_action last;
	uint8_t lives;
};

static struct bench begin(char node, bool may_take)
{
	struct bench b = { .now = 1000 };
	struct role_config config = { .may_take = may_take, .lease_time_ms = LEASE_TIME, .encrypt_grace_ms = 2000, .seed = (uint64_t)node };
	memset(config.node_id, node, UUID_LEN);
	role_init(&b.role, &config, b.now);
	return b;
}

static struct lease lease_of(char node, uint64_t epoch, uint32_t version, uint8_t life)
{
	struct lease l = { .version = version, .generation = 1, .held = true, .epoch = epoch, .holds_ms = HOLDS };
	memset(l.holder, node, UUID_LEN);
	memset(l.life, life, LEASE_LIFE_LEN);
	return l;
}

/* Carries out what the role asks, as a store that answers at once. */
static void run(struct bench *b, uint64_t until)
{
	while (b->now < until) {
		struct role_action a;
		role_next(&b->role, b->now, &a);
		if (a.what == ROLE_WAIT) {
			b->now = a.at_ms < until ? a.at_ms > b->now ? a.at_ms : b->now + 1 : until;
			continue;
		}
		memset(a.next.life, ++b->lives, LEASE_LIFE_LEN);
		role_begun(&b->role, b->now, &a);
		b->last = a;
		if (a.what == ROLE_TAKE || a.what == ROLE_RENEW || a.what == ROLE_FREE) {
			bool same = a.expect.version ? lease_is_same(&a.expect, &b->row) : !b->row.version;
			if (same) {
				b->row = a.next;
				b->row.generation = 1;
			}
			role_ended(&b->role, b->now, same ? ROLE_DONE : ROLE_REFUSED, &b->row);
		} else {
			role_ended(&b->role, b->now, ROLE_DONE, &b->row);
		}
	}
}

static void a_free_lease_is_taken_kept_and_renewed(void **state)
{
	struct bench b = begin('A', true);
	(void)state;
	run(&b, b.now + 3000);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	assert_int_equal(b.row.epoch, 1);
	assert_true(role_said(&b.role) & ROLE_SAY_MASTER);
	uint32_t version = b.row.version;
	run(&b, b.now + 30000);
	assert_int_equal(b.row.epoch, 1);
	assert_in_range(b.row.version, version + 9, version + 11);
	assert_true(lease_is_same(role_mine(&b.role), &b.row));
}

static void a_lease_that_is_renewed_is_left_alone_and_one_that_stands_still_is_taken(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	b.row = lease_of('A', 4, 10, 1);
	for (int i = 0; i < 20; i++) {
		run(&b, b.now + 3000);
		b.row = lease_of('A', 4, b.row.version + 1, (uint8_t)i);
		assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
		assert_true(role_may_encrypt(&b.role, b.now));
	}
	uint64_t renewed = b.now;
	run(&b, renewed + HOLDS);
	assert_int_equal(b.row.epoch, 4);
	run(&b, renewed + LEASE_TIME);
	assert_int_equal(b.row.epoch, 5);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
}

static void members_never_take_and_do_not_encrypt_for_longer_than_the_grace(void **state)
{
	struct bench b = begin('B', false);
	(void)state;
	b.row = lease_of('A', 4, 10, 1);
	run(&b, b.now + 10);
	uint64_t seen = b.now;
	assert_false(role_promote(&b.role, b.now));
	run(&b, seen + HOLDS + 1900);
	assert_true(role_may_encrypt(&b.role, b.now));
	run(&b, seen + HOLDS + 2100);
	assert_false(role_may_encrypt(&b.role, b.now));
	assert_true(role_said(&b.role) & ROLE_SAY_GONE);
	run(&b, seen + 100000);
	assert_int_equal(b.row.epoch, 4);
}

static void who_did_not_look_has_waited_for_nothing(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	b.row = lease_of('A', 4, 10, 1);
	run(&b, b.now + 3000);
	b.now += 60000; /* it was stopped, or the store was gone */
	run(&b, b.now + HOLDS - 100);
	assert_int_equal(b.row.epoch, 4);
	run(&b, b.now + LEASE_TIME - HOLDS);
	assert_int_equal(b.row.epoch, 5);
}

static void promotion_waits_for_nothing_and_step_down_gives_back(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	b.row = lease_of('A', 4, 10, 1);
	run(&b, b.now + 3000);
	assert_true(role_promote(&b.role, b.now));
	run(&b, b.now + 10);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	role_step_down(&b.role, b.now);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
	run(&b, b.now + 10);
	assert_false(b.row.held);
	assert_int_equal(b.row.epoch, 5);
	run(&b, b.now + 19 * LEASE_TIME);
	assert_false(b.row.held);
	assert_true(role_promote(&b.role, b.now));
	run(&b, b.now + 3000);
	assert_int_equal(b.row.epoch, 6);
}

static void belief_ends_when_nothing_is_renewed_and_comes_back_under_the_same_epoch(void **state)
{
	struct bench b = begin('A', true);
	(void)state;
	run(&b, b.now + 3000);
	role_store(&b.role, b.now, false);
	run(&b, b.now + HOLDS);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
	assert_true(role_said(&b.role) & ROLE_SAY_LOST);
	role_store(&b.role, b.now, true);
	run(&b, b.now + 10);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	assert_int_equal(b.row.epoch, 1);
}

static void an_unknown_taking_makes_no_master_before_it_is_settled(void **state)
{
	for (int there = 0; there < 2; there++) {
		struct bench b = begin('A', true);
		struct role_action a;
		(void)state;
		for (role_next(&b.role, b.now, &a); a.what != ROLE_TAKE; role_next(&b.role, b.now, &a)) {
			if (a.what == ROLE_WAIT) {
				b.now = a.at_ms;
				continue;
			}
			role_begun(&b.role, b.now, &a);
			role_ended(&b.role, b.now, ROLE_DONE, &b.row);
		}
		memset(a.next.life, 77, LEASE_LIFE_LEN);
		role_begun(&b.role, b.now, &a);
		if (there) b.row = a.next;
		role_ended(&b.role, b.now, ROLE_UNKNOWN, NULL);
		assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
		role_next(&b.role, b.now, &a);
		assert_int_equal(a.what, ROLE_SETTLE);
		run(&b, b.now + 2000);
		assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
		assert_int_equal(b.row.epoch, 1);
		assert_int_equal(b.row.life[0] == 77, there); /* that write, or one of its own */
		assert_false(role_said(&b.role) & ROLE_SAY_TWIN);
	}
}

static void what_another_process_wrote_under_this_identity_stops_it(void **state)
{
	struct bench b = begin('A', true);
	(void)state;
	run(&b, b.now + 3000);
	b.row = lease_of('A', b.row.epoch, b.row.version + 1, 200);
	run(&b, b.now + 5000);
	assert_true(role_said(&b.role) & ROLE_SAY_TWIN);
	assert_int_equal(b.row.life[0], 200);
	assert_false(role_may_encrypt(&b.role, b.now));
	role_accept_twin(&b.role, b.now);
	run(&b, b.now + 3000);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	assert_int_equal(b.row.epoch, 2);
}

static void its_own_older_write_and_one_in_doubt_are_no_twins(void **state)
{
	struct bench b = begin('A', true);
	struct role_action a;
	(void)state;
	run(&b, b.now + 3000);
	struct lease older = b.row;
	run(&b, b.now + 3100);
	assert_int_not_equal(b.row.version, older.version);
	b.row = older; /* a failover that lost a renewal */
	run(&b, b.now + 3100);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	for (role_next(&b.role, b.now, &a); a.what == ROLE_WAIT; role_next(&b.role, b.now, &a)) b.now = a.at_ms;
	memset(a.next.life, 99, LEASE_LIFE_LEN);
	role_begun(&b.role, b.now, &a);
	role_ended(&b.role, b.now, ROLE_UNKNOWN, NULL);
	struct lease doubt = a.next;
	doubt.generation = 1;
	b.row = lease_of('B', 2, doubt.version + 1, 1); /* stands over it … */
	run(&b, b.now + 500);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
	b.row = doubt; /* … and is lost with a failover */
	run(&b, b.now + 3100);
	assert_false(role_said(&b.role) & (ROLE_SAY_TWIN | ROLE_SAY_BEHIND));
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
}

static void an_older_history_is_refused_until_it_is_accepted_and_no_epoch_is_used_again(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	b.row = lease_of('A', 7, 10, 1);
	run(&b, b.now + 2000);
	b.row = lease_of('A', 7, 11, 2); /* renewed, so that it is confirmed */
	run(&b, b.now + 2000);
	b.row = lease_of('C', 5, 9, 3);
	run(&b, b.now + 60000);
	assert_true(role_said(&b.role) & ROLE_SAY_BEHIND);
	assert_int_equal(b.row.epoch, 5);
	role_accept_store(&b.role, b.now);
	run(&b, b.now + LEASE_TIME);
	assert_int_equal(b.row.epoch, 8);
}

static void a_node_goes_on_when_the_newer_history_is_back(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	b.row = lease_of('A', 7, 10, 1);
	run(&b, b.now + 2000);
	role_store_behind(&b.role, b.now); /* an older copy: the roots say so */
	run(&b, b.now + 60000);
	assert_true(role_said(&b.role) & ROLE_SAY_BEHIND);
	assert_int_equal(b.row.epoch, 7);
	assert_false(role_promote(&b.role, b.now));
	role_store_well(&b.role, b.now);
	run(&b, b.now + LEASE_TIME / 2);
	assert_int_equal(b.row.epoch, 7); /* it begins to look anew */
	run(&b, b.now + LEASE_TIME);
	assert_int_equal(b.row.epoch, 8);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	assert_false(role_said(&b.role) & ROLE_SAY_BEHIND);
}

/* Who has the database puts an older lease row in its place, and then the right one back. */
static void one_older_lease_that_was_read_holds_until_a_good_one_is_read(void **state)
{
	struct bench b = begin('B', true);
	(void)state;
	run(&b, b.now + 3000);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	struct lease first = b.row;
	run(&b, b.now + 6000);
	struct lease newest = b.row;
	(void)role_said(&b.role);
	b.row = first;
	b.row.epoch = 0;
	role_saw(&b.role, b.now, &b.row);
	assert_int_equal(role_said(&b.role), ROLE_SAY_LOST | ROLE_SAY_BEHIND);
	assert_false(role_may_encrypt(&b.role, b.now));
	run(&b, b.now + 3000);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
	assert_int_equal(b.row.epoch, 0); /* nothing is written over it */
	b.row = newest;
	run(&b, b.now + LEASE_TIME);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
	assert_int_equal(b.row.epoch, 1);
	assert_true(role_may_encrypt(&b.role, b.now));
	role_store_behind(&b.role, b.now); /* of the roots: no lease says that they are well */
	run(&b, b.now + LEASE_TIME);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_STANDBY);
	role_store_well(&b.role, b.now);
	run(&b, b.now + LEASE_TIME);
	assert_int_equal(role_kind(&b.role, b.now), ROLE_MASTER);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_free_lease_is_taken_kept_and_renewed),
		cmocka_unit_test(a_lease_that_is_renewed_is_left_alone_and_one_that_stands_still_is_taken),
		cmocka_unit_test(members_never_take_and_do_not_encrypt_for_longer_than_the_grace),
		cmocka_unit_test(who_did_not_look_has_waited_for_nothing),
		cmocka_unit_test(promotion_waits_for_nothing_and_step_down_gives_back),
		cmocka_unit_test(belief_ends_when_nothing_is_renewed_and_comes_back_under_the_same_epoch),
		cmocka_unit_test(an_unknown_taking_makes_no_master_before_it_is_settled),
		cmocka_unit_test(what_another_process_wrote_under_this_identity_stops_it),
		cmocka_unit_test(its_own_older_write_and_one_in_doubt_are_no_twins),
		cmocka_unit_test(an_older_history_is_refused_until_it_is_accepted_and_no_epoch_is_used_again),
		cmocka_unit_test(a_node_goes_on_when_the_newer_history_is_back),
		cmocka_unit_test(one_older_lease_that_was_read_holds_until_a_good_one_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
