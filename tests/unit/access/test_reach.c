/* How far a principal sees: never less than the decision itself allows. */
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

#define SCOPES_MAX 3u

struct given { const char *principal; enum role role; const char *scope; };

static struct grants *grants_of(struct world *w, const struct given *given, size_t count)
{
	struct grants *grants = NULL;
	begin(w);
	for (size_t i = 0; i < count; i++) {
		struct grant grant = { .role = given[i].role, .granted_by = "unix:0" };
		struct grants *more = NULL;
		grant.id[0] = (uint8_t)i;
		snprintf(grant.principal, sizeof grant.principal, "%s", given[i].principal);
		snprintf(grant.scope, sizeof grant.scope, "%s", given[i].scope);
		assert_int_equal(grants_add(w->txn, grants, &grant, &more, NULL), ERR_OK);
		grants_unref(grants);
		grants = more;
	}
	txn_abort(w->txn);
	return grants;
}

/* Whoever sees an object owns it, has a scope of one of its groups, or reaches everywhere. */
static void check(const struct grants *grants, const struct principal *p, const struct object *o)
{
	const char *scopes[SCOPES_MAX];
	size_t count = 0;
	bool inside = false;
	if (!policy_sees(grants, p, o) || !policy_reach(grants, p, SCOPES_MAX, scopes, &count)) return;
	inside = strcmp(o->owner, p->text) == 0;
	for (size_t i = 0; i < count && !inside; i++) {
		struct view group;
		for (size_t g = 0; names_group_at(&o->attrs, g, &group); g++) inside = inside || view_equal_str(group, scopes[i]);
	}
	assert_true(inside);
}

static void the_reach_is_that_of_the_grants_that_read(void **state)
{
	static const struct { struct given given[5]; size_t count; bool bounded; size_t scopes; } table[] = {
		{ { { "unix:7", ROLE_KEY_USER, "" } }, 1, false, 0 },
		{ { { "unix:7", ROLE_ADMINISTRATOR, "" } }, 1, false, 0 },
		{ { { "unix:7", ROLE_AUDITOR, "" } }, 1, true, 0 },
		{ { { "unix:70", ROLE_KEY_USER, "" } }, 1, true, 0 },
		{ { { "unix:7", ROLE_KEY_USER, "pay" }, { "unix:7", ROLE_KEY_MANAGER, "pay" }, { "unix:7", ROLE_KEY_USER, "web" } }, 3, true, 2 },
		{ { { "unix:7", ROLE_KEY_USER, "pay" }, { "unix:7", ROLE_KEY_USER, "" } }, 2, false, 0 },
		{ { { "unix:7", ROLE_KEY_USER, "a" }, { "unix:7", ROLE_KEY_USER, "b" }, { "unix:7", ROLE_KEY_USER, "c" },
		    { "unix:7", ROLE_KEY_USER, "d" } }, 4, false, 0 }, /* too many */
	};
	struct world w;
	struct principal p, owner;
	(void)state;
	world_open(&w);
	principal_from_uid(7, 1, &p);
	principal_from_uid(1000, 1, &owner);
	struct object *paid = make_key(NULL), *bare = make_key(NULL);
	assert_int_equal(names_add_group(&paid->attrs, view_str("pay")), ERR_OK);
	assert_int_equal(names_add_group(&paid->attrs, view_str("web")), ERR_OK);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct grants *grants = grants_of(&w, table[i].given, table[i].count);
		const char *scopes[SCOPES_MAX];
		size_t count = 0;
		assert_int_equal(policy_reach(grants, &p, SCOPES_MAX, scopes, &count), table[i].bounded);
		assert_int_equal(count, table[i].scopes);
		check(grants, &p, paid);
		check(grants, &p, bare);
		check(grants, &owner, bare);
		grants_unref(grants);
	}
	object_unref(paid);
	object_unref(bare);
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reach_is_that_of_the_grants_that_read),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
