/* Add, Modify and Delete Attribute: who may change what, when. */
#include "ops/kmip_attribute_change.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "objects/dates.h"
#include "ops/kmip_attribute_value.h"
#include "ops/kmip_key.h"
#include "ops/regroup.h"

#define LABEL_MAX 64u

void attribute_change_init(struct attribute_change *c, struct op_ctx *ctx, enum attribute_verb verb)
{
	*c = (struct attribute_change){ .ctx = ctx, .verb = verb, .now_s = clock_date_s(), .item = BUF_EMPTY };
}

void attribute_change_done(struct attribute_change *c)
{
	object_unref(TAKE(c->o));
	buf_free(&c->item);
}

const char *attribute_change_custom(const struct attribute_change *c)
{
	return c->custom[0] ? c->custom : NULL;
}

enum coffer_err attribute_change_refuse(struct attribute_change *c, enum coffer_err err, uint32_t result_reason, const char *why)
{
	char label[LABEL_MAX];
	text_printable(view_str(c->custom[0] ? c->custom : c->row->name), label, sizeof label);
	c->ctx->result_reason = result_reason;
	return reason_fail(&c->ctx->reason, err, "the attribute %s %s", label, why);
}

/* What section 11 says of an attribute that is not there differs between the three. */
static enum coffer_err refuse_unknown(struct attribute_change *c, struct view name)
{
	static const struct { enum coffer_err err; uint32_t result_reason; } reasons[] = {
		[ATTRIBUTE_ADD] = { ERR_FIELD, RESULT_REASON_PERMISSION_DENIED },
		[ATTRIBUTE_MODIFY] = { ERR_FIELD, RESULT_REASON_INVALID_FIELD },
		[ATTRIBUTE_DELETE] = { ERR_NOT_FOUND, RESULT_REASON_ITEM_NOT_FOUND },
	};
	char shown[LABEL_MAX];
	text_printable(name, shown, sizeof shown);
	c->ctx->result_reason = reasons[c->verb].result_reason;
	return reason_fail(&c->ctx->reason, reasons[c->verb].err, "there is no attribute '%s' in this protocol version; own ones begin with x-", shown);
}

enum coffer_err attribute_change_name(struct attribute_change *c, struct view name)
{
	enum kmip_attr id = kmip_attr_by_name(name);
	if (id == ATTR_NONE || name.len > KMIP_ATTR_NAME_MAX || kmip_attr_row(id)->since_minor > c->ctx->version_minor)
		return refuse_unknown(c, name);
	c->row = kmip_attr_row(id);
	if (id == ATTR_CUSTOM_ATTRIBUTE) memcpy(c->custom, name.ptr, name.len);
	return ERR_OK;
}

static enum coffer_err read_attribute(struct attribute_change *c, const struct ttlv_item *attribute)
{
	struct ttlv_cursor fields;
	struct view name;
	struct kmip_attr_value v;
	TRY(ttlv_enter(attribute, &fields));
	TRY(ttlv_take_text(&fields, TAG_ATTRIBUTE_NAME, &name));
	TRY(attribute_change_name(c, name));
	enum coffer_err err = kmip_attr_parse(attribute, &v);
	if (err == ERR_FIELD) return attribute_change_refuse(c, err, RESULT_REASON_INVALID_FIELD, "has a value or an index that does not suit it");
	TRY(err);
	if (!v.has_value) return attribute_change_refuse(c, ERR_MISSING, RESULT_REASON_MISSING_DATA, "has no value");
	c->has_index = v.has_index;
	c->index = v.index;
	c->value = v.value;
	return ERR_OK;
}

enum coffer_err attribute_change_read(struct attribute_change *c, struct ttlv_cursor *payload)
{
	struct ttlv_item attribute;
	TRY(ttlv_take(payload, TAG_ATTRIBUTE, &attribute));
	TRY(kmip_end(c->ctx, payload));
	TRY(read_attribute(c, &attribute));
	if (c->verb == ATTRIBUTE_ADD && c->has_index)
		return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_INVALID_FIELD, "comes with an Attribute Index; the server gives it one");
	return ERR_OK;
}

static enum kmip_attr_when rule_of(const struct attribute_change *c)
{
	return c->verb == ATTRIBUTE_DELETE ? c->row->client_delete : c->row->client_modify;
}

/* What is the server's alone, for whatever object. */
static enum coffer_err check_owner(struct attribute_change *c)
{
	if (c->custom[0] == 'y')
		return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_PERMISSION_DENIED, "is the server's; those of clients begin with x-");
	bool mine = c->verb == ATTRIBUTE_ADD ? (c->row->set_by & KMIP_SET_CLIENT) != 0 : rule_of(c) != KMIP_NEVER;
	if (mine) return ERR_OK;
	return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_PERMISSION_DENIED, c->verb == ATTRIBUTE_DELETE
		? "cannot be deleted" : c->verb == ATTRIBUTE_MODIFY ? "cannot be modified" : "is set by the server alone");
}

/* The usage mask is a field of the object, not in its set. Templates alone may lack one. */
static bool has_any(const struct attribute_change *c)
{
	if (c->row->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK) return c->o->usage_mask || c->o->type != OBJECT_TYPE_TEMPLATE;
	return attrset_has_any(&c->o->attrs, c->row->id, attribute_change_custom(c));
}

