/* Keys that are replaced by a schedule (docs/formats.md section 17.4): when, how often, what becomes of the old one, and that clients of KMIP 1.x see nothing of it. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "ops/key_rotation.h"
#include "ops/seat.h"
#include "unit/ops/attrs.h"
#include "unit/ops/life.h"

#define DAY 86400u
#define MANAGER 4010u
#define STEPS_MAX 200u

static int start(void **state)
{
	assert_int_equal(fix_start(state), 0);
	struct fix *f = *state;
	f->engine.key_rotation = key_rotation_new();
	assert_non_null(f->engine.key_rotation);
	return 0;
}

static int stop(void **state)
{
	struct fix *f = *state;
	key_rotation_free(f->engine.key_rotation);
	f->engine.key_rotation = NULL;
	return fix_stop(state);
}

static enum coffer_err schedule(struct fix *f, unsigned uid, const char *id, uint32_t interval_s)
{
	struct ask a;
	struct answer answer;
	ask_one(&a, OPERATION_COFFER_SET_ROTATION);
	ask_id(&a, id);
	ttlv_put_interval(&a.w, TAG_COFFER_ROTATE_INTERVAL, interval_s);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, &answer);
	enum coffer_err err = answer.response.items[0].err;
	answer_free(&answer);
	return err;
}

/* Steps until there is nothing to do now; how many. */
static unsigned run(struct fix *f)
{
	unsigned steps = 0, ms = 60000;
	while (key_rotation_wants(&f->engine)) {
		assert_int_equal(f->engine.on_store(&f->engine, key_rotation_step, &ms, NULL), ERR_OK);
		assert_true(++steps < STEPS_MAX);
	}
	return steps;
}

static void make(struct fix *f, unsigned uid, const char *name, uint32_t interval_s, char id[static UUID_TEXT_LEN + 1])
{
	fix_create(f, uid, &(struct key_wish){ .name = name }, id);
	if (interval_s) assert_int_equal(schedule(f, uid, id, interval_s), ERR_OK);
}

/* The id that the name has now. */
static void id_of(struct fix *f, const char *name, char id[static UUID_TEXT_LEN + 1])
{
	struct object *o;
	assert_int_equal(txn_object_by_name(f->engine.txn, view_str(name), &o), ERR_OK);
	text_uuid(o->id, id);
	object_unref(o);
}

static struct object *named(struct fix *f, const char *name)
{
	char id[UUID_TEXT_LEN + 1];
	id_of(f, name, id);
	return life_stored(f, id);
}

static uint32_t version_of(struct fix *f, const char *name)
{
	AUTO_OBJECT struct object *o = named(f, name);
	return o->key_version;
}

/* It believed that it is when the step was begun. */
static void who_is_not_master_server_any_more_replaces_nothing(void **state)
{
	struct fix *f = *state;
	unsigned ms = 60000;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", 90 * DAY, id);
	run(f);
	f->now_s = NOW_S + 91 * DAY;
	f->config.lease_time_ms = 15000;
	f->config.node_name = (char *)(uintptr_t)"a";
	f->engine.seat = seat_new(&f->config);
	assert_non_null(f->engine.seat);
	assert_int_equal(f->engine.on_store(&f->engine, key_rotation_step, &ms, NULL), ERR_STATE);
	seat_free(TAKE(f->engine.seat));
	assert_int_equal(version_of(f, "k"), 1);
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
}

static void a_due_key_is_replaced_once_however_long_it_was_due(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", 90 * DAY, id);
	run(f);
	f->now_s = NOW_S + 90 * DAY - 1;
	run(f);
	assert_int_equal(version_of(f, "k"), 1);
	f->now_s = NOW_S + 900 * DAY;
	uint64_t rows = fix_audit_rows(f);
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	assert_int_equal(fix_audit_rows(f), rows + 1);
	assert_int_equal(run(f), 0);
	f->now_s += 90 * DAY - 1;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	f->now_s++;
	run(f);
	assert_int_equal(version_of(f, "k"), 3);
}

