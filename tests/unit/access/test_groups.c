/* Groups: a scoped grant reaches an object through any of its groups, and lets nobody move keys between groups. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "access/policy.h"
#include "objects/names.h"
#include "unit/objects/support.h"

#define USER 7u    /* has the grants of the case */
#define OWNER 1000u /* of every object of make_key */

static int set_up(void **state)
{
	static struct world w;
	world_open(&w);
	*state = &w;
	return 0;
}

static int tear_down(void **state)
{
	world_close(*state);
	return 0;
}

static void give(struct world *w, struct grants **grants, unsigned uid, enum role role, const char *scope)
{
	static struct grant grant;
	struct grants *next = NULL;
	grant = (struct grant){ .role = role, .granted_by = "unix:0" };
	snprintf(grant.principal, sizeof grant.principal, "unix:%u", uid);
	snprintf(grant.scope, sizeof grant.scope, "%s", scope);
	begin(w);
	assert_int_equal(grants_add(w->txn, *grants, &grant, &next, NULL), ERR_OK);
	txn_abort(w->txn);
	grants_unref(*grants);
	*grants = next;
}

/* A key of unix:1000 in the groups named by the letters: "ab" is in "a" and in "b". */
static struct object *in_groups(const char *letters)
{
	struct object *o = make_key("k");
	for (; *letters; letters++) assert_int_equal(names_add_group(&o->attrs, view_of((const uint8_t *)letters, 1)), ERR_OK);
	return o;
}

static enum coffer_err regroup(const struct grants *grants, unsigned uid, const char *before, const char *after)
{
	AUTO_OBJECT struct object *old = before ? in_groups(before) : NULL;
	AUTO_OBJECT struct object *new = in_groups(after);
	struct principal p;
	struct reason reason = { "" };
	principal_from_uid(uid, 1, &p);
	enum coffer_err err = policy_may_regroup(grants, &p, old, new, &reason);
	assert_true(err == ERR_OK || (err == ERR_DENIED && strstr(reason.text, p.text)));
	return err;
}

static void a_scoped_grant_reaches_through_every_group(void **state)
{
	struct grants *grants = NULL;
	struct principal p;
	principal_from_uid(USER, 1, &p);
	give(*state, &grants, USER, ROLE_KEY_USER, "b");
	for (unsigned i = 0; i < 6; i++) {
		static const struct { const char *groups; bool reached; } cases[] = {
			{ "", false }, { "a", false }, { "b", true }, { "ab", true }, { "ba", true }, { "acdeb", true },
		};
		AUTO_OBJECT struct object *o = in_groups(cases[i].groups);
		assert_int_equal(policy_check(grants, &p, PERMISSION_USE, o, NULL) == ERR_OK, cases[i].reached);
		assert_int_equal(policy_sees(grants, &p, o), cases[i].reached);
		assert_int_equal(policy_check(grants, &p, PERMISSION_MANAGE, o, NULL), ERR_DENIED);
	}
	grants_unref(grants);
}

/* One grant on "a", one on "b"; "x" is nobody's. */
static const struct { const char *before, *after; bool one, both; } moves[] = {
	{ NULL, "a", true, true }, { NULL, "", false, false }, { NULL, "x", false, false }, { NULL, "ax", false, false },
	{ NULL, "b", false, true }, { NULL, "ab", false, true }, { NULL, "abx", false, false },
	{ "a", "a", true, true }, { "", "", true, true }, { "x", "x", true, true }, { "ax", "xa", true, true }, { "aa", "a", true, true },
	{ "a", "", false, false }, { "a", "x", false, false }, { "a", "ax", false, false }, { "ax", "a", false, false },
	{ "ax", "x", false, false }, { "", "a", true, true }, { "x", "a", false, false }, { "x", "", false, false },
	{ "a", "b", false, true }, { "a", "ab", false, true }, { "ab", "a", false, true }, { "ab", "b", false, true }, { "ab", "", false, false },
};

