/* The anchor over a store in memory and a token that counts: what each answer of the token means, and a crash at every step. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "base/text.h"
#include "keyring/rooted_store.h"
#include "test_arena.h"
#include "unit/ops/anchor_node.h"

/* ---- rows of docs/formats.md section 19.4 ---- */

static void every_answer_has_its_verdict(void **state)
{
	(void)state;
	for (uint64_t c = 1; c <= 6; c++) {
		for (uint64_t v = 0; v <= 9; v++) {
			struct token_counter_answer a = { .state = TOKEN_COUNTER_WELL, .value = v };
			enum anchor_verdict want = v == c ? ANCHOR_WELL : v == c - 1 ? ANCHOR_STEP_BEHIND : v > c ? ANCHOR_STORE_OLD : ANCHOR_TOKEN_OLD;
			assert_int_equal(anchor_judge(c, &a), want);
			a.state = TOKEN_COUNTER_NONE;
			assert_int_equal(anchor_judge(c, &a), ANCHOR_GONE);
			a.state = TOKEN_COUNTER_OTHER;
			assert_int_equal(anchor_judge(c, &a), ANCHOR_REPLACED);
		}
	}
}

static void the_owner_digest_is_the_frozen_one(void **state)
{
	uint8_t owner[TOKEN_COUNTER_OWNER_LEN];
	char hex[2 * sizeof owner + 1];
	assert_int_equal(anchor_owner(&((struct node *)*state)->engine.domain, owner), ERR_OK);
	text_hex(view_of(owner, sizeof owner), hex);
	assert_string_equal(hex, "6e826de2f9d4323f51986ed94700ccacf7d08c93069a5015b8b7d70d72617abe");
}

static void count(void *told)
{
	++*(unsigned *)told;
}

static void a_counter_is_made_once_and_raised_when_there_is_something_to_anchor(void **state)
{
	struct node *n = *state;
	struct anchor_facts f;
	unsigned told = 0;
	checks_well(n);
	assert_int_equal(chip.value, 1);
	assert_int_equal(anchor_raise(&n->engine, count, &told, NULL), ERR_OK);
	assert_int_equal(chip.value, 1); /* nothing was committed since */
	commit_something(n);
	assert_int_equal(anchor_raise(&n->engine, count, &told, NULL), ERR_OK);
	assert_int_equal(told, 2);
	assert_int_equal(chip.value, 2);
	anchor_facts(n->engine.anchor, &f);
	assert_int_equal(f.counter, 2);
	assert_int_equal(f.first, 1);
	struct rooted_facts root;
	rooted_store_facts(n->engine.store, &root);
	assert_int_equal(f.root_version, root.version);
	next_life(n);
	checks_well(n);
	assert_int_equal(chip.value, 2);
}

static void a_token_that_cannot_count_is_served_and_said(void **state)
{
	struct node *n = *state;
	n->token.on_counter = NULL;
	assert_int_equal(anchor_check(&n->engine, NULL), ERR_OK);
	assert_int_equal(level_of(n), ANCHOR_NONE);
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	next_life(n);
	checks_well(n); /* another token, and there never was a counter */
	next_life(n);
	n->token.on_counter = NULL;
	is_refused(n, "in another token");
}

