/* Get (KMIP 1.4 section 4.11): an object as it is kept, in another format of its key, or wrapped. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "objects/txn.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_key.h"
#include "ops/kmip_wrap.h"
#include "ops/tables.h"

#define KEY_WRAP_TYPE_MINOR 4u      /* first KMIP 1.x version that has the field */
#define KEY_VALUE_OPTIONAL_MINOR 2u /* first with keys that are elsewhere */

struct get {
	bool has_format;
	uint32_t format;
	bool not_wrapped;     /* Key Wrap Type */
	bool wrap;
	struct kmip_wrapping spec;
};

static enum coffer_err refuse(struct op_ctx *ctx, uint32_t result_reason, enum coffer_err err, const char *sentence)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(ctx->object, label);
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, err, "%s %s", label, sentence);
}

static bool has_block(const struct object *o)
{
	return o->type != OBJECT_TYPE_OPAQUE_OBJECT && o->type != OBJECT_TYPE_TEMPLATE;
}

static enum coffer_err read_wrap_type(struct op_ctx *ctx, struct ttlv_cursor *payload, struct get *g)
{
	uint32_t type = 0;
	bool present;
	if (ctx->version_minor < KEY_WRAP_TYPE_MINOR) return ERR_OK;
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_WRAP_TYPE, &type, &present));
	if (present && type != KEY_WRAP_TYPE_NOT_WRAPPED && type != KEY_WRAP_TYPE_AS_REGISTERED) {
		ctx->result_reason = RESULT_REASON_FEATURE_NOT_SUPPORTED;
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this Key Wrap Type is not supported; use NotWrapped or AsRegistered");
	}
	g->not_wrapped = type == KEY_WRAP_TYPE_NOT_WRAPPED;
	return ERR_OK;
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct get *g)
{
	struct ttlv_item item;
	uint32_t compression;
	bool compressed;
	*g = (struct get){ .wrap = false };
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_FORMAT_TYPE, &g->format, &g->has_format));
	TRY(read_wrap_type(ctx, payload, g));
	TRY(ttlv_take_optional_enum(payload, TAG_KEY_COMPRESSION_TYPE, &compression, &compressed));
	TRY(ttlv_take_optional(payload, TAG_KEY_WRAPPING_SPECIFICATION, &item, &g->wrap));
	if (compressed)
		return refuse(ctx, RESULT_REASON_KEY_COMPRESSION_TYPE_NOT_SUPPORTED, ERR_UNSUPPORTED, "has no compressed form; leave the Key Compression Type out");
	if (g->wrap && !has_block(ctx->object))
		return refuse(ctx, RESULT_REASON_INVALID_FIELD, ERR_FIELD, "cannot be wrapped; leave the Key Wrapping Specification out");
	if (g->wrap) TRY(kmip_wrap_read(ctx, &item, &g->spec));
	return kmip_end(ctx, payload);
}

static enum coffer_err check_there(struct op_ctx *ctx)
{
	const struct object *o = ctx->object;
	if (o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED) return ERR_OK;
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_ITEM_NOT_FOUND; /* table 338 knows no destroyed objects; test case 3.1.4 */
	return reason_fail(&ctx->reason, ERR_STATE, "%s is %s; its material is gone", label, lifecycle_name(o->state));
}

/* Sections 3.48, 3.50. wrapped: as it will leave. */
static enum coffer_err check_leave(struct op_ctx *ctx, bool wrapped)
{
	const struct attrset *attrs = &ctx->object->attrs;
	bool sensitive = false, extractable = true;
	attrset_get_bool(attrs, ATTR_SENSITIVE, &sensitive);
	attrset_get_bool(attrs, ATTR_EXTRACTABLE, &extractable);
	if (!extractable) return refuse(ctx, RESULT_REASON_NOT_EXTRACTABLE, ERR_DENIED, "is not extractable: it is used in the server only");
	if (!sensitive || wrapped) return ERR_OK;
	return refuse(ctx, RESULT_REASON_SENSITIVE, ERR_DENIED, "is sensitive: it leaves the server wrapped by another key, or not at all");
}

/* A plain symmetric key has two forms of the same bytes; everything else has the one in which it came. */
static enum coffer_err convert(struct op_ctx *ctx, const struct get *g, struct kmip_key_block *block)
{
	bool raw = block->format == KEY_FORMAT_TYPE_RAW || block->format == KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY;
	bool wanted = g->format == KEY_FORMAT_TYPE_RAW || g->format == KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY;
	if (!g->has_format || g->format == block->format) return ERR_OK;
	if (ctx->object->type == OBJECT_TYPE_SYMMETRIC_KEY && raw && wanted && !block->wrapped) {
		block->format = g->format;
		return ERR_OK;
	}
	return refuse(ctx, RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, ERR_UNSUPPORTED, "is not to be had in this Key Format Type; leave it out");
}

