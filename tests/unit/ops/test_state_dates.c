/* Dates and states: what a key is born as, what time makes of it, what each date forbids (KMIP 1.4 sections 3.22 to 3.31), and what the
 * operations on states make of objects that are no keys. */
#include "base/clock.h"
#include "store/store.h"
#include "unit/ops/attrs.h"
#include "unit/ops/bring.h"
#include "unit/ops/life.h"

#include <string.h>

#define PAST (NOW_S - 100)
#define SOON (NOW_S + 100)
#define LATER (NOW_S + 200)

static uint32_t simple(struct fix *f, uint32_t operation, const char *id)
{
	return life_ask(f, ADMIN, operation, id, NULL, NULL, NULL);
}

/* ---- born ---- */

struct birth { uint64_t activation_s, deactivation_s; enum object_state born; }; /* born 0: refused */

static const struct birth births[] = {
	{ 0, 0, OBJECT_PRE_ACTIVE }, { PAST, 0, OBJECT_ACTIVE }, { NOW_S, 0, OBJECT_ACTIVE }, { NOW_S + 1, 0, OBJECT_PRE_ACTIVE },
	{ 0, PAST, OBJECT_PRE_ACTIVE }, { 0, SOON, OBJECT_PRE_ACTIVE }, { PAST, SOON, OBJECT_ACTIVE }, { PAST, NOW_S, OBJECT_DEACTIVATED },
	{ PAST, PAST, OBJECT_DEACTIVATED }, { PAST, PAST - 1, 0 }, { SOON, LATER, OBJECT_PRE_ACTIVE }, { SOON, NOW_S, 0 },
};

static void put_dates(struct ask *a, void *arg)
{
	const struct birth *b = arg;
	if (b->activation_s) kmip_attr_put_time(&a->w, ATTR_ACTIVATION_DATE, (int64_t)b->activation_s);
	if (b->deactivation_s) kmip_attr_put_time(&a->w, ATTR_DEACTIVATION_DATE, (int64_t)b->deactivation_s);
}

static void made_and_registered_keys_are_born_as_their_dates_say(void **state)
{
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof births / sizeof births[0]; i++) {
		struct birth b = births[i];
		char id[UUID_TEXT_LEN + 1];
		struct life_key key = { .activation_s = b.activation_s, .deactivation_s = b.deactivation_s };
		struct bring brought = bring_key();
		uint32_t reason = life_try_create(f, ADMIN, &key, id), reason_of_register = 0;
		assert_int_equal(reason, b.born ? LIFE_DONE : RESULT_REASON_INVALID_FIELD);
		if (b.born) assert_int_equal(fix_state(f, ADMIN, id), b.born);
		brought.attributes = put_dates;
		brought.arg = &b;
		assert_int_equal(bring_try(f, ADMIN, &brought, id, &reason_of_register), b.born ? ERR_OK : ERR_FIELD);
		if (b.born) assert_int_equal(fix_state(f, ADMIN, id), b.born);
		else assert_int_equal(reason_of_register, RESULT_REASON_INVALID_FIELD);
	}
}

/* ---- time ---- */

static void time_walks_a_key_through_its_dates(void **state)
{
	static const uint32_t no = RESULT_REASON_PERMISSION_DENIED;
	static const struct { uint64_t after_s; enum object_state state; uint32_t encrypt, decrypt; } walk[] = {
		{ 0, OBJECT_PRE_ACTIVE, no, no }, { 9, OBJECT_PRE_ACTIVE, no, no }, { 10, OBJECT_ACTIVE, LIFE_DONE, no },
		{ 19, OBJECT_ACTIVE, LIFE_DONE, no }, { 20, OBJECT_ACTIVE, LIFE_DONE, LIFE_DONE }, { 29, OBJECT_ACTIVE, LIFE_DONE, LIFE_DONE },
		{ 30, OBJECT_ACTIVE, no, LIFE_DONE }, { 39, OBJECT_ACTIVE, no, LIFE_DONE }, { 40, OBJECT_DEACTIVATED, no, LIFE_DONE },
		{ 1000000, OBJECT_DEACTIVATED, no, LIFE_DONE },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k", .activation_s = NOW_S + 10, .process_start_s = NOW_S + 20, .protect_stop_s = NOW_S + 30,
		.deactivation_s = NOW_S + 40 }, id);
	for (size_t i = 0; i < sizeof walk / sizeof walk[0]; i++) {
		f->now_s = NOW_S + walk[i].after_s;
		assert_int_equal(fix_state(f, ADMIN, id), walk[i].state);
		assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, id, 16), walk[i].encrypt);
		assert_int_equal(life_cipher(f, ADMIN, OPERATION_DECRYPT, id, 16), walk[i].decrypt);
	}
}

