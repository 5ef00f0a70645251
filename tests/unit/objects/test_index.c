/* The entries of the index column. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "objects/index.h"
#include "objects/names.h"
#include "kmip/values.h"
#include "unit/objects/support.h"

struct tally {
	unsigned of[OBJECT_INDEX_PARTIAL + 1];
	char last[256]; /* the value of the last entry, as hex */
};

static enum coffer_err count(void *arg, const struct record_index_entry *entry)
{
	struct tally *t = arg;
	assert_true(entry->index >= 1 && entry->index <= OBJECT_INDEX_PARTIAL);
	t->of[entry->index]++;
	t->last[0] = '\0';
	for (size_t i = 0; i < entry->value.len && 2 * i + 2 < sizeof t->last; i++) snprintf(t->last + 2 * i, 3, "%02x", entry->value.ptr[i]);
	return ERR_OK;
}

static struct tally tally_of(const struct object *o)
{
	struct tally t = { { 0 }, "" };
	assert_int_equal(object_index_each(o, count, &t), ERR_OK);
	return t;
}

static void every_kind_of_value_has_its_entries(void **state)
{
	struct object *o = make_key("disk");
	uint8_t item[64];
	struct writer w;
	(void)state;
	assert_int_equal(names_add_group(&o->attrs, view_str("finance")), ERR_OK);
	struct tally t = tally_of(o);
	assert_true(t.of[OBJECT_INDEX_NAME] == 1 && t.of[OBJECT_INDEX_GROUP] == 1 && t.of[OBJECT_INDEX_OWNER] == 1);
	assert_int_equal(t.of[OBJECT_INDEX_ATTRIBUTE], 0);
	add_application(o, "ssh", "host"); /* namespace, and the whole */
	assert_int_equal(tally_of(o).of[OBJECT_INDEX_ATTRIBUTE], 2);
	add_application(o, "ssh", NULL);   /* namespace */
	assert_int_equal(tally_of(o).of[OBJECT_INDEX_ATTRIBUTE], 3);
	add_link(o, "x");
	add_custom(o, "x-a", "b");
	assert_int_equal(tally_of(o).of[OBJECT_INDEX_ATTRIBUTE], 5);
	writer_init(&w, item, sizeof item);
	ttlv_put_bool(&w, TAG_ATTRIBUTE_VALUE, true); /* half of all objects would share it */
	assert_int_equal(attrset_add(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-flag", writer_view(&w)), ERR_OK);
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, 1700000000), ERR_OK);
	assert_int_equal(tally_of(o).of[OBJECT_INDEX_ATTRIBUTE], 5);
	o->state = OBJECT_DESTROYED_COMPROMISED;
	t = tally_of(o);
	assert_true(t.of[OBJECT_INDEX_OWNER] == 0 && t.of[OBJECT_INDEX_FORMER_OWNER] == 1 && t.of[OBJECT_INDEX_ATTRIBUTE] == 5);
	object_unref(o);
}

static void the_encoding_of_a_value_is_unambiguous(void **state)
{
	struct object *o = make_key(NULL);
	(void)state;
	add_custom(o, "x-ab", "c");
	assert_string_equal(tally_of(o).last, "0042000b" "00000004782d6162" "00000000" "07" "0000000163");
	object_unref(o);
	o = make_key(NULL);
	add_custom(o, "x-a", "bc");
	assert_string_equal(tally_of(o).last, "0042000b" "00000003782d61" "00000000" "07" "000000026263");
	object_unref(o);
	o = make_key(NULL);
	add_link(o, "c");
	assert_string_equal(tally_of(o).last, "0042004a" "00000000" "0042004c" "07" "0000000163");
	object_unref(o);
}

static struct kmip_attr_value value_of(enum kmip_attr attr, struct writer *w)
{
	struct kmip_attr_value v = { .id = attr, .has_value = true };
	assert_int_equal(writer_done(w), ERR_OK);
	assert_int_equal(ttlv_root(writer_view(w), &v.value), ERR_OK);
	return v;
}

/* What is looked for with some fields only must be found by entries that every match has. */
static void partial_structures_ask_for_the_entries_of_their_fields(void **state)
{
	static const struct { const char *name_space, *data; bool swapped; unsigned entries; } table[] = {
		{ "ssh", "host", false, 2 }, { "ssh", NULL, false, 1 }, { NULL, "host", false, 0 }, { "ssh", "host", true, 1 }, { NULL, NULL, false, 0 },
	};
	(void)state;
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t item[256];
		struct writer w;
		struct tally t = { { 0 }, "" };
		writer_init(&w, item, sizeof item);
		struct ttlv_mark mark = ttlv_begin(&w, TAG_APPLICATION_SPECIFIC_INFORMATION);
		if (table[i].swapped) ttlv_put_str(&w, TAG_APPLICATION_DATA, table[i].data);
		if (table[i].name_space) ttlv_put_str(&w, TAG_APPLICATION_NAMESPACE, table[i].name_space);
		if (table[i].data && !table[i].swapped) ttlv_put_str(&w, TAG_APPLICATION_DATA, table[i].data);
		ttlv_end(&w, mark);
		struct kmip_attr_value v = value_of(ATTR_APPLICATION_SPECIFIC_INFORMATION, &w);
		assert_int_equal(object_index_of_value(&v, count, &t), ERR_OK);
		assert_int_equal(t.of[OBJECT_INDEX_ATTRIBUTE], table[i].entries);
	}
}

