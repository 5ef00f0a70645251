/* Get Attributes (KMIP 1.4 section 4.12): all, or those that are named. */
#include "ops/key_rotation.h"
#include "ops/kmip_attributes.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

#define NAMES_MAX 256u

struct asked {
	struct view names[NAMES_MAX];
	size_t count;
	struct writer *out;
};

static bool is_asked(const struct asked *q, struct view name)
{
	for (size_t i = 0; i < q->count; i++)
		if (view_equal(q->names[i], name)) return true;
	return false;
}

/* Any name may be asked for: what the object does not have is not answered. */
static enum coffer_err read_names(struct op_ctx *ctx, struct ttlv_cursor *payload, struct asked *q)
{
	struct view name;
	while (ttlv_peek_tag(payload) == TAG_ATTRIBUTE_NAME) {
		TRY(ttlv_take_text(payload, TAG_ATTRIBUTE_NAME, &name));
		if (is_asked(q, name)) return reason_fail(&ctx->reason, ERR_INPUT, "an Attribute Name is given twice; name each once");
		if (q->count == NAMES_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "at most %u attributes can be named", NAMES_MAX);
		q->names[q->count++] = name;
	}
	return kmip_end(ctx, payload);
}

static enum coffer_err put_asked(void *arg, const struct kmip_attr_value *value)
{
	struct asked *q = arg;
	if (q->count == 0 || is_asked(q, kmip_attribute_name(value))) kmip_attr_put(q->out, value);
	return ERR_OK;
}

static void put_date(const struct asked *q, const char *name, uint64_t date_s)
{
	if (!is_asked(q, view_str(name))) return;
	struct ttlv_mark attribute = ttlv_begin(q->out, TAG_ATTRIBUTE);
	ttlv_put_str(q->out, TAG_ATTRIBUTE_NAME, name);
	ttlv_put_time(q->out, TAG_ATTRIBUTE_VALUE, (int64_t)date_s);
	ttlv_end(q->out, attribute);
}

/* When the key is replaced by its schedule, or was (docs/formats.md section 17.4). */
static void put_schedule(const struct asked *q, const struct object *o)
{
	uint32_t interval_s;
	uint64_t due_s, rotated_s;
	if (attrset_get_time(&o->attrs, ATTR_ROTATE_DATE, &rotated_s)) put_date(q, "y-coffer-rotated", rotated_s);
	if (!key_rotation_of(o, &interval_s, &due_s)) return;
	put_date(q, "y-coffer-rotate-next", due_s);
	if (!is_asked(q, view_str("y-coffer-rotate-interval"))) return;
	struct ttlv_mark attribute = ttlv_begin(q->out, TAG_ATTRIBUTE);
	ttlv_put_str(q->out, TAG_ATTRIBUTE_NAME, "y-coffer-rotate-interval");
	ttlv_put_interval(q->out, TAG_ATTRIBUTE_VALUE, interval_s);
	ttlv_end(q->out, attribute);
}

/* Coffer's own attributes (docs/kmip.md): answered only when they are asked for by name. */
static void put_own(const struct asked *q, const struct object *o)
{
	struct ttlv_mark attribute;
	if (is_asked(q, view_str("y-coffer-version"))) {
		attribute = ttlv_begin(q->out, TAG_ATTRIBUTE);
		ttlv_put_str(q->out, TAG_ATTRIBUTE_NAME, "y-coffer-version");
		ttlv_put_i32(q->out, TAG_ATTRIBUTE_VALUE, (int32_t)o->key_version);
		ttlv_end(q->out, attribute);
	}
	if (is_asked(q, view_str("y-coffer-owner"))) {
		attribute = ttlv_begin(q->out, TAG_ATTRIBUTE);
		ttlv_put_str(q->out, TAG_ATTRIBUTE_NAME, "y-coffer-owner");
		ttlv_put_str(q->out, TAG_ATTRIBUTE_VALUE, o->owner);
		ttlv_end(q->out, attribute);
	}
	put_schedule(q, o);
}

enum coffer_err op_get_attributes(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct asked q = { .count = 0, .out = out };
	struct kmip_seen seen = kmip_seen_of(ctx, ctx->object);
	TRY(read_names(ctx, payload, &q));
	kmip_put_id(out, ctx->object);
	put_own(&q, ctx->object);
	return kmip_attributes_each(&seen, put_asked, &q);
}
