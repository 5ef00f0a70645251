/* List Grants: every role that was given. */
#include "kmip/tags.h"
#include "ops/tables.h"

static void put_grant(struct writer *out, const struct grant *grant)
{
	struct ttlv_mark entry = ttlv_begin(out, TAG_COFFER_GRANT_ENTRY);
	ttlv_put_str(out, TAG_COFFER_PRINCIPAL, grant->principal);
	ttlv_put_str(out, TAG_COFFER_ROLE, role_name(grant->role));
	ttlv_put_str(out, TAG_COFFER_SCOPE, grant->scope);
	ttlv_put_str(out, TAG_COFFER_GRANTED_BY, grant->granted_by);
	ttlv_put_time(out, TAG_COFFER_GRANTED_AT, (int64_t)(grant->created_ms / 1000));
	ttlv_end(out, entry);
}

enum coffer_err op_list_grants(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(ttlv_done(payload));
	for (size_t i = 0; i < grants_count(ctx->grants); i++) put_grant(out, grants_at(ctx->grants, i));
	return ERR_OK;
}