struct wanted { const struct object *o; unsigned found; };

static enum coffer_err must_have(void *arg, const struct record_index_entry *entry)
{
	struct wanted *want = arg;
	assert_true(object_index_has(want->o, entry));
	struct record_index_entry other = { entry->index == 1 ? 2 : entry->index - 1, entry->value };
	assert_false(object_index_has(want->o, &other));
	want->found++;
	return ERR_OK;
}

static void an_object_has_the_entries_that_its_values_ask_for(void **state)
{
	struct object *o = make_key("disk");
	struct wanted want = { o, 0 };
	(void)state;
	assert_int_equal(names_add_group(&o->attrs, view_str("finance")), ERR_OK);
	add_application(o, "ssh", "host");
	add_custom(o, "x-a", "b");
	for (size_t i = 0; i < o->attrs.count; i++) {
		const struct attrset_value *from = &o->attrs.values[i];
		struct kmip_attr_value v = { .id = (enum kmip_attr)from->attr, .has_value = true };
		if (from->custom) v.custom = view_str(from->custom);
		assert_true(attrset_item(from, &v.value));
		assert_int_equal(object_index_of_value(&v, must_have, &want), ERR_OK);
	}
	assert_int_equal(want.found, 5);
	assert_false(object_index_has(o, &(struct record_index_entry){ OBJECT_INDEX_PARTIAL, { NULL, 0 } }));
	object_unref(o);
}

static void values_that_do_not_fit_leave_one_entry_that_says_so(void **state)
{
	struct object *o = make_key("disk");
	struct ring *ring = fixture_ring(1);
	struct buf column = BUF_EMPTY;
	char text[16];
	(void)state;
	for (unsigned i = 0; i < STORE_INDEX_MAX - 2; i++) {
		snprintf(text, sizeof text, "%u", i);
		add_custom(o, "x-many", text);
	}
	struct tally t = tally_of(o);
	assert_true(t.of[OBJECT_INDEX_ATTRIBUTE] == STORE_INDEX_MAX - 2 && t.of[OBJECT_INDEX_PARTIAL] == 0);
	add_custom(o, "x-many", "one more");
	t = tally_of(o);
	assert_true(t.of[OBJECT_INDEX_ATTRIBUTE] == 0 && t.of[OBJECT_INDEX_PARTIAL] == 1);
	assert_true(t.of[OBJECT_INDEX_NAME] == 1 && t.of[OBJECT_INDEX_OWNER] == 1);
	assert_true(object_index_has(o, &(struct record_index_entry){ OBJECT_INDEX_PARTIAL, { NULL, 0 } }));
	assert_int_equal(object_index_write(ring, o, &column), ERR_OK);
	assert_int_equal(column.len, 2 + 3 * STORE_INDEX_ENTRY_LEN);
	buf_free(&column);
	object_unref(o);
	ring_free(ring);
}

static void names_and_groups_always_fit_or_the_object_is_refused(void **state)
{
	struct object *o = make_key(NULL);
	struct ring *ring = fixture_ring(1);
	struct buf column = BUF_EMPTY;
	char text[16];
	(void)state;
	for (unsigned i = 0; i < STORE_INDEX_MAX - 2; i++) {
		snprintf(text, sizeof text, "%u", i);
		assert_int_equal(i % 2 ? names_add(&o->attrs, view_str(text)) : names_add_group(&o->attrs, view_str(text)), ERR_OK);
	}
	add_custom(o, "x-a", "b");
	add_custom(o, "x-a", "c");
	assert_int_equal(object_index_write(ring, o, &column), ERR_OK);
	assert_int_equal(column.len, 2 + STORE_INDEX_MAX * STORE_INDEX_ENTRY_LEN);
	buf_clear(&column);
	assert_int_equal(names_add(&o->attrs, view_str("one more")), ERR_OK);
	assert_int_equal(object_index_write(ring, o, &column), ERR_LIMIT);
	buf_free(&column);
	object_unref(o);
	ring_free(ring);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_kind_of_value_has_its_entries),
		cmocka_unit_test(the_encoding_of_a_value_is_unambiguous),
		cmocka_unit_test(partial_structures_ask_for_the_entries_of_their_fields),
		cmocka_unit_test(an_object_has_the_entries_that_its_values_ask_for),
		cmocka_unit_test(values_that_do_not_fit_leave_one_entry_that_says_so),
		cmocka_unit_test(names_and_groups_always_fit_or_the_object_is_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
