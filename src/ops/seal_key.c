/* Checks of a key that seals or opens, and its warm context. */
#include "ops/seal_key.h"

#include <string.h>

#include "base/clock.h"
#include "kmip/enums.h"
#include "kmip/tags.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"

#define LABEL_TEXT_MAX 128u

/* The key as people know it: its name, else its UUID. */
static void label_of(const struct object *o, char out[static LABEL_TEXT_MAX])
{
	char uuid[UUID_TEXT_LEN + 1];
	struct view name = object_name(o);
	text_uuid(o->id, uuid);
	text_printable(name.len ? name : view_str(uuid), out, LABEL_TEXT_MAX);
}

enum coffer_err seal_key_check(struct op_ctx *ctx, const struct object *o, enum object_use use)
{
	uint32_t bit = use == OBJECT_USE_PROTECT ? CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT : CRYPTOGRAPHIC_USAGE_MASK_DECRYPT;
	bool fits = (o->usage_mask & bit) && o->seal_message && o->seal_stream;
	TRY(kmip_check_online(ctx, o));
	if (fits && dates_check_use(o, use, clock_date_s(), "", NULL) == ERR_OK) return ERR_OK;
	char label[LABEL_TEXT_MAX];
	label_of(o, label);
	TRY(dates_check_use(o, use, clock_date_s(), label, &ctx->reason));
	if (!(o->usage_mask & bit)) {
		ctx->result_reason = RESULT_REASON_INCOMPATIBLE_CRYPTOGRAPHIC_USAGE_MASK;
		return reason_fail(&ctx->reason, ERR_STATE, "the usage mask of key %s does not allow to %s with it", label,
			use == OBJECT_USE_PROTECT ? "encrypt" : "decrypt");
	}
	if (!o->seal_message || !o->seal_stream)
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "key %s cannot seal: sealing takes an AES key of 256 bits", label);
	return ERR_OK;
}

enum coffer_err seal_key_message(struct op_ctx *ctx, const struct object *o, struct xaes_key **out, struct xaes_key **own)
{
	struct op_key *key;
	PRE(secret_len(o->seal_message) == XAES_KEY_LEN);
	if (op_local_key(ctx->local, o->id, &key) == ERR_OK && key->object == o) {
		if (!key->message) TRY(xaes_key_new(secret_bytes(o->seal_message), &key->message));
		*out = key->message;
		return ERR_OK;
	}
	TRY(xaes_key_new(secret_bytes(o->seal_message), own));
	*out = *own;
	return ERR_OK;
}

void seal_key_tell(struct op_ctx *ctx, enum again_kind kind, const struct xaes_key *used, struct view in, struct view context, size_t out_at, size_t out_len)
{
	struct op_key *key;
	if (!ctx->again || op_local_key(ctx->local, ctx->object->id, &key) != ERR_OK || key->object != ctx->object || key->message != used) return;
	if (context.len > AGAIN_CONTEXT_MAX) return;
	*ctx->again = (struct again_parts){ .kind = kind, .key = key, .in = in, .out = out_at, .out_len = out_len, .context_len = context.len };
	if (context.len) memcpy(ctx->again->context, context.ptr, context.len);
}

void seal_key_put_id(struct writer *out, const struct object *o)
{
	char uuid[UUID_TEXT_LEN + 1];
	text_uuid(o->id, uuid);
	ttlv_put_str(out, TAG_UNIQUE_IDENTIFIER, uuid);
}
