/* Keys: look at, list, and their life cycle. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/keyinfo.h"
#include "kmip/attr.h"
#include "kmip/values.h"

static const struct { const char *name; uint32_t code; } reasons[] = {
	{ "unspecified", REVOCATION_REASON_CODE_UNSPECIFIED },
	{ "key-compromise", REVOCATION_REASON_CODE_KEY_COMPROMISE },
	{ "ca-compromise", REVOCATION_REASON_CODE_CA_COMPROMISE },
	{ "affiliation-changed", REVOCATION_REASON_CODE_AFFILIATION_CHANGED },
	{ "superseded", REVOCATION_REASON_CODE_SUPERSEDED },
	{ "cessation-of-operation", REVOCATION_REASON_CODE_CESSATION_OF_OPERATION },
	{ "privilege-withdrawn", REVOCATION_REASON_CODE_PRIVILEGE_WITHDRAWN },
};

static void put_wanted_attributes(struct writer *w)
{
	static const enum kmip_attr wanted[] = {
		ATTR_NAME, ATTR_STATE, ATTR_CRYPTOGRAPHIC_ALGORITHM, ATTR_CRYPTOGRAPHIC_LENGTH, ATTR_OBJECT_GROUP, ATTR_LINK, ATTR_INITIAL_DATE,
		ATTR_ACTIVATION_DATE, ATTR_DEACTIVATION_DATE, ATTR_COMPROMISE_DATE, ATTR_DESTROY_DATE,
	};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		ttlv_put_str(w, TAG_ATTRIBUTE_NAME, kmip_attr_row(wanted[i])->name);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, KEYINFO_VERSION_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, KEYINFO_OWNER_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, KEYINFO_INTERVAL_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, KEYINFO_NEXT_ATTRIBUTE);
	ttlv_put_str(w, TAG_ATTRIBUTE_NAME, KEYINFO_ROTATED_ATTRIBUTE);
}

static enum coffer_status info_of(struct coffer *c, const char *uuid, struct coffer_key_info *out)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_GET_ATTRIBUTES, 4096);
	if (st) return st;
	ttlv_put_str(&call.w, TAG_UNIQUE_IDENTIFIER, uuid);
	put_wanted_attributes(&call.w);
	st = call_run(&call, false);
	if (!st) st = keyinfo_read(&call, &call.answer.items[0].payload, out);
	return call_end(&call, st);
}

enum coffer_status coffer_key_info(struct coffer *c, const char *key, struct coffer_key_info *out)
{
	char uuid[COFFER_UUID_TEXT];
	if (!c) return COFFER_EINVAL;
	if (!key || !out) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = keyinfo_resolve(c, key, uuid);
	return st ? st : info_of(c, uuid, out);
}

#define LIST_PAGE 256

/* One page of UUIDs from `offset` on. */
static enum coffer_status list_page(struct coffer *c, int32_t offset, char (*uuids)[COFFER_UUID_TEXT], size_t *count)
{
	struct call call;
	struct ttlv_item item;
	struct view id;
	*count = 0;
	enum coffer_status st = call_begin(&call, c, OPERATION_LOCATE, 512);
	if (st) return st;
	ttlv_put_i32(&call.w, TAG_MAXIMUM_ITEMS, LIST_PAGE);
	if (offset) ttlv_put_i32(&call.w, TAG_OFFSET_ITEMS, offset);
	kmip_attr_put_enum(&call.w, ATTR_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	st = call_run(&call, false);
	struct ttlv_cursor *payload = &call.answer.items[0].payload;
	while (!st && *count < LIST_PAGE && ttlv_next(payload, &item)) {
		if (item.tag != TAG_UNIQUE_IDENTIFIER) continue;
		if (ttlv_get_text(&item, &id) != ERR_OK || id.len >= COFFER_UUID_TEXT) {
			st = call_malformed(&call);
			break;
		}
		memcpy(uuids[*count], id.ptr, id.len);
		uuids[(*count)++][id.len] = '\0';
	}
	return call_end(&call, st);
}

/* All of them, before anything is done with one: what goes away moves the pages behind it. *out: the caller's, also after a failure. */
static enum coffer_status list_all(struct coffer *c, char (**out)[COFFER_UUID_TEXT], size_t *out_count)
{
	size_t count = LIST_PAGE, all = 0;
	while (count == LIST_PAGE && all <= INT32_MAX - LIST_PAGE) {
		char (*more)[COFFER_UUID_TEXT] = realloc(*out, (all + LIST_PAGE) * sizeof **out);
		if (!more) return conn_refuse(c, COFFER_EMEMORY, "out of memory");
		*out = more;
		enum coffer_status st = list_page(c, (int32_t)all, more + all, &count);
		if (st) return st;
		all += count;
	}
	*out_count = all;
	return COFFER_OK;
}

enum coffer_status coffer_key_list(struct coffer *c, int (*fn)(void *arg, const struct coffer_key_info *key), void *arg)
{
	char (*uuids)[COFFER_UUID_TEXT] = NULL;
	size_t count = 0;
	bool enough = false;
	if (!c) return COFFER_EINVAL;
	if (!fn) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = list_all(c, &uuids, &count);
	for (size_t i = 0; !st && !enough && i < count; i++) {
		struct coffer_key_info info;
		st = info_of(c, uuids[i], &info);
		if (st == COFFER_ENOTFOUND) st = COFFER_OK; /* gone meanwhile */
		else if (!st) enough = fn(arg, &info) != 0;
	}
	free(uuids);
	return st;
}

/* An operation that takes a Unique Identifier and `more`. */
static enum coffer_status change(struct coffer *c, const char *key, uint32_t operation, void (*more)(struct writer *w, const void *arg),
	const void *arg, char *new_uuid)
{
	struct call call;
	char uuid[COFFER_UUID_TEXT];
	if (!c) return COFFER_EINVAL;
	if (!key) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = keyinfo_resolve(c, key, uuid);
	if (!st) st = call_begin(&call, c, operation, 8192);
	if (st) return st;
	ttlv_put_str(&call.w, TAG_UNIQUE_IDENTIFIER, uuid);
	if (more) more(&call.w, arg);
	st = call_run(&call, true);
	if (!st && new_uuid) st = keyinfo_answer_uuid(&call, new_uuid);
	return call_end(&call, st);
}

enum coffer_status coffer_key_rotate(struct coffer *c, const char *key, char uuid[COFFER_UUID_TEXT])
{
	return uuid ? change(c, key, OPERATION_RE_KEY, NULL, NULL, uuid) : COFFER_EINVAL;
}

enum coffer_status coffer_key_activate(struct coffer *c, const char *key)
{
	return change(c, key, OPERATION_ACTIVATE, NULL, NULL, NULL);
}

static void put_revocation(struct writer *w, const void *arg)
{
	const struct kmip_revocation *r = arg;
	kmip_revocation_put(w, TAG_REVOCATION_REASON, r);
	if (r->code == REVOCATION_REASON_CODE_KEY_COMPROMISE || r->code == REVOCATION_REASON_CODE_CA_COMPROMISE)
		ttlv_put_time(w, TAG_COMPROMISE_OCCURRENCE_DATE, (int64_t)time(NULL));
}

enum coffer_status coffer_key_revoke(struct coffer *c, const char *key, const char *reason, const char *message)
{
	struct kmip_revocation r = { .code = 0 };
	if (!c) return COFFER_EINVAL;
	if (!reason) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (strcmp(reason, reasons[i].name) == 0) r.code = reasons[i].code;
	if (!r.code)
		return conn_refuse(c, COFFER_EINVAL, "'%.50s' is no reason; there are unspecified, key-compromise, ca-compromise, affiliation-changed, "
			"superseded, cessation-of-operation, privilege-withdrawn", reason);
	if (message && strlen(message) > 4096) return conn_refuse(c, COFFER_EINVAL, "the message is longer than 4096 bytes");
	r.has_message = message != NULL;
	if (message) r.message = view_str(message);
	return change(c, key, OPERATION_REVOKE, put_revocation, &r, NULL);
}

enum coffer_status coffer_key_destroy(struct coffer *c, const char *key)
{
	return change(c, key, OPERATION_DESTROY, NULL, NULL, NULL);
}
