/* Rewrap: a sealed message under the newest version of its key. The plaintext stays in the arena and is sealed over. */
#include <string.h>

#include "crypto/envelope.h"
#include "kmip/attr.h"
#include "kmip/values.h"
#include "ops/context_fields.h"
#include "ops/kmip_usage.h"
#include "ops/seal_key.h"
#include "ops/tables.h"

#define VERSIONS_MAX 1024u /* links followed */

/* The id behind the Replacement Object Link; false when this is the newest version. */
static bool replacement_of(const struct object *o, uint8_t out[static UUID_LEN])
{
	for (size_t i = 0; i < o->attrs.count; i++) {
		struct ttlv_item item;
		struct kmip_link link;
		const struct attrset_value *value = &o->attrs.values[i];
		if (value->attr != (uint32_t)ATTR_LINK || !attrset_item(value, &item)) continue;
		if (kmip_link_parse(&item, &link) != ERR_OK || link.type != LINK_TYPE_REPLACEMENT_OBJECT_LINK) continue;
		if (text_parse_uuid(link.linked, out) == ERR_OK) return true;
	}
	return false;
}

static enum coffer_err fetch(struct op_ctx *ctx, const uint8_t id[static UUID_LEN], struct object **out)
{
	struct op_key *key;
	if (ctx->txn) return txn_object(ctx->txn, id, out);
	enum coffer_err err = op_local_key(ctx->local, id, &key);
	if (err == ERR_NOT_CACHED) {
		ctx->want_name = false;
		memcpy(ctx->wanted_id, id, UUID_LEN);
	}
	TRY(err);
	*out = object_ref(key->object);
	return ERR_OK;
}

/* A reference to the newest version that the chain of links leads to. */
static enum coffer_err newest_version(struct op_ctx *ctx, struct object **out)
{
	AUTO_OBJECT struct object *at = object_ref(ctx->object);
	uint8_t id[UUID_LEN];
	for (unsigned i = 0; replacement_of(at, id); i++) {
		struct object *next = NULL;
		if (i == VERSIONS_MAX)
			return reason_fail(&ctx->reason, ERR_LIMIT, "the key has more than %u versions behind this one", VERSIONS_MAX);
		TRY(fetch(ctx, id, &next));
		object_unref(at);
		at = next;
	}
	*out = TAKE(at);
	return ERR_OK;
}

static enum coffer_err check_newest(struct op_ctx *ctx, const struct object *newest)
{
	TRY(policy_check(ctx->grants, ctx->principal, PERMISSION_USE, newest, &ctx->reason));
	return seal_key_check(ctx, newest, OBJECT_USE_PROTECT);
}

/* The message's key, which is the object that was asked for. */
static enum coffer_err check_old(struct op_ctx *ctx, struct view sealed)
{
	struct envelope_header header;
	TRY(envelope_parse_header(sealed, &header));
	TRY(seal_key_check(ctx, ctx->object, OBJECT_USE_PROCESS));
	if (header.kind != ENVELOPE_MESSAGE || header.key_version != ctx->object->key_version)
		return reason_fail(&ctx->reason, ERR_CONTEXT, "%s", SEAL_KEY_DOES_NOT_OPEN);
	return ERR_OK;
}

static enum coffer_err open_old(struct op_ctx *ctx, struct view sealed, struct view context, uint8_t *plain)
{
	struct xaes_key *key;
	AUTO(auto_xaes_key_free) struct xaes_key *own = NULL;
	TRY(seal_key_message(ctx, ctx->object, &key, &own));
	enum coffer_err err = envelope_open(key, ENVELOPE_MESSAGE, sealed, context, plain);
	return err == ERR_CONTEXT ? reason_fail(&ctx->reason, err, "%s", SEAL_KEY_DOES_NOT_OPEN) : err;
}

static enum coffer_err seal_new(struct op_ctx *ctx, const struct object *o, struct view plain, struct view context, uint8_t *out)
{
	struct xaes_key *key;
	AUTO(auto_xaes_key_free) struct xaes_key *own = NULL;
	TRY(seal_key_message(ctx, o, &key, &own));
	return envelope_seal(key, op_local_rng(ctx->local), ENVELOPE_MESSAGE, o->id, o->key_version, context, plain, out);
}

/* Opened where the answer will stand, and sealed there again: the plaintext needs no memory of its own. Where it is refused between the two, the answer is
 * taken back, which wipes it (writer_rewind). What is spent of the newest version makes another snapshot of it. */
static enum coffer_err rewrap(struct op_ctx *ctx, struct object **newest, struct view sealed, struct view context, uint8_t *out)
{
	struct view plain = view_of(out + ENVELOPE_HEADER_LEN, envelope_plain_size(sealed.len));
	TRY(open_old(ctx, sealed, context, out + ENVELOPE_HEADER_LEN));
	TRY(kmip_usage_spend_of(ctx, newest, 1, plain.len));
	return seal_new(ctx, *newest, plain, context, out);
}

enum coffer_err op_rewrap(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct context_fields context;
	struct view sealed;
	AUTO_OBJECT struct object *newest = NULL;

	TRY(context_fields_take(payload, &context, &ctx->reason));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_SEALED_DATA, &sealed));
	TRY(ttlv_done(payload));
	TRY(newest_version(ctx, &newest));
	TRY(check_newest(ctx, newest));
	TRY(check_old(ctx, sealed));
	seal_key_put_id(out, newest);
	ttlv_put_i32(out, TAG_COFFER_KEY_VERSION, (int32_t)newest->key_version);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_COFFER_SEALED_DATA, sealed.len);
	TRY(writer_done(out));
	TRY(rewrap(ctx, &newest, sealed, context_fields_view(&context), space.ptr));
	ttlv_commit_bytes(out, space, sealed.len);
	ctx->bulk_bytes = envelope_plain_size(sealed.len);
	engine_count_bytes(ctx->engine, op_local_place(ctx->local), 2 * ctx->bulk_bytes);
	return ERR_OK;
}
