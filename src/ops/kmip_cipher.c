/* Parameters of Encrypt and Decrypt. */
#include "ops/kmip_cipher.h"

#include "base/clock.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"

static enum coffer_err refuse_parts(struct op_ctx *ctx, struct ttlv_cursor *payload)
{
	struct ttlv_item item;
	bool correlation, init, final;
	TRY(ttlv_take_optional(payload, TAG_CORRELATION_VALUE, &item, &correlation));
	TRY(ttlv_take_optional(payload, TAG_INIT_INDICATOR, &item, &init));
	TRY(ttlv_take_optional(payload, TAG_FINAL_INDICATOR, &item, &final));
	if (!correlation && !init && !final) return ERR_OK;
	ctx->result_reason = RESULT_REASON_FEATURE_NOT_SUPPORTED;
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "encryption in parts is not supported; send all data at once, or use sealed streams");
}

enum coffer_err kmip_cipher_read(struct op_ctx *ctx, struct ttlv_cursor *payload, bool with_tag, struct kmip_cipher_request *out)
{
	bool has_data;
	*out = (struct kmip_cipher_request){ .has_params = false };
	TRY(ttlv_take_optional(payload, TAG_CRYPTOGRAPHIC_PARAMETERS, &out->params, &out->has_params));
	TRY(ttlv_take_optional_bytes(payload, TAG_DATA, &out->data, &has_data));
	TRY(ttlv_take_optional_bytes(payload, TAG_IV_COUNTER_NONCE, &out->iv, &out->has_iv));
	TRY(refuse_parts(ctx, payload));
	if (!has_data) return reason_fail(&ctx->reason, ERR_MISSING, "the Data is missing");
	if (ctx->version_minor >= 4) {
		TRY(ttlv_take_optional_bytes(payload, TAG_AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, &out->aad, NULL));
		if (with_tag) TRY(ttlv_take_optional_bytes(payload, TAG_AUTHENTICATED_ENCRYPTION_TAG, &out->tag, &out->has_tag));
	}
	return kmip_end(ctx, payload);
}

enum coffer_err kmip_cipher_check_key(struct op_ctx *ctx, enum object_use use)
{
	const struct object *o = ctx->object;
	bool protect = use == OBJECT_USE_PROTECT;
	uint32_t needed = protect ? CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT : CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	char label[KMIP_KEY_LABEL_MAX];
	TRY(kmip_check_online(ctx, o));
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	TRY(dates_check_use(o, use, clock_wall_s(), label, &ctx->reason));
	if (!(o->usage_mask & needed))
		return reason_fail(&ctx->reason, ERR_DENIED, "%s is not for %s: its Cryptographic Usage Mask says so", label,
			protect ? "encryption" : "decryption");
	if (o->type != OBJECT_TYPE_SYMMETRIC_KEY || !o->material || o->wrapping)
		return reason_fail(&ctx->reason, ERR_STATE, "%s cannot encrypt or decrypt", label);
	ctx->result_reason = 0;
	return ERR_OK;
}

/* The key's own parameters: the first that list this mode, or (mode 0) the first of all. False when there are none. */
static bool of_key(const struct object *o, uint32_t mode, struct kmip_params *out, bool *out_lists_modes)
{
	bool found = false;
	*out_lists_modes = false;
	for (size_t i = 0; i < o->attrs.count; i++) {
		struct ttlv_item item;
		struct kmip_params p;
		if (o->attrs.values[i].attr != ATTR_CRYPTOGRAPHIC_PARAMETERS || !attrset_item(&o->attrs.values[i], &item)) continue;
		if (kmip_params_parse(&item, &p) != ERR_OK) continue;
		if (p.has_block_cipher_mode) *out_lists_modes = true;
		if (found || (mode && !(p.has_block_cipher_mode && p.block_cipher_mode == mode))) continue;
		*out = p;
		found = true;
	}
	return found;
}

/* What the request leaves open, the key's parameters say. */
static void fill(struct kmip_params *p, const struct kmip_params *key)
{
#define FILL(field) if (!p->has_##field && key->has_##field) { p->has_##field = true; p->field = key->field; }
	FILL(block_cipher_mode)
	FILL(padding_method)
	FILL(cryptographic_algorithm)
	FILL(random_iv)
	FILL(tag_length)
#undef FILL
}

static enum coffer_err merge(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_params *p, bool *out_key_decides)
{
	struct kmip_params key = { .has_block_cipher_mode = false };
	bool lists_modes;
	*p = (struct kmip_params){ .has_block_cipher_mode = false };
	if (request->has_params) TRY(kmip_params_parse(&request->params, p));
	bool found = of_key(ctx->object, p->has_block_cipher_mode ? p->block_cipher_mode : 0, &key, &lists_modes);
	if (lists_modes && !found) {
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
		return reason_fail(&ctx->reason, ERR_DENIED, "this key does not serve this Block Cipher Mode; its Cryptographic Parameters list others");
	}
	if (found) fill(p, &key);
	*out_key_decides = found && key.has_random_iv && key.random_iv;
	if (!p->has_block_cipher_mode)
		return reason_fail(&ctx->reason, ERR_MISSING, "neither the request nor the key names a Block Cipher Mode");
	return ERR_OK;
}

enum coffer_err kmip_cipher_choose(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_cipher *out)
{
	struct kmip_params p;
	bool key_decides = false;
	TRY(merge(ctx, request, &p, &key_decides));
	if (p.has_cryptographic_algorithm && p.cryptographic_algorithm != ctx->object->algorithm)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Algorithm is not that of the key");
	if (p.has_tag_length && p.tag_length < 0) return reason_fail(&ctx->reason, ERR_FIELD, "the Tag Length is negative");
	out->params = (struct cipher_params){ .algorithm = ctx->object->algorithm, .mode = p.block_cipher_mode,
		.padding = p.has_padding_method ? p.padding_method : 0, .tag_len = p.has_tag_length ? (uint32_t)p.tag_length : 0 };
	out->random_iv = key_decides || (p.has_random_iv && p.random_iv);
	out->key_decides = key_decides;
	enum coffer_err err = cipher_traits(&out->params, &out->traits);
	if (err == ERR_UNSUPPORTED)
		return reason_fail(&ctx->reason, err, "this Block Cipher Mode or Padding Method is not supported; GCM, CBC, CTR and ECB are");
	if (err) return reason_fail(&ctx->reason, err, "the Tag Length does not suit the Block Cipher Mode");
	if (out->traits.tag_len && ctx->version_minor < 4)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "authenticated encryption needs KMIP 1.4");
	return ERR_OK;
}
