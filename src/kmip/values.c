/* Structured attribute values. */
#include "kmip/values.h"

#include "kmip/names.h"

static enum coffer_err take_listed(struct ttlv_cursor *c, uint32_t tag, enum kmip_enum which, uint32_t *out)
{
	TRY(ttlv_take_enum(c, tag, out));
	return kmip_enum_has(which, *out) ? ERR_OK : ERR_FIELD;
}

enum coffer_err kmip_name_parse(const struct ttlv_item *item, struct kmip_name *out)
{
	struct ttlv_cursor c;
	struct kmip_name name;
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_text(&c, TAG_NAME_VALUE, &name.value));
	TRY(take_listed(&c, TAG_NAME_TYPE, ENUM_NAME_TYPE, &name.type));
	TRY(ttlv_done(&c));
	ENSURE(name.value.len > 0, ERR_FIELD);
	*out = name;
	return ERR_OK;
}

void kmip_name_put(struct writer *w, uint32_t tag, const struct kmip_name *name)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_text(w, TAG_NAME_VALUE, name->value);
	ttlv_put_enum(w, TAG_NAME_TYPE, name->type);
	ttlv_end(w, mark);
}

enum coffer_err kmip_link_parse(const struct ttlv_item *item, struct kmip_link *out)
{
	struct ttlv_cursor c;
	struct kmip_link link;
	TRY(ttlv_enter(item, &c));
	TRY(take_listed(&c, TAG_LINK_TYPE, ENUM_LINK_TYPE, &link.type));
	TRY(ttlv_take_text(&c, TAG_LINKED_OBJECT_IDENTIFIER, &link.linked));
	TRY(ttlv_done(&c));
	ENSURE(link.linked.len > 0, ERR_FIELD);
	*out = link;
	return ERR_OK;
}

void kmip_link_put(struct writer *w, uint32_t tag, const struct kmip_link *link)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_enum(w, TAG_LINK_TYPE, link->type);
	ttlv_put_text(w, TAG_LINKED_OBJECT_IDENTIFIER, link->linked);
	ttlv_end(w, mark);
}

enum coffer_err kmip_revocation_parse(const struct ttlv_item *item, struct kmip_revocation *out)
{
	struct ttlv_cursor c;
	struct kmip_revocation r = { .has_message = false };
	TRY(ttlv_enter(item, &c));
	TRY(take_listed(&c, TAG_REVOCATION_REASON_CODE, ENUM_REVOCATION_REASON_CODE, &r.code));
	TRY(ttlv_take_optional_text(&c, TAG_REVOCATION_MESSAGE, &r.message, &r.has_message));
	TRY(ttlv_done(&c));
	*out = r;
	return ERR_OK;
}

void kmip_revocation_put(struct writer *w, uint32_t tag, const struct kmip_revocation *revocation)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_enum(w, TAG_REVOCATION_REASON_CODE, revocation->code);
	if (revocation->has_message) ttlv_put_text(w, TAG_REVOCATION_MESSAGE, revocation->message);
	ttlv_end(w, mark);
}

enum coffer_err kmip_application_parse(const struct ttlv_item *item, struct kmip_application *out)
{
	struct ttlv_cursor c;
	struct kmip_application a = { .has_data = false };
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_text(&c, TAG_APPLICATION_NAMESPACE, &a.name_space));
	TRY(ttlv_take_optional_text(&c, TAG_APPLICATION_DATA, &a.data, &a.has_data));
	TRY(ttlv_done(&c));
	*out = a;
	return ERR_OK;
}

void kmip_application_put(struct writer *w, uint32_t tag, const struct kmip_application *application)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_text(w, TAG_APPLICATION_NAMESPACE, application->name_space);
	if (application->has_data) ttlv_put_text(w, TAG_APPLICATION_DATA, application->data);
	ttlv_end(w, mark);
}

static enum coffer_err take_optional_listed(struct ttlv_cursor *c, uint32_t tag, uint32_t *out, bool *out_present)
{
	TRY(ttlv_take_optional_enum(c, tag, out, out_present));
	return !*out_present || kmip_enum_has(kmip_enum_of_tag(tag), *out) ? ERR_OK : ERR_FIELD;
}

