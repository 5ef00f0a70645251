/* States of a managed object, uses, and dates that move them. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "kmip/attr.h"
#include "objects/dates.h"
#include "unit/objects/support.h"

#define STATES 6

static void every_state_move_is_allowed_or_refused_as_the_table_says(void **state)
{
	/* Rows: from; columns: to (KMIP 1.4 section 3.22, transitions 2 to 10). */
	static const bool table[STATES][STATES] = {
		/*                  pre    act    deact  comp   destr  destr-comp */
		/* pre-active  */ { false, true,  false, true,  true,  false },
		/* active      */ { false, false, true,  true,  false, false },
		/* deactivated */ { false, false, false, true,  true,  false },
		/* compromised */ { false, false, false, false, false, true },
		/* destroyed   */ { false, false, false, false, false, true },
		/* destr-comp  */ { false, false, false, false, false, false },
	};
	(void)state;
	for (int from = 0; from < STATES; from++)
		for (int to = 0; to < STATES; to++)
			assert_int_equal(lifecycle_allows((enum object_state)(from + 1), (enum object_state)(to + 1)), table[from][to]);
}

static void numbers_that_are_no_state_are_refused(void **state)
{
	static const unsigned odd[] = { 0, 7, 31, 32, 0x7fffffff };
	(void)state;
	for (size_t i = 0; i < sizeof odd / sizeof odd[0]; i++) {
		assert_false(lifecycle_allows((enum object_state)odd[i], OBJECT_ACTIVE));
		assert_false(lifecycle_allows(OBJECT_PRE_ACTIVE, (enum object_state)odd[i]));
		assert_false(lifecycle_may_use((enum object_state)odd[i], OBJECT_USE_PROCESS));
		assert_string_equal(lifecycle_name((enum object_state)odd[i]), "?");
	}
}

static void each_state_protects_and_processes_as_sp_800_57_says(void **state)
{
	static const struct { enum object_state state; bool protect, process; const char *name; } table[] = {
		{ OBJECT_PRE_ACTIVE, false, false, "pre-active" },
		{ OBJECT_ACTIVE, true, true, "active" },
		{ OBJECT_DEACTIVATED, false, true, "deactivated" },
		{ OBJECT_COMPROMISED, false, true, "compromised" },
		{ OBJECT_DESTROYED, false, false, "destroyed" },
		{ OBJECT_DESTROYED_COMPROMISED, false, false, "destroyed-compromised" },
	};
	(void)state;
	assert_int_equal(sizeof table / sizeof table[0], STATES);
	for (size_t i = 0; i < STATES; i++) {
		struct reason reason = { "" };
		assert_int_equal(lifecycle_may_use(table[i].state, OBJECT_USE_PROTECT), table[i].protect);
		assert_int_equal(lifecycle_may_use(table[i].state, OBJECT_USE_PROCESS), table[i].process);
		assert_string_equal(lifecycle_name(table[i].state), table[i].name);
		enum coffer_err err = lifecycle_check_use(table[i].state, OBJECT_USE_PROTECT, "key K", &reason);
		assert_int_equal(err, table[i].protect ? ERR_OK : ERR_STATE);
		assert_int_equal(reason.text[0] != '\0', !table[i].protect);
		if (err) assert_non_null(strstr(reason.text, "key K"));
	}
}

#define NOW 1000u

static void set_time(struct object *o, enum kmip_attr attr, uint64_t at_s)
{
	assert_int_equal(attrset_set_time(&o->attrs, attr, at_s), ERR_OK);
}

