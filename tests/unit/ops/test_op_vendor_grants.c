/* Grant, Revoke Grant, List Grants, Audit Show, Audit Verify, Status. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void put_change(struct ask *a, const char *principal, const char *role, const char *scope)
{
	ttlv_put_str(&a->w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(&a->w, TAG_COFFER_ROLE, role);
	if (scope) ttlv_put_str(&a->w, TAG_COFFER_SCOPE, scope);
}

static enum coffer_err change(struct fix *f, unsigned uid, uint32_t operation, const char *principal, const char *role, const char *scope)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, operation);
	put_change(&a, principal, role, scope);
	enum coffer_err err = vendor_send(f, uid, &a, &answer);
	answer_free(&answer);
	return err;
}

static size_t count_grants(struct fix *f)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_LIST_GRANTS);
	assert_int_equal(vendor_send(f, ADMIN, &a, &answer), ERR_OK);
	size_t n = vendor_count(&answer, TAG_COFFER_GRANT_ENTRY);
	answer_free(&answer);
	return n;
}

static void show(struct fix *f, int64_t from, int32_t count, struct answer *out)
{
	struct ask a;
	ask_one(&a, OPERATION_COFFER_AUDIT_SHOW);
	if (from) ttlv_put_i64(&a.w, TAG_COFFER_AUDIT_FROM, from);
	ttlv_put_i32(&a.w, TAG_COFFER_AUDIT_COUNT, count);
	assert_int_equal(vendor_send(f, ADMIN, &a, out), ERR_OK);
}

static void a_grant_holds_until_it_is_revoked(void **state)
{
	struct fix *f = *state;
	assert_int_equal(count_grants(f), 2);
	assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:4003", "administrator", NULL), ERR_DENIED);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:4003", "administrator", NULL), ERR_OK);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:4003", "administrator", NULL), ERR_EXISTS);
	assert_int_equal(count_grants(f), 3);
	assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:4004", "key-user", "pay"), ERR_OK);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_REVOKE_GRANT, "unix:4003", "administrator", NULL), ERR_OK);
	assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:4005", "key-user", "pay"), ERR_DENIED);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_REVOKE_GRANT, "unix:4004", "key-user", NULL), ERR_NOT_FOUND);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_REVOKE_GRANT, "unix:4001", "administrator", NULL), ERR_STATE);
	assert_int_equal(count_grants(f), 3);
	assert_null(f->engine.staged_grants);
}

static void what_cannot_be_granted_is_refused(void **state)
{
	static const struct { const char *principal, *role; enum coffer_err err; } cases[] = {
		{ "unix:4004", "auditor", ERR_OK }, { "unix:4004", "king", ERR_FIELD }, { "nobody at all", "auditor", ERR_FIELD },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		enum coffer_err err = change(f, ADMIN, OPERATION_COFFER_GRANT, cases[i].principal, cases[i].role, NULL);
		assert_int_equal(err == ERR_OK, cases[i].err == ERR_OK);
	}
	assert_int_equal(count_grants(f), 3);
}

/* As damage leaves it: the administrator's row is gone. */
static void lose_the_administrator(struct fix *f)
{
	struct engine *e = &f->engine;
	struct grants *before = engine_grants(e), *after = NULL;
	assert_int_equal(txn_begin(e->txn, NULL), ERR_OK);
	for (size_t i = 0; i < grants_count(before); i++)
		if (grants_at(before, i)->role == ROLE_ADMINISTRATOR)
			assert_int_equal(store_erase(e->store, STORE_GRANT, view_of(grants_at(before, i)->id, UUID_LEN)), ERR_OK);
	assert_int_equal(grants_load(e->txn, &after), ERR_OK);
	assert_int_equal(txn_commit(e->txn, NULL), ERR_OK);
	grants_unref(before);
	engine_set_grants(e, after);
}

