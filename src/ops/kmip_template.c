/* Template-Attribute to object. */
#include "ops/kmip_template.h"

#include <string.h>

#include "kmip/attr.h"
#include "kmip/values.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_given.h"
#include "ops/kmip_key.h"

#define VALUE_MAX (64u * 1024u) /* bytes of one encoded value */
#define NAME_BYTES_MAX 255u
#define TEMPLATES_MAX 16u

/* Values come in layers: named templates in their order, then the request's own attributes, then (Register) those in the Key Value. */
struct template {
	struct op_ctx *ctx;
	struct object *object;
	enum kmip_purpose purpose;
	bool in_key;            /* the layer of the Key Value: it may say again what was said, and nothing else */
	bool seen[ATTR_COUNT];  /* in any layer */
	bool given[ATTR_COUNT]; /* in this layer */
};

static enum coffer_err refuse(struct op_ctx *ctx, enum coffer_err err, enum kmip_attr id, const char *why)
{
	return reason_fail(&ctx->reason, err, "the attribute %s %s", id == ATTR_CUSTOM_ATTRIBUTE ? "x-…" : kmip_attr_row(id)->name, why);
}

/* What this server could only pretend to keep. */
static bool is_unsupported(const struct template *t, enum kmip_attr id)
{
	if (id == ATTR_KEY_VALUE_LOCATION) return t->purpose != KMIP_FOR_REGISTER;
	return id == ATTR_CRYPTOGRAPHIC_DOMAIN_PARAMETERS;
}

/* Secret data that is created has a Cryptographic Length too, though table 64 does not list it: there is no other way to ask for one. */
static bool applies(const struct template *t, enum kmip_attr id)
{
	return kmip_attr_applies(id, t->object->type) || (t->object->type == OBJECT_TYPE_SECRET_DATA && id == ATTR_CRYPTOGRAPHIC_LENGTH);
}

/* A server that makes the object knows these itself (sections 3.34, 3.43). */
static bool is_of_maker(enum kmip_attr id)
{
	return id == ATTR_ORIGINAL_CREATION_DATE || id == ATTR_FRESH;
}

static enum coffer_err check_allowed(const struct template *t, const struct kmip_attr_value *v)
{
	const struct kmip_attr_row *row = kmip_attr_row(v->id);
	if (row->since_minor > t->ctx->version_minor) return refuse(t->ctx, ERR_FIELD, v->id, "is not of this protocol version");
	if (!v->has_value) return refuse(t->ctx, ERR_MISSING, v->id, "has no value");
	if (row->set_by == KMIP_SET_SERVER || (is_of_maker(v->id) && t->purpose != KMIP_FOR_REGISTER))
		return refuse(t->ctx, ERR_FIELD, v->id, "is set by the server alone");
	if (is_unsupported(t, v->id)) return refuse(t->ctx, ERR_UNSUPPORTED, v->id, "is not supported for a new object");
	if (!applies(t, v->id)) return refuse(t->ctx, ERR_FIELD, v->id, "is not for objects of this type");
	if (t->given[v->id] && !row->multi) return refuse(t->ctx, ERR_FIELD, v->id, "is given twice");
	return kmip_given_check(t->ctx, t->object, v);
}

static enum coffer_err check_name(const struct template *t, const struct kmip_attr_value *v)
{
	struct kmip_name name;
	TRY(kmip_name_parse(&v->value, &name));
	if (name.value.len == 0 || name.value.len > NAME_BYTES_MAX)
		return reason_fail(&t->ctx->reason, ERR_FIELD, "a name has 1 to %u bytes", NAME_BYTES_MAX);
	if (!t->in_key && object_has_name(t->object, name.value) && (t->given[ATTR_NAME] || t->purpose != KMIP_FOR_REKEY))
		return reason_fail(&t->ctx->reason, ERR_FIELD, "the same name is given twice");
	return ERR_OK;
}

