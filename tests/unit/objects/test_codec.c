/* Objects as sealed records (docs/formats.md sections 6 and 6.1). */
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "keyring/record.h"
#include "kmip/attr.h"
#include "objects/codec.h"
#include "objects/names.h"
#include "unit/objects/support.h"

struct sealed {
	struct store_row row;
	struct buf header, index, body;
};

static void seal(struct ring *ring, struct object *o, struct sealed *s)
{
	*s = (struct sealed){ .header = BUF_EMPTY, .index = BUF_EMPTY, .body = BUF_EMPTY };
	o->record_version = o->record_version ? o->record_version : 1;
	assert_int_equal(object_to_row(ring, o, &s->row, &s->header, &s->index, &s->body), ERR_OK);
}

static void sealed_done(struct sealed *s)
{
	buf_free(&s->header);
	buf_free(&s->index);
	buf_free(&s->body);
}

static void assert_same(const struct object *a, const struct object *b)
{
	assert_memory_equal(a->id, b->id, UUID_LEN);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->algorithm, b->algorithm);
	assert_int_equal(a->length_bits, b->length_bits);
	assert_int_equal(a->usage_mask, b->usage_mask);
	assert_int_equal(a->key_version, b->key_version);
	assert_int_equal(a->key_format, b->key_format);
	assert_int_equal(a->created_us, b->created_us);
	assert_int_equal(a->state, b->state);
	assert_int_equal(a->record_version, b->record_version);
	assert_string_equal(a->owner, b->owner);
	assert_int_equal(!a->material, !b->material);
	if (a->material) assert_true(secret_equal(a->material, b->material));
	assert_int_equal(!a->seal_message, !b->seal_message);
	if (a->seal_message) assert_true(secret_equal(a->seal_message, b->seal_message) && secret_equal(a->seal_stream, b->seal_stream));
	assert_int_equal(a->attrs.count, b->attrs.count);
	for (size_t i = 0; i < a->attrs.count; i++) {
		const struct attrset_value *x = &a->attrs.values[i], *y = &b->attrs.values[i];
		assert_int_equal(x->attr, y->attr);
		assert_int_equal(x->index, y->index);
		assert_int_equal(!x->custom, !y->custom);
		if (x->custom) assert_string_equal(x->custom, y->custom);
		assert_int_equal(x->item_len, y->item_len);
		assert_memory_equal(x->item, y->item, x->item_len);
	}
}

static struct object *rich_key(void)
{
	struct object *o = make_key("disk");
	uint8_t item[64];
	struct writer w;
	writer_init(&w, item, sizeof item);
	ttlv_put_i32(&w, TAG_ATTRIBUTE_VALUE, 42);
	assert_int_equal(names_add(&o->attrs, view_str("zweiter Schl\xc3\xbcssel")), ERR_OK);
	assert_int_equal(names_add_group(&o->attrs, view_str("finance")), ERR_OK);
	assert_int_equal(attrset_add_at(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-count", 3, writer_view(&w)), ERR_OK);
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, 1700000000), ERR_OK);
	assert_int_equal(attrset_set_bool(&o->attrs, ATTR_SENSITIVE, true), ERR_OK);
	o->key_version = 3;
	o->created_us = 1700000000000042;
	o->record_version = 9;
	return o;
}

static void an_object_comes_back_as_it_was(void **state)
{
	struct ring *ring = fixture_ring(2);
	(void)state;
	for (int destroyed = 0; destroyed < 2; destroyed++) {
		struct object *o = rich_key(), *back = NULL;
		struct sealed s;
		if (destroyed) {
			o->state = OBJECT_DESTROYED;
			object_drop_material(o);
		}
		seal(ring, o, &s);
		assert_int_equal(o->generation, 2);
		assert_int_equal(object_from_row(ring, &s.row, &back), ERR_OK);
		assert_same(o, back);
		assert_int_equal(back->generation, 2);
		assert_int_equal(back->refs, 1);
		assert_int_equal(back->material != NULL, !destroyed);
		object_unref(o);
		object_unref(back);
		sealed_done(&s);
	}
	ring_free(ring);
}