/* What the store knows is set back by moving the token on: an older store and a newer token are the same to each other. */
static void each_refusal_says_what_and_can_be_taken(void **state)
{
	static const struct {
		const char *words;
		int move; /* of the chip's value; 0: see below */
		bool gone, other_auth, other_place;
	} cases[] = {
		{ "older than this node has been", 1, false, false, false }, { "older than this node has been", 7, false, false, false },
		{ "the token is older", -2, false, false, false }, { "not there any more", 0, true, false, false },
		{ "another counter stands", 0, false, true, false }, { "another counter stands", 0, false, false, true },
	};
	struct node *n = *state;
	struct principal root;
	struct reason why = { "" };
	principal_from_uid(0, 1, &root);
	chip.most = 10;
	checks_well(n);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		next_life(n);
		checks_well(n);
		assert_int_equal(anchor_accept(&n->engine, &root, "", &why), ERR_STATE);
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
		chip.value += (uint64_t)(int64_t)cases[i].move;
		if (chip.value > chip.most) chip.most = chip.value;
		if (cases[i].gone) chip.there = false;
		if (cases[i].other_auth) chip.auth[0] ^= 1;
		if (cases[i].other_place) chip.place++;
		next_life(n);
		is_refused(n, cases[i].words);
		uint64_t before = chip.value;
		if (anchor_accept(&n->engine, &root, "", &why) != ERR_OK) fail_msg("not taken: %s", why.text);
		assert_true(chip.value > before || cases[i].gone || cases[i].other_auth || cases[i].other_place);
		next_life(n);
		checks_well(n);
		struct anchor_facts f;
		anchor_facts(n->engine.anchor, &f);
		assert_int_equal(f.overridden, i + 1);
	}
}

static void a_store_from_before_its_counter_is_refused(void **state)
{
	struct node *n = *state;
	checks_well(n);
	erase_record(n);
	next_life(n);
	is_refused(n, "from before it was made");
	chip.owner[0] ^= 1; /* of another node of this token */
	next_life(n);
	checks_well(n);
}

static void a_raise_that_fails_is_told_once_and_made_good(void **state)
{
	struct node *n = *state;
	struct anchor_facts f;
	checks_well(n);
	n->token.on_counter = NULL;
	for (unsigned i = 0; i < 3; i++) {
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_UNSUPPORTED);
	}
	anchor_facts(n->engine.anchor, &f);
	assert_true(f.late && f.sentence[0] && f.counter == 1);
	n->token.on_counter = on_counter;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
	assert_int_equal(chip.value, 2); /* the store was never two ahead */
	anchor_facts(n->engine.anchor, &f);
	assert_true(!f.late && !f.sentence[0]);
	next_life(n);
	checks_well(n);
	commit_something(n);
	chip.value++; /* a copy of this node raised it */
	chip.most = chip.value;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK); /* which cannot be told from an answer that was lost … */
	commit_something(n);
	chip.value += 2;
	assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_CORRUPT); /* … but the next time it is */
	anchor_facts(n->engine.anchor, &f);
	assert_non_null(strstr(f.sentence, "another copy of this node"));
}

/* ---- a crash at every step ---- */

/* A life: check, a commit, a raise, another. ERR_OK: the knife was not met. */
static enum coffer_err live(struct node *n)
{
	TRY(anchor_check(&n->engine, NULL));
	for (unsigned i = 0; i < 2; i++) {
		if (level_of(n) != ANCHOR_TOKEN) return ERR_TOKEN; /* it goes on without: here that is the end */
		commit_something(n);
		TRY(anchor_raise(&n->engine, NULL, NULL, NULL));
	}
	return ERR_OK;
}

static unsigned cut_each_step(struct node *n, enum cut cut)
{
	unsigned at = 1;
	for (bool met = true; met; at++) {
		assert_true(at < 60);
		knife.cut = cut;
		knife.at = at;
		knife.step = 0;
		met = live(n) != ERR_OK;
		knife.cut = CUT_NONE;
		next_life(n);
		checks_well(n); /* not taken for a rollback */
		uint64_t before = chip.value;
		commit_something(n);
		assert_int_equal(anchor_raise(&n->engine, NULL, NULL, NULL), ERR_OK);
		assert_int_equal(chip.value, before + 1);
		next_life(n);
	}
	return at;
}

static void a_crash_at_any_step_is_not_taken_for_a_rollback(void **state)
{
	assert_true(cut_each_step(*state, CUT_BEFORE) > 6);
	assert_true(cut_each_step(*state, CUT_AFTER) > 6);
}