/* A step whose transaction fails, as the daemon takes it. */
static enum coffer_err fail_behind(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	enum coffer_err err = key_rotation_step(engine, txn, arg, reason);
	return err ? err : ERR_MEMORY;
}

static void a_step_that_fails_is_made_good(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	unsigned ms = 60000;
	make(f, ADMIN, "k", 0, id);
	f->now_s += 10 * DAY;
	run(f);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_OK); /* due at once, and an hour before the next pass */
	assert_int_equal(f->engine.on_store(&f->engine, fail_behind, &ms, NULL), ERR_MEMORY);
	key_rotation_wait(&f->engine, 0);
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
}

static void the_old_key_opens_and_protects_no_more(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	bool latest = true, automatic = false;
	uint32_t interval_s = 0;
	make(f, ADMIN, "k", DAY, id);
	f->now_s += DAY;
	run(f);
	AUTO_OBJECT struct object *old = life_stored(f, id);
	AUTO_OBJECT struct object *o = named(f, "k");
	assert_int_equal(old->state, OBJECT_ACTIVE);
	assert_int_equal(life_date(old, ATTR_PROTECT_STOP_DATE), f->now_s);
	assert_int_equal(life_date(old, ATTR_ROTATE_DATE), f->now_s);
	assert_false(attrset_has_any(&old->attrs, ATTR_ROTATE_AUTOMATIC, NULL));
	assert_true(attrset_get_bool(&old->attrs, ATTR_ROTATE_LATEST, &latest) && !latest);
	assert_int_equal(object_name(old).len, 0);
	assert_true(attrset_get_bool(&o->attrs, ATTR_ROTATE_AUTOMATIC, &automatic) && automatic);
	assert_true(attrset_get_bool(&o->attrs, ATTR_ROTATE_LATEST, &latest) && latest);
	assert_true(attrset_get_interval(&o->attrs, ATTR_ROTATE_INTERVAL, &interval_s));
	assert_int_equal(interval_s, DAY);
	assert_int_equal(o->state, OBJECT_ACTIVE);
	assert_int_equal(life_date(o, ATTR_INITIAL_DATE), f->now_s);
	assert_int_equal(life_date(o, ATTR_PROTECT_STOP_DATE), 0);
	assert_int_not_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 16), LIFE_DONE);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_DECRYPT, id, 16), LIFE_DONE);
}

static void its_other_dates_keep_their_distance(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S, .protect_stop_s = NOW_S + 3 * DAY, .deactivation_s = NOW_S + 9 * DAY }, id);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_OK);
	f->now_s += 2 * DAY;
	run(f);
	AUTO_OBJECT struct object *o = named(f, "k");
	AUTO_OBJECT struct object *old = life_stored(f, id);
	assert_int_equal(life_date(o, ATTR_PROTECT_STOP_DATE), f->now_s + 3 * DAY);
	assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), f->now_s + 9 * DAY);
	assert_int_equal(life_date(old, ATTR_PROTECT_STOP_DATE), f->now_s);
	assert_int_equal(life_date(old, ATTR_DEACTIVATION_DATE), NOW_S + 9 * DAY);
}

/* Between two passes, which are an hour apart. */
static void a_schedule_that_is_set_is_kept_at_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", 0, id);
	run(f);
	assert_false(key_rotation_wants(&f->engine));
	assert_int_equal(schedule(f, ADMIN, id, 5), ERR_OK);
	assert_true(key_rotation_wants(&f->engine));
	run(f);
	f->now_s += 5;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
}

/* One that protects no more before it is due: when it ended is not written over. */
static void an_end_of_protecting_that_passed_stays(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S, .protect_stop_s = NOW_S + DAY / 2 }, id);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_OK);
	f->now_s += DAY;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	AUTO_OBJECT struct object *old = life_stored(f, id);
	assert_int_equal(life_date(old, ATTR_PROTECT_STOP_DATE), NOW_S + DAY / 2);
}

