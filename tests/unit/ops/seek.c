/* Making and finding. */
#include "unit/ops/seek.h"

#include <stdio.h>
#include <string.h>

#include "unit/store/counting_store.h"

static void put_field(struct writer *w, uint32_t tag, const struct seek_field *f)
{
	struct view text = f->text ? view_str(f->text) : view_of(NULL, 0);
	switch (f->type) {
	case TTLV_INTEGER: ttlv_put_i32(w, tag, (int32_t)f->number); break;
	case TTLV_LONG_INTEGER: ttlv_put_i64(w, tag, f->number); break;
	case TTLV_BIG_INTEGER: ttlv_put_bigint(w, tag, text); break;
	case TTLV_ENUMERATION: ttlv_put_enum(w, tag, (uint32_t)f->number); break;
	case TTLV_BOOLEAN: ttlv_put_bool(w, tag, f->number != 0); break;
	case TTLV_BYTES: ttlv_put_bytes(w, tag, text); break;
	case TTLV_DATE_TIME: ttlv_put_time(w, tag, f->number); break;
	case TTLV_INTERVAL: ttlv_put_interval(w, tag, (uint32_t)f->number); break;
	default: ttlv_put_text(w, tag, text); break;
	}
}

static void put_value(struct writer *w, uint32_t tag, const struct seek_value *v)
{
	if (v->value.type != TTLV_STRUCTURE) {
		put_field(w, tag, &v->value);
		return;
	}
	struct ttlv_mark mark = ttlv_begin(w, tag);
	for (size_t i = 0; i < SEEK_FIELDS && v->fields[i].tag; i++) put_field(w, v->fields[i].tag, &v->fields[i]);
	ttlv_end(w, mark);
}

static void put_attribute(struct writer *w, const struct seek_value *v)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, v->custom ? v->custom : kmip_attr_row(v->attr)->name);
	put_value(w, TAG_ATTRIBUTE_VALUE, v);
	ttlv_end(w, mark);
}

struct object *seek_object(unsigned uid, const struct seek_value *values)
{
	struct principal p;
	principal_from_uid(uid, 1, &p);
	struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, p.text);
	assert_non_null(o);
	o->algorithm = CRYPTOGRAPHIC_ALGORITHM_AES;
	o->length_bits = 256;
	o->usage_mask = CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	o->state = OBJECT_ACTIVE;
	for (const struct seek_value *v = values; v && v->attr; v++) {
		uint8_t bytes[1024];
		struct writer w;
		writer_init(&w, bytes, sizeof bytes);
		put_value(&w, kmip_attr_row(v->attr)->tag, v);
		assert_int_equal(writer_done(&w), ERR_OK);
		assert_int_equal(attrset_add(&o->attrs, (uint32_t)v->attr, v->custom, writer_view(&w)), ERR_OK);
	}
	return o;
}

void seek_keep(struct fix *f, struct object *o)
{
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_create(f->engine.txn, o, NULL), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
}

void seek_make(struct fix *f, unsigned uid, const struct seek_value *values, char out_id[static UUID_TEXT_LEN + 1])
{
	struct object *o = seek_object(uid, values);
	seek_keep(f, o);
	text_uuid(o->id, out_id);
	object_unref(o);
}

static void put_ask(struct ask *a, const struct seek_ask *ask)
{
	ask_begin(a, &(struct ask_header){ .minor = ask->minor, .zero = ask->zero, .count = 1 });
	ask_item(a, OPERATION_LOCATE, 1);
	if (ask->max || ask->max_none) ttlv_put_i32(&a->w, TAG_MAXIMUM_ITEMS, ask->max);
	if (ask->skip) ttlv_put_i32(&a->w, TAG_OFFSET_ITEMS, ask->skip);
	if (ask->storage) ttlv_put_i32(&a->w, TAG_STORAGE_STATUS_MASK, ask->storage < 0 ? 0 : ask->storage);
	if (ask->member) ttlv_put_enum(&a->w, TAG_OBJECT_GROUP_MEMBER, ask->member);
	for (size_t i = 0; i < SEEK_VALUES && ask->values[i].attr; i++) put_attribute(&a->w, &ask->values[i]);
	ask_item_end(a, NULL);
	ask_end(a);
}

static void read_found(struct ttlv_cursor c, struct seek_found *out)
{
	struct ttlv_item item;
	struct view text;
	assert_int_equal(ttlv_take_optional_i32(&c, TAG_LOCATED_ITEMS, &out->located, &out->has_located), ERR_OK);
	while (ttlv_next(&c, &item)) {
		assert_int_equal(item.tag, TAG_UNIQUE_IDENTIFIER);
		assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
		assert_int_equal(text.len, UUID_TEXT_LEN);
		if (out->count < SEEK_IDS) memcpy(out->ids[out->count], text.ptr, UUID_TEXT_LEN);
		out->count++;
	}
}

void seek(struct fix *f, unsigned uid, const struct seek_ask *ask, struct seek_found *out)
{
	struct ask a;
	struct answer answer;
	memset(out, 0, sizeof *out);
	put_ask(&a, ask);
	fix_send(f, uid, &a, &answer);
	const struct kmip_response_item *item = &answer.response.items[0];
	out->err = item->err;
	snprintf(out->message, sizeof out->message, "%.*s", (int)item->message.len, item->message.ptr ? (const char *)item->message.ptr : "");
	if (!out->err) read_found(item->payload, out);
	answer_free(&answer);
}

size_t seek_rows_read(struct fix *f)
{
	counting_store_begin(f->engine.store);
	return counting_store_rows();
}
