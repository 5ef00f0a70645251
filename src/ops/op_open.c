/* Open: sealed message to plaintext. The dispatcher found the key by the id in the message. */
#include "base/cleanup.h"
#include "crypto/envelope.h"
#include "kmip/tags.h"
#include "ops/context_fields.h"
#include "ops/seal_key.h"
#include "ops/tables.h"

/* Whatever is wrong with the sealed bytes, the words are the same. */
static enum coffer_err does_not_open(struct op_ctx *ctx, enum coffer_err err)
{
	bool about_data = err == ERR_CONTEXT || err_class(err) == ERR_CLASS_input;
	return about_data ? reason_fail(&ctx->reason, ERR_CONTEXT, "%s", SEAL_KEY_DOES_NOT_OPEN) : err;
}

enum coffer_err op_open(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct context_fields context UNSET;
	struct envelope_header header;
	struct view sealed;
	struct xaes_key *key;
	AUTO(auto_xaes_key_free) struct xaes_key *own = NULL;
	const struct object *o = ctx->object;

	TRY(context_fields_take(payload, &context, &ctx->reason));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_SEALED_DATA, &sealed));
	TRY(ttlv_done(payload));
	TRY(envelope_parse_header(sealed, &header));
	TRY(seal_key_check(ctx, o, OBJECT_USE_PROCESS));
	if (header.kind != ENVELOPE_MESSAGE || header.key_version != o->key_version) return does_not_open(ctx, ERR_CONTEXT);
	TRY(seal_key_message(ctx, o, &key, &own));
	seal_key_put_id(out, o);
	size_t plain_len = envelope_plain_size(sealed.len);
	ctx->bulk_bytes = plain_len;
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_COFFER_PLAINTEXT, plain_len);
	TRY(writer_done(out));
	enum coffer_err err = envelope_open(key, ENVELOPE_MESSAGE, sealed, context_fields_view(&context), space.ptr);
	if (err) return does_not_open(ctx, err);
	seal_key_tell(ctx, AGAIN_OPEN, key, sealed, context_fields_view(&context), again_at(out, space.ptr), plain_len);
	ttlv_commit_bytes(out, space, plain_len);
	engine_count_bytes(ctx->engine, op_local_place(ctx->local), plain_len);
	return ERR_OK;
}
