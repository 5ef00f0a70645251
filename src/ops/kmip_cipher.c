/* Fields and parameters of Encrypt and Decrypt. */
#include "ops/kmip_cipher.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/algorithm.h"
#include "ops/kmip_key.h"
#include "ops/kmip_use.h"

#define CHOICE_PARAMS_MAX 96u /* bytes of Cryptographic Parameters: more are read each time */

/* The last choice of a thread for a key, and what it was made of. */
struct kmip_cipher_choice {
	uint32_t minor;
	size_t len;
	uint8_t params[CHOICE_PARAMS_MAX]; /* of the request, encoded */
	struct kmip_cipher chosen;
};

#define AEAD_MINOR 4u /* first KMIP 1.x version with Additional Data and Tag */

enum coffer_err kmip_cipher_read(struct op_ctx *ctx, struct ttlv_cursor *payload, enum cipher_way way, struct kmip_cipher_request *out)
{
	bool has_data = false;
	*out = (struct kmip_cipher_request){ .has_params = false };
	TRY(ttlv_take_optional(payload, TAG_CRYPTOGRAPHIC_PARAMETERS, &out->params, &out->has_params));
	TRY(ttlv_take_optional_bytes(payload, TAG_DATA, &out->data, &has_data));
	TRY(ttlv_take_optional_bytes(payload, TAG_IV_COUNTER_NONCE, &out->iv, &out->has_iv));
	TRY(kmip_parts_read(ctx, payload, has_data, &out->parts));
	ctx->bulk_bytes = out->data.len;
	if (ctx->version_minor >= AEAD_MINOR) {
		TRY(ttlv_take_optional_bytes(payload, TAG_AUTHENTICATED_ENCRYPTION_ADDITIONAL_DATA, &out->aad, NULL));
		if (way == CIPHER_DECRYPT) TRY(ttlv_take_optional_bytes(payload, TAG_AUTHENTICATED_ENCRYPTION_TAG, &out->tag, &out->has_tag));
	}
	return kmip_end(ctx, payload);
}

enum coffer_err kmip_cipher_check_key(struct op_ctx *ctx, enum cipher_way way)
{
	static const struct kmip_use encrypts = { OBJECT_USE_PROTECT, CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT, "encryption" };
	static const struct kmip_use decrypts = { OBJECT_USE_PROCESS, CRYPTOGRAPHIC_USAGE_MASK_DECRYPT, "decryption" };
	return kmip_use_check(ctx, way == CIPHER_ENCRYPT ? &encrypts : &decrypts);
}

/* Parameters that name another algorithm than the key's, or CMAC, are about MACs. */
static bool is_for_cipher(const struct object *o, const struct kmip_params *p)
{
	if (p->has_cryptographic_algorithm && p->cryptographic_algorithm != o->algorithm) return false;
	return !p->has_block_cipher_mode || p->block_cipher_mode != CIPHER_CMAC;
}

/* The key's own parameters: the first for this mode, or (mode 0) the first of all. False when there are none; *out_lists when the key says at
 * all what it serves. */
static bool of_key(const struct object *o, uint32_t mode, struct kmip_params *out, bool *out_lists)
{
	struct kmip_params p;
	size_t at = 0;
	bool found = false;
	*out_lists = false;
	while (kmip_use_params(o, &at, &p)) {
		bool fits = is_for_cipher(o, &p);
		if (!fits || p.has_block_cipher_mode) *out_lists = true;
		if (found || !fits || (mode && p.has_block_cipher_mode && p.block_cipher_mode != mode)) continue;
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
	FILL(iv_length)
	FILL(tag_length)
#undef FILL
}

static bool needs_mode(uint32_t algorithm)
{
	return algorithm != CIPHER_CHACHA20 && algorithm != CIPHER_CHACHA20_POLY1305;
}

static enum coffer_err merge(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_params *p, bool *out_key_decides)
{
	struct kmip_params key = { .has_block_cipher_mode = false };
	bool lists;
	*p = (struct kmip_params){ .has_block_cipher_mode = false };
	if (request->has_params) TRY(kmip_params_parse(&request->params, p));
	bool found = of_key(ctx->object, p->has_block_cipher_mode ? p->block_cipher_mode : 0, &key, &lists);
	if (lists && !found) {
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
		return reason_fail(&ctx->reason, ERR_DENIED, "this key does not serve this Block Cipher Mode; its Cryptographic Parameters list others");
	}
	if (found) fill(p, &key);
	*out_key_decides = found && key.has_random_iv && key.random_iv;
	if (!p->has_block_cipher_mode && needs_mode(ctx->object->algorithm))
		return reason_fail(&ctx->reason, ERR_MISSING, "neither the request nor the key names a Block Cipher Mode");
	return ERR_OK;
}

static enum coffer_err bad_tag_length(struct op_ctx *ctx)
{
	ctx->result_reason = RESULT_REASON_GENERAL_FAILURE; /* as the profile's cases have it (CS-BC-M-GCM-1) */
	return reason_fail(&ctx->reason, ERR_FIELD, "the Tag Length does not suit the Block Cipher Mode");
}

static enum coffer_err look_up(struct op_ctx *ctx, struct kmip_cipher *out)
{
	enum coffer_err err = cipher_traits(&out->params, &out->traits);
	const char *name = crypto_algorithm_name(out->params.algorithm);
	if (err == ERR_UNSUPPORTED)
		return reason_fail(&ctx->reason, err, "%s does not have this Block Cipher Mode and Padding Method here; docs/kmip.md lists what it has",
			name ? name : "the algorithm of this key");
	if (err) return bad_tag_length(ctx);
	TRY(kmip_use_legacy(ctx, out->traits.legacy, name ? name : "it"));
	if (out->traits.tag_len && ctx->version_minor < AEAD_MINOR)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "authenticated encryption needs KMIP 1.4");
	return ERR_OK;
}

