/* Attributes in tests. */
#include "unit/ops/attrs.h"

#include <stdlib.h>
#include <string.h>

#include "kmip/values.h"

struct writer *given_new(struct given *g)
{
	writer_init(&g->w, g->bytes, sizeof g->bytes);
	return &g->w;
}

void given_text(struct given *g, const char *text) { ttlv_put_str(given_new(g), TAG_ATTRIBUTE_VALUE, text); }
void given_time(struct given *g, uint64_t unix_s) { ttlv_put_time(given_new(g), TAG_ATTRIBUTE_VALUE, (int64_t)unix_s); }
void given_bool(struct given *g, bool v) { ttlv_put_bool(given_new(g), TAG_ATTRIBUTE_VALUE, v); }

void given_name(struct given *g, const char *name)
{
	kmip_name_put(given_new(g), TAG_ATTRIBUTE_VALUE, &(struct kmip_name){ view_str(name), NAME_TYPE_UNINTERPRETED_TEXT_STRING });
}

void given_link(struct given *g, uint32_t type, const char *to)
{
	kmip_link_put(given_new(g), TAG_ATTRIBUTE_VALUE, &(struct kmip_link){ type, view_str(to) });
}

static struct ask_header header_of(uint32_t version)
{
	return (struct ask_header){ .count = 1, .minor = version == KMIP_1_0 ? 0 : version, .zero = version == KMIP_1_0, .plain = true };
}

static void put_change(struct ask *a, const struct change *change)
{
	struct ttlv_mark mark;
	bool whole = change->operation != OPERATION_DELETE_ATTRIBUTE;
	if (whole) mark = ttlv_begin(&a->w, TAG_ATTRIBUTE);
	if (change->name) ttlv_put_str(&a->w, TAG_ATTRIBUTE_NAME, change->name);
	if (change->index) ttlv_put_i32(&a->w, TAG_ATTRIBUTE_INDEX, (int32_t)strtol(change->index, NULL, 10));
	if (change->value) {
		struct ttlv_item item;
		assert_int_equal(writer_done(&change->value->w), ERR_OK);
		assert_int_equal(ttlv_root(writer_view(&change->value->w), &item), ERR_OK);
		ttlv_put_item(&a->w, TAG_ATTRIBUTE_VALUE, &item);
	}
	if (whole) ttlv_end(&a->w, mark);
}

void change_send(struct fix *f, unsigned uid, const struct change *change, struct answer *out)
{
	struct ask a;
	struct ask_header header = header_of(change->version);
	ask_begin(&a, &header);
	ask_item(&a, change->operation, 1);
	ask_id(&a, change->id);
	put_change(&a, change);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, uid, &a, out);
	assert_int_equal(out->response.count, 1);
}

uint32_t change_reason(struct fix *f, unsigned uid, const struct change *change)
{
	struct answer answer;
	change_send(f, uid, change, &answer);
	uint32_t reason = answer.response.items[0].reason;
	assert_true((reason == 0) == (answer.response.items[0].status == RESULT_STATUS_SUCCESS));
	assert_true((reason == 0) == (answer.response.items[0].message.len == 0));
	answer_free(&answer);
	return reason;
}

uint32_t attr_add(struct fix *f, const char *id, const char *name, const struct given *value)
{
	return change_reason(f, ADMIN, &(struct change){ .operation = OPERATION_ADD_ATTRIBUTE, .id = id, .name = name, .value = value });
}

uint32_t attr_modify(struct fix *f, const char *id, const char *name, const struct given *value)
{
	return change_reason(f, ADMIN, &(struct change){ .operation = OPERATION_MODIFY_ATTRIBUTE, .id = id, .name = name, .value = value });
}

uint32_t attr_delete(struct fix *f, const char *id, const char *name, const char *index)
{
	return change_reason(f, ADMIN, &(struct change){ .operation = OPERATION_DELETE_ATTRIBUTE, .id = id, .name = name, .index = index });
}

