/* What clients may give. */
#include "ops/kmip_given.h"

#include "access/operation_policy.h"
#include "kmip/values.h"
#include "ops/kmip_attributes.h"

#define LABEL_MAX 64u

static enum coffer_err refuse(struct op_ctx *ctx, enum coffer_err err, const struct kmip_attr_value *v, const char *why)
{
	char label[LABEL_MAX];
	text_printable(kmip_attribute_name(v), label, sizeof label);
	return reason_fail(&ctx->reason, err, "the attribute %s %s", label, why);
}

bool kmip_link_is_of_server(uint32_t link_type)
{
	return link_type == LINK_TYPE_REPLACEMENT_OBJECT_LINK || link_type == LINK_TYPE_REPLACED_OBJECT_LINK;
}

/* KMIP 1.4 section 3.35: which links an object of this type can have. */
static bool link_suits(uint32_t link_type, uint32_t object_type)
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

static enum coffer_err check_date(struct op_ctx *ctx, const struct kmip_attr_value *v)
{
	int64_t unix_s;
	TRY(ttlv_get_time(&v->value, &unix_s));
	return unix_s >= 0 ? ERR_OK : refuse(ctx, ERR_FIELD, v, "is before 1970");
}

static enum coffer_err check_link(struct op_ctx *ctx, const struct object *o, const struct kmip_attr_value *v)
{
	struct kmip_link link;
	TRY(kmip_link_parse(&v->value, &link));
	if (kmip_link_is_of_server(link.type)) return refuse(ctx, ERR_FIELD, v, "to or from a replacement is made by Re-key alone");
	return link_suits(link.type, o->type) ? ERR_OK : refuse(ctx, ERR_FIELD, v, "of this type does not suit the object");
}

static enum coffer_err check_application(struct op_ctx *ctx, const struct kmip_attr_value *v)
{
	struct kmip_application application;
	TRY(kmip_application_parse(&v->value, &application));
	if (application.has_data) return ERR_OK;
	ctx->result_reason = RESULT_REASON_APPLICATION_NAMESPACE_NOT_SUPPORTED;
	return refuse(ctx, ERR_UNSUPPORTED, v, "has no Application Data, and the server makes none for any namespace; give it");
}

static enum coffer_err check_policy_name(struct op_ctx *ctx, const struct object *o, const struct kmip_attr_value *v)
{
	enum operation_policy policy;
	struct view name;
	TRY(ttlv_get_text(&v->value, &name));
	return operation_policy_parse(name, o->type, &policy, &ctx->reason);
}

static enum coffer_err check_params(struct op_ctx *ctx, const struct kmip_attr_value *v)
{
	struct kmip_params p;
	TRY(kmip_params_parse(&v->value, &p));
	if (p.iv_length >= 0 && p.tag_length >= 0 && p.fixed_field_length >= 0 && p.invocation_field_length >= 0 && p.counter_length >= 0 &&
	    p.salt_length >= 0)
		return ERR_OK;
	return refuse(ctx, ERR_FIELD, v, "has a negative length");
}

enum coffer_err kmip_given_check(struct op_ctx *ctx, const struct object *o, const struct kmip_attr_value *v)
{
	if (v->custom.len && v->custom.ptr[0] != 'x') return refuse(ctx, ERR_FIELD, v, "is the server's; those of clients begin with x-");
	if (kmip_attr_since(v->id, &v->value) > ctx->version_minor)
		return refuse(ctx, ERR_FIELD, v, "has a field that this protocol version does not know");
	switch (v->id) {
	case ATTR_ACTIVATION_DATE:
	case ATTR_PROCESS_START_DATE:
	case ATTR_PROTECT_STOP_DATE:
	case ATTR_DEACTIVATION_DATE: return check_date(ctx, v);
	case ATTR_LINK: return check_link(ctx, o, v);
	case ATTR_APPLICATION_SPECIFIC_INFORMATION: return check_application(ctx, v);
	case ATTR_OPERATION_POLICY_NAME: return check_policy_name(ctx, o, v);
	case ATTR_CRYPTOGRAPHIC_PARAMETERS: return check_params(ctx, v);
	default: return ERR_OK;
	}
}
