/* Encrypt (KMIP 1.4 section 4.29) with the raw key and a cipher that the key's parameters or the client name. */
#include "crypto/rng.h"
#include "ops/kmip_cipher.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"
#include "ops/tables.h"

static enum coffer_err check_iv(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c)
{
	if (q->has_iv && c->key_decides)
		return reason_fail(&ctx->reason, ERR_FIELD, "this key takes only IVs that the server makes (Random IV); leave the IV out");
	if (q->has_iv && c->traits.iv_max == 0)
		return reason_fail(&ctx->reason, ERR_FIELD, "this Block Cipher Mode takes no IV/Counter/Nonce; leave it out");
	if (q->has_iv || c->traits.iv_max == 0 || c->random_iv) return ERR_OK;
	ctx->result_reason = RESULT_REASON_INVALID_MESSAGE; /* as the profile's cases have it (CS-BC-M-11) */
	return reason_fail(&ctx->reason, ERR_MISSING, "the IV/Counter/Nonce is missing; give one, or ask for Random IV");
}

/* Every GCM invocation counts, whoever made the IV. What was set aside durably is spent first; the next block is set aside on the store lane. */
static enum coffer_err count_seal(struct op_ctx *ctx)
{
	struct op_key *key;
	bool warm = !ctx->txn && ctx->local && op_local_key(ctx->local, ctx->object->id, &key) == ERR_OK && key->object == ctx->object;
	if (warm ? op_key_spend(key) : seal_budget_spend(ctx->object->seals)) return ERR_OK;
	if (!ctx->txn) {
		ctx->want_store = true;
		return ERR_NOT_CACHED;
	}
	if (seal_budget_spend_staged(ctx->object->seals)) return ERR_OK;
	AUTO_OBJECT struct object *o = object_copy(ctx->object);
	ENSURE(o, ERR_MEMORY);
	TRY(seal_budget_reserve(ctx->txn, o, &ctx->reason));
	object_unref(ctx->object);
	ctx->object = TAKE(o);
	return ERR_OK;
}

static enum coffer_err choose_iv(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c,
	uint8_t made[static CIPHER_IV_MAX], struct view *out)
{
	TRY(check_iv(ctx, q, c));
	TRY(kmip_usage_spend(ctx, q->data.len));
	if (c->traits.tag_len) TRY(count_seal(ctx));
	*out = q->iv;
	if (q->has_iv || c->traits.iv_max == 0) return ERR_OK;
	TRY(rng_pool_bytes(ctx->local ? op_local_rng(ctx->local) : NULL, made, c->made_iv_len));
	*out = view_of(made, c->made_iv_len);
	return ERR_OK;
}

/* With an IV of the server's own. */
static void tell(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct aead_key *used, size_t data_at, size_t iv_at, size_t tag_at)
{
	struct op_key *key;
	if (!ctx->again || q->has_iv || op_local_key(ctx->local, ctx->object->id, &key) != ERR_OK || key->object != ctx->object || key->gcm != used) return;
	*ctx->again = (struct again_parts){ .kind = AGAIN_ENCRYPT, .key = key, .in = q->data, .aad = q->aad, .out = data_at, .out_len = q->data.len, .out_iv = iv_at,
		.out_tag = tag_at };
}

static enum coffer_err whole_warm(struct op_ctx *ctx, const struct kmip_cipher_request *q, struct aead_key *key, struct view iv, struct writer *out)
{
	uint8_t tag[AEAD_TAG_LEN];
	kmip_put_id(out, ctx->object);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_DATA, q->data.len);
	TRY(writer_done(out));
	TRY(kmip_cipher_explain(ctx, aead_seal(key, iv.ptr, &q->aad, 1, q->data, space.ptr, tag)));
	size_t data_at = again_at(out, space.ptr);
	ttlv_commit_bytes(out, space, q->data.len);
	size_t iv_at = writer_len(out) + TTLV_HEADER_LEN;
	if (!q->has_iv) ttlv_put_bytes(out, TAG_IV_COUNTER_NONCE, iv);
	size_t tag_at = writer_len(out) + TTLV_HEADER_LEN;
	ttlv_put_bytes(out, TAG_AUTHENTICATED_ENCRYPTION_TAG, view_of(tag, sizeof tag));
	tell(ctx, q, key, data_at, iv_at, tag_at);
	return ERR_OK;
}

static enum coffer_err whole(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c, struct view iv, struct writer *out)
{
	struct aead_key *key;
	TRY(kmip_cipher_warm(ctx, c, iv, &key));
	if (key) return whole_warm(ctx, q, key, iv, out);
	AUTO_BUF struct buf ct = BUF_EMPTY;
	uint8_t tag[CIPHER_TAG_MAX];
	size_t tag_len;
	TRY(kmip_cipher_explain(ctx, cipher_encrypt(&c->params, secret_view(ctx->object->material), iv, q->aad, q->data, &ct, tag, &tag_len)));
	kmip_put_id(out, ctx->object);
	ttlv_put_bytes(out, TAG_DATA, buf_view(&ct));
	if (!q->has_iv && iv.len) ttlv_put_bytes(out, TAG_IV_COUNTER_NONCE, iv);
	if (tag_len) ttlv_put_bytes(out, TAG_AUTHENTICATED_ENCRYPTION_TAG, view_of(tag, tag_len));
	return ERR_OK;
}

enum coffer_err op_encrypt(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_cipher_request q;
	struct kmip_cipher c;
	struct view iv;
	uint8_t made[CIPHER_IV_MAX];
	TRY(kmip_cipher_read(ctx, payload, CIPHER_ENCRYPT, &q));
	if (q.parts.step == KMIP_STEP_NEXT || q.parts.step == KMIP_STEP_LAST) return kmip_cipher_next(ctx, CIPHER_ENCRYPT, &q, out);
	TRY(kmip_cipher_check_key(ctx, CIPHER_ENCRYPT));
	TRY(kmip_cipher_choose(ctx, &q, &c));
	TRY(choose_iv(ctx, &q, &c, made, &iv));
	if (q.parts.step == KMIP_STEP_FIRST) return kmip_cipher_first(ctx, CIPHER_ENCRYPT, &q, &c, iv, out);
	return whole(ctx, &q, &c, iv, out);
}
