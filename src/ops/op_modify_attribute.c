/* Modify Attribute (KMIP 1.4 section 4.15): one value gets another content; its index stays. */
#include "kmip/enums.h"
#include "ops/kmip_attribute_change.h"
#include "ops/tables.h"

enum coffer_err op_modify_attribute(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_ATTRIBUTE_CHANGE struct attribute_change c;
	attribute_change_init(&c, ctx, ATTRIBUTE_MODIFY);
	TRY(attribute_change_read(&c, payload));
	TRY(attribute_change_allowed(&c));
	TRY(attribute_change_value(&c));
	enum coffer_err err = attrset_replace(&c.o->attrs, c.row->id, attribute_change_custom(&c), c.index, buf_view(&c.item));
	if (err == ERR_LIMIT) return attribute_change_refuse(&c, err, RESULT_REASON_INDEX_OUT_OF_BOUNDS, "finds no more room in the object");
	TRY(err);
	TRY(attribute_change_write(&c));
	return attribute_change_answer(&c, buf_view(&c.item), out);
}
