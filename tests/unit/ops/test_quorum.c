/* Two administrators: the gravest acts wait for the second one's yes, which is for one act of one principal, and for once. */
#include "unit/ops/vendor.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "access/quorum.h"
#include "ops/store_check.h"

#define SECOND 4021u
#define THIRD 4022u
#define NOBODY 4023u
#define GIVE OPERATION_COFFER_GRANT
#define TAKE_AWAY OPERATION_COFFER_REVOKE_GRANT

static enum coffer_err change(struct fix *f, unsigned asker, uint32_t operation, unsigned whom, const char *role, char why[static 512])
{
	struct ask a;
	struct answer answer;
	char principal[32];
	snprintf(principal, sizeof principal, "unix:%u", whom);
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	ask_item(&a, operation, 1);
	ttlv_put_str(&a.w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(&a.w, TAG_COFFER_ROLE, role);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, asker, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	struct view text = answer.response.items[0].message;
	snprintf(why, 512, "%.*s", (int)text.len, (const char *)text.ptr);
	answer_free(&answer);
	return err;
}

static enum coffer_err set_needed(struct fix *f, unsigned asker, int32_t needed)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	ask_item(&a, OPERATION_COFFER_SET_QUORUM, 1);
	ttlv_put_i32(&a.w, TAG_COFFER_QUORUM_NEEDED, needed);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, asker, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

static enum coffer_err approve(struct fix *f, unsigned who, const char *id)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	ask_item(&a, OPERATION_COFFER_APPROVE, 1);
	ttlv_put_str(&a.w, TAG_COFFER_APPROVAL_ID, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, who, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

/* The id that a refusal names. */
static void id_of(const char *why, char out[static QUORUM_ID_TEXT])
{
	const char *at = strstr(why, "coffer approve ");
	assert_non_null(at);
	snprintf(out, QUORUM_ID_TEXT, "%.9s", at + strlen("coffer approve "));
}

static void two_administrators_with_quorum(struct fix *f)
{
	fix_give(f, SECOND, ROLE_ADMINISTRATOR, "");
	assert_int_equal(set_needed(f, ADMIN, 2), ERR_OK);
	assert_int_equal(quorum_needed(f->engine.quorum), 2);
}

static void two_need_two(void **state)
{
	struct fix *f = *state;
	assert_int_equal(set_needed(f, ADMIN, 2), ERR_STATE);
	assert_int_equal(set_needed(f, ADMIN, 3), ERR_FIELD);
	assert_int_equal(set_needed(f, ADMIN, 1), ERR_OK);
	fix_give(f, SECOND, ROLE_ADMINISTRATOR, "pay");
	assert_int_equal(set_needed(f, ADMIN, 2), ERR_STATE); /* a scoped one is none */
	assert_int_equal(set_needed(f, NOBODY, 1), ERR_DENIED);
	two_administrators_with_quorum(f);
}

static void an_act_waits_is_approved_and_done_once(void **state)
{
	struct fix *f = *state;
	char why[512], id[QUORUM_ID_TEXT];
	two_administrators_with_quorum(f);
	assert_int_equal(change(f, ADMIN, GIVE, THIRD, "administrator", why), ERR_DENIED);
	id_of(why, id);
	assert_int_equal(approve(f, ADMIN, id), ERR_DENIED);
	assert_int_equal(approve(f, NOBODY, id), ERR_DENIED);
	assert_int_equal(change(f, ADMIN, GIVE, THIRD, "administrator", why), ERR_DENIED); /* not yet */
	assert_int_equal(approve(f, SECOND, id), ERR_OK);
	assert_int_equal(approve(f, SECOND, id), ERR_EXISTS);
	assert_int_equal(change(f, ADMIN, GIVE, NOBODY, "administrator", why), ERR_DENIED); /* something else */
	assert_int_equal(change(f, SECOND, GIVE, THIRD, "administrator", why), ERR_DENIED);   /* somebody else */
	assert_int_equal(change(f, ADMIN, GIVE, THIRD, "administrator", why), ERR_OK);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, THIRD, "administrator", why), ERR_DENIED); /* the other way needs its own */
	id_of(why, id);
	assert_int_equal(approve(f, THIRD, id), ERR_OK); /* an administrator by now, and its own loss */
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, THIRD, "administrator", why), ERR_OK);
	assert_int_equal(change(f, ADMIN, GIVE, THIRD, "administrator", why), ERR_DENIED); /* used up */
}