/* The same from the very first start, whose counter is not made yet: every step on a store and a token as new. */
static void a_crash_at_any_step_of_making_is_mended(void **state)
{
	static const enum cut cuts[] = { CUT_BEFORE, CUT_AFTER };
	unsigned met = 0;
	for (size_t i = 0; i < 2; i++) {
		for (unsigned at = 1; at <= 8; at++) {
			struct node *n = *state;
			knife.cut = cuts[i];
			knife.at = at;
			knife.step = 0;
			met += live(n) != ERR_OK;
			knife.cut = CUT_NONE;
			next_life(n);
			checks_well(n);
			next_life(n);
			checks_well(n);
			assert_int_equal(chip.place, 1); /* one counter, however often it was begun */
			(void)stop_node(state);
			(void)start_node(state);
		}
	}
	assert_true(met >= 12);
}

/* What the token says then stands against the store. */
static void turn_against(struct node *n, unsigned how)
{
	if (how == 0) chip.value = chip.most = chip.most + 3;
	if (how == 1) chip.there = false;
	if (how == 2) chip.auth[0] ^= 1;
	if (how == 3) erase_record(n);
}

static void a_crash_at_any_step_of_taking_is_mended_or_taken_again(void **state)
{
	static const enum cut cuts[] = { CUT_BEFORE, CUT_AFTER };
	struct node *n = *state;
	struct principal root;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	for (unsigned round = 0; round < 32; round++) {
		turn_against(n, round % 8 / 2);
		next_life(n);
		assert_int_equal(anchor_check(&n->engine, NULL), ERR_CORRUPT);
		knife.cut = cuts[round % 2];
		knife.at = round / 8 + 1;
		knife.step = 0;
		enum coffer_err cut = anchor_accept(&n->engine, &root, "", NULL);
		assert_int_equal(cut == ERR_OK, knife.at > 1); /* once it is written the token's part is made good by the check */
		knife.cut = CUT_NONE;
		next_life(n);
		struct reason why = { "" };
		enum coffer_err err = anchor_check(&n->engine, &why);
		if (err && cut == ERR_OK) fail_msg("taken in round %u, and refused once more: %s", round, why.text);
		if (err) assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
		next_life(n);
		checks_well(n);
	}
}

/* The commit was done, and nobody could say so: asked once more, nothing is taken a second time. */
static void a_store_taken_with_an_unknown_outcome_is_taken_once(void **state)
{
	struct node *n = *state;
	struct principal root;
	principal_from_uid(0, 1, &root);
	checks_well(n);
	for (unsigned round = 0; round < 4; round++) {
		turn_against(n, round);
		next_life(n);
		assert_int_equal(anchor_check(&n->engine, NULL), ERR_CORRUPT);
		knife = (struct knife){ .cut = CUT_AFTER, .at = 1 };
		assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_UNKNOWN_OUTCOME);
		knife.cut = CUT_NONE;
		struct anchor_record first = record_of(n);
		uint64_t said = audit_chain_length(n->engine.audit);
		assert_int_equal(anchor_accept(&n->engine, &root, "", NULL), ERR_OK);
		struct anchor_record second = record_of(n);
		assert_int_equal(second.overridden, first.overridden);
		assert_int_equal(audit_chain_length(n->engine.audit), said);
		assert_int_equal(second.counter, chip.value);
		anchor_record_clear(&first);
		anchor_record_clear(&second);
		next_life(n);
		checks_well(n);
	}
}

#define T(f) cmocka_unit_test_setup_teardown(f, start_node, stop_node)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_answer_has_its_verdict),
		T(the_owner_digest_is_the_frozen_one),
		T(a_counter_is_made_once_and_raised_when_there_is_something_to_anchor),
		T(a_token_that_cannot_count_is_served_and_said),
		T(each_refusal_says_what_and_can_be_taken),
		T(a_store_from_before_its_counter_is_refused),
		T(a_raise_that_fails_is_told_once_and_made_good),
		T(a_crash_at_any_step_is_not_taken_for_a_rollback),
		T(a_crash_at_any_step_of_making_is_mended),
		T(a_crash_at_any_step_of_taking_is_mended_or_taken_again),
		T(a_store_taken_with_an_unknown_outcome_is_taken_once),
	};
	return cmocka_run_group_tests(tests, setup_arena, NULL);
}