static void assert_corrupt(struct ring *ring, const struct store_row *row)
{
	struct object *o = NULL;
	assert_int_equal(object_from_row(ring, row, &o), ERR_CORRUPT);
	assert_null(o);
}

static void every_edited_column_is_found(void **state)
{
	struct ring *ring = fixture_ring(2);
	struct object *o = rich_key();
	struct sealed s;
	(void)state;
	seal(ring, o, &s);
	struct store_row edited = s.row;
	edited.id[3] ^= 1;
	assert_corrupt(ring, &edited);
	edited = s.row;
	edited.id_len--;
	assert_corrupt(ring, &edited);
	for (uint32_t st = 0; st < 9; st++) {
		edited = s.row;
		edited.state = st;
		if (st != s.row.state) assert_corrupt(ring, &edited);
	}
	edited = s.row;
	edited.version++;
	assert_corrupt(ring, &edited);
	edited = s.row;
	edited.generation--;
	assert_corrupt(ring, &edited);
	const struct buf *columns[] = { &s.header, &s.index, &s.body };
	for (size_t c = 0; c < 3; c++) {
		for (size_t i = 0; i < columns[c]->len; i++) {
			columns[c]->ptr[i] ^= 0x20;
			assert_corrupt(ring, &s.row);
			columns[c]->ptr[i] ^= 0x20;
		}
	}
	struct object *back = NULL;
	assert_int_equal(object_from_row(ring, &s.row, &back), ERR_OK);
	object_unref(back);
	object_unref(o);
	sealed_done(&s);
	ring_free(ring);
}

/* What the body's middle is made of: a sound record but for one thing. */
static void put_record(struct writer *w, void (*attribute)(struct writer *w))
{
	struct ttlv_mark record = ttlv_begin(w, TAG_COFFER_RECORD);
	ttlv_put_i32(w, TAG_COFFER_RECORD_KEY_VERSION, 1);
	ttlv_put_enum(w, TAG_COFFER_RECORD_KEY_FORMAT, 1);
	struct ttlv_mark mark = ttlv_begin(w, TAG_COFFER_RECORD_ATTRIBUTE);
	attribute(w);
	ttlv_end(w, mark);
	ttlv_end(w, record);
}

static void sound(struct writer *w) { ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, 0); ttlv_put_bool(w, TAG_SENSITIVE, true); }
static void unknown_tag(struct writer *w) { ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, 0); ttlv_put_bool(w, 0x540fff, true); }
static void no_index(struct writer *w) { ttlv_put_bool(w, TAG_SENSITIVE, true); }
static void negative(struct writer *w) { ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, -1); ttlv_put_bool(w, TAG_SENSITIVE, true); }
static void no_value(struct writer *w) { ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, 0); }
static void two_values(struct writer *w) { sound(w); ttlv_put_bool(w, TAG_SENSITIVE, true); }
static void named_standard(struct writer *w)
{
	ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, 0);
	ttlv_put_str(w, TAG_COFFER_RECORD_NAME, "x-a");
	ttlv_put_bool(w, TAG_SENSITIVE, true);
}
static void put_custom(struct writer *w, struct view name)
{
	ttlv_put_i32(w, TAG_COFFER_RECORD_INDEX, 0);
	if (name.ptr) ttlv_put_text(w, TAG_COFFER_RECORD_NAME, name);
	ttlv_put_bool(w, TAG_ATTRIBUTE_VALUE, true);
}
static void custom(struct writer *w) { put_custom(w, view_str("x-a")); }
static void custom_without_name(struct writer *w) { put_custom(w, view_of(NULL, 0)); }
static void custom_empty_name(struct writer *w) { put_custom(w, view_str("")); }
static void custom_nul(struct writer *w) { put_custom(w, view_of("x-a\0b", 5)); }