static void root_makes_an_administrator_only_when_none_is_left(void **state)
{
	struct fix *f = *state;
	assert_int_equal(change(f, 0, OPERATION_COFFER_GRANT, "unix:0", "administrator", NULL), ERR_DENIED);
	lose_the_administrator(f);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:4001", "administrator", NULL), ERR_DENIED);
	assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:4003", "administrator", NULL), ERR_DENIED);
	assert_int_equal(change(f, 0, OPERATION_COFFER_REVOKE_GRANT, "unix:4002", "key-user", "pay"), ERR_DENIED);
	assert_int_equal(change(f, 0, OPERATION_COFFER_GRANT, "unix:4005", "administrator", "pay"), ERR_OK); /* is none yet */
	assert_int_equal(change(f, 0, OPERATION_COFFER_GRANT, "unix:4001", "administrator", NULL), ERR_OK);
	assert_int_equal(change(f, 0, OPERATION_COFFER_GRANT, "unix:0", "administrator", NULL), ERR_DENIED);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:0", "administrator", NULL), ERR_OK);
}

/* Two changes in one transaction: the second must build upon the first. */
static void changes_of_one_batch_see_each_other(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 3 });
	ask_item(&a, OPERATION_COFFER_GRANT, 1);
	put_change(&a, "unix:4004", "auditor", NULL);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_COFFER_GRANT, 2);
	put_change(&a, "unix:4005", "auditor", NULL);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_COFFER_REVOKE_GRANT, 3);
	put_change(&a, "unix:4004", "auditor", NULL);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	for (size_t i = 0; i < 3; i++) assert_int_equal(answer.response.items[i].err, ERR_OK);
	answer_free(&answer);
	assert_int_equal(count_grants(f), 3);
}

static void a_batch_that_is_undone_changes_no_grant(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 2, .continuation = BATCH_ERROR_CONTINUATION_OPTION_UNDO });
	ask_item(&a, OPERATION_COFFER_GRANT, 1);
	put_change(&a, "unix:4004", "auditor", NULL);
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_COFFER_GRANT, 2);
	put_change(&a, "unix:4004", "auditor", NULL); /* the same once more */
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[answer.response.count - 1].err, ERR_EXISTS);
	answer_free(&answer);
	assert_int_equal(count_grants(f), 2);
	assert_null(f->engine.staged_grants);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:4004", "auditor", NULL), ERR_OK);
}

static void the_audit_log_tells_who_gave_what(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	int64_t before = (int64_t)fix_audit_rows(f);
	assert_int_equal(change(f, ADMIN, OPERATION_COFFER_GRANT, "unix:4004", "auditor", "a \"group\"\\\n"), ERR_OK);
	assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:4004", "auditor", NULL), ERR_DENIED);
	show(f, before + 1, 500, &answer);
	struct view rows = vendor_text(&answer, TAG_COFFER_AUDIT_ROWS);
	assert_true(vendor_holds(rows, "\"principal\":\"unix:4001\",\"operation\":\"Grant\",\"result\":\"ok\""));
	assert_true(vendor_holds(rows, "role auditor to unix:4004 on a \\\"group\\\"\\\\"));
	assert_true(vendor_holds(rows, "\"principal\":\"unix:4003\",\"operation\":\"Grant\",\"result\":\"PermissionDenied\""));
	assert_true(vendor_holds(rows, "\"time\":\"2023-11-14T22:13:20Z\""));
	assert_int_equal(vendor_count(&answer, TAG_COFFER_AUDIT_NEXT), 0);
	assert_int_equal(vendor_i64(&answer, TAG_COFFER_AUDIT_LENGTH), before + 2);
	answer_free(&answer);
}

static size_t lines(struct view text)
{
	size_t n = 0;
	for (size_t i = 0; i < text.len; i++) n += text.ptr[i] == '\n';
	return n;
}

