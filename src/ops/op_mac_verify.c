/* MAC Verify (KMIP 1.4 section 4.34): a wrong MAC is an answer, not a failure. */
#include "ops/kmip_key.h"
#include "ops/kmip_mac.h"
#include "ops/tables.h"

enum coffer_err op_mac_verify(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct kmip_mac_request q;
	struct kmip_mac_result r;
	TRY(kmip_mac_read(ctx, payload, KMIP_MAC_VERIFY, &q));
	enum coffer_err err = kmip_mac_step(ctx, KMIP_MAC_VERIFY, &q, &r);
	if (!err) {
		ctx->bulk_invalid = r.done && !r.valid;
		kmip_put_id(out, ctx->object);
		if (r.done) ttlv_put_enum(out, TAG_VALIDITY_INDICATOR, r.valid ? VALIDITY_INDICATOR_VALID : VALIDITY_INDICATOR_INVALID);
		else kmip_parts_put(out, r.part);
	}
	return kmip_mac_settle(ctx, &r, err, out);
}
