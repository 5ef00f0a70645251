/* What is in the world: objects in every state, grants, and sealed messages under its keys. */
#include <string.h>

#include "crypto/envelope_internal.h"
#include "crypto/stream_internal.h"
#include "fuzz/world_internal.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "objects/names.h"

#define AES CRYPTOGRAPHIC_ALGORITHM_AES
#define USE (CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT)

static const struct wish {
	const char *name, *group;
	enum object_state state;
	uint32_t type, algorithm, bits, mask;
	uint8_t replaces;           /* number of the object before; 0: none */
	bool secret, random_iv, archived, limited;
	int32_t active_in, ends_in; /* seconds from now; 0: no date */
} wishes[] = {
	{ "pre", NULL, OBJECT_PRE_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .replaces = 0 },
	{ "active", NULL, OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = -100 },
	{ "pay-key", "pay", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = -100 },
	{ "deactivated", NULL, OBJECT_DEACTIVATED, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = -100, .ends_in = -10 },
	{ "compromised", NULL, OBJECT_COMPROMISED, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = -100 },
	{ "destroyed", NULL, OBJECT_DESTROYED, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .replaces = 0 },
	{ "destroyed-compromised", NULL, OBJECT_DESTROYED_COMPROMISED, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .replaces = 0 },
	{ "gcm", "pay", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 128, USE, .random_iv = true, .active_in = -100 },
	{ "sensitive", NULL, OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .secret = true, .active_in = -100 },
	{ "old", "pay", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = -100 },
	{ "new", "pay", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .replaces = 10, .active_in = -100 },
	{ "mac", NULL, OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, CRYPTOGRAPHIC_ALGORITHM_HMAC_SHA256, 256,
		CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE | CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY, .active_in = -100 },
	{ "secret", NULL, OBJECT_ACTIVE, OBJECT_TYPE_SECRET_DATA, 0, 0, 0, .active_in = -100 },
	{ "opaque", NULL, OBJECT_PRE_ACTIVE, OBJECT_TYPE_OPAQUE_OBJECT, 0, 0, 0, .replaces = 0 },
	{ "archived", NULL, OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .archived = true, .active_in = -100 },
	{ "soon", NULL, OBJECT_PRE_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .active_in = 1000, .ends_in = 2000 },
	{ "limited", "pay", OBJECT_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 256, USE, .limited = true, .active_in = -100 },
	{ "due", "pay", OBJECT_PRE_ACTIVE, OBJECT_TYPE_SYMMETRIC_KEY, AES, 192, USE, .active_in = -1000, .ends_in = -5 },
};

#define WISHES (sizeof wishes / sizeof wishes[0])

static char id_texts[WISHES][UUID_TEXT_LEN + 1];
static const char *ids[WISHES + 3], *names[WISHES + 1];
static uint8_t sealed_bytes[3][128], header_bytes[STREAM_HEADER_LEN], segment_bytes[64];
static struct view sealed[4], headers[2], segments[2];
static const char *const groups[] = { "pay", "other", "", NULL };
static const char *const principals[] = { "unix:4001", "unix:4002", "unix:4005", "unix:0", "tls:CN=a", "unix:nobody", "unix:", "", NULL };

static void id_of(size_t number, uint8_t out[static UUID_LEN])
{
	static const uint8_t prefix[UUID_LEN] = { 0xc0, 0xff, 0xee, 0, 0, 0, 0x40, 0, 0x80 };
	memcpy(out, prefix, UUID_LEN);
	out[UUID_LEN - 1] = (uint8_t)number;
}

static void put_structure(struct object *o, enum kmip_attr id, const struct writer *w)
{
	REQUIRE(writer_done(w) == ERR_OK && attrset_add(&o->attrs, (uint32_t)id, NULL, writer_view(w)) == ERR_OK);
}

static void put_link(struct object *o, uint32_t type, size_t number)
{
	char text[UUID_TEXT_LEN + 1];
	uint8_t id[UUID_LEN], bytes[128];
	struct writer w;
	id_of(number, id);
	text_uuid(id, text);
	writer_init(&w, bytes, sizeof bytes);
	kmip_link_put(&w, TAG_LINK, &(struct kmip_link){ type, view_str(text) });
	put_structure(o, ATTR_LINK, &w);
}

static void put_params(struct object *o)
{
	uint8_t bytes[128];
	struct writer w;
	struct kmip_params params = { .has_block_cipher_mode = true, .block_cipher_mode = BLOCK_CIPHER_MODE_GCM, .has_random_iv = true, .random_iv = true };
	writer_init(&w, bytes, sizeof bytes);
	kmip_params_put(&w, TAG_CRYPTOGRAPHIC_PARAMETERS, &params);
	put_structure(o, ATTR_CRYPTOGRAPHIC_PARAMETERS, &w);
}

