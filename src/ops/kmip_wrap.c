/* Wrapping and unwrapping. */
#include "ops/kmip_wrap.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/keywrap.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "objects/dates.h"
#include "objects/txn.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"

#define VALUE_EXTRA (64u * 1024u) /* bytes of attributes beside the material */
#define DATA_MAX 4096u

static enum coffer_err fail(struct op_ctx *ctx, uint32_t result_reason, enum coffer_err err, const char *sentence)
{
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, err, "%s", sentence);
}

void kmip_wrap_bytes_free(struct kmip_wrap_bytes *bytes)
{
	buf_free(&bytes->value);
	buf_free(&bytes->data);
}

/* ---- reading ---- */

static enum coffer_err check_supported(struct op_ctx *ctx, const struct kmip_wrapping *p)
{
	if (p->method != WRAPPING_METHOD_ENCRYPT)
		return fail(ctx, RESULT_REASON_FEATURE_NOT_SUPPORTED, ERR_UNSUPPORTED, "this Wrapping Method is not supported; use Encrypt");
	if (p->mac.present || p->has_mac || p->has_iv)
		return fail(ctx, RESULT_REASON_FEATURE_NOT_SUPPORTED, ERR_UNSUPPORTED, "MAC, signature and IV of wrapped keys are not supported; leave them out: AES "
			"Key Wrap protects integrity itself");
	if (p->encoding == ENCODING_OPTION_TTLV_ENCODING || p->encoding == ENCODING_OPTION_NO_ENCODING) return ERR_OK;
	return fail(ctx, RESULT_REASON_ENCODING_OPTION_ERROR, ERR_FIELD, "this Encoding Option is not supported; use NoEncoding or TTLVEncoding");
}

enum coffer_err kmip_wrap_read(struct op_ctx *ctx, const struct ttlv_item *specification, struct kmip_wrapping *out)
{
	TRY(kmip_wrapping_specification_parse(specification, ctx->version_minor, out, &ctx->reason));
	TRY(check_supported(ctx, out));
	if (out->encoding == ENCODING_OPTION_NO_ENCODING && out->name_count)
		return fail(ctx, RESULT_REASON_ENCODING_OPTION_ERROR, ERR_FIELD, "attributes can be wrapped with TTLV Encoding only");
	return ERR_OK;
}

/* ---- the wrapping key ---- */

/* Who may not see the key is told that there is none (table 338: Item Not Found). */
static enum coffer_err find_key(struct op_ctx *ctx, struct view text, struct object **out)
{
	AUTO_OBJECT struct object *key = NULL;
	uint8_t id[UUID_LEN];
	enum coffer_err err = text_parse_uuid(text, id) == ERR_OK ? txn_object(ctx->txn, id, &key) : ERR_NOT_FOUND;
	if (err && err != ERR_NOT_FOUND) return err;
	bool seen = key && policy_sees(ctx->grants, ctx->principal, key);
	err = seen ? policy_check(ctx->grants, ctx->principal, PERMISSION_USE, key, &ctx->reason) : ERR_NOT_FOUND;
	if (err == ERR_NOT_FOUND)
		return fail(ctx, RESULT_REASON_ITEM_NOT_FOUND, err, "there is no such wrapping key, or none that you may see");
	TRY(err);
	*out = TAKE(key);
	return ERR_OK;
}

