/* Re-key (KMIP 1.4 section 4.4): a replacement key takes the names, the old key keeps opening what it protected. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "ops/kmip_key.h"
#include "ops/kmip_template.h"
#include "ops/regroup.h"
#include "ops/tables.h"

/* Not copied to the replacement: table 173, and what says where or since when the old key is. */
static const enum kmip_attr own_attributes[] = { ATTR_DESTROY_DATE, ATTR_COMPROMISE_OCCURRENCE_DATE, ATTR_COMPROMISE_DATE,
	ATTR_REVOCATION_REASON, ATTR_DIGEST, ATTR_LINK, ATTR_INITIAL_DATE, ATTR_LAST_CHANGE_DATE, ATTR_RANDOM_NUMBER_GENERATOR,
	ATTR_FRESH, ATTR_ORIGINAL_CREATION_DATE, ATTR_ALWAYS_SENSITIVE, ATTR_NEVER_EXTRACTABLE, ATTR_ARCHIVE_DATE, ATTR_KEY_VALUE_PRESENT,
	ATTR_KEY_VALUE_LOCATION };
/* Copied or computed once it is known which of them the request gives. */
static const enum kmip_attr dates[] = { ATTR_ACTIVATION_DATE, ATTR_PROCESS_START_DATE, ATTR_PROTECT_STOP_DATE, ATTR_DEACTIVATION_DATE };
#define DATES (sizeof dates / sizeof dates[0])

static enum coffer_err new_from(const struct object *old, struct object **out)
{
	AUTO_OBJECT struct object *o = NULL;
	TRY(object_make(old->type, old->owner, &o));
	ENSURE(old->key_version < INT32_MAX, ERR_LIMIT);
	o->algorithm = old->algorithm;
	o->length_bits = old->length_bits;
	o->usage_mask = old->usage_mask;
	o->key_version = old->key_version + 1;
	TRY(attrset_copy(&old->attrs, &o->attrs));
	for (size_t i = 0; i < sizeof own_attributes / sizeof own_attributes[0]; i++) attrset_remove(&o->attrs, own_attributes[i]);
	for (size_t i = 0; i < DATES; i++) attrset_remove(&o->attrs, dates[i]);
	*out = TAKE(o);
	return ERR_OK;
}

/* Without an Offset, what the request leaves open is that of the old key. */
static enum coffer_err copy_dates(const struct object *old, struct object *o)
{
	uint64_t date_s;
	for (size_t i = 0; i < DATES; i++)
		if (!attrset_count(&o->attrs, dates[i]) && attrset_get_time(&old->attrs, dates[i], &date_s))
			TRY(attrset_set_time(&o->attrs, dates[i], date_s));
	return ERR_OK;
}

/* Table 172: the other dates keep their distance from the Activation Date. */
static enum coffer_err shift_dates(struct op_ctx *ctx, const struct object *old, struct object *o, uint64_t activation_s)
{
	uint64_t old_s = 0, date_s;
	bool had = attrset_get_time(&old->attrs, ATTR_ACTIVATION_DATE, &old_s);
	TRY(attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, activation_s));
	for (size_t i = 0; i < DATES; i++) {
		if (dates[i] == ATTR_ACTIVATION_DATE || !attrset_get_time(&old->attrs, dates[i], &date_s)) continue;
		if (!had) {
			ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION;
			return reason_fail(&ctx->reason, ERR_STATE, "an Offset needs a key with an Activation Date; give the dates instead");
		}
		uint64_t later_s = date_s > old_s ? date_s - old_s : 0;
		if (later_s > INT64_MAX - activation_s)
			return reason_fail(&ctx->reason, ERR_FIELD, "the Offset moves the %s out of what a date can be; give the dates instead",
				kmip_attr_row(dates[i])->name);
		TRY(attrset_set_time(&o->attrs, dates[i], activation_s + later_s));
	}
	return ERR_OK;
}

static enum coffer_err make_dates(struct op_ctx *ctx, const struct object *old, struct object *o, bool has_offset, uint64_t activation_s)
{
	size_t given = 0;
	for (size_t i = 0; i < DATES; i++) given += attrset_count(&o->attrs, dates[i]);
	if (!has_offset) return copy_dates(old, o);
	if (given == 0) return shift_dates(ctx, old, o, activation_s);
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

static enum coffer_err add_link(struct object *o, enum kmip_link_type type, const struct object *to)
{
	uint8_t bytes[128];
	char id[UUID_TEXT_LEN + 1];
	struct writer w;
	text_uuid(to->id, id);
	writer_init(&w, bytes, sizeof bytes);
	kmip_link_put(&w, TAG_LINK, &(struct kmip_link){ .type = type, .linked = view_str(id) });
	TRY(writer_done(&w));
	return attrset_add(&o->attrs, ATTR_LINK, NULL, writer_view(&w));
}

static bool is_replaced(const struct object *o)
{
	for (size_t i = 0; i < o->attrs.count; i++) {
		struct ttlv_item item;
		struct kmip_link link;
		if (o->attrs.values[i].attr != ATTR_LINK || !attrset_item(&o->attrs.values[i], &item)) continue;
		if (kmip_link_parse(&item, &link) == ERR_OK && link.type == LINK_TYPE_REPLACEMENT_OBJECT_LINK) return true;
	}
	return false;
}

static enum coffer_err refuse(struct op_ctx *ctx, const struct object *old, uint32_t result_reason, const char *why)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(old, label);
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, ERR_STATE, "%s %s", label, why);
}

/* Section 11.5. In every state but the destroyed ones a key can have a replacement, a compromised one above all. */
static enum coffer_err check_old(struct op_ctx *ctx, const struct object *old)
{
	if (old->type != OBJECT_TYPE_SYMMETRIC_KEY)
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is no symmetric key; only these are re-keyed");
	if (old->state == OBJECT_DESTROYED || old->state == OBJECT_DESTROYED_COMPROMISED)
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is destroyed; create a new key");
	if (is_replaced(old))
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "was replaced already; rotate its newest version");
	if (!old->material)
		return refuse(ctx, old, RESULT_REASON_KEY_VALUE_NOT_PRESENT, "is not kept here; it is replaced where it is");
	if (old->wrapping && !(old->algorithm && old->length_bits))
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is wrapped, and of what kind it is, is not known here");
	return ERR_OK;
}

enum coffer_err op_rekey(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_OBJECT struct object *old = NULL;
	AUTO_OBJECT struct object *o = NULL;
	char id[UUID_TEXT_LEN + 1];
	uint64_t now_s = clock_date_s();
	TRY(kmip_key_change(ctx, now_s, &old));
	TRY(check_old(ctx, old));
	TRY(new_from(old, &o));
	TRY(read_request(ctx, payload, old, o, now_s));
	TRY(op_may_regroup(ctx, old, o));
	TRY(kmip_key_make(ctx, o, now_s));
	TRY(add_link(o, LINK_TYPE_REPLACED_OBJECT_LINK, old));
	TRY(add_link(old, LINK_TYPE_REPLACEMENT_OBJECT_LINK, o));
	attrset_remove(&old->attrs, ATTR_NAME);
	TRY(txn_update(ctx->txn, old, &ctx->reason));
	TRY(txn_create(ctx->txn, o, &ctx->reason));
	text_uuid(o->id, id);
	snprintf(ctx->detail, sizeof ctx->detail, "replaced by %s, version %u", id, (unsigned)o->key_version);
	kmip_touch(ctx, o);
	kmip_put_id(out, o);
	return ERR_OK;
}
