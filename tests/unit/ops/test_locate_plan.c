/* Locate: how many rows it reads. Searches by an indexed value do not grow with the store; the others are bounded. */
#include "unit/ops/seek.h"

#include <stdio.h>
#include <string.h>

#define COUNT 600u /* more than the objects kept in memory here */

/* Objects with a value of their own, one that a hundredth shares, and one that all share. */
static void fill(struct fix *f, unsigned from, unsigned count, unsigned uid)
{
	for (unsigned i = from; i < from + count; i++) {
		char own[16], few[16], id[UUID_TEXT_LEN + 1];
		snprintf(own, sizeof own, "own %u", i);
		snprintf(few, sizeof few, "few %u", i / 3);
		const struct seek_value values[] = {
			SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, own, 0), SEEK_FIELD(NAME_TYPE, ENUMERATION, NULL, 1)),
			SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, "ssh", 0), SEEK_FIELD(APPLICATION_DATA, TEXT, own, 0)),
			SEEK_CUSTOM("x-own", TEXT, own, 0), SEEK_CUSTOM("x-few", TEXT, few, 0), SEEK_CUSTOM("x-all", INTEGER, NULL, 1),
			SEEK_TEXT(OBJECT_GROUP, few), { 0 },
		};
		seek_make(f, uid, values, id);
	}
}

static size_t rows_for(struct fix *f, unsigned uid, const struct seek_ask *ask, size_t *out_found)
{
	struct seek_found found;
	object_table_clear(f->engine.objects);
	seek_rows_read(f);
	seek(f, uid, ask, &found);
	if (found.err) fail_msg("%s", found.message);
	*out_found = found.count;
	return seek_rows_read(f);
}

#define ASKED(...) { .values = { __VA_ARGS__ } }

static const struct { struct seek_ask ask; size_t found, rows; } indexed[] = {
	/* by name: counted, found, opened */
	{ ASKED(SEEK_STRUCTURE(NAME, SEEK_FIELD(NAME_VALUE, TEXT, "own 5", 0))), 1, 3 },
	{ ASKED(SEEK_CUSTOM("x-own", TEXT, "own 5", 0)), 1, 3 }, { ASKED(SEEK_CUSTOM("x-own", TEXT, "none", 0)), 0, 0 },
	{ ASKED(SEEK_CUSTOM("x-few", TEXT, "few 5", 0)), 3, 9 }, { ASKED(SEEK_TEXT(OBJECT_GROUP, "few 5")), 3, 9 },
	{ ASKED(SEEK_STRUCTURE(APPLICATION_SPECIFIC_INFORMATION, SEEK_FIELD(APPLICATION_NAMESPACE, TEXT, "ssh", 0), SEEK_FIELD(APPLICATION_DATA, TEXT, "own 7", 0))),
	  1, 3 + 1 }, /* the namespace too is counted, until it is no better */
	/* the best of several is gone, and what all share is counted as far as counting goes */
	{ ASKED(SEEK_CUSTOM("x-all", INTEGER, NULL, 1), SEEK_CUSTOM("x-own", TEXT, "own 5", 0), SEEK_CUSTOM("x-few", TEXT, "few 1", 0)), 1, 256 + 3 + 1 },
	{ ASKED(SEEK_CUSTOM("x-all", INTEGER, NULL, 1), SEEK_CUSTOM("x-own", TEXT, "none", 0)), 0, 256 },
};

static void searches_by_an_indexed_value_read_the_same_rows_whatever_the_store_holds(void **state)
{
	struct fix *f = *state;
	fill(f, 0, 300, ADMIN);
	for (unsigned size = 300; size <= COUNT; size += 300) {
		for (size_t i = 0; i < sizeof indexed / sizeof indexed[0]; i++) {
			size_t found, rows = rows_for(f, ADMIN, &indexed[i].ask, &found);
			assert_int_equal(found, indexed[i].found);
			if (rows != indexed[i].rows) fail_msg("%zu of %u: %zu rows read", i, size, rows);
		}
		if (size < COUNT) fill(f, 300, 300, ADMIN);
	}
}