/* A clock that is wrong at boot: what ended stays ended, what began stays begun (clock_date_s). */
static void a_clock_that_fell_back_revives_nothing_and_denies_nothing(void **state)
{
	struct fix *f = *state;
	char ended[UUID_TEXT_LEN + 1], running[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "e", .activation_s = PAST, .deactivation_s = SOON }, ended);
	life_create(f, &(struct life_key){ .name = "r", .activation_s = SOON }, running);
	clock_set_known_s(NOW_S);
	f->wall_behind_s = NOW_S - 86400; /* 1970 */
	f->now_s = LATER;
	assert_int_equal(fix_state(f, ADMIN, ended), OBJECT_DEACTIVATED);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, ended, 16), RESULT_REASON_PERMISSION_DENIED);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_DECRYPT, ended, 16), LIFE_DONE);
	assert_int_equal(fix_state(f, ADMIN, running), OBJECT_ACTIVE);
	assert_int_equal(life_cipher(f, ADMIN, OPERATION_ENCRYPT, running, 16), LIFE_DONE);
	clock_set_known_s(0);
}

/* Nobody looked at the key while it was active: it is written as active on its way (section 3.22 has no other). */
static void a_key_that_slept_through_its_life_moves_on_from_its_end(void **state)
{
	static const struct { uint32_t code; uint32_t reason; enum object_state after; } cases[] = {
		{ REVOCATION_REASON_CODE_SUPERSEDED, RESULT_REASON_ILLEGAL_OPERATION, OBJECT_DEACTIVATED },
		{ REVOCATION_REASON_CODE_KEY_COMPROMISE, LIFE_DONE, OBJECT_COMPROMISED },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1], gone[UUID_TEXT_LEN + 1];
		f->now_s = NOW_S;
		struct life_key key = { .activation_s = NOW_S + 10, .deactivation_s = NOW_S + 20 };
		life_create(f, &key, id);
		life_create(f, &key, gone);
		f->now_s = NOW_S + 30;
		assert_int_equal(life_revoke(f, ADMIN, id, cases[i].code), cases[i].reason);
		assert_int_equal(fix_state(f, ADMIN, id), cases[i].after);
		assert_int_equal(simple(f, OPERATION_DESTROY, gone), LIFE_DONE);
		assert_int_equal(fix_state(f, ADMIN, gone), OBJECT_DESTROYED);
	}
}

static void a_date_in_the_past_that_is_added_may_carry_a_key_to_its_end(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct given past;
	given_time(&past, PAST - 50);
	life_create(f, &(struct life_key){ .deactivation_s = PAST }, id);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_PRE_ACTIVE);
	assert_int_equal(attr_add(f, id, "Activation Date", &past), 0);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_DEACTIVATED);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_int_equal(o->state, OBJECT_DEACTIVATED);
	assert_int_equal(o->record_version, 3); /* made, active, deactivated */
}

/* ---- what the operations write ---- */

static void activate_sets_its_date_to_now(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = LATER, .deactivation_s = LATER }, id);
	f->now_s += 5;
	assert_int_equal(simple(f, OPERATION_ACTIVATE, id), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_int_equal(o->state, OBJECT_ACTIVE);
	assert_int_equal(life_date(o, ATTR_ACTIVATION_DATE), NOW_S + 5);
	assert_int_equal(life_date(o, ATTR_LAST_CHANGE_DATE), NOW_S + 5);
	assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), LATER);
}

static void a_key_whose_end_has_come_is_not_able_to_be_activated(void **state)
{
	struct fix *f = *state;
	char end[UUID_TEXT_LEN + 1], stop[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .deactivation_s = PAST }, end);
	assert_int_equal(simple(f, OPERATION_ACTIVATE, end), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(fix_state(f, ADMIN, end), OBJECT_PRE_ACTIVE);
	life_create(f, &(struct life_key){ .protect_stop_s = PAST }, stop);
	assert_int_equal(simple(f, OPERATION_ACTIVATE, stop), RESULT_REASON_ILLEGAL_OPERATION);
}

static void revoke_ends_the_key_and_its_protection_now(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = PAST, .process_start_s = SOON, .protect_stop_s = SOON, .deactivation_s = LATER }, id);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_CESSATION_OF_OPERATION), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	struct ttlv_item item;
	struct kmip_revocation why;
	assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), NOW_S);
	assert_int_equal(life_date(o, ATTR_PROTECT_STOP_DATE), NOW_S); /* not later than the Deactivation Date */
	assert_int_equal(life_date(o, ATTR_PROCESS_START_DATE), SOON); /* processing does not begin earlier */
	assert_int_equal(life_date(o, ATTR_COMPROMISE_DATE), 0);
	assert_true(attrset_item(attrset_get(&o->attrs, ATTR_REVOCATION_REASON, NULL, 0), &item));
	assert_int_equal(kmip_revocation_parse(&item, &why), ERR_OK);
	assert_int_equal(why.code, REVOCATION_REASON_CODE_CESSATION_OF_OPERATION);
}