static void dates_that_passed_move_the_state(void **state)
{
	static const struct { enum object_state stored; uint64_t activation, deactivation; enum object_state expected; } table[] = {
		{ OBJECT_PRE_ACTIVE, 0, 0, OBJECT_PRE_ACTIVE },
		{ OBJECT_PRE_ACTIVE, NOW + 1, 0, OBJECT_PRE_ACTIVE },
		{ OBJECT_PRE_ACTIVE, NOW, 0, OBJECT_ACTIVE },
		{ OBJECT_PRE_ACTIVE, NOW - 5, NOW, OBJECT_DEACTIVATED },
		{ OBJECT_PRE_ACTIVE, 0, NOW, OBJECT_PRE_ACTIVE },
		{ OBJECT_ACTIVE, 0, NOW + 1, OBJECT_ACTIVE },
		{ OBJECT_ACTIVE, 0, NOW, OBJECT_DEACTIVATED },
		{ OBJECT_COMPROMISED, NOW, NOW, OBJECT_COMPROMISED },
		{ OBJECT_DESTROYED, NOW, NOW, OBJECT_DESTROYED },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct object *o = make_key(NULL);
		o->state = table[i].stored;
		if (table[i].activation) set_time(o, ATTR_ACTIVATION_DATE, table[i].activation);
		if (table[i].deactivation) set_time(o, ATTR_DEACTIVATION_DATE, table[i].deactivation);
		assert_int_equal(dates_state(o, NOW), table[i].expected);
		object_unref(o);
	}
}

static void a_date_before_1970_has_passed(void **state)
{
	struct object *o = make_key(NULL);
	uint8_t item[16];
	struct writer w;
	(void)state;
	writer_init(&w, item, sizeof item);
	ttlv_put_time(&w, TAG_DEACTIVATION_DATE, -1);
	assert_int_equal(attrset_set(&o->attrs, ATTR_DEACTIVATION_DATE, writer_view(&w)), ERR_OK);
	assert_int_equal(dates_state(o, NOW), OBJECT_DEACTIVATED);
	object_unref(o);
}

static void protect_stop_and_process_start_bound_the_uses(void **state)
{
	struct object *o = make_key(NULL);
	struct reason reason = { "" };
	(void)state;
	set_time(o, ATTR_PROTECT_STOP_DATE, NOW);
	set_time(o, ATTR_PROCESS_START_DATE, NOW);
	assert_int_equal(dates_check_use(o, OBJECT_USE_PROTECT, NOW - 1, "k", &reason), ERR_OK);
	assert_int_equal(dates_check_use(o, OBJECT_USE_PROTECT, NOW, "k", &reason), ERR_STATE);
	assert_int_equal(dates_check_use(o, OBJECT_USE_PROCESS, NOW - 1, "k", &reason), ERR_STATE);
	assert_int_equal(dates_check_use(o, OBJECT_USE_PROCESS, NOW, "k", &reason), ERR_OK);
	object_unref(o);
}

static void dates_in_the_wrong_order_are_refused(void **state)
{
	static const struct { enum kmip_attr early, late; } table[] = {
		{ ATTR_ACTIVATION_DATE, ATTR_PROCESS_START_DATE }, { ATTR_ACTIVATION_DATE, ATTR_PROTECT_STOP_DATE },
		{ ATTR_ACTIVATION_DATE, ATTR_DEACTIVATION_DATE }, { ATTR_PROTECT_STOP_DATE, ATTR_DEACTIVATION_DATE },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct object *o = make_key(NULL);
		struct reason reason = { "" };
		set_time(o, table[i].early, 10);
		set_time(o, table[i].late, 10);
		assert_int_equal(dates_check_order(o, &reason), ERR_OK);
		set_time(o, table[i].late, 9);
		assert_int_equal(dates_check_order(o, &reason), ERR_FIELD);
		assert_non_null(strstr(reason.text, kmip_attr_row(table[i].early)->name));
		object_unref(o);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_state_move_is_allowed_or_refused_as_the_table_says),
		cmocka_unit_test(numbers_that_are_no_state_are_refused),
		cmocka_unit_test(each_state_protects_and_processes_as_sp_800_57_says),
		cmocka_unit_test(dates_that_passed_move_the_state),
		cmocka_unit_test(a_date_before_1970_has_passed),
		cmocka_unit_test(protect_stop_and_process_start_bound_the_uses),
		cmocka_unit_test(dates_in_the_wrong_order_are_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