static void many_at_once_are_done_in_bounded_steps(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], name[16];
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "k%u", i);
		make(f, ADMIN, name, DAY, id);
	}
	f->now_s += 10 * DAY;
	unsigned steps = run(f);
	assert_true(steps >= 100 / KEY_ROTATION_STEP);
	for (unsigned i = 0; i < 100; i++) {
		snprintf(name, sizeof name, "k%u", i);
		assert_int_equal(version_of(f, name), 2);
	}
}

static void what_does_not_serve_is_left_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "early", .pre_active = true }, id);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_OK);
	make(f, ADMIN, "lost", DAY, id);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	make(f, ADMIN, "away", DAY, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ARCHIVE, id), ERR_OK);
	make(f, ADMIN, "ended", DAY, id);
	assert_int_equal(schedule(f, ADMIN, id, 0), ERR_OK);
	make(f, ADMIN, "plain", 0, id);
	f->now_s += 10 * DAY;
	run(f);
	static const char *const names[] = { "early", "lost", "away", "ended", "plain" };
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) assert_int_equal(version_of(f, names[i]), 1);
	id_of(f, "early", id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_ACTIVATE, id), ERR_OK);
	f->now_s += 3600;
	run(f);
	assert_int_equal(version_of(f, "early"), 2);
}

/* The first failure is in the audit log, further ones are not, and others are replaced. */
static void a_key_that_cannot_be_replaced_keeps_no_other(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_give(f, MANAGER, ROLE_KEY_MANAGER, "");
	make(f, ADMIN, "mine", DAY, id);
	make(f, ADMIN, "second", 0, id);
	make(f, MANAGER, "theirs", DAY, id);
	f->config.max_objects_per_principal = 2;
	f->now_s += 2 * DAY;
	uint64_t rows = fix_audit_rows(f);
	run(f);
	assert_int_equal(version_of(f, "mine"), 1);
	assert_int_equal(version_of(f, "theirs"), 2);
	assert_int_equal(fix_audit_rows(f), rows + 2);
	assert_false(key_rotation_wants(&f->engine));
	f->now_s += 61;
	assert_true(run(f) > 0);
	assert_int_equal(fix_audit_rows(f), rows + 2);
	f->config.max_objects_per_principal = 0;
	f->now_s += 61;
	run(f);
	assert_int_equal(version_of(f, "mine"), 2);
}

static void a_rekey_by_hand_carries_the_schedule_on(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", DAY, id);
	f->now_s += DAY / 2;
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_RE_KEY, id), ERR_OK);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_STATE); /* it was replaced */
	f->now_s += DAY - 1;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	f->now_s++;
	run(f);
	assert_int_equal(version_of(f, "k"), 3);
}

/* Rows of an older data key have another token. */
static void under_two_data_keys_all_are_found(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "old", DAY, id);
	struct secret *key = secret_new(DATA_KEY_LEN);
	assert_non_null(key);
	memset(secret_mut(key), 0x77, DATA_KEY_LEN);
	assert_int_equal(ring_add(f->ring, 2, &key), ERR_OK);
	make(f, ADMIN, "new", DAY, id);
	f->now_s += DAY;
	run(f);
	assert_int_equal(version_of(f, "old"), 2);
	assert_int_equal(version_of(f, "new"), 2);
}

/* A wall clock at 1970: the date goes on from what is known. One far ahead, and back: each key once, and its age counts on. */
static void clocks_that_jump_replace_a_key_once(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", 90 * DAY, id);
	clock_set_known_s(f->now_s);
	f->wall_behind_s = NOW_S - 1000;
	f->now_s += DAY;
	run(f);
	assert_int_equal(version_of(f, "k"), 1);
	f->wall_behind_s = 0;
	clock_set_known_s(f->now_s);
	f->now_s += 3650 * DAY;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	clock_set_known_s(f->now_s);
	f->wall_behind_s = 3650 * DAY;
	f->now_s += 89 * DAY;
	run(f);
	assert_int_equal(version_of(f, "k"), 2);
	f->now_s += 2 * DAY;
	run(f);
	assert_int_equal(version_of(f, "k"), 3);
	f->wall_behind_s = 0;
	clock_set_known_s(0);
}

