/* Re-key (KMIP 1.4 section 4.4): a replacement key takes the names, the old key keeps opening what it protected. */
#include <stdio.h>

#include "base/clock.h"
#include "kmip/attr.h"
#include "ops/kmip_key.h"
#include "ops/kmip_replace.h"
#include "ops/kmip_template.h"
#include "ops/regroup.h"
#include "ops/tables.h"

/* Without an Offset, what the request leaves open is that of the old key. */
static enum coffer_err copy_dates(const struct object *old, struct object *o)
{
	uint64_t date_s;
	for (size_t i = 0; i < KMIP_REPLACE_DATES; i++) {
		enum kmip_attr date = kmip_replace_dates[i];
		if (!attrset_count(&o->attrs, date) && attrset_get_time(&old->attrs, date, &date_s)) TRY(attrset_set_time(&o->attrs, date, date_s));
	}
	return ERR_OK;
}

static enum coffer_err make_dates(struct op_ctx *ctx, const struct object *old, struct object *o, bool has_offset, uint64_t activation_s)
{
	size_t given = 0;
	for (size_t i = 0; i < KMIP_REPLACE_DATES; i++) given += attrset_count(&o->attrs, kmip_replace_dates[i]);
	if (!has_offset) return copy_dates(old, o);
	if (given == 0) return kmip_replace_shift(ctx, old, o, activation_s);
	ctx->result_reason = RESULT_REASON_INVALID_MESSAGE; /* section 11.5 */
	return reason_fail(&ctx->reason, ERR_FIELD, "give an Offset or dates, not both");
}

/* What was kept back stays back in every version. */
static enum coffer_err check_secrecy(struct op_ctx *ctx, const struct object *old, const struct object *o)
{
	bool was_sensitive = false, sensitive = false, was_extractable = true, extractable = true;
	attrset_get_bool(&old->attrs, ATTR_SENSITIVE, &was_sensitive);
	attrset_get_bool(&o->attrs, ATTR_SENSITIVE, &sensitive);
	attrset_get_bool(&old->attrs, ATTR_EXTRACTABLE, &was_extractable);
	attrset_get_bool(&o->attrs, ATTR_EXTRACTABLE, &extractable);
	if (was_sensitive && !sensitive) return reason_fail(&ctx->reason, ERR_FIELD, "the replacement of a sensitive key is sensitive; create a new key instead");
	if (!was_extractable && extractable)
		return reason_fail(&ctx->reason, ERR_FIELD, "the replacement of a key that is not extractable is not extractable either; create a new key instead");
	return ERR_OK;
}

static enum coffer_err read_request(struct op_ctx *ctx, struct ttlv_cursor *payload, const struct object *old, struct object *o,
	uint64_t now_s)
{
	uint32_t offset_s = 0;
	bool has_offset;
	TRY(ttlv_take_optional_interval(payload, TAG_OFFSET, &offset_s, &has_offset));
	TRY(kmip_template_apply(ctx, payload, o, KMIP_FOR_REKEY));
	TRY(kmip_end(ctx, payload));
	if (o->algorithm != old->algorithm || o->length_bits != old->length_bits)
		return reason_fail(&ctx->reason, ERR_FIELD, "a replacement key has the algorithm and length of the old one; create a new key instead");
	TRY(check_secrecy(ctx, old, o));
	TRY(kmip_key_check(ctx, o));
	return make_dates(ctx, old, o, has_offset, now_s + offset_s);
}

enum coffer_err op_rekey(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *old = NULL;
	AUTO_OBJECT struct object *o = NULL;
	char id[UUID_TEXT_LEN + 1];
	uint64_t now_s = clock_date_s();
	TRY(kmip_key_change(ctx, now_s, &old));
	TRY(kmip_replace_check(ctx, old));
	TRY(kmip_replace_begin(old, &o));
	TRY(read_request(ctx, payload, old, o, now_s));
	TRY(op_may_regroup(ctx, old, o));
	TRY(kmip_replace_finish(ctx, old, o, now_s));
	text_uuid(o->id, id);
	snprintf(ctx->detail, sizeof ctx->detail, "replaced by %s, version %u", id, (unsigned)o->key_version);
	kmip_touch(ctx, o);
	kmip_put_id(out, o);
	return ERR_OK;
}