static void a_unique_identifier_is_one_row(void **state)
{
	struct fix *f = *state;
	char id[UUID_TEXT_LEN + 1];
	size_t found;
	fill(f, 0, 100, ADMIN);
	seek_make(f, ADMIN, NULL, id);
	assert_int_equal(rows_for(f, ADMIN, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-all", INTEGER, NULL, 1), SEEK_TEXT(UNIQUE_IDENTIFIER, id)), &found), 1);
	assert_int_equal(found, 0);
	assert_int_equal(rows_for(f, ADMIN, &(struct seek_ask)ASKED(SEEK_TEXT(UNIQUE_IDENTIFIER, id)), &found), 1);
	assert_int_equal(found, 1);
}

/* Every row is read, but only those whose clear columns may match are opened. */
static void a_search_through_the_table_opens_only_what_may_match(void **state)
{
	static const struct { struct seek_value value; size_t found, opened; } table[] = {
		{ { 0 }, 61, 61 }, { SEEK_NUMBER(OBJECT_TYPE, ENUMERATION, OBJECT_TYPE_SECRET_DATA), 0, 0 },
		{ SEEK_NUMBER(CRYPTOGRAPHIC_LENGTH, INTEGER, 128), 1, 1 }, { SEEK_NUMBER(CRYPTOGRAPHIC_USAGE_MASK, INTEGER, 1), 0, 0 },
		{ SEEK_NUMBER(CRYPTOGRAPHIC_ALGORITHM, ENUMERATION, CRYPTOGRAPHIC_ALGORITHM_RSA), 0, 0 },
		{ SEEK_NUMBER(STATE, ENUMERATION, OBJECT_PRE_ACTIVE), 0, 0 }, { SEEK_NUMBER(STATE, ENUMERATION, OBJECT_DEACTIVATED), 0, 61 },
		{ SEEK_NUMBER(STATE, ENUMERATION, OBJECT_DESTROYED), 1, 1 }, { SEEK_NUMBER(SENSITIVE, BOOLEAN, 1), 0, 61 },
	};
	struct fix *f = *state;
	fill(f, 0, 60, ADMIN);
	struct object *o = seek_object(ADMIN, NULL), *gone = seek_object(ADMIN, NULL);
	o->length_bits = 128;
	gone->state = OBJECT_DESTROYED;
	seek_keep(f, o);
	seek_keep(f, gone);
	object_unref(o);
	object_unref(gone);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		size_t found;
		struct seek_ask ask = { .values = { table[i].value } };
		size_t rows = rows_for(f, ADMIN, &ask, &found);
		assert_int_equal(found, table[i].found);
		if (rows != 62 + table[i].opened) fail_msg("%zu: %zu rows read", i, rows);
	}
}

static void who_sees_little_makes_little_work(void **state)
{
	struct fix *f = *state;
	size_t found;
	fill(f, 0, 300, ADMIN);
	fill(f, 1000, 5, STRANGER);
	size_t rows = rows_for(f, STRANGER, &(struct seek_ask){ .minor = 0 }, &found);
	assert_int_equal(found, 5);
	assert_int_equal(rows, 15); /* counted, found, opened */
	rows = rows_for(f, STRANGER, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-all", INTEGER, NULL, 1)), &found);
	assert_int_equal(found, 5);
	assert_int_equal(rows, 256 + 15);
	rows = rows_for(f, OTHER, &(struct seek_ask){ .minor = 0 }, &found);
	assert_int_equal(found, 0);
	assert_int_equal(rows, 0);
}

static void a_search_that_looks_at_too_many_objects_is_refused(void **state)
{
	struct fix *f = *state;
	struct seek_found found;
	fill(f, 0, 30, ADMIN);
	f->config.locate_scan_max = 30;
	seek(f, ADMIN, &(struct seek_ask){ .max = 1 }, &found);
	assert_int_equal(found.err, ERR_OK);
	fill(f, 100, 1, ADMIN);
	seek(f, ADMIN, &(struct seek_ask){ .max = 1 }, &found);
	assert_int_equal(found.err, ERR_LIMIT);
	assert_non_null(strstr(found.message, "more than 30 objects (locate_scan_max): look for a Unique Identifier, Name, Object Group"));
	seek(f, ADMIN, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-all", INTEGER, NULL, 1)), &found);
	assert_int_equal(found.err, ERR_LIMIT);
	seek(f, ADMIN, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-own", TEXT, "own 7", 0)), &found);
	assert_true(found.err == ERR_OK && found.count == 1);
	seek(f, STRANGER, &(struct seek_ask){ .minor = 0 }, &found);
	assert_true(found.err == ERR_OK && found.count == 0);
}

/* An object with more values than a column holds is found all the same. */
static void an_object_with_too_many_values_is_a_candidate_of_every_search(void **state)
{
	struct fix *f = *state;
	struct seek_found found;
	char id[UUID_TEXT_LEN + 1];
	struct object *o = seek_object(ADMIN, NULL);
	fill(f, 0, 10, ADMIN);
	for (unsigned i = 0; i < STORE_INDEX_MAX; i++) {
		uint8_t item[32];
		struct writer w;
		writer_init(&w, item, sizeof item);
		ttlv_put_i32(&w, TAG_ATTRIBUTE_VALUE, (int32_t)i);
		assert_int_equal(attrset_add(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-many", writer_view(&w)), ERR_OK);
	}
	seek_keep(f, o);
	text_uuid(o->id, id);
	object_unref(o);
	seek(f, ADMIN, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-many", INTEGER, NULL, 200)), &found);
	assert_int_equal(found.count, 1);
	assert_string_equal(found.ids[0], id);
	seek(f, ADMIN, &(struct seek_ask)ASKED(SEEK_CUSTOM("x-own", TEXT, "own 7", 0)), &found);
	assert_int_equal(found.count, 1);
	assert_string_not_equal(found.ids[0], id);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(searches_by_an_indexed_value_read_the_same_rows_whatever_the_store_holds, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_unique_identifier_is_one_row, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_search_through_the_table_opens_only_what_may_match, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(who_sees_little_makes_little_work, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(a_search_that_looks_at_too_many_objects_is_refused, fix_start, fix_stop),
		cmocka_unit_test_setup_teardown(an_object_with_too_many_values_is_a_candidate_of_every_search, fix_start, fix_stop),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
