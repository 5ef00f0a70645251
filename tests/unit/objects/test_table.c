/* The table of objects in memory. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/uuid.h"
#include "kmip/attr.h"
#include "kmip/enums.h"
#include "objects/names.h"
#include "unit/objects/support.h"

static struct object *versioned(const struct object *from, uint32_t version)
{
	struct object *o = object_copy(from);
	assert_non_null(o);
	o->record_version = version;
	return o;
}

static void assert_id_gives(struct object_table *t, const uint8_t *id, const struct object *expected)
{
	struct object *o = object_table_get(t, id);
	assert_ptr_equal(o, expected);
	object_unref(o);
}

static void assert_name_gives(struct object_table *t, const char *name, const struct object *expected)
{
	struct object *o = object_table_get_by_name(t, view_str(name));
	assert_ptr_equal(o, expected);
	object_unref(o);
}

static uint64_t wall_now(void *arg)
{
	return *(uint64_t *)arg;
}

/* Their rows stand together in the store's trees. */
static void objects_that_are_made_together_have_ids_that_stand_together(void **state)
{
	uint64_t wall_s = 1700000000;
	uint8_t before[UUID_LEN] = { 0 };
	(void)state;
	clock_set_source(&(struct clock_source){ wall_now, NULL, &wall_s });
	for (unsigned i = 0; i < 100; i++, wall_s++) {
		struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, "unix:1");
		assert_non_null(o);
		assert_int_equal(uuid_time(o->id), wall_s * 1000);
		assert_int_equal(o->id[6] >> 4, 7);
		assert_int_equal(o->id[8] >> 6, 2);
		assert_true(memcmp(before, o->id, UUID_LEN) < 0);
		assert_memory_not_equal(before + 9, o->id + 9, UUID_LEN - 9); /* and the rest is random */
		memcpy(before, o->id, UUID_LEN);
		object_unref(o);
	}
	clock_set_source(NULL);
}

static void a_published_object_is_found_by_id_and_name(void **state)
{
	struct object_table *t = object_table_new(1000);
	struct object *o = make_key("disk");
	(void)state;
	o->record_version = 1;
	assert_id_gives(t, o->id, NULL);
	assert_int_equal(object_table_publish(t, o), ERR_OK);
	assert_id_gives(t, o->id, o);
	assert_name_gives(t, "disk", o);
	assert_name_gives(t, "dis", NULL);
	assert_int_equal(object_table_count(t), 1);
	object_table_free(t);
	object_unref(o);
}

static void only_a_newer_snapshot_replaces_and_the_old_one_becomes_stale(void **state)
{
	struct object_table *t = object_table_new(1000);
	struct object *first = make_key("disk");
	first->record_version = 1;
	struct object *second = versioned(first, 2), *again = versioned(first, 2);
	(void)state;
	assert_int_equal(object_table_publish(t, first), ERR_OK);
	assert_int_equal(object_table_publish(t, second), ERR_OK);
	assert_true(first->stale);
	assert_false(second->stale);
	assert_id_gives(t, first->id, second);
	assert_name_gives(t, "disk", second);
	assert_int_equal(object_table_publish(t, again), ERR_OK);
	assert_int_equal(object_table_publish(t, first), ERR_OK);
	assert_id_gives(t, first->id, second);
	assert_false(second->stale);
	object_table_free(t);
	object_unref(first);
	object_unref(second);
	object_unref(again);
}

static void a_renamed_object_is_not_found_by_its_old_name(void **state)
{
	struct object_table *t = object_table_new(1000);
	struct object *o = make_key("old");
	o->record_version = 1;
	struct object *renamed = versioned(o, 2);
	(void)state;
	attrset_remove(&renamed->attrs, ATTR_NAME);
	assert_int_equal(names_add(&renamed->attrs, view_str("new")), ERR_OK);
	assert_int_equal(object_table_publish(t, o), ERR_OK);
	assert_int_equal(object_table_publish(t, renamed), ERR_OK);
	assert_name_gives(t, "old", NULL);
	assert_name_gives(t, "new", renamed);
	object_table_free(t);
	object_unref(o);
	object_unref(renamed);
}