static void the_audit_log_comes_in_pages(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	for (unsigned i = 0; i < 600; i++) assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:1", "auditor", NULL), ERR_DENIED);
	int64_t all = (int64_t)fix_audit_rows(f);
	show(f, 0, 0, &answer); /* the length alone */
	assert_int_equal(vendor_text(&answer, TAG_COFFER_AUDIT_ROWS).len, 0);
	assert_int_equal(vendor_i64(&answer, TAG_COFFER_AUDIT_LENGTH), all);
	answer_free(&answer);
	show(f, 1, 1000, &answer);
	assert_int_equal(lines(vendor_text(&answer, TAG_COFFER_AUDIT_ROWS)), 500);
	int64_t next = vendor_i64(&answer, TAG_COFFER_AUDIT_NEXT);
	assert_int_equal(next, 501);
	answer_free(&answer);
	show(f, next, 1000, &answer);
	assert_int_equal(lines(vendor_text(&answer, TAG_COFFER_AUDIT_ROWS)), all - 500);
	assert_int_equal(vendor_count(&answer, TAG_COFFER_AUDIT_NEXT), 0);
	answer_free(&answer);
}

static enum coffer_err verify(struct fix *f, int64_t *out)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_AUDIT_VERIFY);
	enum coffer_err err = vendor_send(f, ADMIN, &a, &answer);
	if (!err) *out = vendor_i64(&answer, TAG_COFFER_AUDIT_LENGTH);
	answer_free(&answer);
	return err;
}

static enum coffer_err first_id(void *arg, const struct store_row *row)
{
	memcpy(arg, row, sizeof *row);
	return ERR_OK;
}

static void a_row_that_was_taken_out_is_noticed(void **state)
{
	struct fix *f = *state;
	struct store_row row;
	int64_t length = -1;
	for (unsigned i = 0; i < 3; i++) assert_int_equal(change(f, STRANGER, OPERATION_COFFER_GRANT, "unix:1", "auditor", NULL), ERR_DENIED);
	assert_int_equal(verify(f, &length), ERR_OK);
	assert_int_equal(length, (int64_t)fix_audit_rows(f));
	assert_int_equal(store_scan(f->engine.store, STORE_AUDIT, view_of(NULL, 0), false, 2, first_id, &row), ERR_OK);
	assert_int_equal(store_begin(f->engine.store, NULL), ERR_OK);
	assert_int_equal(store_erase(f->engine.store, STORE_AUDIT, view_of(row.id, row.id_len)), ERR_OK);
	assert_int_equal(store_commit(f->engine.store, NULL), ERR_OK);
	assert_int_equal(verify(f, &length), ERR_CORRUPT);
}

static void status_tells_strangers_state_and_version_alone(void **state)
{
	struct fix *f = *state;
	const unsigned uids[] = { STRANGER, ADMIN, OTHER, 0 };
	f->config.store = (char *)(uintptr_t)"sqlite";
	for (size_t i = 0; i < sizeof uids / sizeof uids[0]; i++) {
		struct ask a;
		struct answer answer;
		ask_one(&a, OPERATION_COFFER_STATUS);
		assert_int_equal(vendor_send(f, uids[i], &a, &answer), ERR_OK);
		struct view text = vendor_text(&answer, TAG_COFFER_STATUS_JSON);
		assert_true(vendor_holds(text, "\"state\":\"open\",\"version\":\""));
		assert_int_equal(vendor_holds(text, "\"audit_records\":"), uids[i] != STRANGER);
		assert_int_equal(vendor_holds(text, "\"memory\":{\"protection\":"), uids[i] != STRANGER);
		answer_free(&answer);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_grant_holds_until_it_is_revoked, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(what_cannot_be_granted_is_refused, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(root_makes_an_administrator_only_when_none_is_left, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(changes_of_one_batch_see_each_other, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_batch_that_is_undone_changes_no_grant, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(the_audit_log_tells_who_gave_what, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(the_audit_log_comes_in_pages, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_row_that_was_taken_out_is_noticed, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(status_tells_strangers_state_and_version_alone, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
