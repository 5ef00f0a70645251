/* Administrators: others are made, anyone may step down, one always stays; and a batch is judged item by item by the grants that it made itself. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <string.h>

#define SECOND 4021u
#define THIRD 4022u
#define SCOPED 4023u /* administrator of the group "pay" */

#define STOP 0u
#define GO_ON ((uint32_t)BATCH_ERROR_CONTINUATION_OPTION_CONTINUE)
#define UNDO ((uint32_t)BATCH_ERROR_CONTINUATION_OPTION_UNDO)

/* Give or take a role; without one, an operation that has no fields. */
struct step {
	uint32_t operation;
	unsigned uid;
	const char *role, *scope;
	enum coffer_err wanted;
};
#define GIVE(who, role, err) { OPERATION_COFFER_GRANT, who, role, NULL, err }
#define TAKE_AWAY(who, role, err) { OPERATION_COFFER_REVOKE_GRANT, who, role, NULL, err }
#define ADMINISTRATOR "administrator"

static void put_step(struct ask *a, const struct step *step, uint8_t number)
{
	char principal[32];
	snprintf(principal, sizeof principal, "unix:%u", step->uid);
	ask_item(a, step->operation, number);
	if (step->role) {
		ttlv_put_str(&a->w, TAG_COFFER_PRINCIPAL, principal);
		ttlv_put_str(&a->w, TAG_COFFER_ROLE, step->role);
		if (step->scope) ttlv_put_str(&a->w, TAG_COFFER_SCOPE, step->scope);
	}
	ask_item_end(a, NULL);
}

/* A batch as unix:uid; each item that is answered must end as wanted. How many were. */
static size_t batch(struct fix *f, unsigned uid, uint32_t continuation, const struct step *steps, size_t count)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = (uint32_t)count, .continuation = continuation });
	for (size_t i = 0; i < count; i++) put_step(&a, &steps[i], (uint8_t)i);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	size_t answered = answer.response.count;
	for (size_t i = 0; i < answered; i++) {
		bool undone = answer.response.items[i].status == RESULT_STATUS_OPERATION_UNDONE;
		if (!undone) assert_int_equal(answer.response.items[i].err, steps[i].wanted);
	}
	answer_free(&answer);
	assert_null(f->engine.staged_grants);
	return answered;
}
#define BATCH(f, uid, continuation, ...) \
	batch(f, uid, continuation, (const struct step[]){ __VA_ARGS__ }, sizeof(const struct step[]){ __VA_ARGS__ } / sizeof(struct step))

static bool is_administrator(struct fix *f, unsigned uid)
{
	struct principal p;
	struct grants *grants = engine_grants(&f->engine);
	principal_from_uid(uid, 1, &p);
	bool yes = policy_everywhere(grants, &p, PERMISSION_GRANT);
	grants_unref(grants);
	return yes;
}

static void administrators_make_others(void **state)
{
	struct fix *f = *state;
	BATCH(f, SECOND, STOP, GIVE(SECOND, ADMINISTRATOR, ERR_DENIED));
	BATCH(f, 0, STOP, GIVE(0, ADMINISTRATOR, ERR_DENIED)); /* root is nobody */
	BATCH(f, ADMIN, STOP, GIVE(SECOND, ADMINISTRATOR, ERR_OK));
	BATCH(f, SECOND, STOP, GIVE(THIRD, ADMINISTRATOR, ERR_OK));
	assert_true(is_administrator(f, THIRD));
}

static void the_last_administrator_stays(void **state)
{
	struct fix *f = *state;
	fix_give(f, SCOPED, ROLE_ADMINISTRATOR, "pay");
	fix_give(f, THIRD, ROLE_KEY_MANAGER, "");
	BATCH(f, ADMIN, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_STATE));
	BATCH(f, SCOPED, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_DENIED));
	BATCH(f, THIRD, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_DENIED));
	BATCH(f, 0, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_DENIED));
	assert_true(is_administrator(f, ADMIN));
}

static void scoped_administrators_neither_count_nor_grant(void **state)
{
	struct fix *f = *state;
	fix_give(f, SCOPED, ROLE_ADMINISTRATOR, "pay");
	BATCH(f, SCOPED, STOP, GIVE(SCOPED, ADMINISTRATOR, ERR_DENIED));
	BATCH(f, SCOPED, STOP, { OPERATION_COFFER_GRANT, THIRD, "key-user", "pay", ERR_DENIED });
	BATCH(f, ADMIN, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_STATE));
	BATCH(f, ADMIN, STOP, { OPERATION_COFFER_REVOKE_GRANT, SCOPED, ADMINISTRATOR, "pay", ERR_OK });
}

static void an_administrator_steps_down_when_there_is_another(void **state)
{
	struct fix *f = *state;
	BATCH(f, ADMIN, STOP, GIVE(SECOND, ADMINISTRATOR, ERR_OK));
	BATCH(f, ADMIN, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK));
	BATCH(f, ADMIN, STOP, GIVE(ADMIN, ADMINISTRATOR, ERR_DENIED));
	BATCH(f, SECOND, STOP, TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_STATE));
	BATCH(f, SECOND, STOP, GIVE(ADMIN, ADMINISTRATOR, ERR_OK));
}

static void a_batch_that_goes_on_keeps_one(void **state)
{
	struct fix *f = *state;
	assert_int_equal(BATCH(f, ADMIN, GO_ON, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_STATE), GIVE(SECOND, ADMINISTRATOR, ERR_OK),
		TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK), TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_DENIED), GIVE(ADMIN, ADMINISTRATOR, ERR_DENIED)), 5);
	assert_false(is_administrator(f, ADMIN));
	assert_true(is_administrator(f, SECOND));
}

