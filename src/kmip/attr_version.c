/* Which fields of structured attribute values which protocol version knows. */
#include "kmip/attr.h"

struct field {
	enum kmip_attr attr;
	uint32_t tag;
	uint32_t since_minor;
};

/* Fields that are younger than 1.0; younger attributes are in attr.def. */
static const struct field fields[] = {
	{ ATTR_DIGEST, TAG_KEY_FORMAT_TYPE, 1 },
#define PARAM(name, since) { ATTR_CRYPTOGRAPHIC_PARAMETERS, TAG_##name, since },
#define PARAM_ENUM(field, name, since) PARAM(name, since)
#define PARAM_I32(field, name, since) PARAM(name, since)
#define PARAM_BOOL(field, name, since) PARAM(name, since)
#define PARAM_BYTES(field, name, since) PARAM(name, since)
#include "kmip/params.def"
#undef PARAM
#undef PARAM_ENUM
#undef PARAM_I32
#undef PARAM_BOOL
#undef PARAM_BYTES
};

static uint32_t field_since(enum kmip_attr id, uint32_t tag)
{
	for (size_t i = 0; i < sizeof fields / sizeof fields[0]; i++)
		if (fields[i].attr == id && fields[i].tag == tag) return fields[i].since_minor;
	return 0;
}

uint32_t kmip_attr_since(enum kmip_attr id, const struct ttlv_item *value)
{
	uint32_t since = kmip_attr_row(id)->since_minor;
	struct ttlv_cursor c;
	struct ttlv_item item;
	if (value->type != TTLV_STRUCTURE || ttlv_enter(value, &c) != ERR_OK) return since;
	while (ttlv_next(&c, &item)) {
		uint32_t of_field = field_since(id, item.tag);
		if (of_field > since) since = of_field;
	}
	return since;
}

void kmip_attr_put_known(struct writer *w, enum kmip_attr id, const struct ttlv_item *value, uint32_t minor)
{
	struct ttlv_cursor c;
	struct ttlv_item item;
	if (kmip_attr_since(id, value) <= minor || ttlv_enter(value, &c) != ERR_OK) {
		ttlv_put_item(w, value->tag, value);
		return;
	}
	struct ttlv_mark mark = ttlv_begin(w, value->tag);
	while (ttlv_next(&c, &item))
		if (field_since(id, item.tag) <= minor) ttlv_put_item(w, item.tag, &item);
	ttlv_end(w, mark);
}