static void put_limits(struct object *o)
{
	uint8_t bytes[128];
	struct writer w;
	struct kmip_usage_limits limits = { true, 1000, true, 1000, true, USAGE_LIMITS_UNIT_BYTE };
	writer_init(&w, bytes, sizeof bytes);
	kmip_usage_limits_put(&w, TAG_USAGE_LIMITS, &limits);
	put_structure(o, ATTR_USAGE_LIMITS, &w);
}

static void put_material(struct world *w, struct object *o, const struct wish *wish, size_t number)
{
	struct secret *key = secret_new(wish->bits ? wish->bits / 8 : 24);
	REQUIRE(key);
	for (size_t i = 0; i < secret_len(key); i++) secret_mut(key)[i] = (uint8_t)(number * 37 + i * i * 11 + 5); /* nothing that is likely by chance */
	struct world_secret *kept = &w->secrets[w->secret_count++];
	REQUIRE(w->secret_count <= sizeof w->secrets / sizeof w->secrets[0] && secret_len(key) <= sizeof kept->material);
	kept->owner = number % 2 ? WORLD_ADMIN : WORLD_USER;
	memcpy(kept->material, secret_bytes(key), secret_len(key));
	o->key_format = wish->type == OBJECT_TYPE_OPAQUE_OBJECT ? 0 : KEY_FORMAT_TYPE_RAW;
	if (wish->type == OBJECT_TYPE_SECRET_DATA) o->data_type = SECRET_DATA_TYPE_PASSWORD;
	if (wish->type == OBJECT_TYPE_OPAQUE_OBJECT) o->data_type = 0x80000001;
	REQUIRE(object_set_material(o, w->engine.domain.id, &key) == ERR_OK);
}

static void put_attributes(struct object *o, const struct wish *wish)
{
	bool ok = names_add(&o->attrs, view_str(wish->name)) == ERR_OK;
	if (wish->group) ok = ok && names_add_group(&o->attrs, view_str(wish->group)) == ERR_OK;
	ok = ok && attrset_set_bool(&o->attrs, ATTR_SENSITIVE, wish->secret) == ERR_OK;
	ok = ok && attrset_set_bool(&o->attrs, ATTR_EXTRACTABLE, !wish->secret) == ERR_OK;
	ok = ok && attrset_set_bool(&o->attrs, ATTR_FRESH, true) == ERR_OK;
	ok = ok && attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, WORLD_NOW_S - 1000) == ERR_OK;
	ok = ok && attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, WORLD_NOW_S - 1000) == ERR_OK;
	if (wish->active_in) ok = ok && attrset_set_time(&o->attrs, ATTR_ACTIVATION_DATE, WORLD_NOW_S + (uint64_t)wish->active_in) == ERR_OK;
	if (wish->ends_in) ok = ok && attrset_set_time(&o->attrs, ATTR_DEACTIVATION_DATE, WORLD_NOW_S + (uint64_t)wish->ends_in) == ERR_OK;
	REQUIRE(ok);
}

static void make_object(struct world *w, size_t number)
{
	const struct wish *wish = &wishes[number - 1];
	AUTO_OBJECT struct object *o = object_new(wish->type, number % 2 ? "unix:4001" : "unix:4002");
	struct reason reason = { "" };
	REQUIRE(o);
	id_of(number, o->id);
	o->state = wish->state;
	o->algorithm = wish->algorithm;
	o->length_bits = wish->bits;
	o->usage_mask = wish->mask;
	o->archived = wish->archived;
	o->key_version = wish->replaces ? 2 : 1;
	if (wish->state != OBJECT_DESTROYED && wish->state != OBJECT_DESTROYED_COMPROMISED) put_material(w, o, wish, number);
	put_attributes(o, wish);
	if (wish->random_iv) put_params(o);
	if (wish->limited) put_limits(o);
	if (wish->replaces) put_link(o, LINK_TYPE_REPLACED_OBJECT_LINK, wish->replaces);
	if (number < WISHES && wishes[number].replaces == number) put_link(o, LINK_TYPE_REPLACEMENT_OBJECT_LINK, number + 1);
	REQUIRE(txn_create(w->engine.txn, o, &reason) == ERR_OK);
}

