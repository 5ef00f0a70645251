/* Set Rotation: a key is replaced by a new one every so often, by the daemon itself (docs/formats.md section 17.4). */
#include <stdio.h>

#include "base/clock.h"
#include "ops/key_rotation.h"
#include "ops/kmip_key.h"
#include "ops/kmip_replace.h"
#include "ops/tables.h"

static void wake(void *arg)
{
	key_rotation_wake(arg);
}

/* Rotate Interval 0: the key stays as it is from now on. */
static enum coffer_err set(struct op_ctx *ctx, struct object *o, uint32_t interval_s)
{
	if (interval_s == 0) {
		attrset_remove(&o->attrs, ATTR_ROTATE_AUTOMATIC);
		attrset_remove(&o->attrs, ATTR_ROTATE_INTERVAL);
		snprintf(ctx->detail, sizeof ctx->detail, "no schedule");
		return ERR_OK;
	}
	TRY(attrset_set_interval(&o->attrs, ATTR_ROTATE_INTERVAL, interval_s));
	TRY(attrset_set_bool(&o->attrs, ATTR_ROTATE_AUTOMATIC, true));
	snprintf(ctx->detail, sizeof ctx->detail, "replaced every %u s", (unsigned)interval_s);
	return ERR_OK;
}

enum coffer_err op_set_rotation(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	uint64_t now_s = clock_date_s();
	uint32_t interval_s;
	if (ttlv_take_interval(payload, TAG_COFFER_ROTATE_INTERVAL, &interval_s) != ERR_OK)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Rotate Interval is missing; 0 ends a schedule");
	TRY(kmip_end(ctx, payload));
	TRY(kmip_key_change(ctx, now_s, &o));
	TRY(kmip_replace_check(ctx, o));
	TRY(set(ctx, o, interval_s));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	TRY(txn_on_commit(ctx->txn, wake, NULL, ctx->engine));
	kmip_put_id(out, o);
	return ERR_OK;
}
