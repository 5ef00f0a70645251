/* Add Attribute (KMIP 1.4 section 4.14): another value, under the next index that the server gives. */
#include "ops/kmip_attribute_change.h"
#include "ops/tables.h"

enum coffer_err op_add_attribute(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_ATTRIBUTE_CHANGE struct attribute_change c;
	attribute_change_init(&c, ctx, ATTRIBUTE_ADD);
	TRY(attribute_change_read(&c, payload));
	TRY(attribute_change_allowed(&c));
	TRY(attribute_change_value(&c));
	TRY(attribute_change_add(&c));
	TRY(attribute_change_write(&c));
	return attribute_change_answer(&c, buf_view(&c.item), out);
}