static void scoped_managers_stay_in_their_groups(void **state)
{
	struct grants *one = NULL, *both = NULL;
	give(*state, &one, USER, ROLE_KEY_MANAGER, "a");
	give(*state, &both, USER, ROLE_KEY_MANAGER, "a");
	give(*state, &both, USER, ROLE_ADMINISTRATOR, "b");
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		const char *from = moves[i].before ? moves[i].before : "new";
		if ((regroup(one, USER, moves[i].before, moves[i].after) == ERR_OK) != moves[i].one) fail_msg("one: %s to %s", from, moves[i].after);
		if ((regroup(both, USER, moves[i].before, moves[i].after) == ERR_OK) != moves[i].both) fail_msg("both: %s to %s", from, moves[i].after);
	}
	grants_unref(one);
	grants_unref(both);
}

static void managers_of_everything_move_keys_as_they_like(void **state)
{
	struct grants *grants = NULL;
	give(*state, &grants, USER, ROLE_KEY_MANAGER, "");
	give(*state, &grants, USER, ROLE_KEY_USER, "a"); /* a scope beside it takes nothing away */
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++)
		assert_int_equal(regroup(grants, USER, moves[i].before, moves[i].after), ERR_OK);
	grants_unref(grants);
}

static void roles_without_manage_and_owners_move_nothing(void **state)
{
	static const enum role others[] = { ROLE_KEY_USER, ROLE_KEY_EXPORTER, ROLE_AUDITOR };
	struct grants *grants = NULL;
	for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
		give(*state, &grants, USER, others[i], "");
		give(*state, &grants, OWNER, others[i], "");
	}
	for (unsigned uid = USER; uid <= OWNER; uid += OWNER - USER) {
		assert_int_equal(regroup(grants, uid, "a", "a"), ERR_OK);
		assert_int_equal(regroup(grants, uid, "a", "b"), ERR_DENIED);
		assert_int_equal(regroup(grants, uid, "a", ""), ERR_DENIED);
		assert_int_equal(regroup(grants, uid, NULL, "a"), ERR_DENIED);
		assert_int_equal(regroup(grants, uid, NULL, ""), ERR_DENIED);
	}
	grants_unref(grants);
}

static void everywhere_is_a_grant_without_a_scope(void **state)
{
	struct grants *grants = NULL;
	struct principal user, other;
	principal_from_uid(USER, 1, &user);
	principal_from_uid(USER + 1, 1, &other);
	give(*state, &grants, USER, ROLE_KEY_MANAGER, "a");
	assert_false(policy_everywhere(grants, &user, PERMISSION_CREATE));
	give(*state, &grants, USER, ROLE_KEY_MANAGER, "");
	assert_true(policy_everywhere(grants, &user, PERMISSION_CREATE));
	assert_false(policy_everywhere(grants, &user, PERMISSION_GRANT));
	assert_false(policy_everywhere(grants, &other, PERMISSION_CREATE));
	assert_false(policy_everywhere(NULL, &user, PERMISSION_CREATE));
	grants_unref(grants);
}

static void a_group_in_a_sentence_cannot_break_it(void **state)
{
	struct grants *grants = NULL;
	struct principal p;
	struct reason reason = { "" };
	AUTO_OBJECT struct object *o = make_key("k");
	principal_from_uid(USER, 1, &p);
	give(*state, &grants, USER, ROLE_KEY_MANAGER, "a");
	assert_int_equal(names_add_group(&o->attrs, view_str("x\n\x1b[2J")), ERR_OK);
	assert_int_equal(policy_may_regroup(grants, &p, NULL, o, &reason), ERR_DENIED);
	for (const char *c = reason.text; *c; c++) assert_true((unsigned char)*c >= ' ');
	grants_unref(grants);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_scoped_grant_reaches_through_every_group, set_up, tear_down),
		cmocka_unit_test_setup_teardown(scoped_managers_stay_in_their_groups, set_up, tear_down),
		cmocka_unit_test_setup_teardown(managers_of_everything_move_keys_as_they_like, set_up, tear_down),
		cmocka_unit_test_setup_teardown(roles_without_manage_and_owners_move_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(everywhere_is_a_grant_without_a_scope, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_group_in_a_sentence_cannot_break_it, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
