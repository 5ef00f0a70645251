/* State machines. */
#include "base_test.h"

#include <signal.h>

#include "base/sm.h"
#include "child.h"

enum door { DOOR_OPEN, DOOR_SHUT, DOOR_LOCKED, DOOR_COUNT };

static const struct sm_state door_states[] = {
	[DOOR_OPEN] = { "open", SM_TO(DOOR_SHUT) },
	[DOOR_SHUT] = { "shut", SM_TO(DOOR_OPEN) | SM_TO(DOOR_LOCKED) },
	[DOOR_LOCKED] = { "locked", SM_TO(DOOR_SHUT) },
};
static const struct sm_table door = { "door", door_states, DOOR_COUNT };

static void exactly_the_moves_of_the_table_are_allowed(void **state)
{
	static const bool allowed[DOOR_COUNT][DOOR_COUNT] = { { 0, 1, 0 }, { 1, 0, 1 }, { 0, 1, 0 } };
	(void)state;
	for (unsigned from = 0; from < DOOR_COUNT; from++)
		for (unsigned to = 0; to < DOOR_COUNT; to++)
			assert_int_equal(sm_allows(&door, from, to), allowed[from][to]);
}

static void unknown_states_are_never_allowed(void **state)
{
	static const unsigned unknown[] = { DOOR_COUNT, 31, 32, 33, UINT32_MAX };
	(void)state;
	for (unsigned i = 0; i < COUNT(unknown); i++) {
		assert_false(sm_allows(&door, unknown[i], DOOR_OPEN));
		assert_false(sm_allows(&door, DOOR_OPEN, unknown[i]));
		assert_string_equal(sm_name(&door, unknown[i]), "?");
	}
	assert_string_equal(sm_name(&door, DOOR_LOCKED), "locked");
}

static int move_as_allowed(void)
{
	unsigned at = DOOR_OPEN;
	sm_move(&door, &at, DOOR_SHUT);
	sm_move(&door, &at, DOOR_LOCKED);
	return at == DOOR_LOCKED ? 0 : 1;
}

static int move_as_forbidden(void)
{
	unsigned at = DOOR_OPEN;
	sm_move(&door, &at, DOOR_LOCKED);
	return 0;
}

static void a_forbidden_move_aborts(void **state)
{
	struct child_end end;
	(void)state;
	child_run(move_as_allowed, &end);
	assert_int_equal(end.status, 0);
	child_run(move_as_forbidden, &end);
	assert_int_equal(end.signal, SIGABRT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(exactly_the_moves_of_the_table_are_allowed),
		cmocka_unit_test(unknown_states_are_never_allowed),
		cmocka_unit_test(a_forbidden_move_aborts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
