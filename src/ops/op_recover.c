/* Recover (KMIP 1.4 section 4.23): an archived object is on line again. One that is on line stays as it is. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

static enum coffer_err bring_back(struct op_ctx *ctx)
{
	AUTO_OBJECT struct object *o = NULL;
	TRY(kmip_key_change(ctx, clock_date_s(), &o));
	o->archived = false;
	attrset_remove(&o->attrs, ATTR_ARCHIVE_DATE);
	return txn_update(ctx->txn, o, &ctx->reason);
}

enum coffer_err op_recover(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(kmip_end(ctx, payload));
	if (ctx->object->archived) TRY(bring_back(ctx));
	kmip_touch(ctx, ctx->object);
	kmip_put_id(out, ctx->object);
	return ERR_OK;
}
