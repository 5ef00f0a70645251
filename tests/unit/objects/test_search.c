/* Searching by index entry and through the table; old rows that are written again. */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "keyring/record.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "objects/reindex.h"
#include "unit/objects/support.h"

static enum coffer_err count_object(void *arg, struct object *o)
{
	assert_non_null(o);
	++*(size_t *)arg;
	return ERR_OK;
}

/* The last entry that an object has. */
struct note { uint8_t bytes[256]; struct record_index_entry entry; };

static enum coffer_err note_entry(void *arg, const struct record_index_entry *entry)
{
	struct note *note = arg;
	assert_true(entry->value.len <= sizeof note->bytes);
	memcpy(note->bytes, entry->value.ptr, entry->value.len);
	note->entry = (struct record_index_entry){ entry->index, view_of(note->bytes, entry->value.len) };
	return ERR_OK;
}

static void note_custom(struct note *note, const char *name, const char *text)
{
	struct object *o = make_key(NULL);
	add_custom(o, name, text);
	assert_int_equal(object_index_each(o, note_entry, note), ERR_OK);
	assert_int_equal(note->entry.index, OBJECT_INDEX_ATTRIBUTE);
	object_unref(o);
}

static size_t find(struct world *w, const struct record_index_entry *entry)
{
	size_t found = 0;
	assert_int_equal(txn_find(w->txn, entry, count_object, &found), ERR_OK);
	return found;
}

static void fill(struct world *w, unsigned count)
{
	begin(w);
	for (unsigned i = 0; i < count; i++) {
		char text[16];
		struct object *o = make_key(NULL);
		snprintf(text, sizeof text, "%u", i % 10 ? i : 0);
		add_custom(o, "x-n", text);
		assert_int_equal(txn_create(w->txn, o, NULL), ERR_OK);
		object_unref(o);
	}
	commit(w);
}

static void a_search_reads_only_what_it_finds(void **state)
{
	enum { COUNT = 700 };
	struct world w;
	struct note rare, often;
	(void)state;
	world_open(&w);
	fill(&w, COUNT);
	note_custom(&rare, "x-n", "11");
	note_custom(&often, "x-n", "0");
	for (int in_memory = 1; in_memory >= 0; in_memory--) {
		if (!in_memory) object_table_clear(w.table);
		world_rows_read(&w);
		assert_int_equal(find(&w, &rare.entry), 1);
		assert_int_equal(world_rows_read(&w), in_memory ? 1 : 2); /* the index row, the object's row */
		assert_int_equal(find(&w, &often.entry), COUNT / 10);
		assert_int_equal(world_rows_read(&w), COUNT / 10 * (in_memory ? 1 : 2));
	}
	note_custom(&rare, "x-n", "10");
	assert_int_equal(find(&w, &rare.entry), 0);
	note_custom(&rare, "x-m", "11");
	assert_int_equal(find(&w, &rare.entry), 0);
	assert_int_equal(world_rows_read(&w), 0);
	world_close(&w);
}

static void a_search_asks_for_every_generation(void **state)
{
	struct world w;
	struct note note;
	size_t count = 0;
	(void)state;
	world_open(&w);
	fill(&w, 3);
	struct ring *wider = fixture_ring(2);
	txn_set_ring(w.txn, wider);
	fill(&w, 3);
	note_custom(&note, "x-n", "1");
	assert_int_equal(find(&w, &note.entry), 2);
	assert_int_equal(txn_count(w.txn, &note.entry, 10, &count), ERR_OK);
	assert_int_equal(count, 2);
	assert_int_equal(txn_count(w.txn, &note.entry, 1, &count), ERR_OK);
	assert_int_equal(count, 1);
	ring_free(w.ring);
	w.ring = wider;
	world_close(&w);
}

