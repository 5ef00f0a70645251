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

static enum coffer_err take_param_enum(struct ttlv_cursor *c, uint32_t tag, uint32_t *out, bool *out_present)
{
	TRY(ttlv_take_optional_enum(c, tag, out, out_present));
	return !*out_present || kmip_enum_has(kmip_enum_of_tag(tag), *out) ? ERR_OK : ERR_FIELD;
}

enum coffer_err kmip_params_parse(const struct ttlv_item *item, struct kmip_params *out)
{
	struct ttlv_cursor c;
	struct kmip_params p = { .has_block_cipher_mode = false };
	TRY(ttlv_enter(item, &c));
#define PARAM_ENUM(field, tag, since) TRY(take_param_enum(&c, TAG_##tag, &p.field, &p.has_##field));
#define PARAM_I32(field, tag, since) TRY(ttlv_take_optional_i32(&c, TAG_##tag, &p.field, &p.has_##field));
#define PARAM_BOOL(field, tag, since) TRY(ttlv_take_optional_bool(&c, TAG_##tag, &p.field, &p.has_##field));
#define PARAM_BYTES(field, tag, since) TRY(ttlv_take_optional_bytes(&c, TAG_##tag, &p.field, &p.has_##field));
#include "kmip/params.def"
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
