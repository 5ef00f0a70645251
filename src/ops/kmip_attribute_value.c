/* Single attributes that are added, modified or deleted. */
#include "ops/kmip_attribute_value.h"

#include "access/operation_policy.h"
#include "kmip/values.h"
#include "objects/names.h"

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

/* Versions of a key are what Re-key links; a client that could make such links could lead rewrapping to a key of its own. */
bool attribute_link_is_of_server(uint32_t link_type)
{
	return link_type == LINK_TYPE_REPLACEMENT_OBJECT_LINK || link_type == LINK_TYPE_REPLACED_OBJECT_LINK;
}

enum coffer_err attribute_value_may_go(struct attribute_change *c)
{
	struct ttlv_item item;
	struct kmip_link link;
	if (c->verb == ATTRIBUTE_ADD || !current(c, &item)) return ERR_OK;
	if (c->row->id == ATTR_USAGE_LIMITS && !is_unused(&item))
		return refuse_client(c, ERR_STATE, "stays as it is once something of it was used");
	if (c->row->id == ATTR_LINK && kmip_link_parse(&item, &link) == ERR_OK && attribute_link_is_of_server(link.type))
		return refuse_client(c, ERR_FIELD, "of a replaced key is the server's");
	return ERR_OK;
}

bool attribute_link_suits(uint32_t link_type, uint32_t object_type)
{
	switch (link_type) {
	case LINK_TYPE_PARENT_LINK:
	case LINK_TYPE_CHILD_LINK:
	case LINK_TYPE_PREVIOUS_LINK:
	case LINK_TYPE_NEXT_LINK:
	case LINK_TYPE_DERIVED_KEY_LINK:
		return true;
	case LINK_TYPE_DERIVATION_BASE_OBJECT_LINK:
		return object_type == OBJECT_TYPE_SYMMETRIC_KEY || object_type == OBJECT_TYPE_SPLIT_KEY || object_type == OBJECT_TYPE_SECRET_DATA;
	case LINK_TYPE_CERTIFICATE_LINK:
	case LINK_TYPE_PUBLIC_KEY_LINK:
	case LINK_TYPE_PRIVATE_KEY_LINK:
	case LINK_TYPE_PKCS_12_CERTIFICATE_LINK:
	case LINK_TYPE_PKCS_12_PASSWORD_LINK:
		return object_type == OBJECT_TYPE_CERTIFICATE || object_type == OBJECT_TYPE_PUBLIC_KEY || object_type == OBJECT_TYPE_PRIVATE_KEY ||
			object_type == OBJECT_TYPE_PGP_KEY;
	default:
		return false; /* not of KMIP 1.x */
	}
}

static enum coffer_err check_link(struct attribute_change *c)
{
	struct kmip_link link;
	TRY(kmip_link_parse(&c->value, &link));
	if (attribute_link_is_of_server(link.type)) return refuse_client(c, ERR_FIELD, "to or from a replacement is made by Re-key alone");
	return attribute_link_suits(link.type, c->o->type) ? ERR_OK : refuse_value(c, "of this type does not suit the object");
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

static enum coffer_err check_application(struct attribute_change *c)
{
	struct kmip_application application;
	TRY(kmip_application_parse(&c->value, &application));
	if (application.has_data) return ERR_OK;
	return attribute_change_refuse(c, ERR_UNSUPPORTED, RESULT_REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED,
		"has no Application Data, and the server makes none for any namespace; give it");
}

static enum coffer_err check_policy_name(struct attribute_change *c)
{
	enum operation_policy policy;
	struct view name;
	TRY(ttlv_get_text(&c->value, &name));
	return operation_policy_parse(name, c->o->type, &policy, &c->ctx->reason);
}

/* Section 3.42: where the Key Value is that the object lacks. */
static enum coffer_err check_location(struct attribute_change *c)
{
	bool present = true;
	attrset_get_bool(&c->o->attrs, ATTR_KEY_VALUE_PRESENT, &present);
	return present ? refuse_client(c, ERR_STATE, "is for objects whose Key Value is elsewhere alone") : ERR_OK;
}

static enum coffer_err check_params(struct attribute_change *c)
{
	struct kmip_params p;
	TRY(kmip_params_parse(&c->value, &p));
	if (p.iv_length < 0 || p.tag_length < 0 || p.fixed_field_length < 0 || p.invocation_field_length < 0 || p.counter_length < 0 ||
	    p.salt_length < 0)
		return refuse_value(c, "has a negative length");
	return ERR_OK;
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
	switch (c->row->id) {
	case ATTR_NAME: return check_name(c);
	case ATTR_LINK: return check_link(c);
	case ATTR_APPLICATION_SPECIFIC_INFORMATION: return check_application(c);
	case ATTR_OPERATION_POLICY_NAME: return check_policy_name(c);
	case ATTR_KEY_VALUE_LOCATION: return check_location(c);
	case ATTR_CRYPTOGRAPHIC_PARAMETERS: return check_params(c);
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