static void give(struct world *w, unsigned uid, enum role role, const char *scope)
{
	struct principal p;
	struct grant grant = { .role = role };
	struct grants *after = NULL;
	principal_from_uid(uid, 1, &p);
	snprintf(grant.principal, sizeof grant.principal, "%s", p.text);
	snprintf(grant.granted_by, sizeof grant.granted_by, "%s", p.text);
	snprintf(grant.scope, sizeof grant.scope, "%s", scope);
	REQUIRE(grants_add(w->engine.txn, w->grants, &grant, &after, NULL) == ERR_OK);
	grants_unref(w->grants);
	w->grants = after;
}

void world_fill(struct world *w)
{
	for (size_t i = 1; i <= WISHES; i++) make_object(w, i);
	give(w, WORLD_ADMIN, ROLE_ADMINISTRATOR, "");
	give(w, WORLD_USER, ROLE_KEY_USER, "pay");
	give(w, WORLD_MANAGER, ROLE_KEY_MANAGER, "");
	give(w, WORLD_AUDITOR, ROLE_AUDITOR, "");
}

/* Under fixed nonces, so that the same seed makes the same message everywhere. */
static void seal_message(struct world *w, size_t number, uint32_t version, uint8_t out[static 128], struct view *view)
{
	struct envelope_header header = { .kind = ENVELOPE_MESSAGE, .key_version = version };
	struct object *o = NULL;
	AUTO(auto_xaes_key_free) struct xaes_key *key = NULL;
	struct view plain = view_str("attack at dawn");
	uint8_t id[UUID_LEN];
	id_of(number, id);
	memcpy(header.key_id, id, UUID_LEN);
	memset(header.nonce, (int)number, sizeof header.nonce);
	REQUIRE(txn_object(w->engine.txn, id, &o) == ERR_OK && o->seal_message && xaes_key_new(secret_bytes(o->seal_message), &key) == ERR_OK);
	REQUIRE(envelope_size(plain.len) <= 128 && envelope_seal_header(key, &header, view_of(NULL, 0), plain, out) == ERR_OK);
	*view = view_of(out, envelope_size(plain.len));
	object_unref(o);
}

static void seal_stream(struct world *w, size_t number)
{
	static const uint8_t salt[STREAM_SALT_LEN] = { 1 }, prefix[STREAM_PREFIX_LEN] = { 2 };
	AUTO(auto_stream_sealer_free) struct stream_sealer *s = NULL;
	struct object *o = NULL;
	struct view plain = view_str("a stream of one segment");
	uint8_t id[UUID_LEN];
	id_of(number, id);
	REQUIRE(txn_object(w->engine.txn, id, &o) == ERR_OK && o->seal_stream);
	REQUIRE(stream_sealer_new_with(secret_bytes(o->seal_stream), id, 1, view_of(NULL, 0), STREAM_BITS_MIN, salt, prefix, header_bytes, &s) == ERR_OK);
	REQUIRE(stream_seal_segment(s, plain, true, segment_bytes) == ERR_OK);
	headers[0] = view_of(header_bytes, sizeof header_bytes);
	segments[0] = view_of(segment_bytes, plain.len + STREAM_TAG_LEN);
	object_unref(o);
}

void world_fill_known(struct world *w)
{
	for (size_t i = 0; i < WISHES; i++) {
		uint8_t id[UUID_LEN];
		id_of(i + 1, id);
		text_uuid(id, id_texts[i]);
		ids[i] = id_texts[i];
		names[i] = wishes[i].name;
	}
	ids[WISHES] = "c0ffee00-0000-4000-8000-0000000000ff";
	ids[WISHES + 1] = "not-an-id";
	seal_message(w, 2, 1, sealed_bytes[0], &sealed[0]);
	seal_message(w, 10, 1, sealed_bytes[1], &sealed[1]);
	seal_message(w, 4, 1, sealed_bytes[2], &sealed[2]);
	seal_stream(w, 2);
}

/* Operations of the dispatch table: KMIP's own numbers are small. */
static size_t list_operations(enum world_operations which, bool sharing, uint32_t *out)
{
	size_t count, found = 0;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++) {
		bool vendor = rows[i].operation >= 0x80000000u, alone = (rows[i].flags & OP_ALONE) || rows[i].lane == OP_LANE_ADMIN;
		if ((which == WORLD_ALL || vendor == (which == WORLD_VENDOR)) && !(sharing && alone)) out[found++] = rows[i].operation;
	}
	return found;
}

const struct grammar_known *world_known(struct world *w, enum world_operations which)
{
	static uint32_t operations[3][128], sharing[3][128];
	static struct grammar_known known[3];
	(void)w;
	known[which] = (struct grammar_known){ operations[which], list_operations(which, false, operations[which]), sharing[which],
		list_operations(which, true, sharing[which]), ids, names, groups, principals, sealed, headers, segments };
	return &known[which];
}
