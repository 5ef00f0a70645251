/* Locate: which objects are looked at, in which order they come, and how many. */
#include "unit/ops/seek.h"

#include <stdio.h>
#include <string.h>

#include "objects/names.h"

#define MANY 700u

static void note_order(struct fix *f, unsigned count, char (*ids)[UUID_TEXT_LEN + 1])
{
	static const struct seek_value values[] = { SEEK_CUSTOM("x-group", TEXT, "one", 0), { 0 } };
	for (unsigned i = 0; i < count; i++) seek_make(f, ADMIN, values, ids[i]);
}

static void the_newest_come_first_and_pages_fit_together(void **state)
{
	static const struct { int32_t skip, max; bool max_none; size_t first, count; } table[] = {
		{ 0, 0, false, 9, 10 }, { 0, 1, false, 9, 1 }, { 1, 1, false, 8, 1 }, { 3, 4, false, 6, 4 }, { 8, 5, false, 1, 2 }, { 9, 0, false, 0, 1 },
		{ 10, 3, false, 0, 0 }, { INT32_MAX, 3, false, 0, 0 }, { 0, INT32_MAX, false, 9, 10 }, { 0, 0, true, 0, 0 },
	};
	struct fix *f = *state;
	char ids[10][UUID_TEXT_LEN + 1];
	note_order(f, 10, ids);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		for (int indexed = 1; indexed >= 0; indexed--) {
			struct seek_ask ask = { .skip = table[i].skip, .max = table[i].max, .max_none = table[i].max_none };
			struct seek_found found;
			if (indexed) ask.values[0] = (struct seek_value)SEEK_CUSTOM("x-group", TEXT, "one", 0);
			seek(f, ADMIN, &ask, &found);
			assert_int_equal(found.err, ERR_OK);
			assert_int_equal(found.count, table[i].count);
			assert_int_equal(found.located, 10);
			for (size_t k = 0; k < found.count; k++) assert_string_equal(found.ids[k], ids[table[i].first - k]);
		}
	}
}

/* More than the answer holds are kept in bounded memory, and the newest stay. */
static void of_many_objects_the_newest_are_kept(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1], last[2][UUID_TEXT_LEN + 1];
	for (unsigned i = 0; i < MANY; i++) {
		seek_make(f, ADMIN, NULL, id);
		memcpy(last[i % 2], id, sizeof id);
	}
	struct seek_found found;
	seek(f, ADMIN, &(struct seek_ask){ .max = 2 }, &found);
	assert_true(found.count == 2 && found.located == (int32_t)MANY);
	assert_string_equal(found.ids[0], last[(MANY - 1) % 2]);
	assert_string_equal(found.ids[1], last[MANY % 2]);
}

static void objects_of_older_stores_stand_by_their_initial_date(void **state)
{
	struct fix *f = *state;
	char ids[3][UUID_TEXT_LEN + 1];
	static const uint64_t dates[] = { NOW_S - 50, NOW_S + 50, NOW_S - 10 };
	for (size_t i = 0; i < 3; i++) {
		struct object *o = seek_object(ADMIN, NULL);
		assert_int_equal(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, dates[i]), ERR_OK);
		o->created_us = dates[i] * 1000000; /* what object_created_us makes of 0 */
		seek_keep(f, o);
		text_uuid(o->id, ids[i]);
		object_unref(o);
	}
	struct seek_found found;
	seek(f, ADMIN, &(struct seek_ask){ .minor = 0 }, &found);
	assert_int_equal(found.count, 3);
	assert_string_equal(found.ids[0], ids[1]);
	assert_string_equal(found.ids[1], ids[2]);
	assert_string_equal(found.ids[2], ids[0]);
}

static void made_in(struct fix *f, enum object_state state, bool archived, char id[static UUID_TEXT_LEN + 1])
{
	static const struct seek_value values[] = { SEEK_NUMBER(DESTROY_DATE, DATE_TIME, 77), { 0 } };
	struct object *o = seek_object(ADMIN, state == OBJECT_DESTROYED ? values : NULL);
	o->state = state;
	o->archived = archived;
	seek_keep(f, o);
	text_uuid(o->id, id);
	object_unref(o);
}

