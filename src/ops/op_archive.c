/* Archive (KMIP 1.4 section 4.22): the object is off line until Recover. It stays in the store, sealed as before; its dates go on. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

/* What is archived already does not come here (section 11.23: Object Archived). */
enum coffer_err op_archive(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *o = NULL;
	uint64_t now_s = clock_date_s();
	TRY(kmip_end(ctx, payload));
	TRY(kmip_key_change(ctx, now_s, &o));
	o->archived = true;
	TRY(attrset_set_time(&o->attrs, ATTR_ARCHIVE_DATE, now_s));
	TRY(txn_update(ctx->txn, o, &ctx->reason));
	kmip_put_id(out, o);
	return ERR_OK;
}
