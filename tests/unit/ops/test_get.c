/* Get: formats, and the rules about what may leave. */
#include "unit/ops/wanted.h"

static void sensitive_keys_leave_wrapped_and_others_never(void **state)
{
	struct fix *f = *state;
	char sensitive[UUID_TEXT_LEN + 1], fixed[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	bool flags[2] = { true, true };
	struct bring b = bring_key(), k = wanted_kek();
	b.attributes = wanted_secrecy;
	b.arg = flags;
	bring_in(f, ADMIN, &b, sensitive);
	flags[1] = false;
	bring_in(f, ADMIN, &b, fixed);
	bring_in(f, ADMIN, &k, by);
	assert_int_equal(wanted_reason(f, ADMIN, sensitive, (struct wanted){ .by = NULL }), RESULT_REASON_SENSITIVE);
	assert_int_equal(wanted_reason(f, ADMIN, sensitive, (struct wanted){ .by = by }), 0);
	assert_int_equal(wanted_reason(f, ADMIN, fixed, (struct wanted){ .by = NULL }), RESULT_REASON_NOT_EXTRACTABLE);
	assert_int_equal(wanted_reason(f, ADMIN, fixed, (struct wanted){ .by = by }), RESULT_REASON_NOT_EXTRACTABLE);
}

static void raw_and_transparent_are_two_forms_of_one_key(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], opaque[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	wanted_get(f, ADMIN, id, &(struct wanted){ .format = KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY }, &answer);
	bring_got(&answer, &got);
	assert_int_equal(got.block.format, KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY);
	assert_true(view_equal(got.block.material, view_of(BRING_KEY, BRING_KEY_LEN)));
	answer_free(&answer);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .format = KEY_FORMAT_TYPE_OPAQUE }), RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
	b.managed.block.format = KEY_FORMAT_TYPE_OPAQUE;
	bring_in(f, ADMIN, &b, opaque);
	assert_int_equal(wanted_reason(f, ADMIN, opaque, (struct wanted){ .format = KEY_FORMAT_TYPE_RAW }), RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED);
	assert_int_equal(wanted_reason(f, ADMIN, opaque, (struct wanted){ .format = KEY_FORMAT_TYPE_OPAQUE }), 0);
}

static void key_that_is_elsewhere_has_no_value(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], by[UUID_TEXT_LEN + 1];
	struct answer answer;
	struct kmip_managed got;
	bool present = true;
	struct bring b = bring_key(), k = wanted_kek();
	b.managed.block.has_value = false;
	b.minor = 1;
	assert_int_equal(bring_try(f, ADMIN, &b, id, NULL), ERR_MISSING);
	b.minor = 2;
	bring_in(f, ADMIN, &b, id);
	bring_in(f, ADMIN, &k, by);
	AUTO_OBJECT struct object *o = bring_stored(f, id);
	assert_true(attrset_get_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, &present) && !present);
	bring_get(f, ADMIN, id, &answer, &got);
	assert_false(got.block.has_value);
	assert_int_equal(got.block.length_bits, 128);
	answer_free(&answer);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .minor = 1 }), RESULT_REASON_ILLEGAL_OPERATION);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = by }), RESULT_REASON_ILLEGAL_OPERATION);
}

static void archived_object_is_to_be_recovered_first(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = NULL }), 0);
	bring_archive(f, id);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = NULL }), RESULT_REASON_OBJECT_ARCHIVED);
}

static void what_is_destroyed_is_not_found(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	struct bring b = bring_key();
	bring_in(f, ADMIN, &b, id);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_DESTROY, id), ERR_OK);
	assert_int_equal(wanted_reason(f, ADMIN, id, (struct wanted){ .by = NULL }), RESULT_REASON_ITEM_NOT_FOUND);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, id), ERR_STATE);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(sensitive_keys_leave_wrapped_and_others_never), T(raw_and_transparent_are_two_forms_of_one_key), T(key_that_is_elsewhere_has_no_value),
		T(archived_object_is_to_be_recovered_first), T(what_is_destroyed_is_not_found),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