/* Two of the same in one batch, and so in one transaction: the one approval is for the first. */
static void one_approval_is_for_one_of_two_that_commit_together(void **state)
{
	struct fix *f = *state;
	struct quorum_act act;
	struct ask a;
	struct answer answer;
	two_administrators_with_quorum(f);
	assert_int_equal(set_needed(f, ADMIN, 1), ERR_DENIED);
	assert_true(quorum_at(f->engine.quorum, 0, &act));
	assert_int_equal(approve(f, SECOND, act.id), ERR_OK);
	for (unsigned round = 0; round < 2; round++) { /* first undone, then done */
		uint32_t continuation = round ? (uint32_t)BATCH_ERROR_CONTINUATION_OPTION_CONTINUE : (uint32_t)BATCH_ERROR_CONTINUATION_OPTION_UNDO;
		ask_begin(&a, &(struct ask_header){ .count = 2, .continuation = continuation });
		for (uint8_t i = 0; i < 2; i++) {
			ask_item(&a, OPERATION_COFFER_SET_QUORUM, (uint8_t)(i + 1));
			ttlv_put_i32(&a.w, TAG_COFFER_QUORUM_NEEDED, 1);
			ask_item_end(&a, NULL);
		}
		ask_end(&a);
		fix_send(f, ADMIN, &a, &answer);
		assert_int_equal(answer.response.count, 2);
		assert_int_equal(answer.response.items[1].err, ERR_DENIED);
		if (round) assert_int_equal(answer.response.items[0].err, ERR_OK);
		else assert_int_equal(answer.response.items[0].status, RESULT_STATUS_OPERATION_UNDONE);
		answer_free(&answer);
		assert_int_equal(quorum_needed(f->engine.quorum), round ? 1 : 2);
	}
}

static void other_roles_need_one(void **state)
{
	struct fix *f = *state;
	char why[512];
	two_administrators_with_quorum(f);
	assert_int_equal(change(f, ADMIN, GIVE, THIRD, "key-manager", why), ERR_OK);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, THIRD, "key-manager", why), ERR_OK);
}

static void it_cannot_be_set_back_alone(void **state)
{
	struct fix *f = *state;
	struct quorum_act act;
	two_administrators_with_quorum(f);
	assert_int_equal(set_needed(f, ADMIN, 1), ERR_DENIED);
	assert_int_equal(quorum_needed(f->engine.quorum), 2);
	assert_true(quorum_at(f->engine.quorum, 0, &act));
	assert_int_equal(approve(f, SECOND, act.id), ERR_OK);
	assert_int_equal(set_needed(f, ADMIN, 1), ERR_OK);
	assert_int_equal(quorum_needed(f->engine.quorum), 1);
}

static void two_stay(void **state)
{
	struct fix *f = *state;
	char why[512], id[QUORUM_ID_TEXT];
	two_administrators_with_quorum(f);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, ADMIN, "administrator", why), ERR_DENIED);
	id_of(why, id);
	assert_int_equal(approve(f, SECOND, id), ERR_OK);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, ADMIN, "administrator", why), ERR_STATE);
}

static void an_approver_who_is_none_any_more_does_not_count(void **state)
{
	struct fix *f = *state;
	char why[512], id[QUORUM_ID_TEXT], other[QUORUM_ID_TEXT];
	fix_give(f, THIRD, ROLE_ADMINISTRATOR, "");
	two_administrators_with_quorum(f);
	assert_int_equal(change(f, ADMIN, GIVE, NOBODY, "administrator", why), ERR_DENIED);
	id_of(why, id);
	assert_int_equal(approve(f, THIRD, id), ERR_OK);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, THIRD, "administrator", why), ERR_DENIED);
	id_of(why, other);
	assert_int_equal(approve(f, SECOND, other), ERR_OK);
	assert_int_equal(change(f, ADMIN, TAKE_AWAY, THIRD, "administrator", why), ERR_OK);
	assert_int_equal(change(f, ADMIN, GIVE, NOBODY, "administrator", why), ERR_DENIED);
	assert_non_null(strstr(why, "no administrator any more"));
}

static enum coffer_err accept_store(struct fix *f, struct answer *answer)
{
	struct ask a;
	ask_begin(&a, &(struct ask_header){ .count = 1 });
	ask_item(&a, OPERATION_COFFER_STORE_ACCEPT, 1);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, (unsigned)geteuid(), &a, answer);
	return answer->response.items[0].err;
}

/* What cannot be done asks nobody for his yes. */
static void a_store_that_is_not_written_is_not_accepted(void **state)
{
	struct fix *f = *state;
	struct answer answer;
	static const char what_to_do[] = "restart this node's daemon";
	two_administrators_with_quorum(f);
	fix_give(f, (unsigned)geteuid(), ROLE_ADMINISTRATOR, "");
	f->engine.check = store_check_new();
	f->engine.store_away = true;
	assert_int_equal(accept_store(f, &answer), ERR_STATE);
	struct view text = answer.response.items[0].message;
	assert_non_null(memmem(text.ptr, text.len, what_to_do, sizeof what_to_do - 1));
	answer_free(&answer);
	f->engine.store_away = false;
	assert_int_equal(accept_store(f, &answer), ERR_DENIED); /* one that is written wants it */
	answer_free(&answer);
	store_check_free(TAKE(f->engine.check));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(two_need_two, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(an_act_waits_is_approved_and_done_once, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(one_approval_is_for_one_of_two_that_commit_together, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(other_roles_need_one, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(it_cannot_be_set_back_alone, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(two_stay, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(an_approver_who_is_none_any_more_does_not_count, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_store_that_is_not_written_is_not_accepted, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