static void storage_is_on_line_unless_another_is_asked_for(void **state)
{
	static const struct { int32_t storage; struct seek_value value; size_t count; } table[] = {
		{ 0, { 0 }, 1 }, { 1, { 0 }, 1 }, { 2, { 0 }, 1 }, { 3, { 0 }, 2 }, { 4, { 0 }, 1 }, { 5, { 0 }, 2 }, { 7, { 0 }, 3 }, { -1, { 0 }, 0 },
		{ 0, SEEK_NUMBER(STATE, ENUMERATION, OBJECT_DESTROYED), 1 }, { 0, SEEK_NUMBER(DESTROY_DATE, DATE_TIME, 77), 1 },
		{ 0, SEEK_NUMBER(STATE, ENUMERATION, OBJECT_ACTIVE), 1 }, { 2, SEEK_NUMBER(STATE, ENUMERATION, OBJECT_ACTIVE), 1 },
	};
	struct fix *f = *state;
	char live[UUID_TEXT_LEN + 1], archived[UUID_TEXT_LEN + 1], gone[UUID_TEXT_LEN + 1];
	made_in(f, OBJECT_ACTIVE, false, live);
	made_in(f, OBJECT_ACTIVE, true, archived);
	made_in(f, OBJECT_DESTROYED, false, gone);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		for (unsigned uid = ADMIN; uid <= ADMIN; uid++) {
			struct seek_found found;
			struct seek_ask ask = { .storage = table[i].storage, .values = { table[i].value } };
			seek(f, uid, &ask, &found);
			assert_int_equal(found.err, ERR_OK);
			if (found.count != table[i].count) fail_msg("%zu: %zu found", i, found.count);
			if (found.count == 1) assert_string_equal(found.ids[0], table[i].storage == 2 ? archived : table[i].storage == 4 ||
				(table[i].value.attr == ATTR_STATE && table[i].value.value.number == OBJECT_DESTROYED) || table[i].value.attr == ATTR_DESTROY_DATE ? gone : live);
		}
	}
}

static void a_state_is_that_of_now(void **state)
{
	static const struct seek_value due[] = { SEEK_NUMBER(ACTIVATION_DATE, DATE_TIME, NOW_S + 10), SEEK_NUMBER(DEACTIVATION_DATE, DATE_TIME, NOW_S + 20), { 0 } };
	static const struct { uint64_t after; uint32_t state; } table[] = {
		{ 0, OBJECT_PRE_ACTIVE }, { 10, OBJECT_ACTIVE }, { 20, OBJECT_DEACTIVATED },
	};
	struct fix *f = *state;
	struct object *o = seek_object(ADMIN, due);
	o->state = OBJECT_PRE_ACTIVE;
	seek_keep(f, o);
	object_unref(o);
	for (size_t i = 0; i < 3; i++) {
		f->now_s = NOW_S + table[i].after;
		for (uint32_t asked = OBJECT_PRE_ACTIVE; asked <= OBJECT_DESTROYED_COMPROMISED; asked++) {
			struct seek_found found;
			seek(f, ADMIN, &(struct seek_ask){ .values = { SEEK_NUMBER(STATE, ENUMERATION, asked) } }, &found);
			assert_int_equal(found.count, asked == table[i].state);
		}
	}
}

static void group_members_are_fresh_ones_or_the_newest(void **state)
{
	static const struct seek_value served[] = { SEEK_TEXT(OBJECT_GROUP, "pool"), SEEK_NUMBER(FRESH, BOOLEAN, 0), { 0 } };
	static const struct seek_value unknown[] = { SEEK_TEXT(OBJECT_GROUP, "pool"), { 0 } };
	struct fix *f = *state;
	char ids[4][UUID_TEXT_LEN + 1];
	fix_create(f, ADMIN, &(struct key_wish){ .name = "a", .group = "pool" }, ids[0]);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "b", .group = "pool" }, ids[1]);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "c", .group = "else" }, ids[2]);
	seek_make(f, ADMIN, served, ids[2]);
	seek_make(f, ADMIN, unknown, ids[3]);
	struct seek_ask ask = { .member = OBJECT_GROUP_MEMBER_GROUP_MEMBER_FRESH, .values = { SEEK_TEXT(OBJECT_GROUP, "pool") } };
	struct seek_found found;
	seek(f, ADMIN, &ask, &found);
	assert_int_equal(found.count, 2);
	assert_string_equal(found.ids[0], ids[1]);
	assert_string_equal(found.ids[1], ids[0]);
	assert_int_equal(fix_simple(f, ADMIN, OPERATION_GET, ids[1]), ERR_OK); /* served: not fresh any more (section 3.34) */
	seek(f, ADMIN, &ask, &found);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.ids[0], ids[0]);
	ask.member = OBJECT_GROUP_MEMBER_GROUP_MEMBER_DEFAULT;
	seek(f, ADMIN, &ask, &found);
	assert_true(found.count == 1 && found.located == 1);
	assert_string_equal(found.ids[0], ids[3]);
	ask.skip = 1;
	seek(f, ADMIN, &ask, &found);
	assert_int_equal(found.count, 0);
}

