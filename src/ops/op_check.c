/* Check (KMIP 1.4 section 4.10): may this client use the object so? What stands in the way is answered, in a failure; nothing changes. */
#include "base/clock.h"
#include "kmip/names.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"
#include "ops/kmip_lease.h"
#include "ops/kmip_new.h"
#include "ops/kmip_usage.h"
#include "ops/tables.h"

struct check {
	bool has_units, has_mask, has_lease;
	int64_t units;
	int32_t mask;
	uint32_t lease_s;
};

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, struct check *q)
{
	TRY(ttlv_take_optional_i64(payload, TAG_USAGE_LIMITS_COUNT, &q->units, &q->has_units));
	TRY(ttlv_take_optional_i32(payload, TAG_CRYPTOGRAPHIC_USAGE_MASK, &q->mask, &q->has_mask));
	TRY(ttlv_take_optional_interval(payload, TAG_LEASE_TIME, &q->lease_s, &q->has_lease));
	TRY(kmip_end(ctx, payload));
	if (q->has_units && q->units < 0) return reason_fail(&ctx->reason, ERR_FIELD, "the Usage Limits Count is negative");
	if (q->has_mask && !kmip_enum_has(ENUM_CRYPTOGRAPHIC_USAGE_MASK, (uint32_t)q->mask))
		return reason_fail(&ctx->reason, ERR_FIELD, "the Cryptographic Usage Mask has a bit that is not known");
	return ERR_OK;
}

/* Whether the object can be used so at all, in its state of this moment. */
static bool serves(const struct object *o, enum object_use use, uint64_t now_s)
{
	struct reason ignored = { "" };
	return dates_check_use(o, use, now_s, "", &ignored) == ERR_OK;
}

/* Every use of the mask is one that the key has, at this time, for who may use it here or take it along. */
static bool mask_is_allowed(const struct op_ctx *ctx, uint32_t mask, uint64_t now_s)
{
	const struct object *o = ctx->object;
	struct reason ignored = { "" };
	if (mask & ~o->usage_mask) return false;
	if ((mask & KMIP_USAGE_PROTECTS) && !serves(o, OBJECT_USE_PROTECT, now_s)) return false;
	if ((mask & KMIP_USAGE_PROCESSES) && !serves(o, OBJECT_USE_PROCESS, now_s)) return false;
	return policy_check(ctx->grants, ctx->principal, PERMISSION_USE, o, &ignored) == ERR_OK ||
		policy_check(ctx->grants, ctx->principal, PERMISSION_EXPORT, o, &ignored) == ERR_OK;
}

static bool units_are_left(const struct object *o, uint64_t units, uint64_t now_s)
{
	struct kmip_usage_limits limits;
	if (!(o->usage_mask & KMIP_USAGE_PROTECTS) || !serves(o, OBJECT_USE_PROTECT, now_s)) return units == 0;
	return !kmip_usage_limits(o, &limits) || units <= (uint64_t)limits.count;
}

static bool lease_is_given(const struct op_ctx *ctx, uint32_t lease_s, uint64_t now_s)
{
	uint32_t longest_s = kmip_lease_time_s(ctx->engine);
	return kmip_lease_is_given(ctx->object, now_s) && (longest_s == 0 || lease_s <= longest_s);
}

static enum coffer_err check_object(struct op_ctx *ctx)
{
	const struct object *o = ctx->object;
	if (kmip_is_cryptographic(o) && o->state != OBJECT_DESTROYED && o->state != OBJECT_DESTROYED_COMPROMISED) return ERR_OK;
	ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION; /* section 11.11 */
	return reason_fail(&ctx->reason, ERR_STATE, kmip_is_cryptographic(o) ? "the object is destroyed; it has no uses to check"
		: "only keys and secrets have uses to check");
}

enum coffer_err op_check(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct check q = { .has_units = false };
	uint64_t now_s = clock_date_s();
	struct writer w;
	TRY(read_request(ctx, payload, &q));
	TRY(check_object(ctx));
	writer_init(&w, ctx->refused, sizeof ctx->refused);
	if (q.has_units && !units_are_left(ctx->object, (uint64_t)q.units, now_s)) ttlv_put_i64(&w, TAG_USAGE_LIMITS_COUNT, q.units);
	if (q.has_mask && !mask_is_allowed(ctx, (uint32_t)q.mask, now_s)) ttlv_put_i32(&w, TAG_CRYPTOGRAPHIC_USAGE_MASK, q.mask);
	if (q.has_lease && !lease_is_given(ctx, q.lease_s, now_s)) ttlv_put_interval(&w, TAG_LEASE_TIME, q.lease_s);
	TRY(writer_done(&w));
	ctx->refused_len = writer_len(&w);
	if (ctx->refused_len == 0) {
		kmip_put_id(out, ctx->object);
		return ERR_OK;
	}
	ctx->forget_placeholder = true;
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	return reason_fail(&ctx->reason, ERR_STATE, "the object cannot be used so; the answer names what stands in the way");
}
