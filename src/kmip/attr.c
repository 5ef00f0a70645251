/* The attribute table and reading of attributes. */
#include "kmip/attr.h"

#include "kmip/names.h"
#include "kmip/values.h"

#define TAG_OF_VALUE(id) (ATTR_##id == ATTR_CUSTOM_ATTRIBUTE ? TAG_ATTRIBUTE_VALUE : TAG_##id)

/* The words of attr.def. */
#define YES true
#define NO false
#define MULTI true
#define SINGLE false
#define OP(name) (UINT32_C(1) << OPERATION_##name)
#define NONE 0
#define MADE (OP(CREATE) | OP(CREATE_KEY_PAIR) | OP(REGISTER) | OP(DERIVE_KEY))
#define RE_KEYS (OP(RE_KEY) | OP(RE_KEY_KEY_PAIR))
#define CERTIFIED (OP(REGISTER) | OP(CERTIFY) | OP(RE_CERTIFY))
#define NEW (MADE | RE_KEYS | CERTIFIED)
#define STATE_OPS (OP(ACTIVATE) | OP(REVOKE) | OP(DESTROY))
#define ATTRIBUTE_OPS (OP(ADD_ATTRIBUTE) | OP(MODIFY_ATTRIBUTE) | OP(DELETE_ATTRIBUTE))
#define TYPE(name) (UINT32_C(1) << OBJECT_TYPE_##name)
#define CERTIFICATES TYPE(CERTIFICATE)
#define TEMPLATES TYPE(TEMPLATE)
#define OPAQUE TYPE(OPAQUE_OBJECT)
#define PGP TYPE(PGP_KEY)
#define SYMMETRIC (TYPE(SYMMETRIC_KEY) | TYPE(SPLIT_KEY))
#define ASYMMETRIC (TYPE(PUBLIC_KEY) | TYPE(PRIVATE_KEY) | TYPE(SPLIT_KEY) | PGP)
#define KEYS (SYMMETRIC | ASYMMETRIC)
#define VALUED (SYMMETRIC | TYPE(PRIVATE_KEY) | TYPE(SECRET_DATA))
#define CRYPTOGRAPHIC (KEYS | CERTIFICATES | TYPE(SECRET_DATA))
#define ALL (CRYPTOGRAPHIC | TEMPLATES | OPAQUE)