static void located_items_are_told_from_1_3_on(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	seek_make(f, ADMIN, NULL, id);
	for (uint32_t minor = 0; minor <= 4; minor++) {
		struct seek_found found;
		seek(f, ADMIN, &(struct seek_ask){ .zero = minor == 0, .minor = minor }, &found);
		assert_true(found.count == 1 && found.has_located == (minor >= 3));
	}
}

static void locate_by_group_and_get(struct fix *f, int32_t max, int32_t skip, enum coffer_err want)
{
	struct ask a;
	struct answer answer;
	ask_begin(&a, &(struct ask_header){ .count = 2 });
	ask_item(&a, OPERATION_LOCATE, 1);
	if (max) ttlv_put_i32(&a.w, TAG_MAXIMUM_ITEMS, max);
	if (skip) ttlv_put_i32(&a.w, TAG_OFFSET_ITEMS, skip);
	kmip_attr_put_text(&a.w, ATTR_OBJECT_GROUP, view_str("pay"));
	ask_item_end(&a, NULL);
	ask_item(&a, OPERATION_GET_ATTRIBUTES, 2);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	assert_int_equal(answer.response.items[0].err, ERR_OK);
	assert_int_equal(answer.response.items[1].err, want);
	answer_free(&answer);
}

static void the_placeholder_is_what_alone_was_found(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	locate_by_group_and_get(f, 0, 0, ERR_MISSING);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "a", .group = "pay" }, id);
	locate_by_group_and_get(f, 0, 0, ERR_OK);
	fix_create(f, ADMIN, &(struct key_wish){ .name = "b", .group = "pay" }, id);
	locate_by_group_and_get(f, 0, 0, ERR_MISSING);
	locate_by_group_and_get(f, 1, 0, ERR_OK);
	locate_by_group_and_get(f, 2, 0, ERR_MISSING);
	locate_by_group_and_get(f, 2, 1, ERR_MISSING); /* one is returned, but two matched and more than one was asked for */
	locate_by_group_and_get(f, 1, 2, ERR_MISSING);
}

static void only_what_may_be_read_is_found_by_every_way(void **state)
{
	static const struct seek_value common[] = { SEEK_CUSTOM("x-a", TEXT, "b", 0), { 0 } };
	static const struct seek_value pay[] = { SEEK_CUSTOM("x-a", TEXT, "b", 0), SEEK_TEXT(OBJECT_GROUP, "web"), SEEK_TEXT(OBJECT_GROUP, "pay"), { 0 } };
	static const struct { unsigned uid; int32_t storage; size_t count; } table[] = {
		{ ADMIN, 0, 5 }, { OTHER, 0, 3 }, { STRANGER, 0, 1 }, { OTHER, 7, 4 }, { STRANGER, 7, 1 }, { STRANGER + 1, 7, 0 },
	};
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	seek_make(f, ADMIN, common, id);
	seek_make(f, ADMIN, pay, id);      /* in OTHER's group, which is not the first */
	seek_make(f, OTHER, common, id);
	seek_make(f, OTHER, pay, id);      /* its own and of its group: once */
	seek_make(f, STRANGER, common, id);
	struct object *gone = seek_object(OTHER, common);
	gone->state = OBJECT_DESTROYED;
	seek_keep(f, gone);
	object_unref(gone);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		for (int way = 0; way < 2; way++) { /* by entry, by reach or table */
			struct seek_ask ask = { .storage = table[i].storage };
			struct seek_found found;
			if (way) ask.values[0] = common[0];
			seek(f, table[i].uid, &ask, &found);
			assert_int_equal(found.err, ERR_OK);
			if (found.count != table[i].count) fail_msg("%zu, way %d: %zu found", i, way, found.count);
			assert_int_equal(found.located, (int32_t)table[i].count);
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_newest_come_first_and_pages_fit_together, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(of_many_objects_the_newest_are_kept, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(objects_of_older_stores_stand_by_their_initial_date, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(storage_is_on_line_unless_another_is_asked_for, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_state_is_that_of_now, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(group_members_are_fresh_ones_or_the_newest, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(located_items_are_told_from_1_3_on, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(the_placeholder_is_what_alone_was_found, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(only_what_may_be_read_is_found_by_every_way, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
