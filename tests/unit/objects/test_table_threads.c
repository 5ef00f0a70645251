/* Readers and one publisher at the same table: every snapshot handed out is whole, and the newest one wins in the end. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <stdio.h>

#include "objects/names.h"
#include "unit/objects/support.h"

#define READERS 4
#define KEYS 96u     /* more than fit, so that entries leave while others read */
#define ROUNDS 150u

static struct object_table *table;
static uint8_t ids[KEYS][UUID_LEN];
static _Atomic bool over;
static _Atomic unsigned torn, found;

static void name_of(unsigned key, char out[static 16])
{
	snprintf(out, 16, "key-%u", key);
}

static void look(struct object *o, const char *name)
{
	if (!o) return;
	found++;
	/* key_version repeats record_version in every snapshot of this test */
	if (o->key_version != o->record_version || !object_has_name(o, view_str(name)) || secret_len(o->material) != 32) torn++;
	object_unref(o);
}

static void *read_on(void *arg)
{
	unsigned at = *(unsigned *)arg;
	while (!over) {
		char name[16];
		at = (at * 5 + 3) % KEYS;
		name_of(at, name);
		look(object_table_get(table, ids[at]), name);
		look(object_table_get_by_name(table, view_str(name)), name);
	}
	return NULL;
}

static struct object *snapshot(struct object *from, uint32_t version)
{
	struct object *o = object_copy(from);
	assert_non_null(o);
	o->record_version = o->key_version = version;
	return o;
}

static void publish_rounds(struct object **now)
{
	for (uint32_t version = 2; version <= ROUNDS; version++) {
		for (unsigned k = 0; k < KEYS; k++) {
			struct object *next = snapshot(now[k], version);
			assert_int_equal(object_table_publish(table, next), ERR_OK);
			assert_true(now[k]->stale);
			object_unref(now[k]);
			now[k] = next;
		}
		if (version % 50 == 0) object_table_clear(table);
	}
}

static void readers_see_whole_snapshots_while_one_thread_publishes(void **state)
{
	pthread_t threads[READERS];
	unsigned starts[READERS];
	struct object *now[KEYS];
	(void)state;
	table = object_table_new(16);
	for (unsigned k = 0; k < KEYS; k++) {
		char name[16];
		name_of(k, name);
		now[k] = make_key(name);
		now[k]->record_version = 1;
		for (size_t i = 0; i < UUID_LEN; i++) ids[k][i] = now[k]->id[i];
		assert_int_equal(object_table_publish(table, now[k]), ERR_OK);
	}
	for (unsigned i = 0; i < READERS; i++) {
		starts[i] = i * 17;
		assert_int_equal(pthread_create(&threads[i], NULL, read_on, &starts[i]), 0);
	}
	publish_rounds(now);
	over = true;
	for (unsigned i = 0; i < READERS; i++) pthread_join(threads[i], NULL);
	assert_int_equal(torn, 0);
	assert_true(found > 0);
	object_table_free(table);
	for (unsigned k = 0; k < KEYS; k++) {
		assert_int_equal(now[k]->refs, 1);
		object_unref(now[k]);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(readers_see_whole_snapshots_while_one_thread_publishes),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
