/* Register (KMIP 1.4 section 4.3): an object that a client brings. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "kmip/keyblock.h"
#include "kmip/names.h"
#include "kmip/wrapping.h"
#include "objects/txn.h"
#include "ops/kmip_algorithm.h"
#include "ops/kmip_key.h"
#include "ops/kmip_new.h"
#include "ops/kmip_template.h"
#include "ops/regroup.h"
#include "ops/tables.h"

#define KEY_VALUE_OPTIONAL_MINOR 2u /* first KMIP 1.x version with keys that are not here */

static enum coffer_err invalid(struct op_ctx *ctx, const char *sentence)
{
	ctx->result_reason = RESULT_REASON_INVALID_FIELD; /* section 11.4 */
	return reason_fail(&ctx->reason, ERR_FIELD, "%s", sentence);
}

/* Algorithm and length may stand in the Template-Attribute, in the Key Block, or in both. */
static enum coffer_err merge_block(struct op_ctx *ctx, struct object *o, const struct kmip_key_block *block)
{
	if (block->algorithm && o->algorithm && block->algorithm != o->algorithm)
		return invalid(ctx, "the Cryptographic Algorithm of the Key Block is not that of the Template-Attribute");
	if (block->length_bits && o->length_bits && block->length_bits != o->length_bits)
		return invalid(ctx, "the Cryptographic Length of the Key Block is not that of the Template-Attribute");
	if (block->algorithm) o->algorithm = block->algorithm;
	if (block->length_bits) o->length_bits = block->length_bits;
	o->key_format = block->format;
	return ERR_OK;
}

/* Only the raw bytes of a key show their length. */
static enum coffer_err check_length(struct op_ctx *ctx, const struct object *o, const struct kmip_key_block *block)
{
	if (!block->has_value || block->wrapped || block->format == KEY_FORMAT_TYPE_OPAQUE || !o->length_bits) return ERR_OK;
	if (crypto_algorithm_bytes(o->algorithm, o->length_bits) == block->material.len) return ERR_OK;
	return invalid(ctx, "the Cryptographic Length does not suit the Key Material");
}

static enum coffer_err check_value(struct op_ctx *ctx, const struct object *o, const struct kmip_key_block *block)
{
	bool has_location = attrset_count(&o->attrs, ATTR_KEY_VALUE_LOCATION) > 0;
	if (block->has_value && has_location)
		return invalid(ctx, "a Key Value Location is for keys that are elsewhere; this Key Block has a Key Value");
	if (!block->has_value && ctx->version_minor < KEY_VALUE_OPTIONAL_MINOR)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Key Value is missing; keys that are elsewhere need KMIP 1.2");
	if (!block->has_value && block->wrapped) return invalid(ctx, "Key Wrapping Data without a Key Value wraps nothing");
	return check_length(ctx, o, block);
}

static enum coffer_err keep_material(struct op_ctx *ctx, struct object *o, struct view bytes)
{
	if (bytes.len == 0) return invalid(ctx, "the object is empty");
	if (bytes.len > SECRET_MAX)
		return reason_fail(&ctx->reason, ERR_TOO_LARGE, "the object has %zu bytes; at most %u can be kept", bytes.len, (unsigned)SECRET_MAX);
	AUTO_SECRET struct secret *material = secret_copy(bytes.ptr, bytes.len);
	ENSURE(material, ERR_MEMORY);
	return object_set_material(o, ctx->engine->domain.id, &material);
}

/* A wrapped key is kept as it came: wrapped Key Value and Key Wrapping Data. */
static enum coffer_err keep_wrapping(struct op_ctx *ctx, struct object *o, const struct kmip_key_block *block)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct kmip_wrapping data;
	struct writer w;
	if (!block->wrapped) return ERR_OK;
	TRY(kmip_wrapping_data_parse(&block->wrapping, ctx->version_minor, &data, &ctx->reason));
	writer_init_buf(&w, &bytes, SECRET_MAX);
	ttlv_put_item(&w, TAG_KEY_WRAPPING_DATA, &block->wrapping);
	TRY(writer_done(&w));
	return object_set_wrapping(o, writer_view(&w));
}

