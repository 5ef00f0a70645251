/* Destroy (KMIP 1.4 section 4.21): the material goes, the attributes stay. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

enum coffer_err op_destroy(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	char label[KMIP_KEY_LABEL_MAX];
	uint64_t now_s = clock_wall_s();
	TRY(kmip_end(ctx, payload));
	TRY(kmip_key_change(ctx, now_s, &o));
	enum object_state after = o->state == OBJECT_COMPROMISED ? OBJECT_DESTROYED_COMPROMISED : OBJECT_DESTROYED;
	if (!lifecycle_allows(o->state, after)) {
		kmip_key_label(o, label);
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED; /* section 11 */
		return reason_fail(&ctx->reason, ERR_STATE, o->state == OBJECT_ACTIVE ? "%s is %s; revoke it before you destroy it"
			: "%s is %s already", label, lifecycle_name(o->state));
	}
	o->state = after;
	object_drop_material(o);
	TRY(attrset_set_time(&o->attrs, ATTR_DESTROY_DATE, now_s));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	txn_want_scrub(ctx->txn);
	kmip_touch(ctx, o);
	kmip_put_id(out, o);
	return ERR_OK;
}
