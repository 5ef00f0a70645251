/* Obtain Lease (KMIP 1.4 section 4.17): how long a client may go on using a key, and when the key last changed. */
#include "base/clock.h"
#include "kmip/attr.h"
#include "objects/dates.h"
#include "ops/kmip_key.h"
#include "ops/kmip_lease.h"
#include "ops/kmip_new.h"
#include "ops/tables.h"

enum coffer_err op_obtain_lease(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	const struct object *o = ctx->object;
	uint64_t now_s = clock_date_s(), changed_s = 0;
	char label[KMIP_KEY_LABEL_MAX];
	TRY(kmip_end(ctx, payload));
	if (!kmip_lease_is_given(o, now_s)) {
		kmip_key_label(o, label);
		ctx->result_reason = RESULT_REASON_PERMISSION_DENIED; /* section 11.18 */
		return reason_fail(&ctx->reason, ERR_STATE, "%s is %s: there are no leases of it any more; use its newest version or another key", label,
			lifecycle_name(dates_state(o, now_s)));
	}
	attrset_get_time(&o->attrs, ATTR_LAST_CHANGE_DATE, &changed_s);
	kmip_put_id(out, o);
	ttlv_put_interval(out, TAG_LEASE_TIME, kmip_is_cryptographic(o) ? kmip_lease_time_s(ctx->engine) : 0);
	ttlv_put_time(out, TAG_LAST_CHANGE_DATE, (int64_t)changed_s);
	return ERR_OK;
}
