/* Destroy (KMIP 1.4 section 4.21): the material goes, the attributes stay; of a template nothing stays. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

static enum coffer_err check_state(struct op_ctx *ctx, const struct object *o, enum object_state after)
{
	char label[KMIP_KEY_LABEL_MAX];
	if (lifecycle_allows(o->state, after)) return ERR_OK;
	kmip_key_label(o, label);
	ctx->result_reason = RESULT_REASON_PERMISSION_DENIED; /* section 11.22 */
	return reason_fail(&ctx->reason, ERR_STATE, o->state == OBJECT_ACTIVE ? "%s is %s; revoke it before you destroy it" : "%s is %s already",
		label, lifecycle_name(o->state));
}

static enum coffer_err destroy(struct op_ctx *ctx, uint64_t now_s)
{
	AUTO_OBJECT struct object *o = NULL;
	TRY(kmip_key_change(ctx, now_s, &o));
	enum object_state after = o->state == OBJECT_COMPROMISED ? OBJECT_DESTROYED_COMPROMISED : OBJECT_DESTROYED;
	TRY(check_state(ctx, o, after));
	o->state = after;
	object_drop_material(o);
	TRY(attrset_set_time(&o->attrs, ATTR_DESTROY_DATE, now_s));
	return txn_update(ctx->txn, o, &ctx->reason);
}

enum coffer_err op_destroy(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(kmip_end(ctx, payload));
	TRY(ctx->object->type == OBJECT_TYPE_TEMPLATE ? txn_remove(ctx->txn, ctx->object) : destroy(ctx, clock_date_s()));
	txn_want_scrub(ctx->txn);
	kmip_put_id(out, ctx->object);
	return ERR_OK;
}