static const struct kmip_attr_row rows[ATTR_COUNT] = {
#define ATTR(id, name, type, which, since, multi, always, set, server, client, remove, implicit, applies) \
	[ATTR_##id] = { ATTR_##id, TAG_OF_VALUE(id), name, type, which, since, multi, always, KMIP_SET_##set, KMIP_##server, KMIP_##client, \
		KMIP_##remove, implicit, applies },
#include "kmip/attr.def"
#undef ATTR
};

const struct kmip_attr_row *kmip_attr_row(enum kmip_attr id)
{
	PRE(id > ATTR_NONE && id < ATTR_COUNT);
	return &rows[id];
}

bool kmip_attr_applies(enum kmip_attr id, uint32_t object_type)
{
	return object_type < 32 && (kmip_attr_row(id)->applies >> object_type & 1);
}

static bool is_custom_name(struct view name)
{
	return name.len > 2 && (name.ptr[0] == 'x' || name.ptr[0] == 'y') && name.ptr[1] == '-';
}

enum kmip_attr kmip_attr_by_name(struct view name)
{
	if (is_custom_name(name)) return ATTR_CUSTOM_ATTRIBUTE;
	if (name.len == 0) return ATTR_NONE;
	for (int id = ATTR_NONE + 1; id < ATTR_COUNT; id++)
		if (view_equal_str(name, rows[id].name)) return (enum kmip_attr)id;
	return ATTR_NONE;
}

enum kmip_attr kmip_attr_by_tag(uint32_t tag)
{
	for (int id = ATTR_NONE + 1; id < ATTR_COUNT; id++)
		if (rows[id].tag == tag && id != ATTR_CUSTOM_ATTRIBUTE) return (enum kmip_attr)id;
	return ATTR_NONE;
}

/* KMIP 1.4 section 3.39: a structure in a custom attribute holds no structures. */
static enum coffer_err check_custom(const struct ttlv_item *value)
{
	struct ttlv_cursor c;
	struct ttlv_item item;
	if (value->type != TTLV_STRUCTURE) return ERR_OK;
	TRY(ttlv_enter(value, &c));
	while (ttlv_next(&c, &item))
		ENSURE(item.type != TTLV_STRUCTURE, ERR_FIELD);
	return ttlv_done(&c);
}

static enum coffer_err check_structure(enum kmip_attr id, const struct ttlv_item *value)
{
	struct kmip_name name;
	struct kmip_link link;
	struct kmip_revocation revocation;
	struct kmip_application application;
	struct kmip_params params;
	struct kmip_domain_params domain;
	struct kmip_digest digest;
	struct kmip_usage_limits limits;
	struct kmip_alternative_name alternative;
	struct kmip_key_value_location location;
	struct kmip_rng rng;
	switch (id) {
	case ATTR_NAME: return kmip_name_parse(value, &name);
	case ATTR_LINK: return kmip_link_parse(value, &link);
	case ATTR_REVOCATION_REASON: return kmip_revocation_parse(value, &revocation);
	case ATTR_APPLICATION_SPECIFIC_INFORMATION: return kmip_application_parse(value, &application);
	case ATTR_CRYPTOGRAPHIC_PARAMETERS: return kmip_params_parse(value, &params);
	case ATTR_CRYPTOGRAPHIC_DOMAIN_PARAMETERS: return kmip_domain_params_parse(value, &domain);
	case ATTR_DIGEST: return kmip_digest_parse(value, &digest);
	case ATTR_USAGE_LIMITS: return kmip_usage_limits_parse(value, &limits);
	case ATTR_ALTERNATIVE_NAME: return kmip_alternative_name_parse(value, &alternative);
	case ATTR_KEY_VALUE_LOCATION: return kmip_key_value_location_parse(value, &location);
	case ATTR_RANDOM_NUMBER_GENERATOR: return kmip_rng_parse(value, &rng);
	default: return ERR_OK;
	}
}

static enum coffer_err check_number(const struct kmip_attr_row *row, const struct ttlv_item *value)
{
	uint32_t number;
	int32_t mask;
	if (row->enumeration == ENUM_NONE) return ERR_OK;
	if (row->type == TTLV_ENUMERATION) {
		TRY(ttlv_get_enum(value, &number));
	} else {
		TRY(ttlv_get_i32(value, &mask));
		number = (uint32_t)mask;
	}
	return kmip_enum_has(row->enumeration, number) ? ERR_OK : ERR_FIELD;
}

enum coffer_err kmip_attr_check(enum kmip_attr id, const struct ttlv_item *value)
{
	const struct kmip_attr_row *row = kmip_attr_row(id);
	if (row->type == TTLV_ANY) return check_custom(value);
	ENSURE(value->type == row->type, ERR_FIELD);
	if (row->type == TTLV_STRUCTURE) return check_structure(id, value) == ERR_OK ? ERR_OK : ERR_FIELD;
	if (id == ATTR_OBJECT_GROUP && value->value.len == 0) return ERR_FIELD; /* no text is no group */
	return check_number(row, value);
}

static enum coffer_err parse_name(struct ttlv_cursor *c, struct kmip_attr_value *v)
{
	struct view name;
	TRY(ttlv_take_text(c, TAG_ATTRIBUTE_NAME, &name));
	v->id = kmip_attr_by_name(name);
	ENSURE(v->id != ATTR_NONE && name.len <= KMIP_ATTR_NAME_MAX, ERR_FIELD);
	if (v->id == ATTR_CUSTOM_ATTRIBUTE) v->custom = name;
	return ERR_OK;
}

/* Some fields of a structure are enough; which of them there are decides what matches. */
static enum coffer_err check_sought(enum kmip_attr id, const struct ttlv_item *value)
{
	if (kmip_attr_row(id)->type != TTLV_STRUCTURE) return kmip_attr_check(id, value);
	return value->type == TTLV_STRUCTURE ? ERR_OK : ERR_FIELD;
}

typedef enum coffer_err check_fn(enum kmip_attr id, const struct ttlv_item *value);

static enum coffer_err parse(const struct ttlv_item *attribute, check_fn *check, struct kmip_attr_value *out)
{
	struct ttlv_cursor c;
	struct kmip_attr_value v = { .id = ATTR_NONE };
	int32_t index = 0;
	TRY(ttlv_enter(attribute, &c));
	TRY(parse_name(&c, &v));
	TRY(ttlv_take_optional_i32(&c, TAG_ATTRIBUTE_INDEX, &index, &v.has_index));
	TRY(ttlv_take_optional(&c, TAG_ATTRIBUTE_VALUE, &v.value, &v.has_value));
	TRY(ttlv_done(&c));
	ENSURE(index >= 0, ERR_FIELD);
	v.index = (uint32_t)index;
	if (v.has_value) TRY(check(v.id, &v.value));
	v.value.tag = rows[v.id].tag;
	*out = v;
	return ERR_OK;
}

enum coffer_err kmip_attr_parse(const struct ttlv_item *attribute, struct kmip_attr_value *out)
{
	return parse(attribute, kmip_attr_check, out);
}

static enum coffer_err next(struct ttlv_cursor *c, check_fn *check, struct kmip_attr_value *out, bool *out_found)
{
	struct ttlv_item item;
	bool found;
	TRY(ttlv_take_optional(c, TAG_ATTRIBUTE, &item, &found));
	if (found) {
		c->last = 0; /* Attribute may be repeated */
		TRY(parse(&item, check, out));
	}
	*out_found = found;
	return ERR_OK;
}

enum coffer_err kmip_attr_next(struct ttlv_cursor *c, struct kmip_attr_value *out, bool *out_found)
{
	return next(c, kmip_attr_check, out, out_found);
}

enum coffer_err kmip_attr_next_sought(struct ttlv_cursor *c, struct kmip_attr_value *out, bool *out_found)
{
	return next(c, check_sought, out, out_found);
}

enum coffer_err kmip_template_enter(const struct ttlv_item *template_attribute, struct ttlv_cursor *out)
{
	struct ttlv_cursor c;
	TRY(ttlv_enter(template_attribute, &c));
	ENSURE(ttlv_peek_tag(&c) != TAG_NAME, ERR_UNSUPPORTED);
	*out = c;
	return ERR_OK;
}