enum coffer_err kmip_params_parse(const struct ttlv_item *item, struct kmip_params *out)
{
	struct ttlv_cursor c;
	struct kmip_params p = { .has_block_cipher_mode = false };
	TRY(ttlv_enter(item, &c));
	uint32_t next = ttlv_tag_ahead(&c); /* of 22 fields few are there */
#define PARAM(tag, take) if (next == TAG_##tag) { TRY(take); next = ttlv_tag_ahead(&c); }
#define PARAM_ENUM(field, tag, since) PARAM(tag, take_optional_listed(&c, TAG_##tag, &p.field, &p.has_##field))
#define PARAM_I32(field, tag, since) PARAM(tag, ttlv_take_optional_i32(&c, TAG_##tag, &p.field, &p.has_##field))
#define PARAM_BOOL(field, tag, since) PARAM(tag, ttlv_take_optional_bool(&c, TAG_##tag, &p.field, &p.has_##field))
#define PARAM_BYTES(field, tag, since) PARAM(tag, ttlv_take_optional_bytes(&c, TAG_##tag, &p.field, &p.has_##field))
#include "kmip/params.def"
#undef PARAM
#undef PARAM_ENUM
#undef PARAM_I32
#undef PARAM_BOOL
#undef PARAM_BYTES
	TRY(ttlv_done(&c));
	*out = p;
	return ERR_OK;
}

void kmip_params_put(struct writer *w, uint32_t tag, const struct kmip_params *params)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
#define PARAM_ENUM(field, name, since) if (params->has_##field) ttlv_put_enum(w, TAG_##name, params->field);
#define PARAM_I32(field, name, since) if (params->has_##field) ttlv_put_i32(w, TAG_##name, params->field);
#define PARAM_BOOL(field, name, since) if (params->has_##field) ttlv_put_bool(w, TAG_##name, params->field);
#define PARAM_BYTES(field, name, since) if (params->has_##field) ttlv_put_bytes(w, TAG_##name, params->field);
#include "kmip/params.def"
#undef PARAM_ENUM
#undef PARAM_I32
#undef PARAM_BOOL
#undef PARAM_BYTES
	ttlv_end(w, mark);
}

enum coffer_err kmip_domain_params_parse(const struct ttlv_item *item, struct kmip_domain_params *out)
{
	struct ttlv_cursor c;
	struct kmip_domain_params p = { .has_qlength = false };
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_optional_i32(&c, TAG_QLENGTH, &p.qlength, &p.has_qlength));
	TRY(take_optional_listed(&c, TAG_RECOMMENDED_CURVE, &p.curve, &p.has_curve));
	TRY(ttlv_done(&c));
	ENSURE(!p.has_qlength || p.qlength > 0, ERR_FIELD);
	*out = p;
	return ERR_OK;
}

void kmip_domain_params_put(struct writer *w, uint32_t tag, const struct kmip_domain_params *params)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	if (params->has_qlength) ttlv_put_i32(w, TAG_QLENGTH, params->qlength);
	if (params->has_curve) ttlv_put_enum(w, TAG_RECOMMENDED_CURVE, params->curve);
	ttlv_end(w, mark);
}

enum coffer_err kmip_digest_parse(const struct ttlv_item *item, struct kmip_digest *out)
{
	struct ttlv_cursor c;
	struct kmip_digest d = { .has_value = false };
	TRY(ttlv_enter(item, &c));
	TRY(take_listed(&c, TAG_HASHING_ALGORITHM, ENUM_HASHING_ALGORITHM, &d.hashing_algorithm));
	TRY(ttlv_take_optional_bytes(&c, TAG_DIGEST_VALUE, &d.value, &d.has_value));
	TRY(take_optional_listed(&c, TAG_KEY_FORMAT_TYPE, &d.format, &d.has_format));
	TRY(ttlv_done(&c));
	*out = d;
	return ERR_OK;
}

void kmip_digest_put(struct writer *w, uint32_t tag, const struct kmip_digest *digest)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_enum(w, TAG_HASHING_ALGORITHM, digest->hashing_algorithm);
	if (digest->has_value) ttlv_put_bytes(w, TAG_DIGEST_VALUE, digest->value);
	if (digest->has_format) ttlv_put_enum(w, TAG_KEY_FORMAT_TYPE, digest->format);
	ttlv_end(w, mark);
}

enum coffer_err kmip_usage_limits_parse(const struct ttlv_item *item, struct kmip_usage_limits *out)
{
	struct ttlv_cursor c;
	struct kmip_usage_limits u = { .has_total = false };
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_optional_i64(&c, TAG_USAGE_LIMITS_TOTAL, &u.total, &u.has_total));
	TRY(ttlv_take_optional_i64(&c, TAG_USAGE_LIMITS_COUNT, &u.count, &u.has_count));
	TRY(take_optional_listed(&c, TAG_USAGE_LIMITS_UNIT, &u.unit, &u.has_unit));
	TRY(ttlv_done(&c));
	ENSURE(u.total >= 0 && u.count >= 0, ERR_FIELD);
	ENSURE(!u.has_total || !u.has_count || u.count <= u.total, ERR_FIELD);
	*out = u;
	return ERR_OK;
}