static void bodies_that_opened_are_still_read_strictly(void **state)
{
	static const struct { void (*attribute)(struct writer *w); enum coffer_err expected; } table[] = {
		{ sound, ERR_OK }, { custom, ERR_OK }, { unknown_tag, ERR_VERSION }, { no_index, ERR_CORRUPT }, { negative, ERR_CORRUPT },
		{ no_value, ERR_CORRUPT }, { two_values, ERR_CORRUPT }, { named_standard, ERR_CORRUPT }, { custom_without_name, ERR_CORRUPT },
		{ custom_empty_name, ERR_CORRUPT }, { custom_nul, ERR_CORRUPT },
	};
	struct ring *ring = fixture_ring(1);
	struct object *o = make_key("disk");
	struct sealed s;
	(void)state;
	seal(ring, o, &s);
	for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
		uint8_t plain[512];
		struct writer w;
		struct buf body = BUF_EMPTY;
		struct object *back = NULL;
		writer_init(&w, plain, sizeof plain);
		put_record(&w, table[i].attribute);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_int_equal(record_seal(ring, STORE_OBJECT, writer_view(&w), &s.row, &body), ERR_OK);
		assert_int_equal(object_from_row(ring, &s.row, &back), table[i].expected);
		object_unref(back);
		buf_free(&body);
	}
	object_unref(o);
	sealed_done(&s);
	ring_free(ring);
}

static void what_could_not_be_read_back_is_not_written(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct object *o = make_key("disk");
	struct sealed s = { .header = BUF_EMPTY, .index = BUF_EMPTY, .body = BUF_EMPTY };
	char owner[OBJECT_OWNER_MAX + 2];
	(void)state;
	o->record_version = 1;
	o->key_version = 0x80000000u;
	assert_int_equal(object_to_row(ring, o, &s.row, &s.header, &s.index, &s.body), ERR_LIMIT);
	o->key_version = 1;
	memset(owner, 'o', sizeof owner);
	owner[sizeof owner - 1] = '\0';
	free(o->owner);
	o->owner = strdup(owner);
	assert_int_equal(object_to_row(ring, o, &s.row, &s.header, &s.index, &s.body), ERR_FIELD);
	o->owner[OBJECT_OWNER_MAX] = '\0';
	sealed_done(&s);
	seal(ring, o, &s);
	object_unref(o);
	sealed_done(&s);
	ring_free(ring);
}

static struct view frozen(const json_t *doc, const char *name, struct buf *into)
{
	const char *hex = json_string_value(json_object_get(doc, name));
	assert_non_null(hex);
	size_t len = strlen(hex) / 2;
	assert_int_equal(buf_reserve(into, len + 1), ERR_OK);
	assert_int_equal(text_unhex(view_str(hex), into->ptr, len), ERR_OK);
	into->len = len;
	return buf_view(into);
}

/* What tests/vectors/NAME holds, as a row. */
struct frozen {
	json_t *doc;
	struct store_row row;
	struct buf header, index, body;
};

static void frozen_open(const char *name, struct frozen *f)
{
	char path[4096];
	const char *dir = getenv("COFFER_VECTORS");
	*f = (struct frozen){ .row = { .id_len = UUID_LEN, .version = 7, .state = OBJECT_ACTIVE, .generation = 1 },
		.header = BUF_EMPTY, .index = BUF_EMPTY, .body = BUF_EMPTY };
	snprintf(path, sizeof path, "%s/%s", dir ? dir : "tests/vectors", name);
	f->doc = json_load_file(path, 0, NULL);
	assert_non_null(f->doc);
	rising(0x40, f->row.id, UUID_LEN);
	f->row.header = frozen(f->doc, "header", &f->header);
	f->row.index = frozen(f->doc, "index", &f->index);
	f->row.body = frozen(f->doc, "sealed-body", &f->body);
}

static void frozen_close(struct frozen *f)
{
	buf_free(&f->header);
	buf_free(&f->index);
	buf_free(&f->body);
	json_decref(f->doc);
}

static void assert_frozen_object(const struct object *o)
{
	assert_true(object_has_name(o, view_str("payroll-key")));
	assert_true(view_equal_str(object_group(o), "finance"));
	assert_string_equal(o->owner, "unix:1000");
	assert_int_equal(o->key_version, 3);
	assert_non_null(attrset_get(&o->attrs, ATTR_CUSTOM_ATTRIBUTE, "x-site", 0));
	assert_answer("seal-message", secret_bytes(o->seal_message), 32);
}