static enum coffer_err check_place(struct attribute_change *c)
{
	bool any = has_any(c);
	if (c->verb == ATTRIBUTE_ADD) {
		if (!kmip_attr_applies(c->row->id, c->o->type))
			return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_PERMISSION_DENIED, "is not for objects of this type");
		if (any && !c->row->multi)
			return attribute_change_refuse(c, ERR_EXISTS, RESULT_REASON_ILLEGAL_OPERATION, "has a value already; modify it");
		return ERR_OK;
	}
	if (!any && c->verb == ATTRIBUTE_MODIFY)
		return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_INVALID_FIELD, "has no value yet; add one");
	if (!attrset_get(&c->o->attrs, c->row->id, attribute_change_custom(c), c->index))
		return attribute_change_refuse(c, ERR_NOT_FOUND, RESULT_REASON_ITEM_NOT_FOUND, "has no value with this index");
	return ERR_OK;
}

static bool has_passed(const struct attribute_change *c)
{
	uint64_t at_s;
	return attrset_get_time(&c->o->attrs, c->row->id, &at_s) && at_s <= c->now_s;
}

/* The condition of the rule, in the state of this moment. */
static enum coffer_err check_when(struct attribute_change *c)
{
	enum kmip_attr_when rule = rule_of(c);
	bool early = c->o->state == OBJECT_PRE_ACTIVE || c->o->state == OBJECT_ACTIVE;
	const char *why = NULL;
	if (rule == KMIP_PRE_ACTIVE && c->o->state != OBJECT_PRE_ACTIVE) why = "can change only while the object is pre-active";
	if ((rule == KMIP_NOT_OVER || rule == KMIP_NOT_REACHED) && !early) why = "can change only while the object is pre-active or active";
	if (rule == KMIP_NOT_REACHED && has_passed(c)) why = "has passed and stays as it is";
	return why ? attribute_change_refuse(c, ERR_STATE, RESULT_REASON_PERMISSION_DENIED, why) : ERR_OK;
}

enum coffer_err attribute_change_allowed(struct attribute_change *c)
{
	TRY(check_owner(c));
	TRY(kmip_key_change(c->ctx, c->now_s, &c->o));
	TRY(check_place(c));
	TRY(check_when(c));
	return attribute_value_may_go(c);
}

enum coffer_err attribute_change_value(struct attribute_change *c)
{
	TRY(attribute_value_make(c));
	if (!c->row->multi) return ERR_OK;
	uint32_t except = c->verb == ATTRIBUTE_MODIFY ? c->index : ATTRSET_INDEX_NONE;
	if (attrset_has(&c->o->attrs, c->row->id, attribute_change_custom(c), buf_view(&c->item), except))
		return attribute_change_refuse(c, ERR_EXISTS, RESULT_REASON_ILLEGAL_OPERATION, "has this value already");
	return ERR_OK;
}

enum coffer_err attribute_change_add(struct attribute_change *c)
{
	struct attrset *set = &c->o->attrs;
	int32_t mask;
	if (c->row->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK) {
		TRY(ttlv_get_i32(&c->value, &mask));
		c->o->usage_mask = (uint32_t)mask;
		return ERR_OK;
	}
	enum coffer_err err = attrset_add(set, c->row->id, attribute_change_custom(c), buf_view(&c->item));
	if (err == ERR_LIMIT) return attribute_change_refuse(c, err, RESULT_REASON_INDEX_OUT_OF_BOUNDS, "finds no more room in the object");
	TRY(err);
	c->index = set->values[set->count - 1].index;
	return ERR_OK;
}

static enum coffer_err note_limits(struct attribute_change *c, enum coffer_err err)
{
	if (err == ERR_LIMIT) c->ctx->result_reason = RESULT_REASON_INDEX_OUT_OF_BOUNDS;
	if (err == ERR_EXISTS) c->ctx->result_reason = RESULT_REASON_ILLEGAL_OPERATION; /* a Name that another object has */
	return err == ERR_LIMIT ? reason_default(&c->ctx->reason, err, "the object has as many attributes as it can hold") : err;
}

enum coffer_err attribute_change_write(struct attribute_change *c)
{
	static const char *const verbs[] = { "added", "modified", "deleted" };
	char label[LABEL_MAX];
	if (c->row->type == TTLV_DATE_TIME) TRY(dates_check_order(c->o, &c->ctx->reason)); /* else Revoke may have left them as they are */
	if (c->row->id == ATTR_OBJECT_GROUP) TRY(op_may_regroup(c->ctx, c->ctx->object, c->o));
	TRY(note_limits(c, kmip_key_write(c->ctx, c->o, c->now_s)));
	text_printable(view_str(c->custom[0] ? c->custom : c->row->name), label, sizeof label);
	snprintf(c->ctx->detail, sizeof c->ctx->detail, "%s %s, index %u", verbs[c->verb], label, (unsigned)c->index);
	return ERR_OK;
}

enum coffer_err attribute_change_answer(struct attribute_change *c, struct view item, struct writer *out)
{
	struct kmip_attr_value value = { .id = c->row->id, .custom = view_str(c->custom), .has_index = c->index > 0, .index = c->index,
		.has_value = true };
	TRY(ttlv_root(item, &value.value));
	kmip_put_id(out, c->o);
	kmip_attr_put(out, &value);
	return ERR_OK;
}
