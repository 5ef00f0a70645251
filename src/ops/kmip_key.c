/* Keys that are made and keys that change. */
#include "ops/kmip_key.h"

#include <stdio.h>
#include <string.h>

#include "crypto/rng.h"
#include "kmip/attr.h"
#include "objects/dates.h"
#include "ops/kmip_algorithm.h"
#include "ops/kmip_new.h"

enum coffer_err kmip_key_check(struct op_ctx *ctx, const struct object *o)
{
	return kmip_key_check_for(ctx, o, ALGORITHM_MAKE);
}

enum coffer_err kmip_key_check_for(struct op_ctx *ctx, const struct object *o, enum algorithm_use use)
{
	if (o->algorithm == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Algorithm is missing");
	if (o->length_bits == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Length is missing");
	TRY(kmip_algorithm_check(ctx, o->algorithm, o->length_bits, use));
	if (o->usage_mask == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Usage Mask is missing");
	return ERR_OK;
}

void kmip_put_rng(struct writer *out, uint32_t tag)
{
	struct ttlv_mark mark = ttlv_begin(out, tag);
	ttlv_put_enum(out, TAG_RNG_ALGORITHM, RNG_ALGORITHM_DRBG);
	ttlv_put_enum(out, TAG_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	ttlv_put_i32(out, TAG_CRYPTOGRAPHIC_LENGTH, 256);
	ttlv_put_enum(out, TAG_DRBG_ALGORITHM, DRBG_ALGORITHM_CTR);
	ttlv_end(out, mark);
}

enum coffer_err kmip_key_make(struct op_ctx *ctx, struct object *o, uint64_t now_s)
{
	AUTO_SECRET struct secret *material = secret_new(crypto_algorithm_bytes(o->algorithm, o->length_bits));
	ENSURE(material, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(material), secret_len(material)));
	kmip_algorithm_shape(o->algorithm, material);
	o->key_format = o->type == OBJECT_TYPE_SECRET_DATA ? KEY_FORMAT_TYPE_OPAQUE : KEY_FORMAT_TYPE_RAW;
	TRY(object_set_material(o, ctx->engine->domain.id, &material));
	return kmip_new_finish(ctx, o, KMIP_MADE_HERE, now_s);
}

enum coffer_err kmip_key_write(struct op_ctx *ctx, struct object *o, uint64_t now_s)
{
	AUTO_OBJECT struct object *before = NULL;
	enum object_state state = dates_state(o, now_s);
	TRY(txn_object(ctx->txn, o->id, &before));
	if (before->state == OBJECT_PRE_ACTIVE && state == OBJECT_DEACTIVATED) {
		AUTO_OBJECT struct object *between = object_copy(o);
		ENSURE(between, ERR_MEMORY);
		between->state = OBJECT_ACTIVE;
		TRY(txn_update(ctx->txn, between, &ctx->reason));
		o->record_version = between->record_version;
	}
	o->state = state;
	return txn_update(ctx->txn, o, &ctx->reason);
}

/* A state that a date brought about is written as such, so that the next move starts from it. */
static enum coffer_err settle(struct op_ctx *ctx, uint64_t now_s)
{
	if (dates_state(ctx->object, now_s) == ctx->object->state) return ERR_OK;
	AUTO_OBJECT struct object *o = object_copy(ctx->object);
	ENSURE(o, ERR_MEMORY);
	TRY(kmip_key_write(ctx, o, now_s));
	object_unref(ctx->object);
	ctx->object = TAKE(o);
	return ERR_OK;
}

enum coffer_err kmip_key_change(struct op_ctx *ctx, uint64_t now_s, struct object **out)
{
	TRY(settle(ctx, now_s));
	AUTO_OBJECT struct object *o = object_copy(ctx->object);
	ENSURE(o, ERR_MEMORY);
	TRY(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, now_s));
	*out = TAKE(o);
	return ERR_OK;
}

static const char *kind(const struct object *o)
{
	switch (o->type) {
	case OBJECT_TYPE_SECRET_DATA: return "secret";
	case OBJECT_TYPE_OPAQUE_OBJECT: return "object";
	case OBJECT_TYPE_TEMPLATE: return "template";
	default: return "key";
	}
}

void kmip_key_label(const struct object *o, char out[static KMIP_KEY_LABEL_MAX])
{
	char text[KMIP_KEY_LABEL_MAX - 12];
	struct view name = object_name(o);
	if (name.len) {
		text_printable(name, text, sizeof text);
	} else {
		char id[UUID_TEXT_LEN + 1];
		text_uuid(o->id, id);
		text_printable(view_str(id), text, sizeof text);
	}
	snprintf(out, KMIP_KEY_LABEL_MAX, "%s '%s'", kind(o), text);
}

enum coffer_err kmip_check_online(struct op_ctx *ctx, const struct object *o)
{
	char label[KMIP_KEY_LABEL_MAX];
	if (!o->archived) return ERR_OK;
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_OBJECT_ARCHIVED;
	return reason_fail(&ctx->reason, ERR_ARCHIVED, "%s is archived; recover it first", label);
}

void kmip_put_id(struct writer *out, const struct object *o)
{
	char id[UUID_TEXT_LEN + 1];
	text_uuid(o->id, id);
	ttlv_put_str(out, TAG_UNIQUE_IDENTIFIER, id);
}

void kmip_touch(struct op_ctx *ctx, const struct object *o)
{
	ctx->has_touched = ctx->has_placeholder = true;
	memcpy(ctx->touched, o->id, UUID_LEN);
	memcpy(ctx->placeholder, o->id, UUID_LEN);
}

enum coffer_err kmip_end(struct op_ctx *ctx, struct ttlv_cursor *payload)
{
	enum coffer_err err = ttlv_done(payload);
	return err ? reason_default(&ctx->reason, err, "the request has a field that does not belong there") : ERR_OK;
}
