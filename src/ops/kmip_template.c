/* Template-Attribute to object. */
#include "ops/kmip_template.h"

#include <stdio.h>
#include <string.h>

#include "kmip/attr.h"
#include "kmip/values.h"

#define VALUE_MAX (64u * 1024u) /* bytes of one encoded value */
#define NAME_BYTES_MAX 255u

struct template {
	struct op_ctx *ctx;
	struct object *object;
	bool replace;
	bool given[ATTR_COUNT]; /* in this template */
};

static enum coffer_err refuse(struct op_ctx *ctx, enum coffer_err err, enum kmip_attr id, const char *why)
{
	return reason_fail(&ctx->reason, err, "the attribute %s %s", id == ATTR_CUSTOM_ATTRIBUTE ? "x-…" : kmip_attr_row(id)->name, why);
}

/* What this server could only pretend to keep. */
static bool is_unsupported(enum kmip_attr id)
{
	return id == ATTR_USAGE_LIMITS || id == ATTR_CRYPTOGRAPHIC_DOMAIN_PARAMETERS || id == ATTR_KEY_VALUE_LOCATION ||
		id == ATTR_RANDOM_NUMBER_GENERATOR || id == ATTR_LINK || id == ATTR_OPERATION_POLICY_NAME;
}

static enum coffer_err check_allowed(const struct template *t, const struct kmip_attr_value *v)
{
	const struct kmip_attr_row *row = kmip_attr_row(v->id);
	if (row->since_minor > t->ctx->version_minor) return refuse(t->ctx, ERR_FIELD, v->id, "is not of this protocol version");
	if (!v->has_value) return refuse(t->ctx, ERR_MISSING, v->id, "has no value");
	if (row->set_by == KMIP_SET_SERVER) return refuse(t->ctx, ERR_FIELD, v->id, "is set by the server alone");
	if (is_unsupported(v->id)) return refuse(t->ctx, ERR_UNSUPPORTED, v->id, "is not supported for a new object");
	if (t->given[v->id] && !row->multi) return refuse(t->ctx, ERR_FIELD, v->id, "is given twice");
	return ERR_OK;
}

static enum coffer_err check_name(const struct template *t, const struct kmip_attr_value *v)
{
	struct kmip_name name;
	TRY(kmip_name_parse(&v->value, &name));
	if (name.value.len == 0 || name.value.len > NAME_BYTES_MAX)
		return reason_fail(&t->ctx->reason, ERR_FIELD, "a name has 1 to %u bytes", NAME_BYTES_MAX);
	if (object_has_name(t->object, name.value) && (t->given[ATTR_NAME] || !t->replace))
		return reason_fail(&t->ctx->reason, ERR_FIELD, "the same name is given twice");
	return ERR_OK;
}

static enum coffer_err set_number(const struct template *t, const struct kmip_attr_value *v)
{
	int32_t number;
	if (v->id == ATTR_CRYPTOGRAPHIC_ALGORITHM) return ttlv_get_enum(&v->value, &t->object->algorithm);
	TRY(ttlv_get_i32(&v->value, &number));
	if (number < 0) return refuse(t->ctx, ERR_FIELD, v->id, "is negative");
	if (v->id == ATTR_CRYPTOGRAPHIC_LENGTH) t->object->length_bits = (uint32_t)number;
	else t->object->usage_mask = (uint32_t)number;
	return ERR_OK;
}

static enum coffer_err add_value(const struct template *t, const struct kmip_attr_value *v)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	char custom[KMIP_ATTR_NAME_MAX + 1] = "";
	struct writer w;
	writer_init_buf(&w, &bytes, VALUE_MAX);
	ttlv_put_item(&w, v->value.tag, &v->value);
	if (writer_done(&w) == ERR_TOO_LARGE) return refuse(t->ctx, ERR_TOO_LARGE, v->id, "is too long");
	TRY(writer_done(&w));
	ENSURE(v->custom.len < sizeof custom, ERR_FIELD);
	if (v->custom.len) memcpy(custom, v->custom.ptr, v->custom.len);
	return attrset_add(&t->object->attrs, v->id, v->custom.len ? custom : NULL, writer_view(&w));
}

static enum coffer_err apply(struct template *t, const struct kmip_attr_value *v)
{
	TRY(check_allowed(t, v));
	if (v->id == ATTR_NAME) TRY(check_name(t, v));
	bool first = !t->given[v->id];
	t->given[v->id] = true;
	if (v->id == ATTR_CRYPTOGRAPHIC_ALGORITHM || v->id == ATTR_CRYPTOGRAPHIC_LENGTH || v->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK)
		return set_number(t, v);
	if (first && t->replace && v->id != ATTR_CUSTOM_ATTRIBUTE) attrset_remove(&t->object->attrs, v->id);
	if (v->id == ATTR_CUSTOM_ATTRIBUTE && t->replace) {
		char custom[KMIP_ATTR_NAME_MAX + 1];
		snprintf(custom, sizeof custom, "%.*s", (int)v->custom.len, (const char *)v->custom.ptr);
		attrset_remove_at(&t->object->attrs, ATTR_CUSTOM_ATTRIBUTE, custom, 0);
	}
	return add_value(t, v);
}

enum coffer_err kmip_template_apply(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o, bool replace)
{
	struct template t = { .ctx = ctx, .object = o, .replace = replace };
	struct ttlv_item item;
	struct ttlv_cursor c;
	struct kmip_attr_value v;
	bool present, found = true;
	TRY(ttlv_take_optional(payload, TAG_TEMPLATE_ATTRIBUTE, &item, &present));
	if (!present) return ERR_OK;
	enum coffer_err err = kmip_template_enter(&item, &c);
	if (err == ERR_UNSUPPORTED) {
		ctx->result_reason = RESULT_REASON_ITEM_NOT_FOUND;
		return reason_fail(&ctx->reason, err, "there are no templates here; name the attributes themselves");
	}
	TRY(err);
	for (;;) {
		err = kmip_attr_next(&c, &v, &found);
		if (err == ERR_FIELD) return reason_fail(&ctx->reason, err, "an attribute is unknown, or its value does not suit it");
		TRY(err);
		if (!found) break;
		TRY(apply(&t, &v));
	}
	return ttlv_done(&c);
}