static enum coffer_err set_number(const struct template *t, const struct kmip_attr_value *v)
{
	struct object *o = t->object;
	uint32_t *field = v->id == ATTR_CRYPTOGRAPHIC_ALGORITHM ? &o->algorithm : v->id == ATTR_CRYPTOGRAPHIC_LENGTH ? &o->length_bits
		: &o->usage_mask;
	uint32_t value;
	int32_t number;
	if (v->id == ATTR_CRYPTOGRAPHIC_ALGORITHM) {
		TRY(ttlv_get_enum(&v->value, &value));
	} else {
		TRY(ttlv_get_i32(&v->value, &number));
		if (number < 0) return refuse(t->ctx, ERR_FIELD, v->id, "is negative");
		value = (uint32_t)number;
	}
	if (t->in_key && *field && *field != value) return refuse(t->ctx, ERR_FIELD, v->id, "is another one in the Key Value");
	*field = value;
	return ERR_OK;
}

static bool has_value(const struct object *o, enum kmip_attr id, const char *custom, struct view item)
{
	for (size_t i = 0; i < o->attrs.count; i++) {
		const struct attrset_value *v = &o->attrs.values[i];
		if (v->attr != (uint32_t)id || (v->custom && strcmp(v->custom, custom) != 0)) continue;
		if (view_equal(view_of(v->item, v->item_len), item)) return true;
	}
	return false;
}

/* A value of a later layer takes the place of a single one; several stand side by side, each once. */
static enum coffer_err add_value(const struct template *t, const struct kmip_attr_value *v)
{
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	char custom[KMIP_ATTR_NAME_MAX + 1] = "";
	bool multi = kmip_attr_row(v->id)->multi;
	struct writer w;
	writer_init_buf(&w, &bytes, VALUE_MAX);
	ttlv_put_item(&w, v->value.tag, &v->value);
	if (writer_done(&w) == ERR_TOO_LARGE) return refuse(t->ctx, ERR_TOO_LARGE, v->id, "is too long");
	TRY(writer_done(&w));
	ENSURE(v->custom.len < sizeof custom, ERR_FIELD);
	if (v->custom.len) memcpy(custom, v->custom.ptr, v->custom.len);
	if (t->purpose == KMIP_FOR_REKEY && v->custom.len)
		attrset_remove_at(&t->object->attrs, ATTR_CUSTOM_ATTRIBUTE, custom, 0);
	if (has_value(t->object, v->id, custom, writer_view(&w))) return ERR_OK;
	if (t->in_key && !multi && attrset_count(&t->object->attrs, v->id)) return refuse(t->ctx, ERR_FIELD, v->id, "is another one in the Key Value");
	if (!multi) attrset_remove(&t->object->attrs, v->id);
	enum coffer_err err = attrset_add(&t->object->attrs, v->id, v->custom.len ? custom : NULL, writer_view(&w));
	if (err != ERR_LIMIT) return err;
	t->ctx->result_reason = RESULT_REASON_INDEX_OUT_OF_BOUNDS; /* sections 11.2, 11.4 */
	return reason_fail(&t->ctx->reason, err, "the object has more attributes than can be kept; leave some out");
}

static enum coffer_err apply(struct template *t, const struct kmip_attr_value *v)
{
	TRY(check_allowed(t, v));
	if (v->id == ATTR_NAME) TRY(check_name(t, v));
	if (!t->seen[v->id] && t->purpose == KMIP_FOR_REKEY && v->id != ATTR_CUSTOM_ATTRIBUTE) attrset_remove(&t->object->attrs, v->id);
	bool number = v->id == ATTR_CRYPTOGRAPHIC_ALGORITHM || v->id == ATTR_CRYPTOGRAPHIC_LENGTH || v->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK;
	TRY(number ? set_number(t, v) : add_value(t, v));
	t->seen[v->id] = t->given[v->id] = true;
	return ERR_OK;
}

