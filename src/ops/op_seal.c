/* Seal: plaintext to a sealed message (docs/formats.md section 3). */
#include "base/cleanup.h"
#include "crypto/envelope.h"
#include "kmip/tags.h"
#include "ops/context_fields.h"
#include "ops/kmip_usage.h"
#include "ops/seal_key.h"
#include "ops/tables.h"

enum coffer_err op_seal(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct context_fields context UNSET;
	struct view plain;
	struct xaes_key *key;
	AUTO(auto_xaes_key_free) struct xaes_key *own = NULL;

	TRY(context_fields_take(payload, &context, &ctx->reason));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_PLAINTEXT, &plain));
	TRY(ttlv_done(payload));
	ctx->bulk_bytes = plain.len;
	if (plain.len > ENVELOPE_MESSAGE_MAX)
		return reason_fail(&ctx->reason, ERR_TOO_LARGE, "a sealed message holds at most %u bytes; seal this as a stream", ENVELOPE_MESSAGE_MAX);
	TRY(seal_key_check(ctx, ctx->object, OBJECT_USE_PROTECT));
	TRY(kmip_usage_spend(ctx, plain.len));
	const struct object *o = ctx->object;
	TRY(seal_key_message(ctx, o, &key, &own));
	seal_key_put_id(out, o);
	ttlv_put_i32(out, TAG_COFFER_KEY_VERSION, (int32_t)o->key_version);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_COFFER_SEALED_DATA, envelope_size(plain.len));
	TRY(writer_done(out));
	TRY(envelope_seal(key, op_local_rng(ctx->local), ENVELOPE_MESSAGE, o->id, o->key_version, context_fields_view(&context), plain,
		space.ptr));
	seal_key_tell(ctx, AGAIN_SEAL, key, plain, context_fields_view(&context), again_at(out, space.ptr), envelope_size(plain.len));
	ttlv_commit_bytes(out, space, envelope_size(plain.len));
	engine_count_bytes(ctx->engine, op_local_place(ctx->local), plain.len);
	return ERR_OK;
}
