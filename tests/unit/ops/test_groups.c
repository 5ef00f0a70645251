/* Scoped roles through the dispatcher: making, replacing and moving keys in groups. */
#include <string.h>

#include "objects/names.h"
#include "ops/regroup.h"
#include "unit/ops/fixture.h"

#define MANAGER 4010u /* key-manager of the group "pay" alone */

static int start(void **state)
{
	if (fix_start(state) != 0) return -1;
	fix_give(*state, MANAGER, ROLE_KEY_MANAGER, "pay");
	return 0;
}

static enum coffer_err create(struct fix *f, unsigned uid, const char *name, const char *group, char *out_id)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_CREATE);
	ask_key(&a, &(struct key_wish){ .name = name, .group = group }, f->now_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	if (!err && out_id) answer_id(&answer, 0, out_id);
	answer_free(&answer);
	return err;
}

/* Re-key; groups of the template: NULL gives none. */
static enum coffer_err rekey(struct fix *f, unsigned uid, const char *id, const char *group)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_RE_KEY);
	ask_id(&a, id);
	if (group) {
		struct ttlv_mark mark = ttlv_begin(&a.w, TAG_TEMPLATE_ATTRIBUTE);
		kmip_attr_put_text(&a.w, ATTR_OBJECT_GROUP, view_str(group));
		ttlv_end(&a.w, mark);
	}
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

static uint64_t keys(struct fix *f)
{
	uint64_t count;
	assert_int_equal(store_count(f->engine.store, STORE_OBJECT, &count), ERR_OK);
	return count;
}

static void a_scoped_manager_creates_in_its_group_alone(void **state)
{
	struct fix *f = *state;
	assert_int_equal(create(f, MANAGER, "a", "pay", NULL), ERR_OK);
	assert_int_equal(create(f, MANAGER, "b", "web", NULL), ERR_DENIED);
	assert_int_equal(create(f, MANAGER, "c", NULL, NULL), ERR_DENIED);
	assert_int_equal(create(f, OTHER, "d", "pay", NULL), ERR_DENIED); /* a key-user */
	assert_int_equal(create(f, STRANGER, "e", "pay", NULL), ERR_DENIED);
	assert_int_equal(keys(f), 1);
	assert_int_equal(create(f, ADMIN, "c", NULL, NULL), ERR_OK); /* the name was not taken by what was refused */
}

static void what_was_refused_is_audited(void **state)
{
	struct fix *f = *state;
	uint64_t rows = fix_audit_rows(f);
	assert_int_equal(create(f, MANAGER, "b", "web", NULL), ERR_DENIED);
	assert_int_equal(fix_audit_rows(f), rows + 1);
}

static void a_scoped_manager_replaces_keys_where_they_are(void **state)
{
	struct fix *f = *state;
	char a[UUID_TEXT_LEN + 1], b[UUID_TEXT_LEN + 1], web[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "a", .group = "pay" }, a);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "w", .group = "web" }, web);
	assert_int_equal(create(f, MANAGER, "b", "pay", b), ERR_OK);
	assert_int_equal(rekey(f, MANAGER, a, "web"), ERR_DENIED);
	assert_int_equal(rekey(f, MANAGER, b, "web"), ERR_DENIED); /* its own */
	assert_int_equal(rekey(f, MANAGER, web, "pay"), ERR_NOT_FOUND);
	assert_int_equal(keys(f), 3);
	assert_int_equal(rekey(f, MANAGER, a, NULL), ERR_OK);
	assert_int_equal(rekey(f, MANAGER, b, "pay"), ERR_OK);
	assert_int_equal(rekey(f, ADMIN, web, "pay"), ERR_OK);
}

static void all_else_in_its_group_goes_on_as_before(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay", .pre_active = true }, id);
	assert_int_equal(fix_simple(f, MANAGER, OPERATION_ACTIVATE, id), ERR_OK);
	assert_int_equal(fix_revoke(f, MANAGER, id, REVOCATION_REASON_CODE_SUPERSEDED), ERR_OK);
	assert_int_equal(fix_simple(f, MANAGER, OPERATION_DESTROY, id), ERR_OK);
}

/* The dispatcher's own look, for a handler that forgot to ask. */
static void a_handler_that_does_not_ask_is_refused_for_scoped_roles(void **state)
{
	struct fix *f = *state;
	const unsigned uids[] = { MANAGER, ADMIN };
	const struct op_row *row = dispatch_find(OPERATION_CREATE);
	struct grants *grants = engine_grants(&f->engine);
	for (size_t i = 0; i < 2; i++) {
		struct principal p;
		principal_from_uid(uids[i], 1, &p);
		struct op_ctx ctx = { .engine = &f->engine, .principal = &p, .grants = grants };
		assert_int_equal(op_check_groups(&ctx, row), i == 0 ? ERR_DENIED : ERR_OK);
		ctx.groups_asked = true;
		assert_int_equal(op_check_groups(&ctx, row), ERR_OK);
	}
	grants_unref(grants);
}

/* A handler of a change that moved the key without asking: the transaction holds the key as it left it. */
static void a_change_that_was_not_asked_for_is_noticed(void **state)
{
	struct fix *f = *state;
	const unsigned uids[] = { MANAGER, ADMIN };
	char id[UUID_TEXT_LEN + 1];
	uint8_t bytes[UUID_LEN];
	struct grants *grants = engine_grants(&f->engine);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	assert_int_equal(text_parse_uuid(view_str(id), bytes), ERR_OK);
	for (size_t i = 0; i < 2; i++) {
		AUTO_OBJECT struct object *before = NULL;
		struct principal p;
		principal_from_uid(uids[i], 1, &p);
		assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
		assert_int_equal(txn_object(f->engine.txn, bytes, &before), ERR_OK);
		struct op_ctx ctx = { .engine = &f->engine, .principal = &p, .grants = grants, .txn = f->engine.txn, .object = before };
		assert_int_equal(op_check_groups(&ctx, dispatch_find(OPERATION_ACTIVATE)), ERR_OK);
		AUTO_OBJECT struct object *after = object_copy(before);
		assert_int_equal(names_add_group(&after->attrs, view_str("web")), ERR_OK);
		assert_int_equal(txn_update(f->engine.txn, after, NULL), ERR_OK);
		assert_int_equal(op_check_groups(&ctx, dispatch_find(OPERATION_ACTIVATE)), i == 0 ? ERR_DENIED : ERR_OK);
		txn_abort(f->engine.txn);
	}
	grants_unref(grants);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(a_scoped_manager_creates_in_its_group_alone), T(what_was_refused_is_audited),
		T(a_scoped_manager_replaces_keys_where_they_are), T(all_else_in_its_group_goes_on_as_before),
		T(a_handler_that_does_not_ask_is_refused_for_scoped_roles), T(a_change_that_was_not_asked_for_is_noticed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
