/* The whole table of states and events, each cell walked through the dispatcher with a fresh key. */
#include "unit/ops/life.h"
#include "unit/ops/states.h"

/* ---- the walk ---- */

static struct states_subject *start(enum object_state state)
{
	static struct states_subject s;
	void *fix = NULL;
	assert_int_equal(fix_start(&fix), 0);
	states_name(&s, fix, 0);
	states_bring(&s, state);
	return &s;
}

static void end(struct states_subject *s)
{
	void *fix = s->f;
	buf_free(&s->sealed);
	assert_int_equal(fix_stop(&fix), 0);
}

/* One cell, in a house of its own; where the key is afterwards. */
static enum object_state walk(const struct states_event *e, enum object_state from)
{
	struct states_subject *s = start(from);
	enum object_state to = states_walk(s, e, from);
	end(s);
	return to;
}

/* Section 3.22: "Only the transitions described above are permitted". */
static void only_the_moves_of_section_3_22_are_made(void **state)
{
	static const struct { enum object_state from, to; } moves[] = {
		{ OBJECT_PRE_ACTIVE, OBJECT_DESTROYED }, { OBJECT_PRE_ACTIVE, OBJECT_COMPROMISED }, { OBJECT_PRE_ACTIVE, OBJECT_ACTIVE },
		{ OBJECT_ACTIVE, OBJECT_COMPROMISED }, { OBJECT_ACTIVE, OBJECT_DEACTIVATED }, { OBJECT_DEACTIVATED, OBJECT_DESTROYED },
		{ OBJECT_DEACTIVATED, OBJECT_COMPROMISED }, { OBJECT_COMPROMISED, OBJECT_DESTROYED_COMPROMISED },
		{ OBJECT_DESTROYED, OBJECT_DESTROYED_COMPROMISED },
	};
	bool seen[STATES + 1][STATES + 1] = { { false } };
	(void)state;
	for (size_t e = 0; e < states_event_count; e++) {
		for (size_t i = 0; i < STATES; i++) {
			enum object_state to = walk(&states_events[e], states_all[i]);
			if (to != states_all[i]) seen[states_all[i]][to] = true;
		}
	}
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		if (!seen[moves[i].from][moves[i].to]) fail_msg("nothing makes a %s key %s", lifecycle_name(moves[i].from), lifecycle_name(moves[i].to));
		seen[moves[i].from][moves[i].to] = false;
	}
	for (size_t from = 1; from <= STATES; from++)
		for (size_t to = 1; to <= STATES; to++) assert_false(seen[from][to]);
}

static uint32_t archived_reason(const struct states_event *e)
{
	return states_is_recover(e) ? LIFE_DONE : RESULT_REASON_OBJECT_ARCHIVED;
}

static void archived_keys_of_every_state_wait_for_recover(void **state)
{
	(void)state;
	for (size_t i = 0; i < STATES; i++) {
		struct states_subject *s = start(states_all[i]);
		assert_int_equal(states_archive(s), LIFE_DONE);
		for (size_t e = 0; e < states_event_count; e++) {
			uint32_t reason = states_events[e].run(s);
			if (reason != archived_reason(&states_events[e]))
				fail_msg("%s of an archived key that is %s: Result Reason %u", states_events[e].name, lifecycle_name(states_all[i]), reason);
			if (states_is_recover(&states_events[e])) assert_int_equal(states_archive(s), LIFE_DONE);
			assert_int_equal(states_of(s, NULL), states_all[i]);
		}
		end(s);
	}
}

/* Every operation on one object that the dispatcher knows is an event of the table. */
static void no_operation_is_forgotten(void **state)
{
	static const uint32_t covered[] = { OPERATION_RE_KEY, OPERATION_GET, OPERATION_GET_ATTRIBUTES, OPERATION_GET_ATTRIBUTE_LIST,
		OPERATION_ADD_ATTRIBUTE, OPERATION_MODIFY_ATTRIBUTE, OPERATION_DELETE_ATTRIBUTE, OPERATION_ACTIVATE, OPERATION_REVOKE, OPERATION_DESTROY,
		OPERATION_ARCHIVE, OPERATION_RECOVER, OPERATION_CHECK, OPERATION_OBTAIN_LEASE, OPERATION_GET_USAGE_ALLOCATION, OPERATION_ENCRYPT,
		OPERATION_DECRYPT, OPERATION_MAC, OPERATION_MAC_VERIFY, OPERATION_COFFER_SEAL, OPERATION_COFFER_OPEN, OPERATION_COFFER_REWRAP,
		OPERATION_COFFER_SEAL_STREAM, OPERATION_COFFER_OPEN_STREAM, OPERATION_COFFER_SET_ROTATION };
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		bool found = rows[i].target == OP_TARGET_NONE;
		for (size_t k = 0; k < sizeof covered / sizeof covered[0] && !found; k++) found = covered[k] == rows[i].operation;
		if (!found) fail_msg("%s has no line in this table", rows[i].name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(only_the_moves_of_section_3_22_are_made), cmocka_unit_test(archived_keys_of_every_state_wait_for_recover),
		cmocka_unit_test(no_operation_is_forgotten),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
