/* Copies of the store put back from moments at which it had no made counter, a record that is damaged, and a TPM that says that it cannot count. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "ops/restore_internal.h"
#include "ops/rotation_master_internal.h"
#include "test_arena.h"
#include "unit/ops/anchor_node.h"

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

static void a_damaged_record_is_refused_until_root_takes_the_store(void **state)
{
	struct node *n = *state;
	struct principal root;
	struct reason why = { "" };
	struct anchor_facts f;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	damage_record(n);
	next_life(n);
	is_refused(n, "is damaged");
	assert_int_equal(chip.place, 1); /* nothing is made anew by itself */
	if (anchor_accept(&n->engine, &root, "", &why) != ERR_OK) fail_msg("not taken: %s", why.text);
	on_record(n, "its record was damaged, and how often a store was taken before is lost with it; another counter is made");
	assert_int_equal(chip.place, 2);
	next_life(n);
	checks_well(n);
	anchor_facts(n->engine.anchor, &f);
	assert_int_equal(f.overridden, 1);
	damage_record(n); /* in the same life what it said is known */
	is_refused(n, "is damaged");
	assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
	on_record(n, "its record was damaged; another counter is made");
	next_life(n);
	checks_well(n);
	anchor_facts(n->engine.anchor, &f);
	assert_int_equal(f.overridden, 2);
}

/* The counter of then still stands when the daemon starts again: nobody is asked once more whether it may go. */
static void a_damaged_record_is_taken_once_when_the_token_goes_away(void **state)
{
	struct node *n = *state;
	struct principal root;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	damage_record(n);
	next_life(n);
	is_refused(n, "is damaged");
	knife = (struct knife){ .cut = CUT_BEFORE, .at = 2 };
	assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
	assert_int_equal(knife.step, 2);
	knife.cut = CUT_NONE;
	next_life(n);
	checks_well(n);
	assert_int_equal(chip.place, 2);
}

/* Taken is taken, and counted once, whatever the token does then. */
static void what_is_taken_is_served_where_no_counter_can_be_made(void **state)
{
	struct node *n = *state;
	struct principal root;
	struct anchor_facts f;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	damage_record(n);
	chip.there = false;
	chip.full = true;
	next_life(n);
	is_refused(n, "is damaged");
	assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
	assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_STATE); /* not a second override */
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	anchor_facts(n->engine.anchor, &f);
	assert_true(f.level == ANCHOR_BROKEN && f.overridden == 1 && !n->engine.anchor_fault);
}

static void what_is_taken_stays_taken_when_the_token_goes_away(void **state)
{
	struct node *n = *state;
	struct principal root;
	struct anchor_facts f;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	chip.value = chip.most = 7;
	next_life(n);
	is_refused(n, "older than this node has been");
	knife = (struct knife){ .cut = CUT_BEFORE, .at = 2 };
	assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
	assert_true(knife.step == 2 && chip.value == 7);
	knife.cut = CUT_NONE;
	checks_well(n);
	anchor_facts(n->engine.anchor, &f);
	assert_int_equal(f.overridden, 1);
}

/* An error code, which whoever sits on the bus can send. */
static enum coffer_err cannot_count(unsigned op, const struct token_counter_wish *w, struct token_counter_answer *out)
{
	(void)op; (void)w; (void)out;
	return ERR_UNSUPPORTED;
}

static void set_kind(char kind[16], const char *name)
{
	(void)snprintf(kind, 16, "%s", name);
}

static void a_tpm_that_says_it_cannot_count_is_not_believed(void **state)
{
	struct node *n = *state;
	struct reason why = { "" };
	set_kind(n->engine.identity.token_kind, "tpm2");
	n->token.on_counter = cannot_count;
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK); /* there never was a counter */
	assert_int_equal(level_of(n), ANCHOR_BROKEN);
	next_life(n);
	checks_well(n);
	/* Another token is to take over. */
	struct master_flow f = { .engine = &n->engine };
	n->token.on_counter = cannot_count;
	set_kind(f.after.token_kind, "tpm2");
	assert_int_equal(rotation_anchor_plan(&f, &why), ERR_TOKEN);
	assert_non_null(strstr(why.text, "which any TPM can"));
	set_kind(f.after.token_kind, "pkcs11");
	assert_int_equal(rotation_anchor_plan(&f, NULL), ERR_OK);
	assert_int_equal(f.counter, MASTER_COUNTER_LEAVES);
	anchor_record_clear(&f.left);
	/* One that was left says so when it is in force. */
	struct anchor_record copy = record_of(n);
	copy.stage = ANCHOR_LEFT;
	put_back(n, &copy);
	anchor_record_clear(&copy);
	next_life(n);
	n->token.on_counter = cannot_count;
	is_refused(n, "in another token");
	set_kind(n->engine.identity.token_kind, "pkcs11");
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	assert_int_equal(level_of(n), ANCHOR_NONE);
}