/* A key that a client has seen is not fresh any more (section 3.34). */
static enum coffer_err note_served(struct op_ctx *ctx)
{
	AUTO_OBJECT struct object *o = NULL;
	bool fresh = false;
	if (engine_is_cached(ctx->engine, ctx->txn)) return ERR_OK; /* ops/held_rows.h does it, with the record */
	attrset_get_bool(&ctx->object->attrs, ATTR_FRESH, &fresh);
	if (!fresh) return ERR_OK;
	TRY(kmip_key_change(ctx, clock_date_s(), &o));
	TRY(attrset_set_bool(&o->attrs, ATTR_FRESH, false));
	return txn_update(ctx->txn, o, &ctx->reason);
}

/* KMIP 1.0 has no Encoding Option: such a client takes every wrapped Key Value for an encoded one. */
static enum coffer_err check_encoding(struct op_ctx *ctx, const struct kmip_key_block *block)
{
	struct kmip_wrapping data;
	if (!block->wrapped || ctx->version_minor >= KMIP_ENCODING_OPTION_MINOR) return ERR_OK;
	TRY(kmip_wrapping_data_parse(&block->wrapping, UINT32_MAX, &data, &ctx->reason));
	if (data.encoding == ENCODING_OPTION_TTLV_ENCODING) return ERR_OK;
	return refuse(ctx, RESULT_REASON_ILLEGAL_OPERATION, ERR_STATE, "was wrapped without encoding, which KMIP 1.0 cannot say; use a later version");
}

static enum coffer_err get_block(struct op_ctx *ctx, const struct get *g, struct kmip_managed *managed, struct kmip_wrap_bytes *bytes)
{
	const struct object *o = ctx->object;
	struct kmip_key_block *block = &managed->block;
	*block = (struct kmip_key_block){ .format = o->key_format, .has_value = o->material != NULL, .algorithm = o->algorithm,
		.length_bits = o->length_bits, .wrapped = o->wrapping != NULL };
	if (o->material) block->material = secret_view(o->material);
	if (o->wrapping) TRY(ttlv_root(view_of(o->wrapping, o->wrapping_len), &block->wrapping));
	if (!block->has_value && ctx->version_minor < KEY_VALUE_OPTIONAL_MINOR)
		return refuse(ctx, RESULT_REASON_ILLEGAL_OPERATION, ERR_STATE, "is elsewhere: only its attributes are here");
	TRY(check_encoding(ctx, block));
	bool unwrap = block->wrapped && g->not_wrapped;
	TRY(check_leave(ctx, g->wrap || (block->wrapped && !unwrap) || !block->has_value));
	if (unwrap) TRY(kmip_unwrap(ctx, block, bytes));
	TRY(convert(ctx, g, block));
	return g->wrap ? kmip_wrap(ctx, &g->spec, block, bytes) : ERR_OK;
}

/* What a client set is what a template is. */
static enum coffer_err put_template_attribute(void *arg, const struct kmip_attr_value *value)
{
	int32_t mask;
	if (kmip_attr_row(value->id)->set_by == KMIP_SET_SERVER) return ERR_OK;
	if (value->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK && (ttlv_get_i32(&value->value, &mask) != ERR_OK || mask == 0)) return ERR_OK;
	kmip_attr_put(arg, value);
	return ERR_OK;
}

static enum coffer_err put_template(struct op_ctx *ctx, struct writer *out)
{
	struct kmip_seen seen = kmip_seen_of(ctx, ctx->object);
	struct ttlv_mark mark = ttlv_begin(out, TAG_TEMPLATE);
	TRY(kmip_attributes_each(&seen, put_template_attribute, out));
	ttlv_end(out, mark);
	return ERR_OK;
}

static enum coffer_err put_object(struct op_ctx *ctx, const struct get *g, struct writer *out)
{
	AUTO_WRAP_BYTES struct kmip_wrap_bytes bytes = { BUF_EMPTY, BUF_EMPTY };
	const struct object *o = ctx->object;
	struct kmip_managed managed = { .object_type = o->type, .data_type = o->data_type };
	if (!has_block(o) && g->has_format)
		return refuse(ctx, RESULT_REASON_KEY_FORMAT_TYPE_NOT_SUPPORTED, ERR_UNSUPPORTED, "has no Key Format Type; leave it out");
	if (o->type == OBJECT_TYPE_TEMPLATE) return put_template(ctx, out);
	if (has_block(o)) {
		TRY(get_block(ctx, g, &managed, &bytes));
	} else {
		TRY(check_leave(ctx, false));
		managed.opaque = secret_view(o->material);
	}
	kmip_managed_put(out, &managed);
	return ERR_OK;
}

enum coffer_err op_get(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct get g;
	TRY(read_request(ctx, payload, &g));
	TRY(check_there(ctx));
	ttlv_put_enum(out, TAG_OBJECT_TYPE, ctx->object->type);
	kmip_put_id(out, ctx->object);
	TRY(put_object(ctx, &g, out));
	TRY(note_served(ctx));
	return ERR_OK;
}