void kmip_usage_limits_put(struct writer *w, uint32_t tag, const struct kmip_usage_limits *limits)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	if (limits->has_total) ttlv_put_i64(w, TAG_USAGE_LIMITS_TOTAL, limits->total);
	if (limits->has_count) ttlv_put_i64(w, TAG_USAGE_LIMITS_COUNT, limits->count);
	if (limits->has_unit) ttlv_put_enum(w, TAG_USAGE_LIMITS_UNIT, limits->unit);
	ttlv_end(w, mark);
}

enum coffer_err kmip_alternative_name_parse(const struct ttlv_item *item, struct kmip_alternative_name *out)
{
	struct ttlv_cursor c;
	struct kmip_alternative_name name;
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_text(&c, TAG_ALTERNATIVE_NAME_VALUE, &name.value));
	TRY(take_listed(&c, TAG_ALTERNATIVE_NAME_TYPE, ENUM_ALTERNATIVE_NAME_TYPE, &name.type));
	TRY(ttlv_done(&c));
	ENSURE(name.value.len > 0, ERR_FIELD);
	*out = name;
	return ERR_OK;
}

void kmip_alternative_name_put(struct writer *w, uint32_t tag, const struct kmip_alternative_name *name)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_text(w, TAG_ALTERNATIVE_NAME_VALUE, name->value);
	ttlv_put_enum(w, TAG_ALTERNATIVE_NAME_TYPE, name->type);
	ttlv_end(w, mark);
}

enum coffer_err kmip_key_value_location_parse(const struct ttlv_item *item, struct kmip_key_value_location *out)
{
	struct ttlv_cursor c;
	struct kmip_key_value_location location;
	TRY(ttlv_enter(item, &c));
	TRY(ttlv_take_text(&c, TAG_KEY_VALUE_LOCATION_VALUE, &location.value));
	TRY(take_listed(&c, TAG_KEY_VALUE_LOCATION_TYPE, ENUM_KEY_VALUE_LOCATION_TYPE, &location.type));
	TRY(ttlv_done(&c));
	ENSURE(location.value.len > 0, ERR_FIELD);
	*out = location;
	return ERR_OK;
}

void kmip_key_value_location_put(struct writer *w, uint32_t tag, const struct kmip_key_value_location *location)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
	ttlv_put_text(w, TAG_KEY_VALUE_LOCATION_VALUE, location->value);
	ttlv_put_enum(w, TAG_KEY_VALUE_LOCATION_TYPE, location->type);
	ttlv_end(w, mark);
}

enum coffer_err kmip_rng_parse(const struct ttlv_item *item, struct kmip_rng *out)
{
	struct ttlv_cursor c;
	struct kmip_rng r = { .has_algorithm = false };
	TRY(ttlv_enter(item, &c));
#define RNG_ENUM(field, tag) TRY(take_optional_listed(&c, TAG_##tag, &r.field, &r.has_##field));
#define RNG_I32(field, tag) TRY(ttlv_take_optional_i32(&c, TAG_##tag, &r.field, &r.has_##field));
#define RNG_BOOL(field, tag) TRY(ttlv_take_optional_bool(&c, TAG_##tag, &r.field, &r.has_##field));
#include "kmip/rng.def"
#undef RNG_ENUM
#undef RNG_I32
#undef RNG_BOOL
	TRY(ttlv_done(&c));
	ENSURE(r.has_algorithm, ERR_MISSING);
	ENSURE(!r.has_cryptographic_length || r.cryptographic_length > 0, ERR_FIELD);
	*out = r;
	return ERR_OK;
}

void kmip_rng_put(struct writer *w, uint32_t tag, const struct kmip_rng *rng)
{
	struct ttlv_mark mark = ttlv_begin(w, tag);
#define RNG_ENUM(field, name) if (rng->has_##field) ttlv_put_enum(w, TAG_##name, rng->field);
#define RNG_I32(field, name) if (rng->has_##field) ttlv_put_i32(w, TAG_##name, rng->field);
#define RNG_BOOL(field, name) if (rng->has_##field) ttlv_put_bool(w, TAG_##name, rng->field);
#include "kmip/rng.def"
#undef RNG_ENUM
#undef RNG_I32
#undef RNG_BOOL
	ttlv_end(w, mark);
}
