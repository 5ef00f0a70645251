/* Create (KMIP 1.4 section 4.1): a new AES key. */
#include "base/clock.h"
#include "objects/txn.h"
#include "ops/kmip_key.h"
#include "ops/kmip_template.h"
#include "ops/regroup.h"
#include "ops/tables.h"

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o)
{
	uint32_t type;
	TRY(ttlv_take_enum(payload, TAG_OBJECT_TYPE, &type));
	if (type != OBJECT_TYPE_SYMMETRIC_KEY) {
		ctx->result_reason = RESULT_REASON_INVALID_FIELD;
		return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "only symmetric keys can be created");
	}
	if (ttlv_peek_tag(payload) != TAG_TEMPLATE_ATTRIBUTE)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Template-Attribute is missing");
	TRY(kmip_template_apply(ctx, payload, o, false));
	TRY(kmip_end(ctx, payload));
	return kmip_key_check(ctx, o);
}

enum coffer_err op_create(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = object_new(OBJECT_TYPE_SYMMETRIC_KEY, ctx->principal->text);
	ENSURE(o, ERR_MEMORY);
	TRY(read_request(ctx, payload, o));
	TRY(op_may_regroup(ctx, NULL, o));
	TRY(kmip_key_make(ctx, o, clock_wall_s()));
	enum coffer_err err = txn_create(ctx->txn, o, &ctx->reason);
	if (err == ERR_EXISTS) ctx->result_reason = RESULT_REASON_INVALID_FIELD; /* section 11.2 */
	TRY(err);
	kmip_touch(ctx, o);
	ttlv_put_enum(out, TAG_OBJECT_TYPE, o->type);
	kmip_put_id(out, o);
	return ERR_OK;
}
