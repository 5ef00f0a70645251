/* What replaces a key. */
#include "ops/kmip_replace.h"

#include <string.h>

#include "kmip/values.h"
#include "ops/kmip_key.h"

/* Not copied to the replacement: table 173, and what says where or since when the old key is. */
static const enum kmip_attr own_attributes[] = { ATTR_DESTROY_DATE, ATTR_COMPROMISE_OCCURRENCE_DATE, ATTR_COMPROMISE_DATE,
	ATTR_REVOCATION_REASON, ATTR_DIGEST, ATTR_LINK, ATTR_INITIAL_DATE, ATTR_LAST_CHANGE_DATE, ATTR_RANDOM_NUMBER_GENERATOR,
	ATTR_FRESH, ATTR_ORIGINAL_CREATION_DATE, ATTR_ALWAYS_SENSITIVE, ATTR_NEVER_EXTRACTABLE, ATTR_ARCHIVE_DATE, ATTR_KEY_VALUE_PRESENT,
	ATTR_KEY_VALUE_LOCATION, ATTR_ROTATE_DATE };
const enum kmip_attr kmip_replace_dates[KMIP_REPLACE_DATES] = { ATTR_ACTIVATION_DATE, ATTR_PROCESS_START_DATE, ATTR_PROTECT_STOP_DATE,
	ATTR_DEACTIVATION_DATE };

enum coffer_err kmip_replace_begin(const struct object *old, struct object **out)
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
	for (size_t i = 0; i < KMIP_REPLACE_DATES; i++) attrset_remove(&o->attrs, kmip_replace_dates[i]);
	*out = TAKE(o);
	return ERR_OK;
}

/* Table 172: the other dates keep their distance from the Activation Date. */
enum coffer_err kmip_replace_shift(struct op_ctx *ctx, const struct object *old, struct object *o, uint64_t activation_s)
{
	uint64_t old_s = 0, date_s;
	bool had = attrset_get_time(&old->attrs, ATTR_ACTIVATION_DATE, &old_s);
	TRY(attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, activation_s));
	for (size_t i = 0; i < KMIP_REPLACE_DATES; i++) {
		if (kmip_replace_dates[i] == ATTR_ACTIVATION_DATE || !attrset_get_time(&old->attrs, kmip_replace_dates[i], &date_s)) continue;
		if (!had) {
			ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION;
			return reason_fail(&ctx->reason, ERR_STATE, "an Offset needs a key with an Activation Date; give the dates instead");
		}
		uint64_t later_s = date_s > old_s ? date_s - old_s : 0;
		if (later_s > INT64_MAX - activation_s)
			return reason_fail(&ctx->reason, ERR_FIELD, "the Offset moves the %s out of what a date can be; give the dates instead",
				kmip_attr_row(kmip_replace_dates[i])->name);
		TRY(attrset_set_time(&o->attrs, kmip_replace_dates[i], activation_s + later_s));
	}
	return ERR_OK;
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

/* Its view stays valid as long as the object. */
static bool find_link(const struct object *o, enum kmip_link_type type, struct kmip_link *out)
{
	for (size_t i = 0; i < o->attrs.count; i++) {
		struct ttlv_item item;
		if (o->attrs.values[i].attr != ATTR_LINK || !attrset_item(&o->attrs.values[i], &item)) continue;
		if (kmip_link_parse(&item, out) == ERR_OK && out->type == type) return true;
	}
	return false;
}

bool kmip_is_replaced(const struct object *o)
{
	struct kmip_link link;
	return find_link(o, LINK_TYPE_REPLACEMENT_OBJECT_LINK, &link);
}

bool kmip_replaced_object(const struct object *o, uint8_t out_id[static UUID_LEN])
{
	struct kmip_link link;
	return find_link(o, LINK_TYPE_REPLACED_OBJECT_LINK, &link) && text_parse_uuid(link.linked, out_id) == ERR_OK;
}

static enum coffer_err refuse(struct op_ctx *ctx, const struct object *old, uint32_t result_reason, const char *why)
{
	char label[KMIP_KEY_LABEL_MAX];
	kmip_key_label(old, label);
	ctx->result_reason = result_reason;
	return reason_fail(&ctx->reason, ERR_STATE, "%s %s", label, why);
}

/* Section 11.5. In every state but the destroyed ones a key can have a replacement, a compromised one above all. */
enum coffer_err kmip_replace_check(struct op_ctx *ctx, const struct object *old)
{
	if (old->type != OBJECT_TYPE_SYMMETRIC_KEY)
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is no symmetric key; only these are re-keyed");
	if (old->state == OBJECT_DESTROYED || old->state == OBJECT_DESTROYED_COMPROMISED)
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is destroyed; create a new key");
	if (kmip_is_replaced(old))
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "was replaced already; rotate its newest version");
	if (!old->material)
		return refuse(ctx, old, RESULT_REASON_KEY_VALUE_NOT_PRESENT, "is not kept here; it is replaced where it is");
	if (old->wrapping && !(old->algorithm && old->length_bits))
		return refuse(ctx, old, RESULT_REASON_PERMISSION_DENIED, "is wrapped, and of what kind it is, is not known here");
	return ERR_OK;
}

/* KMIP 2.1 sections 4.48 to 4.52: the schedule goes on with the replacement alone, whose Initial Date begins the interval anew. */
static enum coffer_err pass_schedule_on(struct object *old, struct object *o, uint64_t now_s)
{
	if (!attrset_count(&old->attrs, ATTR_ROTATE_INTERVAL)) return ERR_OK;
	TRY(attrset_set_i32(&o->attrs, ATTR_ROTATE_GENERATION, (int32_t)(o->key_version - 1)));
	TRY(attrset_set_bool(&o->attrs, ATTR_ROTATE_LATEST, true));
	attrset_remove(&old->attrs, ATTR_ROTATE_AUTOMATIC);
	TRY(attrset_set_time(&old->attrs, ATTR_ROTATE_DATE, now_s));
	return attrset_set_bool(&old->attrs, ATTR_ROTATE_LATEST, false);
}

enum coffer_err kmip_replace_finish(struct op_ctx *ctx, struct object *old, struct object *o, uint64_t now_s)
{
	TRY(kmip_key_make(ctx, o, now_s));
	TRY(pass_schedule_on(old, o, now_s));
	TRY(add_link(o, LINK_TYPE_REPLACED_OBJECT_LINK, old));
	TRY(add_link(old, LINK_TYPE_REPLACEMENT_OBJECT_LINK, o));
	attrset_remove(&old->attrs, ATTR_NAME);
	TRY(txn_update(ctx->txn, old, &ctx->reason));
	return txn_create(ctx->txn, o, &ctx->reason);
}
