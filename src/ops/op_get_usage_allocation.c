/* Get Usage Allocation (KMIP 1.4 section 4.18): a client sets a part of the Usage Limits aside for protection that it applies itself. */
#include <stdio.h>

#include "base/clock.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"
#include "ops/tables.h"

static enum coffer_err illegal(struct op_ctx *ctx, const char *why)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(ctx->object, label);
	ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION; /* section 11.19 */
	return reason_fail(&ctx->reason, ERR_STATE, "%s %s", label, why);
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, int64_t *out_units)
{
	bool present;
	TRY(ttlv_take_optional_i64(payload, TAG_USAGE_LIMITS_COUNT, out_units, &present));
	TRY(kmip_end(ctx, payload));
	if (!present) {
		ctx->result_reason = RESULT_REASON_INVALID_MESSAGE; /* section 11.19 */
		return reason_fail(&ctx->reason, ERR_MISSING, "the Usage Limits Count is missing: how much is to be protected");
	}
	return *out_units > 0 ? ERR_OK : reason_fail(&ctx->reason, ERR_FIELD, "the Usage Limits Count is not positive");
}

static enum coffer_err check_key(struct op_ctx *ctx, uint64_t now_s)
{
	struct kmip_usage_limits limits;
	char label[KMIP_KEY_LABEL_MAX];
	if (!kmip_usage_limits(ctx->object, &limits)) return illegal(ctx, "has no Usage Limits; it needs no allocation");
	if (!(ctx->object->usage_mask & KMIP_USAGE_PROTECTS)) return illegal(ctx, "protects nothing: its Cryptographic Usage Mask says so");
	kmip_key_label(ctx->object, label);
	ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION;
	TRY(dates_check_use(ctx->object, OBJECT_USE_PROTECT, now_s, label, &ctx->reason));
	ctx->result_reason = 0;
	return ERR_OK;
}

enum coffer_err op_get_usage_allocation(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	int64_t units = 0;
	uint64_t now_s = clock_date_s();
	TRY(read_request(ctx, payload, &units));
	TRY(check_key(ctx, now_s));
	TRY(kmip_key_change(ctx, now_s, &o));
	TRY(kmip_usage_take(ctx, o, (uint64_t)units));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	snprintf(ctx->detail, sizeof ctx->detail, "%lld units", (long long)units);
	kmip_put_id(out, o);
	return ERR_OK;
}
