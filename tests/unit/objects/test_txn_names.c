/* Names inside transactions: unique across generations, checked against the opened object; scanning. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "keyring/record.h"
#include "kmip/attr.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "unit/objects/support.h"

static void a_taken_name_is_refused_with_a_sentence(void **state)
{
	struct world w;
	struct reason reason = { "" };
	(void)state;
	world_open(&w);
	struct object *first = keep_key(&w, "disk"), *second = make_key("disk");
	begin(&w);
	assert_int_equal(txn_create(w.txn, second, &reason), ERR_EXISTS);
	assert_string_equal(reason.text, "the name 'disk' is taken; choose another one");
	assert_int_equal(txn_name_free(w.txn, view_str("disk"), first->id, NULL), ERR_OK);
	assert_int_equal(txn_name_free(w.txn, view_str("disk"), NULL, NULL), ERR_EXISTS);
	assert_int_equal(txn_name_free(w.txn, view_str("disk2"), NULL, NULL), ERR_OK);
	txn_abort(w.txn);
	object_unref(first);
	object_unref(second);
	world_close(&w);
}

static void a_name_stays_taken_when_a_new_generation_makes_other_tokens(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *first = keep_key(&w, "disk"), *second = make_key("disk"), *found = NULL;
	assert_int_equal(first->generation, 1);
	struct ring *wider = fixture_ring(2);
	txn_set_ring(w.txn, wider);
	for (int in_memory = 1; in_memory >= 0; in_memory--) {
		begin(&w);
		assert_int_equal(txn_create(w.txn, second, NULL), ERR_EXISTS);
		assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_OK);
		assert_memory_equal(found->id, first->id, UUID_LEN);
		object_unref(found);
		txn_abort(w.txn);
		object_table_clear(w.table);
	}
	ring_free(w.ring);
	w.ring = wider;
	object_unref(first);
	object_unref(second);
	world_close(&w);
}

static void an_update_cannot_take_the_name_of_another_object(void **state)
{
	struct world w;
	struct reason reason = { "" };
	(void)state;
	world_open(&w);
	struct object *a = keep_key(&w, "a"), *b = keep_key(&w, "b"), *both = object_copy(b), *bare = object_copy(a);
	begin(&w);
	assert_int_equal(names_add(&both->attrs, view_str("a")), ERR_OK);
	assert_int_equal(txn_update(w.txn, both, &reason), ERR_EXISTS);
	assert_string_equal(reason.text, "the name 'a' is taken; choose another one");
	attrset_remove(&bare->attrs, ATTR_NAME); /* as a rotation does: the old one gives it up first */
	assert_int_equal(txn_update(w.txn, bare, NULL), ERR_OK);
	assert_int_equal(txn_update(w.txn, both, NULL), ERR_OK);
	commit(&w);
	struct object *found = object_table_get_by_name(w.table, view_str("a"));
	assert_ptr_equal(found, both);
	object_unref(found);
	struct object *all[] = { a, b, both, bare };
	for (size_t i = 0; i < 4; i++) object_unref(all[i]);
	world_close(&w);
}

static void a_destroyed_object_that_gave_up_its_name_is_gone_by_name(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *next, *found = NULL;
	for (int step = 0; step < 2; step++) {
		next = object_copy(o);
		next->state = step ? OBJECT_DESTROYED : OBJECT_DEACTIVATED;
		if (step) attrset_remove(&next->attrs, ATTR_NAME);
		if (step) object_drop_material(next);
		begin(&w);
		assert_int_equal(txn_update(w.txn, next, NULL), ERR_OK);
		commit(&w);
		object_unref(o);
		o = next;
	}
	assert_null(object_table_get_by_name(w.table, view_str("disk")));
	begin(&w);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_NOT_FOUND);
	txn_abort(w.txn);
	object_unref(o);
	world_close(&w);
}