void attrs_get(struct fix *f, uint32_t version, const char *id, const char *name, struct answer *out)
{
	struct ask a;
	struct ask_header header = header_of(version);
	ask_begin(&a, &header);
	ask_item(&a, OPERATION_GET_ATTRIBUTES, 1);
	ask_id(&a, id);
	if (name) ttlv_put_str(&a.w, TAG_ATTRIBUTE_NAME, name);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, out);
}

unsigned attrs_count(const struct answer *answer, const char *name, struct kmip_attr_value *out_last)
{
	struct ttlv_cursor c = answer_payload(answer, 0);
	struct ttlv_item item;
	struct kmip_attr_value value;
	unsigned count = 0;
	bool found = true;
	assert_int_equal(ttlv_take(&c, TAG_UNIQUE_IDENTIFIER, &item), ERR_OK);
	for (;;) {
		assert_int_equal(kmip_attr_next(&c, &value, &found), ERR_OK);
		if (!found) break;
		if (!view_equal_str(value.custom.len ? value.custom : view_str(kmip_attr_row(value.id)->name), name)) continue;
		if (out_last) *out_last = value;
		count++;
	}
	assert_int_equal(ttlv_done(&c), ERR_OK);
	return count;
}

unsigned attrs_of(struct fix *f, const char *id, const char *name)
{
	struct answer answer;
	attrs_get(f, 0, id, name, &answer);
	unsigned count = attrs_count(&answer, name, NULL);
	answer_free(&answer);
	return count;
}

uint64_t attrs_time(struct fix *f, const char *id, const char *name)
{
	struct answer answer;
	struct kmip_attr_value value;
	int64_t at_s = 0;
	attrs_get(f, 0, id, name, &answer);
	if (attrs_count(&answer, name, &value)) assert_int_equal(ttlv_get_time(&value.value, &at_s), ERR_OK);
	answer_free(&answer);
	return (uint64_t)at_s;
}

bool attrs_bool(struct fix *f, const char *id, const char *name)
{
	struct answer answer;
	struct kmip_attr_value value;
	bool v = false;
	attrs_get(f, 0, id, name, &answer);
	assert_int_equal(attrs_count(&answer, name, &value), 1);
	assert_int_equal(ttlv_get_bool(&value.value, &v), ERR_OK);
	answer_free(&answer);
	return v;
}

unsigned attrs_listed(struct fix *f, uint32_t version, const char *id, const char *name)
{
	struct ask a;
	struct answer answer;
	struct ttlv_item item;
	struct view text;
	unsigned count = 0;
	struct ask_header header = header_of(version);
	ask_begin(&a, &header);
	ask_item(&a, OPERATION_GET_ATTRIBUTE_LIST, 1);
	ask_id(&a, id);
	ask_item_end(&a, NULL);
	ask_end(&a);
	fix_send(f, ADMIN, &a, &answer);
	struct ttlv_cursor c = answer_payload(&answer, 0);
	while (ttlv_next(&c, &item)) {
		if (item.tag != TAG_ATTRIBUTE_NAME) continue;
		assert_int_equal(ttlv_get_text(&item, &text), ERR_OK);
		count += view_equal_str(text, name);
	}
	answer_free(&answer);
	return count;
}

void attrs_object(struct fix *f, uint32_t type, void (*change)(struct object *o), char out_id[static UUID_TEXT_LEN + 1])
{
	struct principal owner;
	principal_from_uid(ADMIN, 1, &owner);
	struct object *o = object_new(type, owner.text);
	assert_non_null(o);
	if (kmip_attr_applies(ATTR_CRYPTOGRAPHIC_USAGE_MASK, type)) o->usage_mask = CRYPTOGRAPHIC_USAGE_MASK_VERIFY;
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, f->now_s), ERR_OK);
	assert_int_equal(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, f->now_s), ERR_OK);
	if (change) change(o);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(txn_create(f->engine.txn, o, NULL), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	text_uuid(o->id, out_id);
	object_unref(o);
}