/* IV Length is in bits. Shorter than what the mode likes best, random IVs would meet each other too soon. */
static enum coffer_err choose_iv_len(struct op_ctx *ctx, const struct kmip_params *p, struct kmip_cipher *out)
{
	out->made_iv_len = out->traits.iv_len;
	if (!p->has_iv_length || out->traits.iv_len == 0) return ERR_OK;
	bool whole = p->iv_length > 0 && p->iv_length % 8 == 0;
	size_t len = whole ? (size_t)p->iv_length / 8 : 0;
	if (len >= out->traits.iv_len && len <= out->traits.iv_max) out->made_iv_len = len;
	else if (out->random_iv)
		return reason_fail(&ctx->reason, ERR_FIELD, "the IV Length does not suit a Random IV of this Block Cipher Mode: %zu bits do",
			out->traits.iv_len * 8);
	return ERR_OK;
}

static enum coffer_err choose(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_cipher *out)
{
	struct kmip_params p;
	bool key_decides = false;
	TRY(merge(ctx, request, &p, &key_decides));
	if (p.has_cryptographic_algorithm && p.cryptographic_algorithm != ctx->object->algorithm)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Algorithm is not that of the key");
	if (p.has_tag_length && p.tag_length <= 0) return bad_tag_length(ctx);
	*out = (struct kmip_cipher){ .random_iv = key_decides || (p.has_random_iv && p.random_iv), .key_decides = key_decides };
	out->params = (struct cipher_params){ .algorithm = ctx->object->algorithm, .mode = p.has_block_cipher_mode ? p.block_cipher_mode : 0,
		.padding = p.has_padding_method ? p.padding_method : 0, .tag_len = p.has_tag_length ? (uint32_t)p.tag_length : 0 };
	TRY(look_up(ctx, out));
	return choose_iv_len(ctx, &p, out);
}

static struct op_key *warm_key(struct op_ctx *ctx)
{
	struct op_key *key;
	if (!ctx->local || ctx->txn || op_local_key(ctx->local, ctx->object->id, &key) != ERR_OK || key->object != ctx->object) return NULL;
	return key;
}

/* The choice stands with the object as it is now: an object that changed is another one, with another entry. */
static bool is_chosen(const struct kmip_cipher_choice *c, struct view params, uint32_t minor)
{
	return c && c->minor == minor && c->len == params.len && memcmp(c->params, params.ptr, params.len) == 0;
}

static void keep_choice(struct op_key *key, struct view params, uint32_t minor, const struct kmip_cipher *chosen)
{
	if (params.len > CHOICE_PARAMS_MAX || chosen->traits.legacy) return; /* a legacy one is asked for each time: the configuration may change */
	if (!key->choice) key->choice = malloc(sizeof *key->choice);
	if (!key->choice) return;
	key->choice->minor = minor;
	key->choice->len = params.len;
	memcpy(key->choice->params, params.ptr, params.len);
	key->choice->chosen = *chosen;
}

enum coffer_err kmip_cipher_choose(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_cipher *out)
{
	struct op_key *key = request->has_params && request->params.value.len ? warm_key(ctx) : NULL;
	if (key && request->params.type == TTLV_STRUCTURE && is_chosen(key->choice, request->params.value, ctx->version_minor)) {
		*out = key->choice->chosen;
		return ERR_OK;
	}
	TRY(choose(ctx, request, out));
	if (key) keep_choice(key, request->params.value, ctx->version_minor, out);
	return ERR_OK;
}

enum coffer_err kmip_cipher_warm(struct op_ctx *ctx, const struct kmip_cipher *c, struct view iv, struct aead_key **out)
{
	const struct object *o = ctx->object;
	struct op_key *key;
	*out = NULL;
	if (c->params.algorithm != CIPHER_AES || c->params.mode != CIPHER_GCM || c->params.padding || c->traits.tag_len != AEAD_TAG_LEN) return ERR_OK;
	if (iv.len != AEAD_NONCE_LEN || !ctx->local || op_local_key(ctx->local, o->id, &key) != ERR_OK || key->object != o) return ERR_OK;
	if (!key->gcm) {
		enum coffer_err err = aead_key_new(secret_bytes(o->material), secret_len(o->material), &key->gcm);
		if (err && err != ERR_FIELD) return err;
	}
	*out = key->gcm;
	return ERR_OK;
}

enum coffer_err kmip_cipher_explain(struct op_ctx *ctx, enum coffer_err err)
{
	if (err == ERR_CONTEXT) {
		ctx->result_reason = RESULT_REASON_CRYPTOGRAPHIC_FAILURE;
		return reason_fail(&ctx->reason, err, "the data does not decrypt with this key and these parameters");
	}
	if (err == ERR_FIELD)
		return reason_default(&ctx->reason, err, "the length of the key, the IV, the tag or the data does not suit the Block Cipher Mode and "
			"Padding Method, or the halves of an XTS key are equal");
	if (err == ERR_TOO_LARGE)
		return reason_default(&ctx->reason, err, "the data is longer than this Block Cipher Mode carries, or than is kept of one message in parts");
	return err;
}