/* The TPM that was left is in force again without a change of the master secret: its counter is that of the store from then on. Behind by: what the store and the counter may be apart. */
static void a_counter_that_was_left_is_raised_again_when_its_token_is_in_force(void **state)
{
	struct node *n = *state;
	struct reason why = { "" };
	checks_well(n);
	for (uint64_t behind = 0; behind <= 2; behind++) {
		struct anchor_record copy = record_of(n);
		copy.stage = ANCHOR_LEFT;
		copy.counter = chip.value + behind;
		put_back(n, &copy);
		anchor_record_clear(&copy);
		next_life(n);
		checks_well(n);
		uint64_t before = chip.value;
		commit_something(n);
		if (anchor_raise(&n->engine, NULL, NULL, &why) != ERR_OK) fail_msg("not raised: %s", why.text);
		assert_int_equal(chip.value, before + 1);
		next_life(n);
		checks_well(n);
	}
}

/* ---- a token that is asked late ---- */

static void opened_without_token(struct node *n)
{
	opens_audit(n);
	anchor_go_without_token(&n->engine, ERR_TOKEN_GONE, &(struct reason){ "away" });
}

static bool uncompared(struct node *n)
{
	struct anchor_facts f;
	anchor_facts(n->engine.anchor, &f);
	return f.uncompared;
}

static void what_was_compared_late_is_on_record_as_it_was(void **state)
{
	struct node *n = *state;
	opened_without_token(n);
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_OK);
	on_record(n, "a rollback counter was made, nothing was compared");
	opened_without_token(n);
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_OK);
	on_record(n, "the store is the newest");
	next_life(n);
	chip.there = false;
	chip.full = true;
	damage_record(n);
	is_refused(n, "is damaged");
	erase_record(n);
	opened_without_token(n);
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_OK);
	on_record(n, "no counter could be made in the token");
	assert_false(uncompared(n));
}

static void a_tpm_that_says_late_that_it_cannot_count_is_asked_again(void **state)
{
	struct node *n = *state;
	set_kind(n->engine.identity.token_kind, "tpm2");
	n->token.on_counter = cannot_count;
	opened_without_token(n);
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_UNSUPPORTED);
	assert_true(uncompared(n) && level_of(n) == ANCHOR_BROKEN);
	n->token.on_counter = on_counter;
	assert_int_equal(anchor_compare_late(&n->engine, NULL), ERR_OK);
	assert_true(!uncompared(n) && level_of(n) == ANCHOR_TOKEN);
}

/* What the node left behind when it went to another token goes up, or whoever ends the change is told that it did not. */
static void a_counter_that_was_left_and_is_not_there_is_said(void **state)
{
	struct node *n = *state;
	struct reason why = { "" };
	struct master_flow f = { .engine = &n->engine };
	checks_well(n);
	f.record.left = record_of(n);
	assert_int_equal(rotation_anchor_leave(&f, &why), ERR_OK);
	assert_int_equal(chip.value, 2);
	chip.auth[0] ^= 1;
	assert_int_equal(rotation_anchor_leave(&f, &why), ERR_TOKEN);
	assert_non_null(strstr(why.text, "was replaced"));
	chip.there = false;
	assert_int_equal(rotation_anchor_leave(&f, &why), ERR_TOKEN);
	anchor_record_clear(&f.record.left);
}

static void a_restore_does_not_believe_it_either(void **state)
{
	struct node *n = *state;
	struct restore_wish wish = { .accept_older = false };
	static struct restore_result result;
	struct restoring r = { .engine = &n->engine, .wish = &wish, .result = &result, .proxy = n->engine.token };
	struct reason why = { "" };
	n->token.on_counter = cannot_count;
	set_kind(result.token.kind, "tpm2");
	assert_int_equal(restore_compare_counter(&r, &why), ERR_OK); /* the archive's node had no counter */
	r.anchor.stage = ANCHOR_MADE;
	set_kind(result.token.kind, "pkcs11");
	assert_int_equal(restore_compare_counter(&r, &why), ERR_OK);
	set_kind(result.token.kind, "tpm2");
	assert_int_equal(restore_compare_counter(&r, &why), ERR_UNSUPPORTED);
	assert_non_null(strstr(why.text, "--accept-older"));
	wish.accept_older = true;
	assert_int_equal(restore_compare_counter(&r, &why), ERR_OK);
	anchor_record_clear(&r.anchor);
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_node, stop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_copy_of_when_no_counter_could_be_made_is_refused),
		T(a_copy_of_a_move_that_found_nothing_is_refused),
		T(a_damaged_record_is_refused_until_root_takes_the_store),
		T(a_damaged_record_is_taken_once_when_the_token_goes_away),
		T(a_tpm_that_says_it_cannot_count_is_not_believed),
		T(a_counter_that_was_left_is_raised_again_when_its_token_is_in_force),
		T(what_is_taken_is_served_where_no_counter_can_be_made),
		T(what_is_taken_stays_taken_when_the_token_goes_away),
		T(what_was_compared_late_is_on_record_as_it_was),
		T(a_tpm_that_says_late_that_it_cannot_count_is_asked_again),
		T(a_counter_that_was_left_and_is_not_there_is_said),
		T(a_restore_does_not_believe_it_either),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
