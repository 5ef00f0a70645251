/* Get Attribute List (KMIP 1.4 section 4.13): names of the attributes that the object has, each once. */
#include "kmip/tags.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

struct list {
	const struct attrset *set;
	struct writer *out;
	bool told[ATTR_COUNT];
};

/* The name of the first value of this custom attribute, whose bytes stand for it. */
static const char *first_of(const struct attrset *set, struct view custom)
{
	for (size_t i = 0; i < set->count; i++)
		if (set->values[i].custom && view_equal_str(custom, set->values[i].custom)) return set->values[i].custom;
	return NULL;
}

/* Which value of an attribute comes first depends on what was deleted: its index need not be 0. */
static enum coffer_err put_name(void *arg, const struct kmip_attr_value *value)
{
	struct list *list = arg;
	bool again = value->id == ATTR_CUSTOM_ATTRIBUTE ? (const char *)value->custom.ptr != first_of(list->set, value->custom)
		: list->told[value->id];
	if (!again) ttlv_put_text(list->out, TAG_ATTRIBUTE_NAME, kmip_attribute_name(value));
	list->told[value->id] = true;
	return ERR_OK;
}

enum coffer_err op_get_attribute_list(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_seen seen = kmip_seen_of(ctx, ctx->object);
	struct list list = { .set = &ctx->object->attrs, .out = out };
	TRY(kmip_end(ctx, payload));
	kmip_put_id(out, ctx->object);
	return kmip_attributes_each(&seen, put_name, &list);
}