static enum coffer_err check_key(struct op_ctx *ctx, const struct object *key, enum object_use use)
{
	bool wraps = use == OBJECT_USE_PROTECT;
	char label[KMIP_KEY_LABEL_MAX];
	PRE(key);
	kmip_key_label(key, label);
	if (key->type != OBJECT_TYPE_SYMMETRIC_KEY)
		return fail(ctx, RESULT_REASON_ILLEGAL_OPERATION, ERR_FIELD, "the wrapping key is no Symmetric Key");
	TRY(kmip_check_online(ctx, key));
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	TRY(dates_check_use(key, use, clock_date_s(), label, &ctx->reason));
	if (!(key->usage_mask & (wraps ? CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY : CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY)))
		return reason_fail(&ctx->reason, ERR_DENIED, "%s is not for %s: its Cryptographic Usage Mask says so", label,
			wraps ? "wrapping keys" : "unwrapping keys");
	if (!wraps && (key->usage_mask & CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY))
		return reason_fail(&ctx->reason, ERR_DENIED, "%s wraps keys here, so it opens none: what left wrapped would come back in clear", label);
	if (key->algorithm != CRYPTOGRAPHIC_ALGORITHM_AES || !key->material || key->wrapping || key->key_format == KEY_FORMAT_TYPE_OPAQUE)
		return reason_fail(&ctx->reason, ERR_STATE, "%s cannot wrap keys; an AES key whose bytes are here can", label);
	ctx->result_reason = 0;
	return ERR_OK;
}

/* AES Key Wrap is opened with the cipher's inverse, which these modes never use. */
static bool opens_nothing_wrapped(uint32_t mode)
{
	return mode == BLOCK_CIPHER_MODE_CTR || mode == BLOCK_CIPHER_MODE_GCM || mode == BLOCK_CIPHER_MODE_CCM || mode == BLOCK_CIPHER_MODE_CFB ||
		mode == BLOCK_CIPHER_MODE_OFB;
}

enum coffer_err kmip_wrap_check_decrypt(struct op_ctx *ctx, uint32_t mode)
{
	const struct object *o = ctx->object;
	char label[KMIP_KEY_LABEL_MAX];
	if (!(o->usage_mask & CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY) || o->algorithm != CRYPTOGRAPHIC_ALGORITHM_AES || opens_nothing_wrapped(mode))
		return ERR_OK;
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	return reason_fail(&ctx->reason, ERR_DENIED, "%s wraps keys, so it does not decrypt in this Block Cipher Mode: what left wrapped would be had in "
		"clear; use GCM, CCM, CTR, CFB or OFB", label);
}

/* Every field that is asked for stands in the key's own parameters. */
static bool params_match(const struct ttlv_item *asked, const struct ttlv_item *there)
{
	struct ttlv_cursor a = ttlv_cursor_of(asked->value);
	struct ttlv_item want, have;
	while (ttlv_next(&a, &want)) {
		struct ttlv_cursor t = ttlv_cursor_of(there->value);
		bool found = false;
		while (!found && ttlv_next(&t, &have)) found = have.tag == want.tag && have.type == want.type && view_equal(have.value, want.value);
		if (!found) return false;
	}
	return true;
}

/* Section 2.1.6: the request's parameters are among the key's; without any, those of the lowest index hold. */
static enum coffer_err choose_params(struct op_ctx *ctx, const struct kmip_wrapping *spec, const struct object *key, struct ttlv_item *out)
{
	uint32_t lowest = UINT32_MAX;
	bool found = false;
	for (size_t i = 0; i < key->attrs.count; i++) {
		const struct attrset_value *v = &key->attrs.values[i];
		struct ttlv_item item;
		if (v->attr != ATTR_CRYPTOGRAPHIC_PARAMETERS || v->index > lowest || !attrset_item(v, &item)) continue;
		if (spec->encryption.has_params && !params_match(&spec->encryption.params, &item)) continue;
		lowest = v->index;
		*out = spec->encryption.has_params ? spec->encryption.params : item;
		found = true;
	}
	if (found) return ERR_OK;
	return fail(ctx, RESULT_REASON_ITEM_NOT_FOUND, ERR_FIELD, "the wrapping key has no such Cryptographic Parameters; name some of its own");
}

static enum coffer_err kind_of(struct op_ctx *ctx, const struct ttlv_item *params, enum keywrap_kind *out)
{
	struct kmip_params p;
	TRY(kmip_params_parse(params, &p));
	if (p.has_block_cipher_mode && p.block_cipher_mode == BLOCK_CIPHER_MODE_NIST_KEY_WRAP) *out = KEYWRAP_RFC3394;
	else if (p.has_block_cipher_mode && p.block_cipher_mode == BLOCK_CIPHER_MODE_AES_KEY_WRAP_PADDING) *out = KEYWRAP_RFC5649;
	else return fail(ctx, RESULT_REASON_FEATURE_NOT_SUPPORTED, ERR_UNSUPPORTED,
		"keys are wrapped with the Block Cipher Mode NISTKeyWrap or AESKeyWrapPadding; name one of them");
	return ERR_OK;
}

