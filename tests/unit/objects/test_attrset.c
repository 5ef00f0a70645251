/* Attribute sets, Names and Object Groups. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "kmip/attr.h"
#include "objects/names.h"
#include "unit/objects/support.h"

static const struct attrset empty = { NULL, 0, 0 };

static struct view text_item(uint8_t *into, uint32_t tag, const char *text)
{
	struct writer w;
	writer_init(&w, into, 64);
	ttlv_put_str(&w, tag, text);
	assert_int_equal(writer_done(&w), ERR_OK);
	return writer_view(&w);
}

static void values_get_the_next_index_of_their_attribute(void **state)
{
	struct attrset set = empty;
	uint8_t a[64], b[64];
	struct view one = text_item(a, TAG_OBJECT_GROUP, "one"), two = text_item(b, TAG_ATTRIBUTE_VALUE, "two");
	(void)state;
	assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_CUSTOM_ATTRIBUTE, "x-a", two), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_CUSTOM_ATTRIBUTE, "x-b", two), ERR_OK);
	assert_non_null(attrset_get(&set, ATTR_OBJECT_GROUP, NULL, 1));
	assert_null(attrset_get(&set, ATTR_OBJECT_GROUP, NULL, 2));
	assert_non_null(attrset_get(&set, ATTR_CUSTOM_ATTRIBUTE, "x-b", 0));
	assert_null(attrset_get(&set, ATTR_CUSTOM_ATTRIBUTE, "x-b", 1));
	assert_null(attrset_get(&set, ATTR_CUSTOM_ATTRIBUTE, NULL, 0));
	assert_int_equal(attrset_count(&set, ATTR_OBJECT_GROUP), 2);
	attrset_remove_at(&set, ATTR_OBJECT_GROUP, NULL, 0);
	assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_OK);
	assert_null(attrset_get(&set, ATTR_OBJECT_GROUP, NULL, 0));
	assert_non_null(attrset_get(&set, ATTR_OBJECT_GROUP, NULL, 2));
	attrset_free(&set);
}

static void a_given_index_is_taken_once_and_stays_in_range(void **state)
{
	struct attrset set = empty;
	uint8_t a[64];
	struct view one = text_item(a, TAG_OBJECT_GROUP, "one");
	(void)state;
	assert_int_equal(attrset_add_at(&set, ATTR_OBJECT_GROUP, NULL, 5, one), ERR_OK);
	assert_int_equal(attrset_add_at(&set, ATTR_OBJECT_GROUP, NULL, 5, one), ERR_EXISTS);
	assert_int_equal(attrset_add_at(&set, ATTR_OBJECT_GROUP, NULL, ATTRSET_INDEX_MAX + 1, one), ERR_LIMIT);
	assert_int_equal(attrset_add_at(&set, ATTR_OBJECT_GROUP, NULL, ATTRSET_INDEX_MAX, one), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_LIMIT);
	assert_int_equal(set.count, 2);
	attrset_free(&set);
}

static void set_replaces_index_0_and_counts_bytes(void **state)
{
	struct attrset set = empty;
	uint8_t a[64], b[64];
	struct view small = text_item(a, TAG_COMMENT, "s"), larger = text_item(b, TAG_COMMENT, "a larger one");
	bool flag = false;
	uint64_t at_s = 0;
	(void)state;
	assert_int_equal(attrset_set(&set, ATTR_COMMENT, small), ERR_OK);
	assert_int_equal(attrset_set(&set, ATTR_COMMENT, larger), ERR_OK);
	assert_int_equal(set.count, 1);
	assert_int_equal(set.bytes, larger.len);
	assert_int_equal(attrset_set_bool(&set, ATTR_SENSITIVE, true), ERR_OK);
	assert_int_equal(attrset_set_time(&set, ATTR_INITIAL_DATE, 1700000000), ERR_OK);
	assert_true(attrset_get_bool(&set, ATTR_SENSITIVE, &flag));
	assert_true(flag);
	assert_true(attrset_get_time(&set, ATTR_INITIAL_DATE, &at_s));
	assert_int_equal(at_s, 1700000000);
	assert_false(attrset_get_time(&set, ATTR_SENSITIVE, &at_s));
	assert_false(attrset_get_bool(&set, ATTR_EXTRACTABLE, &flag));
	assert_int_equal(attrset_set_time(&set, ATTR_INITIAL_DATE, UINT64_MAX), ERR_FIELD);
	attrset_remove(&set, ATTR_COMMENT);
	assert_int_equal(set.bytes, 32);
	attrset_free(&set);
}

static void the_set_is_bounded_in_values_and_bytes(void **state)
{
	struct attrset set = empty;
	uint8_t a[64];
	struct view one = text_item(a, TAG_OBJECT_GROUP, "one");
	uint8_t *large = calloc(1, ATTRSET_BYTES_MAX);
	(void)state;
	for (size_t i = 0; i < ATTRSET_MAX; i++) assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_OBJECT_GROUP, NULL, one), ERR_LIMIT);
	attrset_free(&set);
	assert_int_equal(attrset_add(&set, ATTR_COMMENT, NULL, view_of(large, ATTRSET_BYTES_MAX)), ERR_OK);
	assert_int_equal(attrset_add(&set, ATTR_COMMENT, NULL, view_of(large, 1)), ERR_LIMIT);
	assert_int_equal(attrset_set(&set, ATTR_COMMENT, view_of(large, ATTRSET_BYTES_MAX)), ERR_OK);
	attrset_free(&set);
	free(large);
}

static void a_copy_is_equal_and_independent(void **state)
{
	struct attrset set = empty, copy = empty;
	uint8_t a[64];
	struct view one = text_item(a, TAG_ATTRIBUTE_VALUE, "one");
	(void)state;
	assert_int_equal(attrset_add_at(&set, ATTR_CUSTOM_ATTRIBUTE, "y-c", 7, one), ERR_OK);
	assert_int_equal(attrset_copy(&set, &copy), ERR_OK);
	attrset_free(&set);
	const struct attrset_value *v = attrset_get(&copy, ATTR_CUSTOM_ATTRIBUTE, "y-c", 7);
	assert_non_null(v);
	assert_int_equal(v->item_len, one.len);
	assert_memory_equal(v->item, one.ptr, one.len);
	assert_int_equal(copy.bytes, one.len);
	attrset_free(&copy);
}

static void names_and_groups_are_found_by_position(void **state)
{
	struct attrset set = empty;
	struct view v = { NULL, 0 };
	(void)state;
	assert_int_equal(names_first(&set).len, 0);
	assert_false(names_has(&set, view_str("")));
	assert_int_equal(names_add(&set, view_str("disk")), ERR_OK);
	assert_int_equal(names_add_group(&set, view_str("finance")), ERR_OK);
	assert_int_equal(names_add(&set, view_str("spare")), ERR_OK);
	assert_true(view_equal_str(names_first(&set), "disk"));
	assert_true(names_at(&set, 1, &v));
	assert_true(view_equal_str(v, "spare"));
	assert_false(names_at(&set, 2, &v));
	assert_true(names_has(&set, view_str("spare")));
	assert_false(names_has(&set, view_str("spar")));
	assert_false(names_has(&set, view_str("finance")));
	assert_true(view_equal_str(names_group(&set), "finance"));
	assert_false(names_group_at(&set, 1, &v));
	attrset_free(&set);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_get_the_next_index_of_their_attribute),
		cmocka_unit_test(a_given_index_is_taken_once_and_stays_in_range),
		cmocka_unit_test(set_replaces_index_0_and_counts_bytes),
		cmocka_unit_test(the_set_is_bounded_in_values_and_bytes),
		cmocka_unit_test(a_copy_is_equal_and_independent),
		cmocka_unit_test(names_and_groups_are_found_by_position),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