static void the_frozen_record_opens_and_is_written_alike(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct buf plain = BUF_EMPTY, again = BUF_EMPTY;
	struct object *o = NULL;
	struct sealed s;
	struct frozen f;
	(void)state;
	frozen_open("object-record-v3.json", &f);
	assert_int_equal(object_from_row(ring, &f.row, &o), ERR_OK);
	assert_frozen_object(o);
	assert_int_equal(o->attrs.count, 5);
	assert_int_equal(o->created_us, 1700000000000042);

	seal(ring, o, &s);
	assert_true(view_equal(s.row.header, f.row.header));
	assert_true(view_equal(s.row.index, f.row.index));
	assert_int_equal(record_open(ring, STORE_OBJECT, &s.row, &again), ERR_OK);
	assert_true(view_equal(buf_view(&again), frozen(f.doc, "body", &plain)));
	sealed_done(&s);
	object_unref(o);
	buf_free(&plain);
	buf_free(&again);
	frozen_close(&f);
	ring_free(ring);
}

static void a_record_of_schema_1_opens_and_is_written_as_the_newest(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct object *o = NULL, *back = NULL;
	struct object_head head;
	struct sealed s;
	struct frozen f;
	(void)state;
	frozen_open("object-record-v1.json", &f);
	assert_int_equal(object_from_row(ring, &f.row, &o), ERR_OK);
	assert_frozen_object(o);
	assert_int_equal(o->created_us, 0);
	assert_true(object_created_us(o) == UINT64_C(1700000000000000));
	assert_int_equal(object_peek(&f.row, &head), ERR_OK);
	assert_int_equal(head.schema, 1);
	seal(ring, o, &s);
	assert_int_equal(object_peek(&s.row, &head), ERR_OK);
	assert_int_equal(head.schema, OBJECT_SCHEMA_INDEXED);
	assert_int_equal(object_from_row(ring, &s.row, &back), ERR_OK);
	assert_same(o, back);
	sealed_done(&s);
	object_unref(o);
	object_unref(back);
	frozen_close(&f);
	ring_free(ring);
}

static void the_clear_columns_can_be_read_alone(void **state)
{
	struct ring *ring = fixture_ring(1);
	struct object *o = rich_key();
	struct object_head head;
	struct sealed s;
	(void)state;
	seal(ring, o, &s);
	assert_int_equal(object_peek(&s.row, &head), ERR_OK);
	assert_true(head.type == o->type && head.algorithm == o->algorithm && head.length_bits == 256 && head.usage_mask == o->usage_mask);
	assert_int_equal(head.state, OBJECT_ACTIVE);
	assert_true(view_equal_str(head.owner, "unix:1000"));
	s.header.ptr[0] = OBJECT_SCHEMA_INDEXED + 1;
	assert_int_equal(object_peek(&s.row, &head), ERR_VERSION);
	s.header.ptr[0] = OBJECT_SCHEMA_INDEXED;
	s.row.header.len--;
	assert_int_equal(object_peek(&s.row, &head), ERR_CORRUPT);
	s.row.state = 7;
	assert_int_equal(object_peek(&s.row, &head), ERR_CORRUPT);
	object_unref(o);
	sealed_done(&s);
	ring_free(ring);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_object_comes_back_as_it_was),
		cmocka_unit_test(every_edited_column_is_found),
		cmocka_unit_test(bodies_that_opened_are_still_read_strictly),
		cmocka_unit_test(what_could_not_be_read_back_is_not_written),
		cmocka_unit_test(the_frozen_record_opens_and_is_written_alike),
		cmocka_unit_test(a_record_of_schema_1_opens_and_is_written_as_the_newest),
		cmocka_unit_test(the_clear_columns_can_be_read_alone),
	};
	return cmocka_run_group_tests(tests, fixture_start, fixture_stop);
}
