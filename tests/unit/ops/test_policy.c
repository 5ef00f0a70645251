/* Who gets in, in which state of the engine; and what is audited. */
#include <string.h>
#include <unistd.h>

#include "unit/ops/fixture.h"

static bool on_object(const struct op_row *row)
{
	return row->target == OP_TARGET_ID || row->target == OP_TARGET_ID_OR_NAME;
}

/* Without a grant every row with a permission is refused, whatever its payload; of objects not even their being is told. */
static void stranger_is_refused_by_every_row(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	size_t count, checked = 0;
	const struct op_row *rows = dispatch_rows(&count);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	for (size_t i = 0; i < count; i++) {
		if (rows[i].permission == PERMISSION_NONE || rows[i].target == OP_TARGET_SEALED) continue;
		enum coffer_err err = fix_simple(f, STRANGER, rows[i].operation, on_object(&rows[i]) ? id : NULL);
		assert_int_equal(err, on_object(&rows[i]) ? ERR_NOT_FOUND : ERR_DENIED);
		checked++;
	}
	assert_true(checked >= 12);
}

static void hidden_and_missing_objects_are_refused_in_the_same_words(void **state)
{
	static const char absent[] = "00000000-0000-4000-8000-000000000000";
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], text[2][128];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k" }, id);
	for (int i = 0; i < 2; i++) {
		struct ask a;
		struct answer answer;
		ask_one(&a, OPERATION_GET_ATTRIBUTES);
		ask_id(&a, i ? absent : id);
		ask_item_end(&a, NULL);
		ask_end(&a);
		fix_send(f, STRANGER, &a, &answer);
		const struct kmip_response_item *item = &answer.response.items[0];
		assert_int_equal(item->reason, RESULT_REASON_ITEM_NOT_FOUND);
		assert_true(item->message.len < sizeof text[i]);
		memcpy(text[i], item->message.ptr, item->message.len);
		text[i][item->message.len] = '\0';
		answer_free(&answer);
	}
	assert_string_equal(text[0], text[1]);
}

static void refusal_on_a_worker_is_audited_on_the_store_lane(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "k", .group = "pay" }, id);
	uint64_t rows = fix_audit_rows(f);
	unsigned runs = f->store_runs;
	assert_int_equal(fix_simple(f, OTHER, OPERATION_GET_ATTRIBUTES, id), ERR_OK);
	assert_int_equal(fix_audit_rows(f), rows);
	assert_int_equal(f->store_runs, runs);
	assert_int_equal(fix_simple(f, STRANGER, OPERATION_GET_ATTRIBUTES, id), ERR_NOT_FOUND);
	assert_int_equal(fix_audit_rows(f), rows + 1);
	assert_int_equal(f->store_runs, runs + 1);
}

static void scope_of_a_grant_is_its_group(void **state)
{
	struct fix *f = *state;
	char in[UUID_TEXT_LEN + 1], out[UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "in", .group = "pay" }, in);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "out", .group = "web" }, out);
	assert_int_equal(fix_simple(f, OTHER, OPERATION_GET_ATTRIBUTE_LIST, in), ERR_OK);
	assert_int_equal(fix_simple(f, OTHER, OPERATION_GET_ATTRIBUTE_LIST, out), ERR_NOT_FOUND);
	assert_int_equal(fix_simple(f, OTHER, OPERATION_DESTROY, in), ERR_DENIED);
}

static void state_of_the_engine_decides_what_is_answered(void **state)
{
	static const struct { enum engine_state state; bool own; uint32_t operation; enum coffer_err err; } cases[] = {
		{ ENGINE_UNINITIALISED, true, OPERATION_DISCOVER_VERSIONS, ERR_OK },
		{ ENGINE_UNINITIALISED, false, OPERATION_DISCOVER_VERSIONS, ERR_UNINITIALISED },
		{ ENGINE_UNINITIALISED, true, OPERATION_LOCATE, ERR_UNINITIALISED },
		{ ENGINE_SEALED, false, OPERATION_DISCOVER_VERSIONS, ERR_OK }, { ENGINE_SEALED, true, OPERATION_LOCATE, ERR_SEALED },
		{ ENGINE_DRAINING, true, OPERATION_LOCATE, ERR_BUSY }, { ENGINE_FAULT, true, OPERATION_LOCATE, ERR_STATE },
		{ ENGINE_STARTING, true, OPERATION_LOCATE, ERR_BUSY }, { ENGINE_OPEN, false, OPERATION_LOCATE, ERR_OK },
	};
	struct fix *f = *state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		f->engine.state = cases[i].state;
		unsigned uid = cases[i].own ? geteuid() : STRANGER;
		assert_int_equal(fix_simple(f, uid, cases[i].operation, NULL), cases[i].err);
	}
	f->engine.state = ENGINE_OPEN;
}

static void every_row_is_whole(void **state)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	(void)state;
	for (size_t i = 0; i < count; i++) {
		assert_non_null(rows[i].run);
		assert_ptr_equal(dispatch_find(rows[i].operation), &rows[i]); /* no operation twice */
		if (rows[i].target != OP_TARGET_NONE) assert_int_not_equal(rows[i].permission, PERMISSION_NONE);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fix_start, fix_stop)
	const struct CMUnitTest tests[] = {
		T(stranger_is_refused_by_every_row), T(hidden_and_missing_objects_are_refused_in_the_same_words),
		T(refusal_on_a_worker_is_audited_on_the_store_lane), T(scope_of_a_grant_is_its_group),
		T(state_of_the_engine_decides_what_is_answered), T(every_row_is_whole),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
