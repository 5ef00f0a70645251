/* Which object a batch item is about. */
#include <string.h>

#include "crypto/envelope.h"
#include "crypto/stream.h"
#include "kmip/tags.h"
#include "ops/dispatch_internal.h"

#define NAME_MAX_BYTES 255u

/* What the cache does not have may well be there. */
static enum coffer_err find(struct op_ctx *ctx, enum coffer_err err)
{
	if (err != ERR_NOT_FOUND || !engine_is_cached(ctx->engine, ctx->txn)) return err;
	return reason_fail(&ctx->reason, ERR_IO, "%s", engine_not_cached_note);
}

static enum coffer_err by_id(struct op_ctx *ctx, const uint8_t id[static UUID_LEN])
{
	struct op_key *key;
	if (ctx->txn) return find(ctx, txn_object(ctx->txn, id, &ctx->object));
	enum coffer_err err = op_local_key(ctx->local, id, &key);
	if (err == ERR_NOT_CACHED) {
		ctx->want_name = false;
		memcpy(ctx->wanted_id, id, UUID_LEN);
	}
	TRY(err);
	ctx->object = object_ref(key->object);
	return ERR_OK;
}

static enum coffer_err by_name(struct op_ctx *ctx, struct view name)
{
	ENSURE(name.len > 0 && name.len <= NAME_MAX_BYTES, ERR_NOT_FOUND);
	if (ctx->txn) return find(ctx, txn_object_by_name(ctx->txn, name, &ctx->object));
	ctx->object = ctx->local ? op_local_by_name(ctx->local, name) : object_table_get_by_name(ctx->engine->objects, name);
	if (ctx->object) return ERR_OK;
	ctx->want_name = true;
	ctx->wanted_name = name;
	return ERR_NOT_CACHED;
}

/* A text that is no UUID names no object. */
static enum coffer_err by_id_text(struct op_ctx *ctx, struct view text)
{
	uint8_t id[UUID_LEN];
	ENSURE(text_parse_uuid(text, id) == ERR_OK, ERR_NOT_FOUND);
	return by_id(ctx, id);
}

/* A field anywhere among the payload's, which the handler reads again. */
static bool find_field(const struct ttlv_cursor *payload, uint32_t tag, struct ttlv_item *out)
{
	struct ttlv_cursor c = *payload;
	while (ttlv_next(&c, out))
		if (out->tag == tag) return true;
	return false;
}

static enum coffer_err by_stream(struct op_ctx *ctx, const struct ttlv_item *item)
{
	int32_t handle;
	struct op_stream *stream;
	TRY(ttlv_get_i32(item, &handle));
	if (!ctx->streams || op_streams_find(ctx->streams, (uint32_t)handle, &stream) != ERR_OK)
		return reason_fail(&ctx->reason, ERR_NOT_FOUND, "this connection has no stream %d; begin it again", (int)handle);
	return by_id(ctx, stream->object_id);
}

static enum coffer_err by_sealed(struct op_ctx *ctx, const struct ttlv_cursor *payload)
{
	struct ttlv_item item;
	struct view bytes;
	if (find_field(payload, TAG_COFFER_SEALED_DATA, &item)) {
		struct envelope_header header;
		TRY(ttlv_get_bytes(&item, &bytes));
		TRY(envelope_parse_header(bytes, &header));
		return by_id(ctx, header.key_id);
	}
	if (find_field(payload, TAG_COFFER_STREAM_HEADER, &item)) {
		struct stream_header header;
		TRY(ttlv_get_bytes(&item, &bytes));
		TRY(stream_header_parse(bytes, &header));
		return by_id(ctx, header.key_id);
	}
	return reason_fail(&ctx->reason, ERR_MISSING, "the request holds no sealed message and no stream header");
}

/* A later part may leave the Unique Identifier out: its Correlation Value says what it is about (KMIP 1.4 section 4.29). */
static bool find_part(struct op_ctx *ctx, const struct ttlv_cursor *payload, uint8_t out_id[static UUID_LEN])
{
	struct ttlv_item item;
	struct view value;
	struct op_parts *parts = ctx->streams ? op_streams_parts(ctx->streams) : NULL;
	if (!parts || !find_field(payload, TAG_CORRELATION_VALUE, &item) || ttlv_get_bytes(&item, &value) != ERR_OK) return false;
	return op_parts_object(parts, ctx->principal->text, value, out_id);
}

static enum coffer_err by_field(struct op_ctx *ctx, bool names_too, struct ttlv_cursor *payload)
{
	struct view id, name;
	bool has_id = false, has_name = false;
	uint8_t part[UUID_LEN];
	TRY(ttlv_take_optional_text(payload, TAG_UNIQUE_IDENTIFIER, &id, &has_id));
	if (names_too) TRY(ttlv_take_optional_text(payload, TAG_COFFER_KEY_NAME, &name, &has_name));
	if (has_id) return by_id_text(ctx, id);
	if (has_name) return by_name(ctx, name);
	if (find_part(ctx, payload, part)) return by_id(ctx, part);
	if (ctx->has_placeholder) return by_id(ctx, ctx->placeholder);
	return reason_fail(&ctx->reason, ERR_MISSING, "the request names no object; give its Unique Identifier%s",
		names_too ? " or name" : "");
}

enum coffer_err dispatch_target(struct op_ctx *ctx, enum op_target target, struct ttlv_cursor *payload)
{
	struct ttlv_item handle;
	if (target == OP_TARGET_NONE) return ERR_OK;
	if (target != OP_TARGET_ID && find_field(payload, TAG_COFFER_STREAM_HANDLE, &handle)) return by_stream(ctx, &handle);
	if (target == OP_TARGET_SEALED) return by_sealed(ctx, payload);
	return by_field(ctx, target == OP_TARGET_ID_OR_NAME, payload);
}
