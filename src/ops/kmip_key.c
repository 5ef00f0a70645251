/* Keys that are made and keys that change. */
#include "ops/kmip_key.h"

#include <stdio.h>
#include <string.h>

#include "crypto/hash.h"
#include "crypto/rng.h"
#include "kmip/attr.h"
#include "objects/dates.h"

#define ITEM_MAX 256u

enum coffer_err kmip_key_check(struct op_ctx *ctx, const struct object *o)
{
	if (o->algorithm == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Algorithm is missing");
	if (o->algorithm != CRYPTOGRAPHIC_ALGORITHM_AES)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this algorithm is not supported; AES is");
	if (o->length_bits == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Length is missing");
	if (o->length_bits != 128 && o->length_bits != 192 && o->length_bits != 256)
		return reason_fail(&ctx->reason, ERR_FIELD, "an AES key has 128, 192 or 256 bits");
	if (o->usage_mask == 0) return reason_fail(&ctx->reason, ERR_MISSING, "the Cryptographic Usage Mask is missing");
	return ERR_OK;
}

/* SHA-256 of the raw key material (KMIP 1.4 section 3.16). */
static enum coffer_err set_digest(struct object *o)
{
	uint8_t bytes[ITEM_MAX], digest[HASH_SHA256_LEN];
	struct writer w;
	TRY(hash_sha256(secret_view(o->material), digest));
	writer_init(&w, bytes, sizeof bytes);
	struct ttlv_mark mark = ttlv_begin(&w, TAG_DIGEST);
	ttlv_put_enum(&w, TAG_HASHING_ALGORITHM, HASHING_ALGORITHM_SHA_256);
	ttlv_put_bytes(&w, TAG_DIGEST_VALUE, view_of(digest, sizeof digest));
	ttlv_put_enum(&w, TAG_KEY_FORMAT_TYPE, KEY_FORMAT_TYPE_RAW);
	ttlv_end(&w, mark);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_DIGEST, writer_view(&w));
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

static enum coffer_err set_rng(struct object *o)
{
	uint8_t bytes[ITEM_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_put_rng(&w, TAG_RANDOM_NUMBER_GENERATOR);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR, writer_view(&w));
}

static enum coffer_err set_secrecy(struct object *o)
{
	bool sensitive = false, extractable = true;
	attrset_get_bool(&o->attrs, ATTR_SENSITIVE, &sensitive);
	attrset_get_bool(&o->attrs, ATTR_EXTRACTABLE, &extractable);
	TRY(attrset_set_bool(&o->attrs, ATTR_SENSITIVE, sensitive));
	TRY(attrset_set_bool(&o->attrs, ATTR_ALWAYS_SENSITIVE, sensitive));
	TRY(attrset_set_bool(&o->attrs, ATTR_EXTRACTABLE, extractable));
	return attrset_set_bool(&o->attrs, ATTR_NEVER_EXTRACTABLE, !extractable);
}

static enum coffer_err set_server_attributes(struct object *o, uint64_t now_s)
{
	uint64_t origin_s;
	TRY(set_digest(o));
	TRY(set_rng(o));
	TRY(set_secrecy(o));
	TRY(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, now_s));
	TRY(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, now_s));
	if (!attrset_get_time(&o->attrs, ATTR_ORIGINAL_CREATION_DATE, &origin_s))
		TRY(attrset_set_time(&o->attrs, ATTR_ORIGINAL_CREATION_DATE, now_s));
	return attrset_set_bool(&o->attrs, ATTR_FRESH, true);
}

enum coffer_err kmip_key_make(struct op_ctx *ctx, struct object *o, uint64_t now_s)
{
	TRY(dates_check_order(o, &ctx->reason));
	AUTO_SECRET struct secret *material = secret_new(o->length_bits / 8);
	ENSURE(material, ERR_MEMORY);
	TRY(rng_bytes(secret_mut(material), secret_len(material)));
	o->key_format = KEY_FORMAT_TYPE_RAW;
	TRY(object_set_material(o, ctx->engine->domain.id, &material));
	TRY(set_server_attributes(o, now_s));
	o->state = OBJECT_PRE_ACTIVE;
	o->state = dates_state(o, now_s);
	return ERR_OK;
}

/* A state that a date brought about is written as such, so that the next move starts from it. */
static enum coffer_err settle(struct op_ctx *ctx, uint64_t now_s)
{
	enum object_state state = dates_state(ctx->object, now_s);
	if (state == ctx->object->state) return ERR_OK;
	AUTO_OBJECT struct object *o = object_copy(ctx->object);
	ENSURE(o, ERR_MEMORY);
	o->state = state;
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	object_unref(ctx->object);
	ctx->object = object_ref(o);
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

void kmip_key_label(const struct object *o, char out[static KMIP_KEY_LABEL_MAX])
{
	char text[KMIP_KEY_LABEL_MAX - 8];
	struct view name = object_name(o);
	if (name.len) {
		text_printable(name, text, sizeof text);
	} else {
		char id[UUID_TEXT_LEN + 1];
		text_uuid(o->id, id);
		text_printable(view_str(id), text, sizeof text);
	}
	snprintf(out, KMIP_KEY_LABEL_MAX, "key '%s'", text);
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