struct revocation { uint32_t code; int64_t occurred_s; };

static void put_revocation(struct ask *a, const void *arg)
{
	const struct revocation *r = arg;
	if (r->code) kmip_revocation_put(&a->w, TAG_REVOCATION_REASON, &(struct kmip_revocation){ .code = r->code });
	if (r->occurred_s) ttlv_put_time(&a->w, TAG_COMPROMISE_OCCURRENCE_DATE, r->occurred_s);
}

static void a_compromise_has_two_dates(void **state)
{
	static const struct { int64_t occurred_s; uint64_t expected_s; } cases[] = { { 0, NOW_S }, { (int64_t)PAST, PAST }, { 6, 6 } };
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char id[UUID_TEXT_LEN + 1];
		struct revocation r = { REVOCATION_REASON_CODE_KEY_COMPROMISE, cases[i].occurred_s };
		f->now_s = NOW_S;
		life_create(f, &(struct life_key){ .activation_s = PAST }, id);
		f->now_s = NOW_S + 50;
		assert_int_equal(life_ask(f, ADMIN, OPERATION_REVOKE, id, put_revocation, &r, NULL), LIFE_DONE);
		AUTO_OBJECT struct object *o = life_stored(f, id);
		assert_int_equal(life_date(o, ATTR_COMPROMISE_DATE), NOW_S + 50);
		assert_int_equal(life_date(o, ATTR_COMPROMISE_OCCURRENCE_DATE), cases[i].expected_s); /* unknown: the Initial Date */
		assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), 0);
	}
}

static void a_request_to_revoke_that_makes_no_sense_is_refused(void **state)
{
	static const struct { struct revocation r; uint32_t reason; } cases[] = {
		{ { 99, 0 }, RESULT_REASON_INVALID_FIELD }, { { 0, 0 }, RESULT_REASON_MISSING_DATA },
		{ { REVOCATION_REASON_CODE_SUPERSEDED, (int64_t)PAST }, RESULT_REASON_INVALID_FIELD },
		{ { REVOCATION_REASON_CODE_KEY_COMPROMISE, (int64_t)SOON }, RESULT_REASON_INVALID_FIELD },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .activation_s = PAST }, id);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_int_equal(life_ask(f, ADMIN, OPERATION_REVOKE, id, put_revocation, &cases[i].r, NULL), cases[i].reason);
	assert_int_equal(fix_state(f, ADMIN, id), OBJECT_ACTIVE);
	assert_int_equal(life_revoke(f, ADMIN, "nothing", REVOCATION_REASON_CODE_SUPERSEDED), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(life_revoke(f, STRANGER, id, REVOCATION_REASON_CODE_SUPERSEDED), RESULT_REASON_ITEM_NOT_FOUND);
}

static void destroy_leaves_the_attributes_and_takes_the_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	life_create(f, &(struct life_key){ .name = "k" }, id);
	f->now_s += 5;
	assert_int_equal(simple(f, OPERATION_DESTROY, id), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_null(o->material);
	assert_int_equal(life_date(o, ATTR_DESTROY_DATE), NOW_S + 5);
	assert_int_equal(simple(f, OPERATION_GET_ATTRIBUTES, id), LIFE_DONE);
	assert_int_equal(simple(f, OPERATION_DESTROY, "nothing"), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(simple(f, OPERATION_ACTIVATE, "nothing"), RESULT_REASON_ITEM_NOT_FOUND);
}

/* ---- objects that are no symmetric keys ---- */

enum { REVOKE_COMPROMISED = 0x70000001, REVOKE_SUPERSEDED }; /* beside the operations */

static uint32_t happen(struct fix *f, uint32_t what, const char *id)
{
	if (what == REVOKE_COMPROMISED) return life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_KEY_COMPROMISE);
	if (what == REVOKE_SUPERSEDED) return life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED);
	return simple(f, what, id);
}

