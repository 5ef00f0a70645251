/* Keys are made, one by one or many in a message. */
#include <string.h>
#include <time.h>

#include "base/text.h"
#include "client/keyinfo.h"
#include "kmip/attr.h"
#include "kmip/values.h"

#define TEMPLATE_MAX 4096u /* bytes of one Create */

#define MASK_CIPHER (CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT)
#define MASK_MAC (CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE | CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY)

struct algorithm {
	const char *name;
	uint32_t kmip;
	int32_t bits, mask;
	uint32_t mode; /* the one Block Cipher Mode that the key serves, with IVs of the server; 0: none to choose */
};

/* The first is the default. */
static const struct algorithm algorithms[] = {
	{ "aes-256", CRYPTOGRAPHIC_ALGORITHM_AES, 256, MASK_CIPHER, BLOCK_CIPHER_MODE_GCM },
	{ "aes-128", CRYPTOGRAPHIC_ALGORITHM_AES, 128, MASK_CIPHER, BLOCK_CIPHER_MODE_GCM },
	{ "aes-192", CRYPTOGRAPHIC_ALGORITHM_AES, 192, MASK_CIPHER, BLOCK_CIPHER_MODE_GCM },
	{ "chacha20", CRYPTOGRAPHIC_ALGORITHM_CHACHA20_POLY1305, 256, MASK_CIPHER, BLOCK_CIPHER_MODE_AEAD },
	{ "hmac-sha256", CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 256, MASK_MAC, 0 },
	{ "hmac-sha384", CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA384, 384, MASK_MAC, 0 },
	{ "hmac-sha512", CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA512, 512, MASK_MAC, 0 },
};

static const struct algorithm *algorithm_find(const char *name)
{
	for (size_t i = 0; name && i < sizeof algorithms / sizeof algorithms[0]; i++)
		if (strcmp(name, algorithms[i].name) == 0) return &algorithms[i];
	return name ? NULL : &algorithms[0];
}