/* A row sealed with the token of a value that it lacks: nobody but us could, so it never counts. */
static void a_hit_without_the_value_is_a_fault(void **state)
{
	struct world w;
	struct note note;
	struct store_row row;
	size_t found = 0;
	(void)state;
	world_open(&w);
	struct object *o = keep_key(&w, "disk");
	struct buf plain = BUF_EMPTY, index = BUF_EMPTY, body = BUF_EMPTY, header = BUF_EMPTY;
	note_custom(&note, "x-n", "1");
	begin(&w);
	assert_int_equal(store_get(w.store, STORE_OBJECT, view_of(o->id, UUID_LEN), &row), ERR_OK);
	assert_int_equal(record_open(w.ring, STORE_OBJECT, &row, &plain), ERR_OK);
	assert_int_equal(buf_append(&header, row.header), ERR_OK);
	assert_int_equal(record_index(w.ring, 1, STORE_OBJECT, &note.entry, 1, &index), ERR_OK);
	row.header = buf_view(&header);
	row.index = buf_view(&index);
	assert_int_equal(record_seal(w.ring, STORE_OBJECT, buf_view(&plain), &row, &body), ERR_OK);
	assert_int_equal(store_put(w.store, STORE_OBJECT, &row, true), ERR_OK);
	assert_int_equal(txn_find(w.txn, &note.entry, count_object, &found), ERR_CORRUPT);
	assert_int_equal(found, 0);
	txn_abort(w.txn);
	struct buf *all[] = { &plain, &index, &body, &header };
	for (size_t i = 0; i < 4; i++) buf_free(all[i]);
	object_unref(o);
	world_close(&w);
}

static void owned_objects_are_counted_while_they_live(void **state)
{
	static const struct { const char *owner; size_t limit, expected; } table[] = {
		{ "unix:1000", 100, 5 }, { "unix:1000", 3, 3 }, { "unix:1000", 0, 0 }, { "unix:100", 100, 0 }, { "unix:1001", 100, 0 },
	};
	struct world w;
	size_t count = 99;
	(void)state;
	world_open(&w);
	fill(&w, 5);
	struct object *o = keep_key(&w, "gone"), *next = object_copy(o);
	next->state = OBJECT_DEACTIVATED;
	begin(&w);
	assert_int_equal(txn_update(w.txn, next, NULL), ERR_OK);
	struct object *destroyed = object_copy(next);
	destroyed->state = OBJECT_DESTROYED;
	assert_int_equal(txn_count_owned(w.txn, view_str("unix:1000"), 100, &count), ERR_OK);
	assert_int_equal(count, 6);
	assert_int_equal(txn_update(w.txn, destroyed, NULL), ERR_OK);
	commit(&w);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		assert_int_equal(txn_count_owned(w.txn, view_str(table[i].owner), table[i].limit, &count), ERR_OK);
		assert_int_equal(count, table[i].expected);
	}
	struct object *all[] = { o, next, destroyed };
	for (size_t i = 0; i < 3; i++) object_unref(all[i]);
	world_close(&w);
}

static enum coffer_err keep_one_half(void *arg, const struct store_row *row, bool *out_keep)
{
	(void)arg;
	*out_keep = row->id[UUID_LEN - 1] < 0x80; /* by the random end of it */
	return ERR_OK;
}

static void a_scan_opens_only_the_rows_that_are_kept_and_leaves_memory_alone(void **state)
{
	enum { COUNT = 200 };
	struct world w;
	size_t found = 0;
	(void)state;
	world_open(&w);
	fill(&w, COUNT);
	object_table_clear(w.table);
	world_rows_read(&w);
	assert_int_equal(txn_scan_kept(w.txn, view_of(NULL, 0), SIZE_MAX, keep_one_half, count_object, &found, NULL), ERR_OK);
	assert_true(found > 0 && found < COUNT);
	assert_int_equal(world_rows_read(&w), COUNT + found);
	assert_int_equal(object_table_count(w.table), 0);
	world_close(&w);
}

static void reindex(struct world *w, struct reindex *r)
{
	*r = (struct reindex){ .begun = false };
	for (unsigned pages = 0; !r->done; pages++) {
		assert_true(pages < 100);
		begin(w);
		assert_int_equal(txn_reindex(w->txn, r, NULL), ERR_OK);
		commit(w);
	}
}

