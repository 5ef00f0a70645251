/* Acts that wait for a second administrator: found again by asker and words, approved by another one, used once, forgotten after an hour. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "access/quorum.h"
#include "base/clock.h"

static int set_up(void **state)
{
	*state = quorum_new();
	return *state ? 0 : -1;
}

static int tear_down(void **state)
{
	quorum_free(*state);
	return 0;
}

static enum coffer_err yes(struct quorum *q, const char *id, const char *who)
{
	struct quorum_act out;
	return quorum_approve(q, view_str(id), who, &out);
}

static void one_is_enough_until_it_is_said(void **state)
{
	assert_int_equal(quorum_needed(*state), 1);
	assert_int_equal(quorum_needed(NULL), 1);
	quorum_set_needed(*state, 2);
	assert_int_equal(quorum_needed(*state), 2);
}

static void the_same_act_of_the_same_asker_is_one(void **state)
{
	struct quorum_act a, again, other, else_;
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &again), ERR_OK);
	assert_int_equal(quorum_find(*state, "unix:2", "do it", &other), ERR_OK);
	assert_int_equal(quorum_find(*state, "unix:1", "do it twice", &else_), ERR_OK);
	assert_string_equal(a.id, again.id);
	assert_string_not_equal(a.id, other.id);
	assert_string_not_equal(a.id, else_.id);
	assert_int_equal(strlen(a.id), QUORUM_ID_TEXT - 1);
}

static void another_one_says_yes_once(void **state)
{
	struct quorum_act a;
	char lower[QUORUM_ID_TEXT], plain[QUORUM_ID_TEXT];
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_int_equal(yes(*state, a.id, "unix:1"), ERR_DENIED);
	assert_int_equal(yes(*state, "AAAA-AAAA", "unix:2"), ERR_NOT_FOUND);
	assert_int_equal(yes(*state, "", "unix:2"), ERR_NOT_FOUND);
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_string_equal(a.approver, "");
	for (size_t i = 0; i < sizeof lower; i++) lower[i] = (char)(a.id[i] >= 'A' && a.id[i] <= 'Z' ? a.id[i] + 32 : a.id[i]);
	snprintf(plain, sizeof plain, "%.4s%.4s", lower, lower + 5);
	assert_int_equal(yes(*state, plain, "unix:2"), ERR_OK);
	assert_int_equal(yes(*state, a.id, "unix:3"), ERR_EXISTS);
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_string_equal(a.approver, "unix:2");
	quorum_take(*state, a.id);
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_string_equal(a.approver, "");
}

/* Whoever does it has the approval alone, until it is done or failed. */
static void an_approval_is_used_by_one_at_a_time(void **state)
{
	struct quorum_act a, b;
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &a), ERR_OK);
	assert_int_equal(yes(*state, a.id, "unix:2"), ERR_OK);
	assert_int_equal(quorum_use(*state, a.id), ERR_OK);
	assert_int_equal(quorum_use(*state, a.id), ERR_NOT_FOUND);
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &b), ERR_OK);
	assert_string_not_equal(a.id, b.id);
	assert_string_equal(b.approver, "");
	quorum_let(*state, a.id); /* it failed */
	assert_int_equal(quorum_find(*state, "unix:1", "do it", &b), ERR_OK);
	assert_string_equal(b.approver, "unix:2");
	assert_int_equal(quorum_use(*state, a.id), ERR_OK);
	quorum_take(*state, a.id);
	quorum_let(*state, a.id);
	assert_int_equal(quorum_use(*state, a.id), ERR_NOT_FOUND);
}

static void places_are_bounded(void **state)
{
	struct quorum_act a;
	char words[32], who[32];
	for (unsigned i = 0; i < QUORUM_PENDING_OF_ONE; i++) {
		snprintf(words, sizeof words, "act %u", i);
		assert_int_equal(quorum_find(*state, "unix:1", words, &a), ERR_OK);
	}
	assert_int_equal(quorum_find(*state, "unix:1", "one more", &a), ERR_LIMIT);
	assert_int_equal(quorum_find(*state, "unix:1", "act 0", &a), ERR_OK);
	for (unsigned i = QUORUM_PENDING_OF_ONE; i < QUORUM_PENDING_MAX; i++) {
		snprintf(who, sizeof who, "unix:%u", 100 + i);
		assert_int_equal(quorum_find(*state, who, "an act", &a), ERR_OK);
	}
	assert_int_equal(quorum_find(*state, "unix:99", "an act", &a), ERR_LIMIT);
	assert_true(quorum_at(*state, QUORUM_PENDING_MAX - 1, &a));
	assert_false(quorum_at(*state, QUORUM_PENDING_MAX, &a));
	assert_true(quorum_at(*state, 0, &a));
	assert_string_equal(a.act, "act 0");
	quorum_take(*state, a.id);
	assert_int_equal(quorum_find(*state, "unix:99", "an act", &a), ERR_OK);
}

static void words_are_bounded(void **state)
{
	struct quorum_act a;
	char words[QUORUM_ACT_MAX + 2];
	memset(words, 'x', sizeof words);
	words[QUORUM_ACT_MAX + 1] = '\0';
	assert_int_equal(quorum_find(*state, "unix:1", words, &a), ERR_FIELD);
	words[QUORUM_ACT_MAX] = '\0';
	assert_int_equal(quorum_find(*state, "unix:1", words, &a), ERR_OK);
	assert_string_equal(a.act, words);
	assert_int_equal(quorum_find(*state, "unix:1", "", &a), ERR_FIELD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(one_is_enough_until_it_is_said, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_same_act_of_the_same_asker_is_one, set_up, tear_down),
		cmocka_unit_test_setup_teardown(another_one_says_yes_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_approval_is_used_by_one_at_a_time, set_up, tear_down),
		cmocka_unit_test_setup_teardown(places_are_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(words_are_bounded, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
