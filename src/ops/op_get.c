/* Get (KMIP 1.4 section 4.11): a symmetric key as raw bytes, unwrapped. */
#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"
#include "base/clock.h"

static enum coffer_err unsupported(struct op_ctx *ctx, uint32_t result_reason, const char *what)
{
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "%s is not supported; ask for the raw key", what);
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload)
{
	uint32_t format = ctx->object->key_format, unused;
	bool present;
	struct ttlv_item item;
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_FORMAT_TYPE, &format, NULL));
	if (format != ctx->object->key_format) return unsupported(ctx, RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, "this Key Format Type");
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_WRAP_TYPE, &unused, NULL)); /* nothing here was registered wrapped */
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_COMPRESSION_TYPE, &unused, &present));
	if (present) return unsupported(ctx, RESULT_REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED, "a Key Compression Type");
	TRY(ttlv_take_optional(payload, TAG_KEY_WRAPPING_SPECIFICATION, &item, &present));
	if (present) return unsupported(ctx, RESULT_REASON_FEATURE_NOT_SUPPORTED, "key wrapping");
	return kmip_end(ctx, payload);
}

static enum coffer_err check_leave(struct op_ctx *ctx)
{
	const struct attrset *attrs = &ctx->object->attrs;
	bool sensitive = false, extractable = true;
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(ctx->object, label);
	if (ctx->object->state == OBJECT_DESTROYED || ctx->object->state == OBJECT_DESTROYED_COMPROMISED) {
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
		return reason_fail(&ctx->reason, ERR_STATE, "%s is %s; its material is gone", label, lifecycle_name(ctx->object->state));
	}
	attrset_get_bool(attrs, ATTR_SENSITIVE, &sensitive);
	attrset_get_bool(attrs, ATTR_EXTRACTABLE, &extractable);
	if (!extractable) {
		ctx->result_reason = RESULT_REASON_NOT_EXTRACTABLE;
		return reason_fail(&ctx->reason, ERR_DENIED, "%s is not extractable: it is used in the server only", label);
	}
	if (sensitive) {
		ctx->result_reason = RESULT_REASON_SENSITIVE;
		return reason_fail(&ctx->reason, ERR_DENIED, "%s is sensitive: it leaves the server wrapped or not at all", label);
	}
	return ERR_OK;
}

/* A key that a client has seen is not fresh any more (section 3.34). */
static enum coffer_err note_served(struct op_ctx *ctx)
{
	AUTO_OBJECT struct object *o = NULL;
	bool fresh = false;
	attrset_get_bool(&ctx->object->attrs, ATTR_FRESH, &fresh);
	if (!fresh) return ERR_OK;
	TRY(kmip_key_change(ctx, clock_wall_s(), &o));
	TRY(attrset_set_bool(&o->attrs, ATTR_FRESH, false));
	return txn_update(ctx->txn, o, &ctx->reason);
}

static void put_object(struct writer *out, const struct object *o)
{
	struct view material = o->material ? secret_view(o->material) : view_of(NULL, 0);
	struct kmip_managed managed = { .object_type = o->type, .data_type = o->data_type, .opaque = material, .block = { .format = o->key_format,
		.has_value = o->material != NULL, .material = material, .algorithm = o->algorithm, .length_bits = o->length_bits,
		.wrapped = o->wrapping != NULL } };
	if (o->wrapping && ttlv_root(view_of(o->wrapping, o->wrapping_len), &managed.block.wrapping) != ERR_OK) PRE(!o->wrapping);
	kmip_managed_put(out, &managed);
}

enum coffer_err op_get(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(read_request(ctx, payload));
	TRY(check_leave(ctx));
	TRY(note_served(ctx));
	const struct object *o = ctx->object;
	ttlv_put_enum(out, TAG_OBJECT_TYPE, o->type);
	kmip_put_id(out, o);
	put_object(out, o);
	kmip_touch(ctx, o);
	return ERR_OK;
}