/* ---- wrapping ---- */

struct named {
	const struct kmip_wrapping *spec;
	struct writer *out;
};

static enum coffer_err put_named(void *arg, const struct kmip_attr_value *value)
{
	const struct named *n = arg;
	struct view name = kmip_attribute_name(value);
	for (size_t i = 0; i < n->spec->name_count; i++) {
		if (!view_equal(n->spec->names[i], name)) continue;
		kmip_attr_put(n->out, value);
		break;
	}
	return ERR_OK;
}

/* What is wrapped: the bytes of the key alone, or the encoded Key Value structure with the attributes that are asked for. */
static enum coffer_err encode_value(struct op_ctx *ctx, const struct kmip_wrapping *spec, const struct kmip_key_block *block, struct buf *out)
{
	struct writer w;
	if (spec->encoding == ENCODING_OPTION_NO_ENCODING) {
		if (block->format != KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY) return buf_append(out, block->material);
		return fail(ctx, RESULT_REASON_ENCODING_OPTION_ERROR, ERR_FIELD, "a transparent key has no bytes to wrap without encoding; ask for the Raw format");
	}
	struct kmip_seen seen = kmip_seen_of(ctx, ctx->object);
	struct named named = { spec, &w };
	writer_init_buf(&w, out, SECRET_MAX + VALUE_EXTRA);
	struct ttlv_mark mark = ttlv_begin(&w, TAG_KEY_VALUE);
	kmip_key_material_put(&w, block->format, block->material);
	if (spec->name_count) TRY(kmip_attributes_each(&seen, put_named, &named));
	ttlv_end(&w, mark);
	return writer_done(&w);
}

/* What says how the key is wrapped; its Cryptographic Parameters are those that were used. */
static enum coffer_err put_data(const struct kmip_wrapping *spec, const struct ttlv_item *params, struct buf *out)
{
	struct kmip_wrapping data = { .method = WRAPPING_METHOD_ENCRYPT, .has_encoding = true, .encoding = spec->encoding,
		.encryption = { .present = true, .id = spec->encryption.id, .has_params = true, .params = *params } };
	struct writer w;
	writer_init_buf(&w, out, DATA_MAX);
	kmip_wrapping_data_put(&w, &data);
	return writer_done(&w);
}

static enum coffer_err wrap_value(struct op_ctx *ctx, const struct object *key, enum keywrap_kind kind, struct view plain, struct buf *out)
{
	if (plain.len > KEYWRAP_TEXT_MAX)
		return reason_fail(&ctx->reason, ERR_TOO_LARGE, "the object is too large to be wrapped: at most %u bytes are", KEYWRAP_TEXT_MAX);
	enum coffer_err err = keywrap_wrap(secret_view(key->material), kind, plain, out);
	if (err != ERR_FIELD) return err;
	return fail(ctx, RESULT_REASON_ENCODING_OPTION_ERROR, err,
		"NISTKeyWrap takes whole blocks of 8 bytes, two at least; use TTLV Encoding or AESKeyWrapPadding for this object");
}

