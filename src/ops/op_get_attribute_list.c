/* Get Attribute List (KMIP 1.4 section 4.13): names of the attributes that the object has, each once. */
#include "base/clock.h"
#include "kmip/tags.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

/* The first value of an attribute has index 0. */
static enum coffer_err put_name(void *arg, const struct kmip_attr_value *value)
{
	struct writer *out = arg;
	if (value->index == 0) ttlv_put_text(out, TAG_ATTRIBUTE_NAME, kmip_attribute_name(value));
	return ERR_OK;
}

enum coffer_err op_get_attribute_list(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_seen seen = { ctx->object, clock_wall_s(), ctx->version_minor };
	TRY(kmip_end(ctx, payload));
	kmip_put_id(out, ctx->object);
	return kmip_attributes_each(&seen, put_name, out);
}