/* Keys of 32 bytes take a block of 64 and the blocks of their subkeys; a table with room for a few lets the others go. */
static void objects_leave_for_want_of_bytes(void **state)
{
	enum { COUNT = 200 };
	struct object_table *t = object_table_new(100000);
	struct object *made[COUNT];
	size_t stale = 0;
	(void)state;
	object_table_limit_bytes(t, 50 * 64, SIZE_MAX);
	for (size_t i = 0; i < COUNT; i++) {
		char name[16];
		snprintf(name, sizeof name, "key-%zu", i);
		made[i] = make_key(name);
		made[i]->record_version = 1;
		assert_int_equal(object_table_publish(t, made[i]), ERR_OK);
		assert_id_gives(t, made[i]->id, made[i]);
	}
	assert_true(object_table_squeezed(t));
	assert_false(object_table_squeezed(t));
	assert_true(object_table_count(t) <= 50);
	assert_true(object_table_count(t) >= 10);
	for (size_t i = 0; i < COUNT; i++) stale += made[i]->stale;
	assert_int_equal(stale, COUNT - object_table_count(t));
	object_table_clear(t);
	assert_int_equal(object_table_publish(t, made[0]), ERR_OK); /* the room is free again */
	assert_false(object_table_squeezed(t));
	object_table_free(t);
	for (size_t i = 0; i < COUNT; i++) object_unref(made[i]);
}

/* Caches are swept when it is worth the while, not for each object that leaves. */
static void caches_are_swept_when_a_sixteenth_has_left(void **state)
{
	enum { ROOM = 64 };
	struct object_table *t = object_table_new(100000);
	struct object_table_facts facts;
	size_t swept = 0;
	(void)state;
	object_table_limit_bytes(t, ROOM * 192, SIZE_MAX); /* a key of 32 bytes and its subkeys: a block of 64 each */
	for (size_t i = 0; i < 3 * ROOM; i++) {
		struct object *o = make_key("");
		o->record_version = 1;
		assert_int_equal(object_table_publish(t, o), ERR_OK);
		object_unref(o);
		swept += object_table_squeezed(t);
		object_table_facts(t, &facts);
		assert_true(facts.secret <= facts.secret_max && facts.count <= facts.count_max);
	}
	assert_int_equal(facts.secret_max, ROOM * 192);
	assert_int_equal(facts.count, object_table_count(t));
	assert_true(swept >= 16 && swept <= ROOM);
	object_table_free(t);
}

static void objects_with_large_attributes_leave_as_well(void **state)
{
	struct object_table *t = object_table_new(100000);
	(void)state;
	object_table_limit_bytes(t, SIZE_MAX, 10000);
	for (size_t i = 0; i < 100; i++) {
		char name[16];
		snprintf(name, sizeof name, "key-%zu", i);
		struct object *o = make_key(name);
		o->record_version = 1;
		assert_int_equal(object_table_publish(t, o), ERR_OK);
		object_unref(o);
	}
	assert_true(object_table_squeezed(t));
	assert_true(object_table_count(t) >= 4 && object_table_count(t) < 80);
	object_table_free(t);
}

/* Rotation: the name moves to another object, in either order of publishing. */
static void a_name_that_moves_is_kept_by_its_new_object(void **state)
{
	(void)state;
	for (int new_first = 0; new_first < 2; new_first++) {
		struct object_table *t = object_table_new(1000);
		struct object *a = make_key("disk"), *b = make_key("disk");
		a->record_version = b->record_version = 1;
		struct object *bare = versioned(a, 2);
		attrset_remove(&bare->attrs, ATTR_NAME);
		assert_int_equal(object_table_publish(t, a), ERR_OK);
		assert_int_equal(object_table_publish(t, new_first ? b : bare), ERR_OK);
		assert_int_equal(object_table_publish(t, new_first ? bare : b), ERR_OK);
		assert_name_gives(t, "disk", b);
		assert_id_gives(t, a->id, bare);
		object_table_free(t);
		object_unref(a);
		object_unref(b);
		object_unref(bare);
	}
}