static void objects_of_an_older_program_are_indexed_once(void **state)
{
	enum { COUNT = 130 };
	struct world w;
	struct note note;
	struct reindex r;
	struct object *found = NULL;
	size_t owned;
	(void)state;
	world_open(&w);
	note_custom(&note, "x-n", "7");
	for (unsigned i = 0; i < COUNT; i++) {
		struct object *o = make_key(i == 100 ? "disk" : NULL);
		add_custom(o, "x-n", i % 2 ? "7" : "8");
		keep(&w, o);
		keep_old(&w, o, 1, false);
		object_unref(o);
	}
	object_table_clear(w.table);
	assert_false(txn_indexed(w.txn));
	assert_int_equal(find(&w, &note.entry), 0);
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_OK);
	object_unref(found);
	object_table_clear(w.table);
	reindex(&w, &r);
	assert_true(r.written == COUNT && r.failed == 0 && txn_indexed(w.txn));
	assert_int_equal(find(&w, &note.entry), COUNT / 2);
	assert_int_equal(txn_count_owned(w.txn, view_str("unix:1000"), 1000, &owned), ERR_OK);
	assert_int_equal(owned, COUNT);
	found = NULL;
	assert_int_equal(txn_object_by_name(w.txn, view_str("disk"), &found), ERR_OK);
	assert_int_equal(found->record_version, 2);
	object_unref(found);

	txn_set_ring(w.txn, NULL); /* the next start */
	txn_set_ring(w.txn, w.ring);
	assert_false(txn_indexed(w.txn));
	world_rows_read(&w);
	reindex(&w, &r);
	assert_true(r.written == 0 && txn_indexed(w.txn));
	assert_int_equal(world_rows_read(&w), 1); /* the mark alone */
	world_close(&w);
}

static void an_object_that_does_not_open_keeps_the_store_from_counting_as_indexed(void **state)
{
	struct world w;
	struct reindex r;
	struct note note;
	(void)state;
	world_open(&w);
	note_custom(&note, "x-n", "1");
	fill(&w, 3);
	struct object *o = keep_key(&w, "bad");
	keep_old(&w, o, 1, true);
	object_table_clear(w.table);
	for (int again = 0; again < 2; again++) {
		reindex(&w, &r);
		assert_true(r.written == 0 && r.failed == 1);
		assert_false(txn_indexed(w.txn));
	}
	keep_old(&w, o, 1, false);
	reindex(&w, &r);
	assert_true(r.written == 1 && r.failed == 0 && txn_indexed(w.txn));
	assert_int_equal(find(&w, &note.entry), 1);
	object_unref(o);
	world_close(&w);
}

static void the_mark_counts_only_when_it_opens(void **state)
{
	struct world w;
	struct reindex r;
	struct store_row row;
	struct reason reason = { "" };
	uint8_t body[256], header[8];
	(void)state;
	world_open(&w);
	reindex(&w, &r);
	assert_true(txn_indexed(w.txn));
	begin(&w);
	assert_int_equal(store_get(w.store, STORE_DOMAIN, view_str("object-index"), &row), ERR_OK);
	memcpy(body, row.body.ptr, row.body.len);
	memcpy(header, row.header.ptr, row.header.len);
	body[row.body.len - 1] ^= 1;
	row.body.ptr = body;
	row.header.ptr = header;
	assert_int_equal(store_put(w.store, STORE_DOMAIN, &row, true), ERR_OK);
	r = (struct reindex){ .begun = false };
	assert_int_equal(txn_reindex(w.txn, &r, &reason), ERR_CORRUPT);
	assert_non_null(strstr(reason.text, "indexed"));
	txn_abort(w.txn);
	world_close(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_search_reads_only_what_it_finds),
		cmocka_unit_test(a_search_asks_for_every_generation),
		cmocka_unit_test(a_hit_without_the_value_is_a_fault),
		cmocka_unit_test(owned_objects_are_counted_while_they_live),
		cmocka_unit_test(a_scan_opens_only_the_rows_that_are_kept_and_leaves_memory_alone),
		cmocka_unit_test(objects_of_an_older_program_are_indexed_once),
		cmocka_unit_test(an_object_that_does_not_open_keeps_the_store_from_counting_as_indexed),
		cmocka_unit_test(the_mark_counts_only_when_it_opens),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