enum coffer_err kmip_wrap(struct op_ctx *ctx, const struct kmip_wrapping *spec, struct kmip_key_block *block, struct kmip_wrap_bytes *bytes)
{
	AUTO_OBJECT struct object *key = NULL;
	AUTO_BUF struct buf plain = BUF_EMPTY;
	struct ttlv_item params = { .tag = 0 };
	enum keywrap_kind kind = KEYWRAP_RFC3394;
	if (!block->has_value)
		return fail(ctx, RESULT_REASON_ILLEGAL_OPERATION, ERR_STATE, "there is no Key Value here to wrap: this key is elsewhere");
	if (block->wrapped)
		return fail(ctx, RESULT_REASON_FEATURE_NOT_SUPPORTED, ERR_UNSUPPORTED, "the key was registered wrapped; ask for it as it is, or not wrapped");
	TRY(find_key(ctx, spec->encryption.id, &key));
	TRY(check_key(ctx, key, OBJECT_USE_PROTECT));
	if (memcmp(key->id, ctx->object->id, UUID_LEN) == 0)
		return fail(ctx, RESULT_REASON_PERMISSION_DENIED, ERR_STATE, "a key does not wrap itself; name another wrapping key");
	TRY(choose_params(ctx, spec, key, &params));
	TRY(kind_of(ctx, &params, &kind));
	TRY(encode_value(ctx, spec, block, &plain));
	TRY(kmip_usage_spend_of(ctx, &key, 1, plain.len));
	buf_clear(&bytes->value); /* what was unwrapped before */
	TRY(wrap_value(ctx, key, kind, buf_view(&plain), &bytes->value));
	TRY(put_data(spec, &params, &bytes->data));
	TRY(ttlv_root(buf_view(&bytes->data), &block->wrapping));
	block->material = buf_view(&bytes->value);
	block->wrapped = true;
	snprintf(ctx->detail, sizeof ctx->detail, "wrapped by %.*s", (int)spec->encryption.id.len, (const char *)spec->encryption.id.ptr);
	return ERR_OK;
}

/* ---- unwrapping ---- */

static enum coffer_err open_value(struct op_ctx *ctx, const struct kmip_wrapping *spec, struct kmip_key_block *block, struct view plain)
{
	struct ttlv_item item;
	if (spec->encoding == ENCODING_OPTION_NO_ENCODING) {
		if (block->format == KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY)
			return fail(ctx, RESULT_REASON_ENCODING_OPTION_ERROR, ERR_FIELD, "a transparent key was wrapped without encoding; ask for it as registered");
		block->material = plain;
		return ERR_OK;
	}
	bool sound = ttlv_check(plain, NULL, NULL) == ERR_OK && ttlv_root(plain, &item) == ERR_OK && item.tag == TAG_KEY_VALUE;
	if (sound && kmip_key_value_parse(&item, block) == ERR_OK) return ERR_OK;
	return fail(ctx, RESULT_REASON_CRYPTOGRAPHIC_FAILURE, ERR_CONTEXT, "what was wrapped is no Key Value; ask for it as registered");
}

enum coffer_err kmip_unwrap(struct op_ctx *ctx, struct kmip_key_block *block, struct kmip_wrap_bytes *bytes)
{
	AUTO_OBJECT struct object *key = NULL;
	struct kmip_wrapping spec;
	struct ttlv_item params = { .tag = 0 };
	enum keywrap_kind kind = KEYWRAP_RFC3394;
	PRE(block->wrapped);
	TRY(kmip_wrapping_data_parse(&block->wrapping, UINT32_MAX, &spec, &ctx->reason));
	TRY(check_supported(ctx, &spec));
	TRY(find_key(ctx, spec.encryption.id, &key));
	TRY(check_key(ctx, key, OBJECT_USE_PROCESS));
	TRY(choose_params(ctx, &spec, key, &params));
	TRY(kind_of(ctx, &params, &kind));
	enum coffer_err err = keywrap_unwrap(secret_view(key->material), kind, block->material, &bytes->value);
	if (err == ERR_CONTEXT)
		return fail(ctx, RESULT_REASON_CRYPTOGRAPHIC_FAILURE, err, "the key does not open with the wrapping key that its Key Wrapping Data names");
	TRY(err);
	TRY(open_value(ctx, &spec, block, buf_view(&bytes->value)));
	block->wrapped = false;
	snprintf(ctx->detail, sizeof ctx->detail, "unwrapped by %.*s", (int)spec.encryption.id.len, (const char *)spec.encryption.id.ptr);
	return ERR_OK;
}