static enum coffer_err take_block(struct op_ctx *ctx, struct object *o, const struct kmip_key_block *block)
{
	struct ttlv_cursor c = block->attributes;
	TRY(merge_block(ctx, o, block));
	if (block->has_value && !block->wrapped) TRY(kmip_template_apply_list(ctx, &c, o, KMIP_LIST_IN_KEY));
	TRY(check_value(ctx, o, block));
	if (o->type == OBJECT_TYPE_SYMMETRIC_KEY) TRY(kmip_key_check_for(ctx, o, ALGORITHM_REGISTER));
	if (o->usage_mask == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Usage Mask is missing");
	if (!block->has_value) return attrset_set_bool(&o->attrs, ATTR_KEY_VALUE_PRESENT, false);
	TRY(keep_wrapping(ctx, o, block));
	return keep_material(ctx, o, block->material);
}

/* Its attributes are all that a template is; the name by which it is found stands among them or in the Template-Attribute. */
static enum coffer_err take_template(struct op_ctx *ctx, const struct ttlv_item *item, struct object *o)
{
	struct ttlv_cursor c;
	TRY(ttlv_enter(item, &c));
	TRY(kmip_template_apply_list(ctx, &c, o, KMIP_LIST_TEMPLATE));
	if (object_name(o).len == 0) return reason_fail(&ctx->reason, ERR_MISSING, "a template needs a Name");
	return ERR_OK;
}

#define IS_EXTENSION(value) ((value) >> 31) /* KMIP 1.4 section 9.1.3.2: 8XXXXXXX */

/* Opaque Data Types are extensions all of them (section 9.1.3.2.10). */
static bool data_type_known(const struct kmip_managed *m)
{
	if (m->object_type == OBJECT_TYPE_SYMMETRIC_KEY || IS_EXTENSION(m->data_type)) return true;
	return m->object_type == OBJECT_TYPE_SECRET_DATA && kmip_enum_has(ENUM_SECRET_DATA_TYPE, m->data_type);
}

static enum coffer_err take_object(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o)
{
	struct ttlv_item item;
	struct kmip_managed managed;
	if (!kmip_managed_is(ttlv_peek_tag(payload)))
		return reason_fail(&ctx->reason, ERR_MISSING, "the object to register is missing");
	TRY(ttlv_take(payload, ttlv_peek_tag(payload), &item));
	if (kmip_managed_type(item.tag) != o->type) return invalid(ctx, "the Object Type is not that of the object in the request");
	if (o->type == OBJECT_TYPE_TEMPLATE) return take_template(ctx, &item, o);
	TRY(kmip_managed_parse(&item, &managed, &ctx->reason));
	if (!data_type_known(&managed)) return invalid(ctx, "the type of the data is not one that KMIP lists");
	o->data_type = managed.data_type;
	if (o->type == OBJECT_TYPE_OPAQUE_OBJECT) return keep_material(ctx, o, managed.opaque);
	return take_block(ctx, o, &managed.block);
}

static bool is_registered_here(uint32_t type)
{
	return type == OBJECT_TYPE_SYMMETRIC_KEY || type == OBJECT_TYPE_SECRET_DATA || type == OBJECT_TYPE_OPAQUE_OBJECT ||
		type == OBJECT_TYPE_TEMPLATE;
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object **out)
{
	uint32_t type;
	TRY(ttlv_take_enum(payload, TAG_OBJECT_TYPE, &type));
	if (!is_registered_here(type)) {
		ctx->result_reason = RESULT_REASON_INVALID_FIELD;
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "only symmetric keys, secret data, opaque objects and templates can be registered");
	}
	AUTO_OBJECT struct object *o = NULL;
	TRY(object_make(type, ctx->principal->text, &o));
	if (ttlv_peek_tag(payload) != TAG_TEMPLATE_ATTRIBUTE)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Template-Attribute is missing");
	TRY(kmip_template_apply(ctx, payload, o, KMIP_FOR_REGISTER));
	TRY(take_object(ctx, payload, o));
	TRY(kmip_end(ctx, payload));
	*out = TAKE(o);
	return ERR_OK;
}

enum coffer_err op_register(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	TRY(read_request(ctx, payload, &o));
	TRY(op_may_regroup(ctx, NULL, o));
	TRY(kmip_new_finish(ctx, o, KMIP_REGISTERED, clock_date_s()));
	enum coffer_err err = txn_create(ctx->txn, o, &ctx->reason);
	if (err == ERR_EXISTS) ctx->result_reason = RESULT_REASON_INVALID_FIELD; /* section 11.4 */
	if (err == ERR_LIMIT) ctx->result_reason = RESULT_REASON_INDEX_OUT_OF_BOUNDS; /* more names and groups than are looked up */
	TRY(err);
	kmip_touch(ctx, o);
	kmip_put_id(out, o);
	return ERR_OK;
}
