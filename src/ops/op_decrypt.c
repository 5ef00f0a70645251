/* Decrypt (KMIP 1.4 section 4.30). */
#include "ops/kmip_cipher.h"
#include "ops/kmip_key.h"
#include "ops/kmip_wrap.h"
#include "ops/tables.h"

/* The first part may come without the tag, the whole may not. */
static enum coffer_err check_fields(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c)
{
	bool all = q->parts.step == KMIP_STEP_WHOLE;
	if (q->has_iv && c->traits.iv_max == 0)
		return reason_fail(&ctx->reason, ERR_FIELD, "this Block Cipher Mode takes no IV/Counter/Nonce; leave it out");
	if (c->traits.iv_max && !q->has_iv) {
		ctx->result_reason = RESULT_REASON_INVALID_MESSAGE; /* as the profile's cases have it (CS-BC-M-11) */
		return reason_fail(&ctx->reason, ERR_MISSING, "the IV/Counter/Nonce is missing");
	}
	if (all && c->traits.tag_len && !q->has_tag) return reason_fail(&ctx->reason, ERR_MISSING, "the Authenticated Encryption Tag is missing");
	if ((all || q->has_tag) && q->tag.len != c->traits.tag_len)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Authenticated Encryption Tag has the wrong length for this cipher");
	return ERR_OK;
}

static void tell(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct aead_key *used, size_t data_at)
{
	struct op_key *key;
	if (!ctx->again || op_local_key(ctx->local, ctx->object->id, &key) != ERR_OK || key->object != ctx->object || key->gcm != used) return;
	*ctx->again = (struct again_parts){ .kind = AGAIN_DECRYPT, .key = key, .in = q->data, .iv = q->iv, .aad = q->aad, .tag = q->tag, .out = data_at,
		.out_len = q->data.len };
}

static enum coffer_err whole_warm(struct op_ctx *ctx, const struct kmip_cipher_request *q, struct aead_key *key, struct writer *out)
{
	kmip_put_id(out, ctx->object);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_DATA, q->data.len);
	TRY(writer_done(out));
	TRY(kmip_cipher_explain(ctx, aead_open(key, q->iv.ptr, &q->aad, 1, q->data, q->tag.ptr, space.ptr)));
	tell(ctx, q, key, again_at(out, space.ptr));
	ttlv_commit_bytes(out, space, q->data.len);
	return ERR_OK;
}

static enum coffer_err whole(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c, struct writer *out)
{
	struct aead_key *key;
	TRY(kmip_cipher_warm(ctx, c, q->iv, &key));
	if (key) return whole_warm(ctx, q, key, out);
	AUTO_BUF struct buf pt = BUF_EMPTY;
	TRY(kmip_cipher_explain(ctx, cipher_decrypt(&c->params, secret_view(ctx->object->material), q->iv, q->aad, q->data, q->tag, &pt)));
	kmip_put_id(out, ctx->object);
	ttlv_put_bytes(out, TAG_DATA, buf_view(&pt));
	return ERR_OK;
}

enum coffer_err op_decrypt(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_cipher_request q;
	struct kmip_cipher c;
	TRY(kmip_cipher_read(ctx, payload, CIPHER_DECRYPT, &q));
	if (q.parts.step == KMIP_STEP_NEXT || q.parts.step == KMIP_STEP_LAST) return kmip_cipher_next(ctx, CIPHER_DECRYPT, &q, out);
	TRY(kmip_cipher_check_key(ctx, CIPHER_DECRYPT));
	TRY(kmip_cipher_choose(ctx, &q, &c));
	TRY(kmip_wrap_check_decrypt(ctx, c.params.mode));
	TRY(check_fields(ctx, &q, &c));
	if (q.parts.step == KMIP_STEP_FIRST) return kmip_cipher_first(ctx, CIPHER_DECRYPT, &q, &c, q.iv, out);
	return whole(ctx, &q, &c, out);
}