#define MANY 2000u

static void the_table_is_bounded_and_what_leaves_becomes_stale(void **state)
{
	enum { MAX = 256, SHARDS = 64 };
	struct object_table *t = object_table_new(MAX);
	static struct object *all[MANY];
	size_t in_memory = 0;
	(void)state;
	for (size_t i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof name, "k%zu", i);
		all[i] = object_new(2, "unix:0");
		assert_int_equal(names_add(&all[i]->attrs, view_str(name)), ERR_OK);
		all[i]->record_version = 1;
		assert_int_equal(object_table_publish(t, all[i]), ERR_OK);
		assert_id_gives(t, all[i]->id, all[i]); /* the newest is never the one that leaves */
		assert_name_gives(t, name, all[i]);
	}
	assert_in_range(object_table_count(t), SHARDS, MAX + SHARDS);
	for (size_t i = 0; i < MANY; i++) {
		char name[16];
		snprintf(name, sizeof name, "k%zu", i);
		struct object *by_id = object_table_get(t, all[i]->id);
		assert_int_equal(all[i]->stale, by_id == NULL);
		assert_name_gives(t, name, by_id);
		in_memory += by_id != NULL;
		object_unref(by_id);
	}
	assert_int_equal(in_memory, object_table_count(t));
	object_table_free(t);
	for (size_t i = 0; i < MANY; i++) {
		assert_int_equal(all[i]->refs, 1);
		object_unref(all[i]);
	}
}

static void clear_drops_everything_but_what_is_held(void **state)
{
	struct object_table *t = object_table_new(1000);
	struct object *o = make_key("disk");
	(void)state;
	o->record_version = 1;
	assert_int_equal(object_table_publish(t, o), ERR_OK);
	object_table_clear(t);
	assert_int_equal(object_table_count(t), 0);
	assert_true(o->stale);
	assert_id_gives(t, o->id, NULL);
	assert_name_gives(t, "disk", NULL);
	assert_int_equal(secret_len(o->material), 32);
	assert_int_equal(o->refs, 1);
	object_table_free(t);
	object_unref(o);
}

static void what_is_removed_gives_its_room_back(void **state)
{
	struct object_table *t = object_table_new(1000);
	(void)state;
	object_table_limit_bytes(t, 50 * 64, SIZE_MAX);
	for (size_t i = 0; i < 200; i++) {
		struct object *o = make_key("disk");
		o->record_version = 1;
		assert_int_equal(object_table_publish(t, o), ERR_OK);
		object_table_remove(t, o->id);
		object_table_remove(t, o->id); /* nothing is there any more */
		assert_true(o->stale);
		assert_id_gives(t, o->id, NULL);
		assert_name_gives(t, "disk", NULL);
		object_unref(o);
	}
	assert_false(object_table_squeezed(t));
	assert_int_equal(object_table_count(t), 0);
	object_table_free(t);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(objects_that_are_made_together_have_ids_that_stand_together),
		cmocka_unit_test(a_published_object_is_found_by_id_and_name),
		cmocka_unit_test(only_a_newer_snapshot_replaces_and_the_old_one_becomes_stale),
		cmocka_unit_test(a_renamed_object_is_not_found_by_its_old_name), cmocka_unit_test(objects_leave_for_want_of_bytes),
		cmocka_unit_test(caches_are_swept_when_a_sixteenth_has_left),
		cmocka_unit_test(objects_with_large_attributes_leave_as_well),
		cmocka_unit_test(a_name_that_moves_is_kept_by_its_new_object),
		cmocka_unit_test(the_table_is_bounded_and_what_leaves_becomes_stale),
		cmocka_unit_test(clear_drops_everything_but_what_is_held), cmocka_unit_test(what_is_removed_gives_its_room_back),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
