/* Delete Attribute (KMIP 1.4 section 4.16): one value goes; the others keep their indices. */
#include "kmip/tags.h"
#include "ops/kmip_attribute_change.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

static enum coffer_err read_request(struct attribute_change *c, struct ttlv_cursor *payload)
{
	struct view name;
	int32_t index = 0;
	TRY(ttlv_take_text(payload, TAG_ATTRIBUTE_NAME, &name));
	TRY(ttlv_take_optional_i32(payload, TAG_ATTRIBUTE_INDEX, &index, &c->has_index));
	TRY(kmip_end(c->ctx, payload));
	if (index < 0) return reason_fail(&c->ctx->reason, ERR_FIELD, "the Attribute Index is negative");
	c->index = (uint32_t)index;
	return attribute_change_name(c, name);
}

enum coffer_err op_delete_attribute(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_ATTRIBUTE_CHANGE struct attribute_change c;
	attribute_change_init(&c, ctx, ATTRIBUTE_DELETE);
	TRY(read_request(&c, payload));
	TRY(attribute_change_allowed(&c));
	const char *custom = attribute_change_custom(&c);
	const struct attrset_value *gone = attrset_get(&c.o->attrs, c.row->id, custom, c.index);
	ENSURE(gone, ERR_BUG);
	TRY(attribute_change_answer(&c, view_of(gone->item, gone->item_len), out));
	attrset_remove_at(&c.o->attrs, c.row->id, custom, c.index);
	return attribute_change_write(&c);
}