static void a_batch_that_is_undone_leaves_who_was(void **state)
{
	struct fix *f = *state;
	assert_int_equal(BATCH(f, ADMIN, UNDO, GIVE(SECOND, ADMINISTRATOR, ERR_OK), TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK),
		GIVE(THIRD, ADMINISTRATOR, ERR_DENIED)), 3);
	assert_true(is_administrator(f, ADMIN));
	assert_false(is_administrator(f, SECOND) || is_administrator(f, THIRD));
	BATCH(f, ADMIN, UNDO, GIVE(SECOND, ADMINISTRATOR, ERR_OK), TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_OK), TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_STATE));
	assert_true(is_administrator(f, ADMIN));
	BATCH(f, ADMIN, UNDO, GIVE(SECOND, ADMINISTRATOR, ERR_OK), TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK));
	assert_false(is_administrator(f, ADMIN));
	assert_true(is_administrator(f, SECOND));
}

static void what_was_taken_is_gone_for_the_next_item(void **state)
{
	struct fix *f = *state;
	fix_give(f, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(BATCH(f, ADMIN, STOP, TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK), { OPERATION_COFFER_LIST_GRANTS, 0, NULL, NULL, ERR_DENIED }), 2);
	assert_int_equal(BATCH(f, SECOND, GO_ON, TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_STATE), { OPERATION_COFFER_LIST_GRANTS, 0, NULL, NULL, ERR_OK }), 2);
}

/* Get of another owner's key: refused to an administrator, until the role that reads it is given. */
static enum coffer_err get_after(struct fix *f, const struct step *step, const char *id)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = step ? 2 : 1 });
	if (step) put_step(&a, step, 1);
	ask_item(&a, OPERATION_GET, 2);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	enum coffer_err err = answer.response.items[answer.response.count - 1].err;
	answer_free(&answer);
	return err;
}

static void what_was_given_holds_for_the_next_item(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	const struct step take = TAKE_AWAY(ADMIN, "key-exporter", ERR_OK), give = GIVE(ADMIN, "key-exporter", ERR_OK);
	fix_give(f, SECOND, ROLE_KEY_MANAGER, "");
	fix_create(f, SECOND, &(struct key_wish){ .name = "k" }, id);
	assert_int_equal(get_after(f, NULL, id), ERR_DENIED);
	assert_int_equal(get_after(f, &give, id), ERR_OK);
	assert_int_equal(get_after(f, NULL, id), ERR_OK);
	assert_int_equal(get_after(f, &take, id), ERR_DENIED);
}

static void the_list_shows_what_the_batch_did(void **state)
{
	struct fix *f = *state;
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 2 });
	put_step(&a, &(struct step)GIVE(THIRD, "auditor", ERR_OK), 1);
	put_step(&a, &(struct step){ .operation = OPERATION_COFFER_LIST_GRANTS }, 2);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 1);
	struct ttlv_item item;
	size_t count = 0;
	while (ttlv_next(&c, &item)) count += item.tag == TAG_COFFER_GRANT_ENTRY;
	assert_int_equal(count, 3);
	answer_free(&answer);
}

/* One request inside a transaction that is under way; its only item's error. */
static enum coffer_err in_transaction(struct fix *f, unsigned uid, const struct step *step, struct answer *out)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	put_step(&a, step, 1);
	ask_end(&a);
	*out = (struct answer){ .request = { .engine = &f->engine, .streams = f->streams, .frame = a.frame } };
	principal_from_uid(uid, 1, &out->principal);
	out->request.principal = &out->principal;
	assert_int_equal(request_classify(&out->request), ERR_OK);
	assert_int_equal(request_run(&out->request, f->store_local, f->engine.txn), ERR_OK);
	assert_int_equal(kmip_response_parse(buf_view(&out->request.answer), NULL, &out->response, NULL), ERR_OK);
	return out->response.items[0].err;
}

static void two_who_take_each_other_away_in_one_transaction_leave_one(void **state)
{
	struct fix *f = *state;
	struct answer first, second;
	fix_give(f, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(in_transaction(f, ADMIN, &(struct step)TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_OK), &first), ERR_OK);
	assert_true(is_administrator(f, SECOND)); /* others see it when it is durable */
	assert_int_equal(in_transaction(f, SECOND, &(struct step)TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK), &second), ERR_DENIED);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	assert_true(is_administrator(f, ADMIN));
	assert_false(is_administrator(f, SECOND));
	answer_free(&first);
	answer_free(&second);
}

static void what_did_not_become_durable_did_not_happen(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	fix_give(f, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(in_transaction(f, ADMIN, &(struct step)TAKE_AWAY(ADMIN, ADMINISTRATOR, ERR_OK), &answer), ERR_OK);
	txn_abort(f->engine.txn);
	answer_free(&answer);
	assert_null(f->engine.staged_grants);
	assert_true(is_administrator(f, ADMIN));
	assert_int_equal(audit_chain_length(f->engine.audit), fix_audit_rows(f));
	BATCH(f, ADMIN, STOP, TAKE_AWAY(SECOND, ADMINISTRATOR, ERR_OK));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(administrators_make_others), T(the_last_administrator_stays), T(scoped_administrators_neither_count_nor_grant),
		T(an_administrator_steps_down_when_there_is_another), T(a_batch_that_goes_on_keeps_one), T(a_batch_that_is_undone_leaves_who_was),
		T(what_was_taken_is_gone_for_the_next_item), T(what_was_given_holds_for_the_next_item), T(the_list_shows_what_the_batch_did),
		T(two_who_take_each_other_away_in_one_transaction_leave_one), T(what_did_not_become_durable_did_not_happen),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