/* The index column holds the token of another name: sealed so by nobody but us, so it never happens, and never counts. */
static void a_hit_without_the_name_is_a_fault_and_not_a_find(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *found = NULL;
	struct store_row row;
	struct buf plain = BUF_EMPTY, index = BUF_EMPTY, body = BUF_EMPTY, header = BUF_EMPTY;
	struct record_index_entry other = { OBJECT_INDEX_NAME, view_str("other") };
	begin(&w);
	assert_int_equal(store_get(w.store, STORE_OBJECT, view_of(o->id, UUID_LEN), &row), ERR_OK);
	assert_int_equal(record_open(w.ring, STORE_OBJECT, &row, &plain), ERR_OK);
	assert_int_equal(buf_append(&header, row.header), ERR_OK);
	assert_int_equal(record_index(w.ring, 1, STORE_OBJECT, &other, 1, &index), ERR_OK);
	row.header = buf_view(&header);
	row.index = buf_view(&index);
	assert_int_equal(record_seal(w.ring, STORE_OBJECT, buf_view(&plain), &row, &body), ERR_OK);
	assert_int_equal(store_put(w.store, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(txn_object_by_name(w.txn, view_str("other"), &found), ERR_CORRUPT);
	assert_int_equal(txn_name_free(w.txn, view_str("other"), NULL, NULL), ERR_CORRUPT);
	txn_abort(w.txn);
	struct buf *all[] = { &plain, &index, &body, &header };
	for (size_t i = 0; i < 4; i++) buf_free(all[i]);
	object_unref(o);
	world_close(&w);
}

struct seen { unsigned count; uint8_t last[UUID_LEN]; };

static enum coffer_err see(void *arg, struct object *o)
{
	struct seen *s = arg;
	if (s->count) assert_true(memcmp(s->last, o->id, UUID_LEN) < 0);
	memcpy(s->last, o->id, UUID_LEN);
	s->count++;
	return ERR_OK;
}

static void a_scan_gives_every_object_in_order_and_stops_at_its_limit(void **state)
{
	enum { COUNT = 150 };
	static const struct { size_t limit; unsigned expected; } table[] = { { 0, 0 }, { 1, 1 }, { 64, 64 }, { 65, 65 }, { 149, 149 }, { 1000, COUNT } };
	struct world w;
	(void)state;
	world_open(&w);
	for (unsigned i = 0; i < COUNT; i++) object_unref(keep_key(&w, NULL));
	object_table_clear(w.table);
	begin(&w);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		struct seen s = { .count = 0 };
		assert_int_equal(txn_scan(w.txn, view_of(NULL, 0), table[i].limit, see, &s), ERR_OK);
		assert_int_equal(s.count, table[i].expected);
	}
	txn_abort(w.txn);
	world_close(&w);
}

static void without_a_ring_everything_is_sealed(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *found = NULL, *other = make_key("other");
	object_table_clear(w.table);
	txn_set_ring(w.txn, NULL);
	begin(&w);
	assert_int_equal(txn_object(w.txn, o->id, &found), ERR_SEALED);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_SEALED);
	assert_int_equal(txn_create(w.txn, other, NULL), ERR_SEALED);
	assert_int_equal(txn_update(w.txn, o, NULL), ERR_SEALED);
	txn_abort(w.txn);
	object_unref(o);
	object_unref(other);
	world_close(&w);
}

static void a_removed_object_is_found_no_more_and_its_name_is_free(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *first = keep_key(&w, "disk"), *second = make_key("disk"), *found = NULL;
	begin(&w);
	assert_int_equal(txn_remove(w.txn, first), ERR_OK);
	assert_int_equal(txn_object(w.txn, first->id, &found), ERR_NOT_FOUND);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_NOT_FOUND);
	assert_int_equal(txn_update(w.txn, first, NULL), ERR_NOT_FOUND);
	assert_int_equal(txn_remove(w.txn, first), ERR_NOT_FOUND);
	found = object_table_get(w.table, first->id); /* others see it until the commit */
	assert_ptr_equal(found, first);
	object_unref(found);
	assert_int_equal(txn_create(w.txn, second, NULL), ERR_OK);
	commit(&w);
	assert_true(first->stale);
	assert_null(object_table_get(w.table, first->id));
	assert_int_equal(rows(&w, STORE_OBJECT), 1);
	found = object_table_get_by_name(w.table, view_str("disk"));
	assert_ptr_equal(found, second);
	object_unref(found);
	object_unref(first);
	object_unref(second);
	world_close(&w);
}

static void a_removal_that_is_undone_leaves_the_object_as_it_was(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *found = NULL;
	begin(&w);
	assert_int_equal(txn_mark(w.txn), ERR_OK);
	assert_int_equal(txn_remove(w.txn, o), ERR_OK);
	txn_undo(w.txn);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_OK);
	assert_ptr_equal(found, o);
	object_unref(found);
	commit(&w);
	assert_false(o->stale);
	object_table_clear(w.table);
	begin(&w);
	assert_int_equal(txn_object(w.txn, o->id, &found), ERR_OK);
	object_unref(found);
	txn_abort(w.txn);
	object_unref(o);
	world_close(&w);
}

/* What came between the snapshot that was copied and the newest one would be lost. */
static void an_update_made_from_an_older_snapshot_is_refused(void **state)
{
	struct world w;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk"), *first = object_copy(o), *second = object_copy(o);
	begin(&w);
	assert_int_equal(txn_update(w.txn, first, NULL), ERR_OK);
	assert_int_equal(txn_update(w.txn, second, NULL), ERR_BUG);
	txn_abort(w.txn);
	object_unref(o);
	object_unref(first);
	object_unref(second);
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_taken_name_is_refused_with_a_sentence),
		cmocka_unit_test(a_name_stays_taken_when_a_new_generation_makes_other_tokens),
		cmocka_unit_test(an_update_cannot_take_the_name_of_another_object),
		cmocka_unit_test(a_destroyed_object_that_gave_up_its_name_is_gone_by_name),
		cmocka_unit_test(a_hit_without_the_name_is_a_fault_and_not_a_find),
		cmocka_unit_test(a_scan_gives_every_object_in_order_and_stops_at_its_limit),
		cmocka_unit_test(without_a_ring_everything_is_sealed),
		cmocka_unit_test(a_removed_object_is_found_no_more_and_its_name_is_free),
		cmocka_unit_test(a_removal_that_is_undone_leaves_the_object_as_it_was),
		cmocka_unit_test(an_update_made_from_an_older_snapshot_is_refused),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
