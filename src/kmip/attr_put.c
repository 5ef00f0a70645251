/* Writing attributes in the 1.x form. */
#include "kmip/attr.h"

static struct ttlv_mark begin(struct writer *w, enum kmip_attr id)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, kmip_attr_row(id)->name);
	return mark;
}

void kmip_attr_put(struct writer *w, const struct kmip_attr_value *value)
{
	struct ttlv_mark mark = ttlv_begin(w, TAG_ATTRIBUTE);
	if (value->id == ATTR_CUSTOM_ATTRIBUTE) ttlv_put_text(w, TAG_ATTRIBUTE_NAME, value->custom);
	else ttlv_put_str(w, TAG_ATTRIBUTE_NAME, kmip_attr_row(value->id)->name);
	if (value->has_index) ttlv_put_i32(w, TAG_ATTRIBUTE_INDEX, (int32_t)value->index);
	if (value->has_value) ttlv_put_item(w, TAG_ATTRIBUTE_VALUE, &value->value);
	ttlv_end(w, mark);
}

void kmip_attr_put_item(struct writer *w, enum kmip_attr id, const struct ttlv_item *value)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_item(w, TAG_ATTRIBUTE_VALUE, value);
	ttlv_end(w, mark);
}

void kmip_attr_put_i32(struct writer *w, enum kmip_attr id, int32_t v)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_i32(w, TAG_ATTRIBUTE_VALUE, v);
	ttlv_end(w, mark);
}

void kmip_attr_put_enum(struct writer *w, enum kmip_attr id, uint32_t v)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_enum(w, TAG_ATTRIBUTE_VALUE, v);
	ttlv_end(w, mark);
}

void kmip_attr_put_bool(struct writer *w, enum kmip_attr id, bool v)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_bool(w, TAG_ATTRIBUTE_VALUE, v);
	ttlv_end(w, mark);
}

void kmip_attr_put_text(struct writer *w, enum kmip_attr id, struct view utf8)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_text(w, TAG_ATTRIBUTE_VALUE, utf8);
	ttlv_end(w, mark);
}

void kmip_attr_put_time(struct writer *w, enum kmip_attr id, int64_t unix_s)
{
	struct ttlv_mark mark = begin(w, id);
	ttlv_put_time(w, TAG_ATTRIBUTE_VALUE, unix_s);
	ttlv_end(w, mark);
}

struct kmip_attr_mark kmip_attr_begin(struct writer *w, enum kmip_attr id)
{
	struct kmip_attr_mark mark = { .attribute = begin(w, id) };
	mark.value = ttlv_begin(w, TAG_ATTRIBUTE_VALUE);
	return mark;
}

void kmip_attr_end(struct writer *w, struct kmip_attr_mark mark)
{
	ttlv_end(w, mark.value);
	ttlv_end(w, mark.attribute);
}
