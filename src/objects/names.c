/* Names and Object Groups. */
#include "objects/names.h"

#include "kmip/attr.h"
#include "kmip/values.h"

#define NAME_ITEM_MAX 8192u

/* The i-th value of an attribute by position. */
static const struct attrset_value *nth(const struct attrset *attrs, enum kmip_attr attr, size_t i)
{
	for (size_t at = 0; at < attrs->count; at++)
		if (attrs->values[at].attr == (uint32_t)attr && i-- == 0) return &attrs->values[at];
	return NULL;
}

bool names_at(const struct attrset *attrs, size_t i, struct view *out)
{
	struct ttlv_item item;
	struct kmip_name name;
	if (!attrset_item(nth(attrs, ATTR_NAME, i), &item) || kmip_name_parse(&item, &name) != ERR_OK) return false;
	*out = name.value;
	return true;
}

struct view names_first(const struct attrset *attrs)
{
	struct view name = { NULL, 0 };
	names_at(attrs, 0, &name);
	return name;
}

bool names_has(const struct attrset *attrs, struct view name)
{
	struct view have;
	for (size_t i = 0; names_at(attrs, i, &have); i++)
		if (view_equal(have, name)) return true;
	return false;
}

bool names_group_at(const struct attrset *attrs, size_t i, struct view *out)
{
	struct ttlv_item item;
	return attrset_item(nth(attrs, ATTR_OBJECT_GROUP, i), &item) && ttlv_get_text(&item, out) == ERR_OK;
}

struct view names_group(const struct attrset *attrs)
{
	struct view group = { NULL, 0 };
	names_group_at(attrs, 0, &group);
	return group;
}

enum coffer_err names_add(struct attrset *attrs, struct view name)
{
	uint8_t bytes[NAME_ITEM_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_name_put(&w, TAG_NAME, &(struct kmip_name){ name, NAME_TYPE_UNINTERPRETED_TEXT_STRING });
	TRY(writer_done(&w));
	return attrset_add(attrs, ATTR_NAME, NULL, writer_view(&w));
}

enum coffer_err names_add_group(struct attrset *attrs, struct view group)
{
	uint8_t bytes[NAME_ITEM_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	ttlv_put_text(&w, TAG_OBJECT_GROUP, group);
	TRY(writer_done(&w));
	return attrset_add(attrs, ATTR_OBJECT_GROUP, NULL, writer_view(&w));
}
