/* Attributes of a key. */
#include "client/keyinfo.h"

#include <string.h>

#include "base/text.h"
#include "kmip/attr.h"
#include "kmip/names.h"
#include "kmip/values.h"

static void copy_text(struct view text, char *out, size_t cap)
{
	text_printable(text, out, cap);
}

static void take_time(const struct ttlv_item *item, uint64_t *out)
{
	int64_t t;
	if (ttlv_get_time(item, &t) == ERR_OK && t > 0) *out = (uint64_t)t;
}

static void take_enum_name(const struct ttlv_item *item, enum kmip_enum which, char *out, size_t cap)
{
	uint32_t v;
	const char *name = ttlv_get_enum(item, &v) == ERR_OK ? kmip_enum_name(which, v) : NULL;
	if (name) copy_text(view_str(name), out, cap);
}

/* "PreActive" -> "pre-active" */
static void take_state(const struct ttlv_item *item, char *out, size_t cap)
{
	char name[24] = "";
	size_t at = 0;
	take_enum_name(item, ENUM_STATE, name, sizeof name);
	for (const char *p = name; *p && at + 2 < cap; p++) {
		if (*p >= 'A' && *p <= 'Z') {
			if (p != name) out[at++] = '-';
			out[at++] = (char)(*p - 'A' + 'a');
		} else {
			out[at++] = *p;
		}
	}
	out[at] = '\0';
}

static void take_link(const struct ttlv_item *item, struct coffer_key_info *out)
{
	struct kmip_link link;
	if (kmip_link_parse(item, &link) != ERR_OK) return;
	if (link.type == LINK_TYPE_REPLACEMENT_OBJECT_LINK) copy_text(link.linked, out->replaced_by, sizeof out->replaced_by);
	if (link.type == LINK_TYPE_REPLACED_OBJECT_LINK) copy_text(link.linked, out->replaces, sizeof out->replaces);
}

static void take_name(const struct ttlv_item *item, struct coffer_key_info *out)
{
	struct kmip_name name;
	if (!out->name[0] && kmip_name_parse(item, &name) == ERR_OK) copy_text(name.value, out->name, sizeof out->name);
}

static void take_custom(const struct kmip_attr_value *v, struct coffer_key_info *out)
{
	int32_t version;
	struct view owner;
	if (view_equal_str(v->custom, KEYINFO_VERSION_ATTRIBUTE) && ttlv_get_i32(&v->value, &version) == ERR_OK && version > 0)
		out->version = (uint32_t)version;
	if (view_equal_str(v->custom, KEYINFO_OWNER_ATTRIBUTE) && ttlv_get_text(&v->value, &owner) == ERR_OK)
		copy_text(owner, out->owner, sizeof out->owner);
	if (view_equal_str(v->custom, KEYINFO_INTERVAL_ATTRIBUTE)) (void)!ttlv_get_interval(&v->value, &out->rotate_every_s);
	if (view_equal_str(v->custom, KEYINFO_NEXT_ATTRIBUTE)) take_time(&v->value, &out->rotates_s);
	if (view_equal_str(v->custom, KEYINFO_ROTATED_ATTRIBUTE)) take_time(&v->value, &out->rotated_s);
}

static void take_value(const struct kmip_attr_value *v, struct coffer_key_info *out)
{
	struct view text;
	int32_t n;
	switch (v->id) {
	case ATTR_NAME: take_name(&v->value, out); break;
	case ATTR_STATE: take_state(&v->value, out->state, sizeof out->state); break;
	case ATTR_CRYPTOGRAPHIC_ALGORITHM: take_enum_name(&v->value, ENUM_CRYPTOGRAPHIC_ALGORITHM, out->algorithm, sizeof out->algorithm); break;
	case ATTR_CRYPTOGRAPHIC_LENGTH:
		if (ttlv_get_i32(&v->value, &n) == ERR_OK && n > 0) out->length_bits = (uint32_t)n;
		break;
	case ATTR_OBJECT_GROUP:
		if (!out->group[0] && ttlv_get_text(&v->value, &text) == ERR_OK) copy_text(text, out->group, sizeof out->group);
		break;
	case ATTR_LINK: take_link(&v->value, out); break;
	case ATTR_INITIAL_DATE: take_time(&v->value, &out->created_s); break;
	case ATTR_ACTIVATION_DATE: take_time(&v->value, &out->activated_s); break;
	case ATTR_DEACTIVATION_DATE: take_time(&v->value, &out->deactivated_s); break;
	case ATTR_COMPROMISE_DATE: take_time(&v->value, &out->compromised_s); break;
	case ATTR_DESTROY_DATE: take_time(&v->value, &out->destroyed_s); break;
	case ATTR_CUSTOM_ATTRIBUTE: take_custom(v, out); break;
	default: break;
	}
}

enum coffer_status keyinfo_read(struct call *call, struct ttlv_cursor *payload, struct coffer_key_info *out)
{
	struct view id;
	struct coffer_key_info info = { .version = 1 };
	bool found = true;
	if (ttlv_take_text(payload, TAG_UNIQUE_IDENTIFIER, &id) != ERR_OK || id.len >= sizeof info.uuid) return call_malformed(call);
	copy_text(id, info.uuid, sizeof info.uuid);
	while (found) {
		struct kmip_attr_value v;
		if (kmip_attr_next(payload, &v, &found) != ERR_OK) return call_malformed(call);
		if (found && v.has_value) take_value(&v, &info);
	}
	*out = info;
	return COFFER_OK;
}

enum coffer_status keyinfo_resolve(struct coffer *c, const char *key, char uuid[COFFER_UUID_TEXT])
{
	struct call call;
	struct view id;
	bool present = false;
	if (call_is_uuid(key)) {
		memcpy(uuid, key, COFFER_UUID_TEXT);
		return COFFER_OK;
	}
	enum coffer_status st = call_check_key(c, key);
	if (!st) st = call_begin(&call, c, OPERATION_LOCATE, strlen(key) + 256);
	if (st) return st;
	struct kmip_attr_mark name = kmip_attr_begin(&call.w, ATTR_NAME);
	ttlv_put_str(&call.w, TAG_NAME_VALUE, key);
	ttlv_put_enum(&call.w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(&call.w, name);
	st = call_run(&call, false);
	struct ttlv_cursor *payload = &call.answer.items[0].payload;
	struct ttlv_item item;
	while (!st && !present && ttlv_next(payload, &item)) {
		if (item.tag != TAG_UNIQUE_IDENTIFIER) continue;
		if (ttlv_get_text(&item, &id) != ERR_OK || id.len >= COFFER_UUID_TEXT) st = call_malformed(&call);
		else present = true;
	}
	if (!st && !present) st = conn_fail(c, COFFER_ENOTFOUND, "there is no key '%.100s' that you may see; 'coffer key list' shows what there is", key);
	if (!st) {
		memcpy(uuid, id.ptr, id.len);
		uuid[id.len] = '\0';
	}
	return call_end(&call, st);
}

enum coffer_status keyinfo_answer_uuid(struct call *call, char uuid[COFFER_UUID_TEXT])
{
	struct ttlv_cursor *c = &call->answer.items[0].payload;
	struct ttlv_item item;
	struct view id;
	while (ttlv_next(c, &item)) {
		if (item.tag != TAG_UNIQUE_IDENTIFIER) continue;
		if (ttlv_get_text(&item, &id) != ERR_OK || id.len >= COFFER_UUID_TEXT) break;
		memcpy(uuid, id.ptr, id.len);
		uuid[id.len] = '\0';
		return COFFER_OK;
	}
	return call_malformed(call);
}
