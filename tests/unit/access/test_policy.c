/* The decision: every role against every permission, owners, scopes. */
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

#define ROLES 5

/* Every permission of permission.def must have a row in the expectation below, by name. */
static const char *const permission_names[] = {
#define PERMISSION(name, on_object, sentence) #name,
#include "access/permission.def"
#undef PERMISSION
};

static const enum role roles[] = {
#define ROLE(name, number, text, permissions, help) ROLE_##name,
#include "access/role.def"
#undef ROLE
};

/* Written by hand from the design, not from role.def. Columns: administrator, key-manager, key-user, key-exporter, auditor. */
static const struct { const char *name; bool on_object; bool may[ROLES]; } expected[] = {
	{ "NONE", false, { true, true, true, true, true } },
	{ "STATUS", false, { true, true, true, true, true } },
	{ "INIT", false, { false, false, false, false, false } },
	{ "CREATE", false, { true, true, false, false, false } },
	{ "READ", true, { true, true, true, true, false } },
	{ "USE", true, { true, false, true, false, false } },
	{ "EXPORT", true, { false, false, false, true, false } },
	{ "MANAGE", true, { true, true, false, false, false } },
	{ "RANDOM", false, { true, true, true, false, false } },
	{ "GRANT", false, { true, false, false, false, false } },
	{ "GRANTS_READ", false, { true, false, false, false, true } },
	{ "AUDIT_READ", false, { true, false, false, false, true } },
	{ "TOKEN", false, { true, false, false, false, false } },
	{ "ZEROISE", false, { true, false, false, false, false } },
	{ "UNSEAL", false, { false, false, false, false, false } },
	{ "RECOVERY", false, { true, false, false, false, false } },
	{ "ROTATE", false, { true, false, false, false, false } },
	{ "BACKUP", false, { true, false, false, false, false } },
	{ "NODES", false, { true, false, false, false, false } },
};

struct setting {
	struct world world;
	struct object *in_group, *other; /* of unix:1000; the first in the group "finance" */
};

static int set_up(void **state)
{
	static struct setting s;
	world_open(&s.world);
	s.in_group = make_key("disk");
	s.other = make_key("tape");
	if (names_add_group(&s.in_group->attrs, view_str("finance")) != ERR_OK) return -1;
	*state = &s;
	return 0;
}

static int tear_down(void **state)
{
	struct setting *s = *state;
	object_unref(s->in_group);
	object_unref(s->other);
	world_close(&s->world);
	return 0;
}

/* One grant to unix:7. */
static struct grants *one_grant(struct setting *s, enum role role, const char *scope)
{
	static struct grant grant;
	struct grants *none = NULL, *one = NULL;
	grant = (struct grant){ .principal = "unix:7", .role = role, .granted_by = "unix:0" };
	snprintf(grant.scope, sizeof grant.scope, "%s", scope);
	begin(&s->world);
	assert_int_equal(grants_add(s->world.txn, none, &grant, &one, NULL), ERR_OK);
	txn_abort(s->world.txn);
	return one;
}

static bool may(const struct grants *grants, uid_t uid, unsigned permission, const struct object *o)
{
	struct principal p;
	struct reason reason = { "" };
	principal_from_uid(uid, 1, &p);
	enum coffer_err err = policy_check(grants, &p, (enum permission)permission, o, &reason);
	assert_true(err == ERR_OK || (err == ERR_DENIED && strstr(reason.text, p.text)));
	return err == ERR_OK;
}

static void every_role_may_what_its_row_says_and_nothing_else(void **state)
{
	struct setting *s = *state;
	assert_int_equal(sizeof expected / sizeof expected[0], PERMISSION_COUNT);
	assert_int_equal(sizeof roles / sizeof roles[0], ROLES);
	for (unsigned r = 0; r < ROLES; r++) {
		struct grants *grants = one_grant(s, roles[r], "");
		for (unsigned p = 0; p < PERMISSION_COUNT; p++) {
			assert_string_equal(expected[p].name, permission_names[p]);
			const struct object *o = expected[p].on_object ? s->other : NULL;
			if (may(grants, 7, p, o) != expected[p].may[r]) fail_msg("%s, %s", role_name(roles[r]), expected[p].name);
			assert_int_equal(may(grants, 8, p, o), p == PERMISSION_NONE); /* somebody else */
		}
		grants_unref(grants);
	}
}

static void without_grants_everything_is_denied(void **state)
{
	struct setting *s = *state;
	for (unsigned p = 1; p < PERMISSION_COUNT; p++) assert_false(may(NULL, 0, p, expected[p].on_object ? s->other : NULL));
	assert_false(may(NULL, 0, PERMISSION_COUNT, s->other));
	assert_false(may(NULL, 0, 31, s->other));
}

static void owners_may_read_use_export_and_manage_what_is_theirs(void **state)
{
	struct setting *s = *state;
	for (unsigned p = 1; p < PERMISSION_COUNT; p++) {
		assert_int_equal(may(NULL, 1000, p, s->other), expected[p].on_object);
		assert_false(may(NULL, 1000, p, NULL));
		assert_false(may(NULL, 100, p, s->other)); /* "unix:100" is a prefix of the owner */
	}
}

static void a_scoped_grant_reaches_the_objects_of_its_group_alone(void **state)
{
	struct setting *s = *state;
	for (unsigned r = 0; r < ROLES; r++) {
		struct grants *grants = one_grant(s, roles[r], "finance");
		for (unsigned p = 1; p < PERMISSION_COUNT; p++) {
			if (expected[p].on_object) {
				assert_int_equal(may(grants, 7, p, s->in_group), expected[p].may[r]);
				assert_false(may(grants, 7, p, s->other));
				assert_false(may(grants, 7, p, NULL));
			} else {
				bool given = p == PERMISSION_STATUS || p == PERMISSION_RANDOM || p == PERMISSION_CREATE;
				assert_int_equal(may(grants, 7, p, NULL), given && expected[p].may[r]);
			}
		}
		grants_unref(grants);
	}
}

static void whoever_may_not_read_an_object_does_not_see_it(void **state)
{
	struct setting *s = *state;
	struct grants *grants = one_grant(s, ROLE_KEY_USER, "finance");
	struct principal user, owner, other;
	principal_from_uid(7, 1, &user);
	principal_from_uid(1000, 1, &owner);
	principal_from_uid(8, 1, &other);
	assert_true(policy_sees(grants, &user, s->in_group));
	assert_false(policy_sees(grants, &user, s->other));
	assert_true(policy_sees(grants, &owner, s->other));
	assert_false(policy_sees(grants, &other, s->in_group));
	grants_unref(grants);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(every_role_may_what_its_row_says_and_nothing_else, set_up, tear_down),
		cmocka_unit_test_setup_teardown(without_grants_everything_is_denied, set_up, tear_down),
		cmocka_unit_test_setup_teardown(owners_may_read_use_export_and_manage_what_is_theirs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_scoped_grant_reaches_the_objects_of_its_group_alone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(whoever_may_not_read_an_object_does_not_see_it, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
