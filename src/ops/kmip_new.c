/* Server attributes of new objects. */
#include "ops/kmip_new.h"

#include "access/quota.h"
#include "crypto/hash.h"
#include "kmip/attr.h"
#include "objects/dates.h"
#include "objects/txn.h"
#include "ops/kmip_key.h"
#include "ops/kmip_usage.h"

#define ITEM_MAX 256u

bool kmip_is_cryptographic(const struct object *o)
{
	return o->type != OBJECT_TYPE_OPAQUE_OBJECT && o->type != OBJECT_TYPE_TEMPLATE;
}

/* What the digest is of: the bytes, or the encoded Key Material structure of a transparent key. */
static enum coffer_err hash_material(const struct object *o, uint8_t out[static HASH_SHA256_LEN])
{
	if (o->key_format != KEY_FORMAT_TYPE_TRANSPARENT_SYMMETRIC_KEY) return hash_sha256(secret_view(o->material), out);
	AUTO_BUF struct buf bytes = BUF_EMPTY;
	struct writer w;
	writer_init_buf(&w, &bytes, SECRET_MAX + ITEM_MAX);
	struct ttlv_mark mark = ttlv_begin(&w, TAG_KEY_MATERIAL);
	ttlv_put_bytes(&w, TAG_KEY, secret_view(o->material));
	ttlv_end(&w, mark);
	TRY(writer_done(&w));
	return hash_sha256(buf_view(&bytes), out);
}

/* SHA-256 in the format that the object came in (section 3.17). The plain bytes of a wrapped key are not known. */
static enum coffer_err set_digest(struct object *o)
{
	uint8_t bytes[ITEM_MAX], digest[HASH_SHA256_LEN];
	struct writer w;
	if (!o->material || o->wrapping) return ERR_OK;
	TRY(hash_material(o, digest));
	writer_init(&w, bytes, sizeof bytes);
	struct ttlv_mark mark = ttlv_begin(&w, TAG_DIGEST);
	ttlv_put_enum(&w, TAG_HASHING_ALGORITHM, HASHING_ALGORITHM_SHA_256);
	ttlv_put_bytes(&w, TAG_DIGEST_VALUE, view_of(digest, sizeof digest));
	if (o->key_format) ttlv_put_enum(&w, TAG_KEY_FORMAT_TYPE, o->key_format);
	ttlv_end(&w, mark);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_DIGEST, writer_view(&w));
}

/* Every field that is asked for is one of ours. */
static bool rng_matches(const struct ttlv_item *asked, const struct ttlv_item *ours)
{
	struct ttlv_cursor a = ttlv_cursor_of(asked->value);
	struct ttlv_item want, have;
	while (ttlv_next(&a, &want)) {
		struct ttlv_cursor c = ttlv_cursor_of(ours->value);
		bool found = false;
		while (!found && ttlv_next(&c, &have)) found = have.tag == want.tag && have.type == want.type && view_equal(have.value, want.value);
		if (!found) return false;
	}
	return ttlv_done(&a) == ERR_OK;
}

/* OpenSSL's generator: CTR_DRBG with AES-256 (SP 800-90A). A client that asks for another one is refused (section 3.44). */
static enum coffer_err set_rng(struct op_ctx *ctx, struct object *o)
{
	uint8_t bytes[ITEM_MAX];
	struct ttlv_item asked, ours;
	struct writer w;
	writer_init(&w, bytes, sizeof bytes);
	kmip_put_rng(&w, TAG_RANDOM_NUMBER_GENERATOR);
	TRY(writer_done(&w));
	TRY(ttlv_root(writer_view(&w), &ours));
	if (attrset_item(attrset_get(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR, NULL, 0), &asked) && !rng_matches(&asked, &ours))
		return reason_fail(&ctx->reason, ERR_FIELD, "there is no such Random Number Generator here; Query tells which there is");
	return attrset_set(&o->attrs, ATTR_RANDOM_NUMBER_GENERATOR, writer_view(&w));
}

static enum coffer_err set_secrecy(struct object *o)
{
	bool sensitive = false, extractable = true;
	attrset_get_bool(&o->attrs, ATTR_SENSITIVE, &sensitive);
	attrset_get_bool(&o->attrs, ATTR_EXTRACTABLE, &extractable);
	TRY(attrset_set_bool(&o->attrs, ATTR_SENSITIVE, sensitive));
	TRY(attrset_set_bool(&o->attrs, ATTR_ALWAYS_SENSITIVE, sensitive));
	TRY(attrset_set_bool(&o->attrs, ATTR_EXTRACTABLE, extractable));
	return attrset_set_bool(&o->attrs, ATTR_NEVER_EXTRACTABLE, !extractable);
}

static enum coffer_err set_origin(struct op_ctx *ctx, struct object *o, enum kmip_origin origin, uint64_t now_s)
{
	bool fresh;
	if (origin == KMIP_REGISTERED)
		return attrset_get_bool(&o->attrs, ATTR_FRESH, &fresh) ? ERR_OK : attrset_set_bool(&o->attrs, ATTR_FRESH, true);
	TRY(set_rng(ctx, o));
	TRY(attrset_set_time(&o->attrs, ATTR_ORIGINAL_CREATION_DATE, now_s));
	return attrset_set_bool(&o->attrs, ATTR_FRESH, true);
}

/* One more for its owner, those of this transaction counted. Where older rows are not all indexed yet there are more than the index tells. */
static enum coffer_err check_quota(struct op_ctx *ctx, const struct object *o)
{
	const struct config *config = ctx->engine->config;
	uint32_t most = config->max_objects_per_principal;
	size_t owned;
	if (most == 0) return ERR_OK;
	TRY(txn_count_owned(ctx->txn, view_str(o->owner), (size_t)most + 1, &owned));
	return quota_check_objects(most, owned, 1, &ctx->reason);
}

enum coffer_err kmip_new_finish(struct op_ctx *ctx, struct object *o, enum kmip_origin origin, uint64_t now_s)
{
	TRY(check_quota(ctx, o));
	TRY(dates_check_order(o, &ctx->reason));
	TRY(attrset_set_time(&o->attrs, ATTR_INITIAL_DATE, now_s));
	TRY(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, now_s));
	o->state = OBJECT_PRE_ACTIVE;
	if (o->type == OBJECT_TYPE_TEMPLATE) return ERR_OK;
	TRY(set_digest(o));
	TRY(set_secrecy(o));
	if (!kmip_is_cryptographic(o)) return ERR_OK;
	TRY(kmip_usage_begin(ctx, o));
	TRY(set_origin(ctx, o, origin, now_s));
	o->state = dates_state(o, now_s);
	return ERR_OK;
}
