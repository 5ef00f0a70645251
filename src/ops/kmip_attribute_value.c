/* Single attributes that are added, modified or deleted. */
#include "ops/kmip_attribute_value.h"

#include "kmip/values.h"
#include "objects/names.h"
#include "ops/kmip_given.h"

#define VALUE_MAX (64u * 1024u) /* bytes of one encoded value */
#define NAME_BYTES_MAX 255u

static enum coffer_err refuse_value(struct attribute_change *c, const char *why)
{
	return attribute_change_refuse(c, ERR_FIELD, RESULT_REASON_INVALID_FIELD, why);
}

static enum coffer_err refuse_client(struct attribute_change *c, enum coffer_err err, const char *why)
{
	return attribute_change_refuse(c, err, RESULT_REASON_PERMISSION_DENIED, why);
}

/* The value that is there; false when there is none. */
static bool current(const struct attribute_change *c, struct ttlv_item *out)
{
	return attrset_item(attrset_get(&c->o->attrs, c->row->id, attribute_change_custom(c), c->index), out);
}

static bool is_unused(const struct ttlv_item *limits)
{
	struct kmip_usage_limits u;
	return kmip_usage_limits_parse(limits, &u) == ERR_OK && u.total == u.count;
}

enum coffer_err attribute_value_may_go(struct attribute_change *c)
{
	struct ttlv_item item;
	struct kmip_link link;
	if (c->verb == ATTRIBUTE_ADD || !current(c, &item)) return ERR_OK;
	if (c->row->id == ATTR_USAGE_LIMITS && !is_unused(&item))
		return refuse_client(c, ERR_STATE, "stays as it is once something of it was used");
	if (c->row->id == ATTR_LINK && kmip_link_parse(&item, &link) == ERR_OK && kmip_link_is_of_server(link.type))
		return refuse_client(c, ERR_FIELD, "of a replaced key is the server's");
	return ERR_OK;
}

/* Unique among live objects: txn_update sees to the others. */
static enum coffer_err check_name(struct attribute_change *c)
{
	struct kmip_name name, old = { .value = { NULL, 0 } };
	struct ttlv_item item;
	TRY(kmip_name_parse(&c->value, &name));
	if (name.value.len > NAME_BYTES_MAX) return refuse_value(c, "has more than 255 bytes");
	if (c->verb == ATTRIBUTE_MODIFY && current(c, &item)) TRY(kmip_name_parse(&item, &old));
	if (!names_has(&c->o->attrs, name.value) || view_equal(name.value, old.value)) return ERR_OK;
	return attribute_change_refuse(c, ERR_EXISTS, RESULT_REASON_ILLEGAL_OPERATION, "has this value already");
}

/* Section 3.42: where the Key Value is that the object lacks. */
static enum coffer_err check_location(struct attribute_change *c)
{
	bool present = true;
	attrset_get_bool(&c->o->attrs, ATTR_KEY_VALUE_PRESENT, &present);
	return present ? refuse_client(c, ERR_STATE, "is for objects whose Key Value is elsewhere alone") : ERR_OK;
}

/* Sections 3.48 to 3.51: what was kept back stays back, and the histories say what was ever otherwise. */
static enum coffer_err check_secrecy(struct attribute_change *c)
{
	bool sensitive = c->row->id == ATTR_SENSITIVE, open = !sensitive, wish, now = open;
	TRY(ttlv_get_bool(&c->value, &wish));
	attrset_get_bool(&c->o->attrs, c->row->id, &now);
	if (wish == open && now != open)
		return refuse_client(c, ERR_STATE, sensitive ? "does not become false again" : "does not become true again");
	if (now == open || wish == open)
		return attrset_set_bool(&c->o->attrs, sensitive ? ATTR_ALWAYS_SENSITIVE : ATTR_NEVER_EXTRACTABLE, false);
	return ERR_OK;
}

static enum coffer_err check_value(struct attribute_change *c)
{
	struct kmip_attr_value v = { .id = c->row->id, .custom = view_str(c->custom), .has_value = true, .value = c->value };
	TRY(kmip_given_check(c->ctx, c->o, &v));
	switch (c->row->id) {
	case ATTR_NAME: return check_name(c);
	case ATTR_KEY_VALUE_LOCATION: return check_location(c);
	case ATTR_SENSITIVE:
	case ATTR_EXTRACTABLE: return check_secrecy(c);
	default: return ERR_OK;
	}
}

/* Section 3.21: the client gives total and unit, what it leaves out of a Modify stays; the count is the server's. */
static enum coffer_err put_limits(struct attribute_change *c, struct writer *w)
{
	struct kmip_usage_limits u, old = { .has_total = false };
	struct ttlv_item item;
	TRY(kmip_usage_limits_parse(&c->value, &u));
	if (u.has_count) return refuse_client(c, ERR_FIELD, "comes with a count, which is the server's; give total and unit");
	if (c->verb == ATTRIBUTE_MODIFY && current(c, &item)) TRY(kmip_usage_limits_parse(&item, &old));
	if (!u.has_total) u.total = old.total;
	if (!u.has_unit) u.unit = old.unit;
	if (!(u.has_total || old.has_total) || !(u.has_unit || old.has_unit))
		return attribute_change_refuse(c, ERR_MISSING, RESULT_REASON_MISSING_DATA, "needs a total and a unit");
	u.count = u.total;
	u.has_total = u.has_count = u.has_unit = true;
	kmip_usage_limits_put(w, TAG_USAGE_LIMITS, &u);
	return ERR_OK;
}

enum coffer_err attribute_value_make(struct attribute_change *c)
{
	struct writer w;
	writer_init_buf(&w, &c->item, VALUE_MAX);
	TRY(check_value(c));
	if (c->row->id == ATTR_USAGE_LIMITS) TRY(put_limits(c, &w));
	else ttlv_put_item(&w, c->row->tag, &c->value);
	if (writer_done(&w) == ERR_TOO_LARGE) return attribute_change_refuse(c, ERR_TOO_LARGE, RESULT_REASON_INVALID_FIELD, "is longer than 64 KiB");
	return writer_done(&w);
}