/* Ciphers: one authenticated mode, with the server's random IV alone. */
static void put_parameters(struct writer *w, uint32_t mode)
{
	struct kmip_attr_mark mark = kmip_attr_begin(w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
	ttlv_put_enum(w, TAG_BLOCK_CIPHER_MODE, mode);
	ttlv_put_bool(w, TAG_RANDOM_IV, true);
	kmip_attr_end(w, mark);
}

/* Sensitive, active at once. */
static void put_template(struct writer *w, const char *name, const struct algorithm *a, const char *group)
{
	PRE(a);
	struct ttlv_mark template = ttlv_begin(w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(w, ATTR_CRYPTOGRAPHIC_ALGORITHM, a->kmip);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_LENGTH, a->bits);
	kmip_attr_put_i32(w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, a->mask);
	struct kmip_attr_mark mark = kmip_attr_begin(w, ATTR_NAME);
	ttlv_put_str(w, TAG_NAME_VALUE, name);
	ttlv_put_enum(w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(w, mark);
	if (a->mode) put_parameters(w, a->mode);
	if (group && group[0]) kmip_attr_put_text(w, ATTR_OBJECT_GROUP, view_str(group));
	kmip_attr_put_bool(w, ATTR_SENSITIVE, true);
	kmip_attr_put_bool(w, ATTR_EXTRACTABLE, false);
	kmip_attr_put_time(w, ATTR_ACTIVATION_DATE, (int64_t)time(NULL));
	ttlv_end(w, template);
}

static enum coffer_status check(struct coffer *c, const char *name, const char *algorithm, const char *group, const struct algorithm **out)
{
	if (!name) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	if (!name[0] || strlen(name) > COFFER_NAME_MAX) return conn_refuse(c, COFFER_EINVAL, "a key's name has 1 to %u bytes", COFFER_NAME_MAX);
	if (call_is_uuid(name)) return conn_refuse(c, COFFER_EINVAL, "a key's name cannot look like a UUID");
	if (group && strlen(group) > COFFER_NAME_MAX) return conn_refuse(c, COFFER_EINVAL, "a group's name has at most %u bytes", COFFER_NAME_MAX);
	if (!text_is_utf8(view_str(name)) || (group && !text_is_utf8(view_str(group))))
		return conn_refuse(c, COFFER_EINVAL, "the names of keys and groups are UTF-8, and this one is not");
	*out = algorithm_find(algorithm);
	if (*out) return COFFER_OK;
	return conn_refuse(c, COFFER_EUNSUPPORTED, "the algorithm '%.50s' is not supported; use aes-256, aes-192, aes-128, chacha20 or hmac-sha256", algorithm);
}

static void put_create(struct writer *w, const char *name, const struct algorithm *a, const char *group)
{
	ttlv_put_enum(w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	put_template(w, name, a, group);
}

enum coffer_status coffer_key_create(struct coffer *c, const char *name, const char *algorithm, const char *group, char uuid[COFFER_UUID_TEXT])
{
	struct call call;
	const struct algorithm *a;
	if (!c) return COFFER_EINVAL;
	if (!uuid) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	enum coffer_status st = check(c, name, algorithm, group, &a);
	if (!st) st = call_begin(&call, c, OPERATION_CREATE, TEMPLATE_MAX);
	if (st) return st;
	put_create(&call.w, name, a, group);
	st = call_run(&call, true);
	if (!st) st = keyinfo_answer_uuid(&call, uuid);
	return call_end(&call, st);
}

static void put_keys(struct call *call, const struct coffer_new_key *keys, size_t count, const uint8_t request_id[static KMIP_REQUEST_ID_LEN])
{
	for (size_t i = 0; i < count; i++) {
		uint8_t index = (uint8_t)i;
		struct kmip_item_id id = { .operation = OPERATION_CREATE, .has_unique_id = true, .unique_id = view_of(&index, 1) };
		struct kmip_item_mark mark = kmip_request_item_begin(&call->w, &id);
		put_create(&call->w, keys[i].name, algorithm_find(keys[i].algorithm), keys[i].group);
		kmip_request_item_end(&call->w, mark, request_id);
	}
}

/* What went wrong first, and its sentence: later failures do not hide it. */
struct first_failure {
	enum coffer_status status;
	char text[CONN_TEXT_MAX];
};

/* Each key's own status. *out_answered: how many have theirs. */
static enum coffer_status read_keys(struct call *call, struct coffer_new_key *keys, size_t count, struct first_failure *first, size_t *out_answered)
{
	for (size_t i = 0; i < count; i++) {
		enum coffer_status st = call_next(call);
		if (!st) st = keyinfo_answer_uuid(call, keys[i].uuid);
		if (call->c->broken) return st;
		keys[i].status = st;
		*out_answered = i + 1;
		if (!st || first->status) continue;
		first->status = st;
		memcpy(first->text, call->c->text, sizeof first->text);
	}
	return COFFER_OK;
}

/* One message. */
static enum coffer_status create_some(struct coffer *c, struct coffer_new_key *keys, size_t count, struct first_failure *first, size_t *out_answered)
{
	struct call call;
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	*out_answered = 0;
	if (!call_request_id(request_id))
		return conn_refuse(c, COFFER_ESERVER, "the system has no random bytes");
	enum coffer_status st = call_begin_batch(&call, c, (unsigned)count, count * TEMPLATE_MAX);
	if (st) return st;
	put_keys(&call, keys, count, request_id);
	st = call_exchange(&call, true);
	if (!st) st = read_keys(&call, keys, count, first, out_answered);
	return call_end(&call, st);
}

static enum coffer_status check_many(struct coffer *c, const struct coffer_new_key *keys, size_t count)
{
	const struct algorithm *a;
	if (!keys && count) return conn_refuse(c, COFFER_EINVAL, "an argument is missing");
	for (size_t i = 0; i < count; i++) {
		enum coffer_status st = check(c, keys[i].name, keys[i].algorithm, keys[i].group, &a);
		if (st) return st;
	}
	return COFFER_OK;
}

enum coffer_status coffer_key_create_many(struct coffer *c, struct coffer_new_key *keys, size_t count)
{
	struct first_failure first = { COFFER_OK, "" };
	size_t at = 0;
	if (!c) return COFFER_EINVAL;
	enum coffer_status st = check_many(c, keys, count);
	if (st) return st;
	while (!st && at < count) {
		size_t answered, some = count - at < COFFER_BATCH_MAX ? count - at : COFFER_BATCH_MAX;
		st = create_some(c, keys + at, some, &first, &answered);
		at += answered;
	}
	for (; at < count; at++) keys[at].status = st;
	if (!first.status) return st;
	return conn_refuse(c, first.status, "%s", first.text);
}