static enum coffer_err apply_all(struct template *t, struct ttlv_cursor *c)
{
	struct kmip_attr_value v;
	bool found = true;
	memset(t->given, 0, sizeof t->given);
	for (;;) {
		enum coffer_err err = kmip_attr_next(c, &v, &found);
		if (err == ERR_FIELD) return reason_fail(&t->ctx->reason, err, "an attribute is unknown, or its value does not suit it");
		TRY(err);
		if (!found) break;
		TRY(apply(t, &v));
	}
	return ttlv_done(c);
}

/* An attribute of a named template, as if the request had it; its Name and who may read it stay there. */
static enum coffer_err apply_named(void *arg, const struct kmip_attr_value *v)
{
	struct template *t = arg;
	int32_t mask;
	if (v->id == ATTR_NAME || v->id == ATTR_OPERATION_POLICY_NAME) return ERR_OK;
	if (kmip_attr_row(v->id)->set_by == KMIP_SET_SERVER || !applies(t, v->id)) return ERR_OK;
	if (v->id == ATTR_CRYPTOGRAPHIC_USAGE_MASK && (ttlv_get_i32(&v->value, &mask) != ERR_OK || mask == 0)) return ERR_OK;
	return apply(t, v);
}

/* Who may not see a template is told that there is none. */
static enum coffer_err find_named(struct op_ctx *ctx, const struct kmip_name *name, struct object **out)
{
	AUTO_OBJECT struct object *o = NULL;
	char shown[64];
	text_printable(name->value, shown, sizeof shown);
	enum coffer_err err = txn_object_by_name(ctx->txn, name->value, &o);
	if (err != ERR_NOT_FOUND) TRY(err);
	bool found = o && o->type == OBJECT_TYPE_TEMPLATE && o->state == OBJECT_PRE_ACTIVE && policy_sees(ctx->grants, ctx->principal, o);
	if (!found) {
		ctx->result_reason = RESULT_REASON_ITEM_NOT_FOUND;
		return reason_fail(&ctx->reason, ERR_NOT_FOUND, "there is no template '%s', or none that you may see", shown);
	}
	TRY(kmip_check_online(ctx, o));
	*out = TAKE(o);
	return ERR_OK;
}

static enum coffer_err apply_templates(struct template *t, struct ttlv_cursor *c)
{
	struct ttlv_item item;
	struct kmip_name name;
	for (unsigned count = 0; ttlv_peek_tag(c) == TAG_NAME; count++) {
		AUTO_OBJECT struct object *named = NULL;
		if (count == TEMPLATES_MAX)
			return reason_fail(&t->ctx->reason, ERR_LIMIT, "at most %u templates can be named in one request", TEMPLATES_MAX);
		c->last = 0; /* Name may be repeated */
		TRY(ttlv_take(c, TAG_NAME, &item));
		TRY(kmip_name_parse(&item, &name));
		TRY(find_named(t->ctx, &name, &named));
		struct kmip_seen seen = kmip_seen_of(t->ctx, named);
		memset(t->given, 0, sizeof t->given);
		TRY(kmip_attributes_each(&seen, apply_named, t));
	}
	return ERR_OK;
}

enum coffer_err kmip_template_apply(struct op_ctx *ctx, struct ttlv_cursor *payload, struct object *o, enum kmip_purpose purpose)
{
	struct template t = { .ctx = ctx, .object = o, .purpose = purpose };
	struct ttlv_item item;
	struct ttlv_cursor c;
	bool present;
	TRY(ttlv_take_optional(payload, TAG_TEMPLATE_ATTRIBUTE, &item, &present));
	if (!present) return ERR_OK;
	TRY(ttlv_enter(&item, &c));
	TRY(apply_templates(&t, &c));
	return apply_all(&t, &c);
}

enum coffer_err kmip_template_apply_list(struct op_ctx *ctx, struct ttlv_cursor *attributes, struct object *o, enum kmip_list list)
{
	struct template t = { .ctx = ctx, .object = o, .purpose = KMIP_FOR_REGISTER, .in_key = list == KMIP_LIST_IN_KEY };
	return apply_all(&t, attributes);
}