static void other_objects_have_the_states_that_section_3_22_gives_them(void **state)
{
	static const uint32_t ill = RESULT_REASON_ILLEGAL_OPERATION, no = RESULT_REASON_PERMISSION_DENIED, gone = RESULT_REASON_ITEM_NOT_FOUND;
	/* In a row, on one object of each type: Secret Data, Opaque Object, Template. */
	static const struct { uint32_t what, secret, opaque, template; } rows[] = {
		{ OPERATION_OBTAIN_LEASE, LIFE_DONE, LIFE_DONE, LIFE_DONE }, { OPERATION_RE_KEY, no, no, no },
		{ OPERATION_GET_USAGE_ALLOCATION, RESULT_REASON_INVALID_MESSAGE, RESULT_REASON_INVALID_MESSAGE, RESULT_REASON_INVALID_MESSAGE },
		{ OPERATION_CHECK, LIFE_DONE, ill, ill }, { OPERATION_ACTIVATE, LIFE_DONE, ill, ill }, { OPERATION_ACTIVATE, no, ill, ill },
		{ OPERATION_DESTROY, no, 0xffff, 0xffff }, { REVOKE_SUPERSEDED, LIFE_DONE, LIFE_DONE, ill }, { REVOKE_COMPROMISED, LIFE_DONE, LIFE_DONE, ill },
		{ REVOKE_SUPERSEDED, ill, ill, ill }, { OPERATION_OBTAIN_LEASE, no, no, LIFE_DONE }, { OPERATION_DESTROY, LIFE_DONE, LIFE_DONE, LIFE_DONE },
		{ OPERATION_GET, gone, gone, gone }, { OPERATION_GET_ATTRIBUTES, LIFE_DONE, LIFE_DONE, gone }, { OPERATION_DESTROY, no, no, gone },
	};
	static const uint32_t types[] = { OBJECT_TYPE_SECRET_DATA, OBJECT_TYPE_OPAQUE_OBJECT, OBJECT_TYPE_TEMPLATE };
	struct fix *f = *state;
	for (size_t t = 0; t < 3; t++) {
		char id[UUID_TEXT_LEN + 1];
		attrs_object(f, types[t], NULL, id);
		for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
			uint32_t expected = t == 0 ? rows[i].secret : t == 1 ? rows[i].opaque : rows[i].template;
			if (expected == 0xffff) continue;
			uint32_t reason = happen(f, rows[i].what, id);
			if (reason != expected) fail_msg("type %u, row %zu: Result Reason %u, not %u", types[t], i, reason, expected);
		}
	}
}

static void revoked_opaque_objects_have_dates_of_the_compromise_alone(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	attrs_object(f, OBJECT_TYPE_OPAQUE_OBJECT, NULL, id);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_SUPERSEDED), LIFE_DONE);
	AUTO_OBJECT struct object *o = life_stored(f, id);
	assert_int_equal(attrset_count(&o->attrs, ATTR_REVOCATION_REASON), 1);
	assert_int_equal(life_date(o, ATTR_DEACTIVATION_DATE), 0);
	assert_int_equal(life_revoke(f, ADMIN, id, REVOCATION_REASON_CODE_CA_COMPROMISE), LIFE_DONE);
	AUTO_OBJECT struct object *after = life_stored(f, id);
	assert_int_equal(life_date(after, ATTR_COMPROMISE_DATE), NOW_S);
	assert_int_equal(attrset_count(&after->attrs, ATTR_REVOCATION_REASON), 1);
}

/* Section 4.21: of a template nothing stays, and its name is free. */
static void a_destroyed_template_leaves_nothing(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], again[UUID_TEXT_LEN + 1];
	uint64_t rows, left;
	assert_int_equal(store_count(f->engine.store, STORE_OBJECT, &rows), ERR_OK);
	attrs_object(f, OBJECT_TYPE_TEMPLATE, NULL, id);
	assert_int_equal(simple(f, OPERATION_GET_ATTRIBUTES, id), LIFE_DONE); /* it is in memory, too */
	assert_int_equal(simple(f, OPERATION_DESTROY, id), LIFE_DONE);
	assert_int_equal(store_count(f->engine.store, STORE_OBJECT, &left), ERR_OK);
	assert_int_equal(left, rows);
	attrs_object(f, OBJECT_TYPE_TEMPLATE, NULL, again);
	assert_int_equal(simple(f, OPERATION_GET_ATTRIBUTES, again), LIFE_DONE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(a_clock_that_fell_back_revives_nothing_and_denies_nothing),
	T(made_and_registered_keys_are_born_as_their_dates_say), T(time_walks_a_key_through_its_dates),
		T(a_key_that_slept_through_its_life_moves_on_from_its_end), T(a_date_in_the_past_that_is_added_may_carry_a_key_to_its_end),
		T(activate_sets_its_date_to_now), T(a_key_whose_end_has_come_is_not_able_to_be_activated),
		T(revoke_ends_the_key_and_its_protection_now), T(a_compromise_has_two_dates), T(a_request_to_revoke_that_makes_no_sense_is_refused),
		T(destroy_leaves_the_attributes_and_takes_the_key), T(other_objects_have_the_states_that_section_3_22_gives_them),
		T(revoked_opaque_objects_have_dates_of_the_compromise_alone), T(a_destroyed_template_leaves_nothing),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
