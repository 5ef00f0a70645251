/* Usage Limits are spent here and nowhere else. */
#include "ops/kmip_usage.h"

#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"

#define ITEM_MAX 128u

bool kmip_usage_limits(const struct object *o, struct kmip_usage_limits *out)
{
	struct ttlv_item item;
	struct kmip_usage_limits limits;
	if (!attrset_item(attrset_get(&o->attrs, ATTR_USAGE_LIMITS, NULL, 0), &item)) return false;
	bool whole = kmip_usage_limits_parse(&item, &limits) == ERR_OK && limits.has_total && limits.has_count && limits.has_unit;
	if (!whole) /* cannot be; if it is, nothing is left */
		limits = (struct kmip_usage_limits){ .has_total = true, .has_count = true, .has_unit = true, .unit = USAGE_LIMITS_UNIT_BYTE };
	*out = limits;
	return true;
}

static enum coffer_err put_limits(struct object *o, const struct kmip_usage_limits *limits)
{
	uint8_t bytes[ITEM_MAX];
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_usage_limits_put(&w, TAG_USAGE_LIMITS, limits);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_USAGE_LIMITS, writer_view(&w));
}

static enum coffer_err refuse(struct op_ctx *ctx, const struct object *o, const struct kmip_usage_limits *limits)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED; /* sections 4.29, 11.19 */
	return reason_fail(&ctx->reason, ERR_STATE, "the Usage Limits of %s leave %lld %s, which is not enough; rotate it", label,
		(long long)limits->count, limits->unit == USAGE_LIMITS_UNIT_BYTE ? "bytes" : "objects");
}

enum coffer_err kmip_usage_take(struct op_ctx *ctx, struct object *o, uint64_t units)
{
	struct kmip_usage_limits limits;
	ENSURE(kmip_usage_limits(o, &limits), ERR_NOT_FOUND);
	if (units > (uint64_t)limits.count) return refuse(ctx, o, &limits);
	limits.count -= (int64_t)units;
	return put_limits(o, &limits);
}

static enum coffer_err spend_here(struct op_ctx *ctx, struct object **object, uint64_t units)
{
	AUTO_OBJECT struct object *o = object_copy(*object);
	ENSURE(o, ERR_MEMORY);
	TRY(kmip_usage_take(ctx, o, units));
	TRY(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, clock_date_s()));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	object_unref(*object);
	*object = TAKE(o);
	return ERR_OK;
}

enum coffer_err kmip_usage_spend_of(struct op_ctx *ctx, struct object **object, uint64_t objects, uint64_t bytes)
{
	struct kmip_usage_limits limits;
	if (!kmip_usage_limits(*object, &limits)) return ERR_OK;
	uint64_t units = limits.unit == USAGE_LIMITS_UNIT_BYTE ? bytes : objects;
	if (units > (uint64_t)limits.count) return refuse(ctx, *object, &limits); /* also here: what is used up troubles no store */
	if (units == 0) return ERR_OK;
	if (ctx->txn) return spend_here(ctx, object, units);
	ctx->want_store = true;
	return ERR_NOT_CACHED;
}

enum coffer_err kmip_usage_spend(struct op_ctx *ctx, uint64_t bytes)
{
	return kmip_usage_spend_of(ctx, &ctx->object, 1, bytes);
}

enum coffer_err kmip_usage_spend_more(struct op_ctx *ctx, uint64_t bytes)
{
	return kmip_usage_spend_of(ctx, &ctx->object, 0, bytes);
}

enum coffer_err kmip_usage_begin(struct op_ctx *ctx, struct object *o)
{
	struct ttlv_item item;
	struct kmip_usage_limits limits;
	if (!attrset_item(attrset_get(&o->attrs, ATTR_USAGE_LIMITS, NULL, 0), &item)) return ERR_OK;
	TRY(kmip_usage_limits_parse(&item, &limits));
	if (!limits.has_total || !limits.has_unit)
		return reason_fail(&ctx->reason, ERR_FIELD, "Usage Limits need a Usage Limits Total and a Usage Limits Unit");
	limits.has_count = true;
	limits.count = limits.total;
	return put_limits(o, &limits);
}
