/* Attributes, one by one. */
#include "ops/kmip_attributes.h"

#include "base/clock.h"
#include "base/writer.h"
#include "objects/dates.h"
#include "ops/kmip_lease.h"

#define FIELD_ITEM_MAX 64u /* the longest is a Unique Identifier: 8 + 40 bytes */

/* Passwords and other data of people have too little chance in them for a plain hash to be harmless. */
static bool hides_digest(const struct op_ctx *ctx, const struct object *o)
{
	struct reason reason;
	if (o->type != OBJECT_TYPE_SECRET_DATA && o->type != OBJECT_TYPE_OPAQUE_OBJECT) return false;
	return policy_check(ctx->grants, ctx->principal, PERMISSION_EXPORT, o, &reason) != ERR_OK;
}

struct kmip_seen kmip_seen_of(const struct op_ctx *ctx, const struct object *o)
{
	return (struct kmip_seen){ .object = o, .now_s = clock_date_s(), .version_minor = ctx->version_minor, .hide_digest = hides_digest(ctx, o),
		.lease_time_s = kmip_lease_time_s(ctx->engine) };
}

static void put_field(struct writer *w, const struct kmip_seen *seen, enum kmip_attr attr)
{
	const struct object *o = seen->object;
	char id[UUID_TEXT_LEN + 1];
	uint32_t tag = kmip_attr_row(attr)->tag;
	switch (attr) {
	case ATTR_UNIQUE_IDENTIFIER:
		text_uuid(o->id, id);
		ttlv_put_str(w, tag, id);
		break;
	case ATTR_OBJECT_TYPE:
		ttlv_put_enum(w, tag, o->type);
		break;
	case ATTR_CRYPTOGRAPHIC_ALGORITHM:
		if (o->algorithm) ttlv_put_enum(w, tag, o->algorithm);
		break;
	case ATTR_CRYPTOGRAPHIC_LENGTH:
		if (o->length_bits) ttlv_put_i32(w, tag, (int32_t)o->length_bits);
		break;
	case ATTR_CRYPTOGRAPHIC_USAGE_MASK:
		if (o->usage_mask || o->type != OBJECT_TYPE_TEMPLATE) ttlv_put_i32(w, tag, (int32_t)o->usage_mask);
		break;
	case ATTR_LEASE_TIME:
		if (seen->lease_time_s) ttlv_put_interval(w, tag, seen->lease_time_s);
		break;
	default:
		ttlv_put_enum(w, tag, dates_state(o, seen->now_s));
		break;
	}
}

static enum coffer_err each_field(const struct kmip_seen *seen, kmip_attribute_fn *fn, void *arg)
{
	static const enum kmip_attr fields[] = { ATTR_UNIQUE_IDENTIFIER, ATTR_OBJECT_TYPE, ATTR_CRYPTOGRAPHIC_ALGORITHM,
		ATTR_CRYPTOGRAPHIC_LENGTH, ATTR_CRYPTOGRAPHIC_USAGE_MASK, ATTR_LEASE_TIME, ATTR_STATE };
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		uint8_t bytes[FIELD_ITEM_MAX];
		struct writer w;
		struct kmip_attr_value value = { .id = fields[i], .has_value = true };
		if (!kmip_attr_applies(fields[i], seen->object->type)) continue;
		writer_init(&w, bytes, sizeof bytes);
		put_field(&w, seen, fields[i]);
		TRY(writer_done(&w));
		if (writer_len(&w) == 0) continue;
		TRY(ttlv_root(writer_view(&w), &value.value));
		TRY(fn(arg, &value));
	}
	return ERR_OK;
}

/* A value with a field that this version does not know is shown without it. */
static enum coffer_err show(const struct kmip_seen *seen, struct kmip_attr_value *value, kmip_attribute_fn *fn, void *arg)
{
	AUTO_BUF struct buf known = BUF_EMPTY;
	struct writer w;
	if (kmip_attr_since(value->id, &value->value) <= seen->version_minor) return fn(arg, value);
	writer_init_buf(&w, &known, ATTRSET_BYTES_MAX);
	kmip_attr_put_known(&w, value->id, &value->value, seen->version_minor);
	TRY(writer_done(&w));
	TRY(ttlv_root(buf_view(&known), &value->value));
	return fn(arg, value);
}

enum coffer_err kmip_attributes_each(const struct kmip_seen *seen, kmip_attribute_fn *fn, void *arg)
{
	const struct attrset *set = &seen->object->attrs;
	TRY(each_field(seen, fn, arg));
	for (size_t i = 0; i < set->count; i++) {
		const struct attrset_value *v = &set->values[i];
		const struct kmip_attr_row *row = kmip_attr_row((enum kmip_attr)v->attr);
		if (seen->hide_digest && row->id == ATTR_DIGEST) continue;
		if (row->since_minor > seen->version_minor || !kmip_attr_applies(row->id, seen->object->type)) continue;
		struct kmip_attr_value value = { .id = row->id, .has_index = row->multi && v->index > 0, .index = v->index, .has_value = true };
		if (v->custom) value.custom = view_str(v->custom);
		TRY(ttlv_root(view_of(v->item, v->item_len), &value.value));
		TRY(show(seen, &value, fn, arg));
	}
	return ERR_OK;
}

struct view kmip_attribute_name(const struct kmip_attr_value *value)
{
	return value->id == ATTR_CUSTOM_ATTRIBUTE ? value->custom : view_str(kmip_attr_row(value->id)->name);
}
