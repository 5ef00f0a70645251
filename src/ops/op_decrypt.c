/* Decrypt (KMIP 1.4 section 4.30). */
#include "ops/kmip_cipher.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

static enum coffer_err check_fields(struct op_ctx *ctx, const struct kmip_cipher_request *q, const struct kmip_cipher *c)
{
	if (c->traits.iv_max && !q->has_iv) return reason_fail(&ctx->reason, ERR_MISSING, "the IV/Counter/Nonce is missing");
	if (c->traits.tag_len && !q->has_tag) return reason_fail(&ctx->reason, ERR_MISSING, "the Authenticated Encryption Tag is missing");
	if (q->tag.len != c->traits.tag_len)
		return reason_fail(&ctx->reason, ERR_FIELD, "the Authenticated Encryption Tag has the wrong length for this cipher");
	return ERR_OK;
}

enum coffer_err op_decrypt(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf pt = BUF_EMPTY;
	struct kmip_cipher_request q;
	struct kmip_cipher c;
	TRY(kmip_cipher_read(ctx, payload, true, &q));
	TRY(kmip_cipher_check_key(ctx, OBJECT_USE_PROCESS));
	TRY(kmip_cipher_choose(ctx, &q, &c));
	TRY(check_fields(ctx, &q, &c));
	enum coffer_err err = cipher_decrypt(&c.params, secret_view(ctx->object->material), q.iv, q.aad, q.data, q.tag, &pt);
	if (err == ERR_CONTEXT) {
		ctx->result_reason = RESULT_REASON_CRYPTOGRAPHIC_FAILURE;
		return reason_fail(&ctx->reason, err, "the data does not decrypt with this key and these parameters");
	}
	if (err == ERR_FIELD)
		return reason_fail(&ctx->reason, err, "the length of the IV or of the data does not suit the Block Cipher Mode and Padding Method");
	TRY(err);
	kmip_put_id(out, ctx->object);
	ttlv_put_bytes(out, TAG_DATA, buf_view(&pt));
	return ERR_OK;
}
