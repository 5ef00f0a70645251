/* Activate (KMIP 1.4 section 4.19): Pre-Active becomes Active now. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

enum coffer_err op_activate(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	char label[KMIP_KEY_LABEL_MAX];
	uint64_t now_s = clock_wall_s();
	TRY(kmip_end(ctx, payload));
	TRY(kmip_key_change(ctx, now_s, &o));
	if (o->state != OBJECT_PRE_ACTIVE) {
		kmip_key_label(o, label);
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED; /* section 11 */
		return reason_fail(&ctx->reason, ERR_STATE, "%s is %s; only a pre-active key can be activated", label,
			lifecycle_name(o->state));
	}
	o->state = OBJECT_ACTIVE;
	TRY(attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, now_s));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	kmip_touch(ctx, o);
	kmip_put_id(out, o);
	return ERR_OK;
}
