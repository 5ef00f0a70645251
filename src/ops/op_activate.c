/* Activate (KMIP 1.4 section 4.19): Pre-Active becomes Active now. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"
#include "ops/kmip_new.h"
#include "ops/tables.h"

static enum coffer_err check_object(struct op_ctx *ctx, const struct object *o)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(o, label);
	if (!kmip_is_cryptographic(o)) {
		ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION; /* section 11.20 */
		return reason_fail(&ctx->reason, ERR_STATE, "only keys and secrets are activated");
	}
	if (o->state == OBJECT_PRE_ACTIVE) return ERR_OK;
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED;
	return reason_fail(&ctx->reason, ERR_STATE, "%s is %s; only a pre-active key can be activated", label, lifecycle_name(o->state));
}

/* A key whose other dates are over when it begins is not able to be activated. */
static enum coffer_err check_dates(struct op_ctx *ctx, const struct object *o)
{
	struct reason why = { "" };
	if (dates_check_order(o, &why) == ERR_OK) return ERR_OK;
	ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION;
	return reason_fail(&ctx->reason, ERR_STATE, "it cannot be activated now: %s; change that date first", why.text);
}

enum coffer_err op_activate(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	uint64_t now_s = clock_date_s();
	TRY(kmip_end(ctx, payload));
	TRY(kmip_key_change(ctx, now_s, &o));
	TRY(check_object(ctx, o));
	o->state = OBJECT_ACTIVE;
	TRY(attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, now_s));
	TRY(check_dates(ctx, o));
	TRY(kmip_key_write(ctx, o, now_s));
	kmip_put_id(out, o);
	return ERR_OK;
}