/* Who may not manage the key sets no schedule, and what is no key has none. */
static void a_schedule_is_for_who_manages_the_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	make(f, ADMIN, "k", 0, id);
	assert_int_equal(schedule(f, STRANGER, id, DAY), ERR_NOT_FOUND);
	assert_int_equal(fix_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE), ERR_OK);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(schedule(f, ADMIN, id, DAY), ERR_STATE);
}

static bool answer_says(const struct answer *a, const char *text)
{
	return memmem(a->request.answer.ptr, a->request.answer.len, text, strlen(text)) != NULL;
}

static void put_name(struct ask *a, const void *arg)
{
	ttlv_put_str(&a->w, TAG_ATTRIBUTE_NAME, arg);
}

static void put_interval(struct ask *a, const void *arg)
{
	(void)arg;
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_ATTRIBUTE);
	ttlv_put_str(&a->w, TAG_ATTRIBUTE_NAME, "Rotate Interval");
	ttlv_put_interval(&a->w, TAG_ATTRIBUTE_VALUE, 5);
	ttlv_end(&a->w, mark);
}

static void clients_of_1_4_see_nothing(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct answer answer;
	make(f, ADMIN, "k", DAY, id);
	f->now_s += DAY;
	run(f);
	id_of(f, "k", id);
	static const uint32_t reads[] = { OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST };
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(life_ask(f, ADMIN, reads[i], id, NULL, NULL, &answer), LIFE_DONE);
		assert_true(answer_says(&answer, "Initial Date"));
		assert_false(answer_says(&answer, "Rotate") || answer_says(&answer, "rotate"));
		answer_free(&answer);
	}
	assert_int_equal(life_ask(f, ADMIN, OPERATION_GET_ATTRIBUTES, id, put_name, "Rotate Interval", &answer), LIFE_DONE);
	assert_false(answer_says(&answer, "Rotate"));
	answer_free(&answer);
	assert_int_equal(life_ask(f, ADMIN, OPERATION_GET_ATTRIBUTES, id, put_name, "y-coffer-rotate-interval", &answer), LIFE_DONE);
	assert_true(answer_says(&answer, "y-coffer-rotate-interval"));
	answer_free(&answer);
	assert_int_not_equal(life_ask(f, ADMIN, OPERATION_ADD_ATTRIBUTE, id, put_interval, NULL, NULL), LIFE_DONE);
	assert_int_not_equal(life_ask(f, ADMIN, OPERATION_MODIFY_ATTRIBUTE, id, put_interval, NULL, NULL), LIFE_DONE);
	assert_int_not_equal(life_ask(f, ADMIN, OPERATION_DELETE_ATTRIBUTE, id, put_name, "Rotate Interval", NULL), LIFE_DONE);
	assert_int_not_equal(life_ask(f, ADMIN, OPERATION_LOCATE, NULL, put_interval, NULL, NULL), LIFE_DONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, start, stop)
	const struct CMUnitTest tests[] = {
		T(a_due_key_is_replaced_once_however_long_it_was_due), T(a_step_that_fails_is_made_good), T(the_old_key_opens_and_protects_no_more), T(its_other_dates_keep_their_distance),
		T(who_is_not_master_server_any_more_replaces_nothing), T(a_step_that_fails_is_made_good), T(the_old_key_opens_and_protects_no_more), T(its_other_dates_keep_their_distance),
		T(a_schedule_that_is_set_is_kept_at_once), T(an_end_of_protecting_that_passed_stays), T(many_at_once_are_done_in_bounded_steps), T(what_does_not_serve_is_left_alone), T(a_key_that_cannot_be_replaced_keeps_no_other),
		T(a_rekey_by_hand_carries_the_schedule_on), T(under_two_data_keys_all_are_found), T(clocks_that_jump_replace_a_key_once),
		T(a_schedule_is_for_who_manages_the_key), T(clients_of_1_4_see_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
