/* Fields of a stream that is open. */
#include "ops/stream_fields.h"

#include "kmip/tags.h"

bool stream_is_next(const struct ttlv_cursor *payload)
{
	return ttlv_peek_tag(payload) == TAG_COFFER_STREAM_HANDLE;
}

enum coffer_err stream_take_handle(struct op_ctx *ctx, struct ttlv_cursor *payload, struct op_stream **out)
{
	int32_t handle;
	TRY(ttlv_take_i32(payload, TAG_COFFER_STREAM_HANDLE, &handle));
	if (!ctx->streams || op_streams_find(ctx->streams, (uint32_t)handle, out) != ERR_OK)
		return reason_fail(&ctx->reason, ERR_NOT_FOUND, "this connection has no stream %d; begin it again", (int)handle);
	return ERR_OK;
}

enum coffer_err stream_take_segment(struct op_ctx *ctx, struct ttlv_cursor *payload, struct stream_segment *out)
{
	TRY(stream_take_handle(ctx, payload, &out->stream));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_SEGMENT, &out->bytes));
	TRY(ttlv_take_bool(payload, TAG_COFFER_LAST_SEGMENT, &out->last));
	return ttlv_done(payload);
}

enum coffer_err stream_add(struct op_ctx *ctx, struct stream_sealer *sealer, struct stream_opener *opener, struct op_stream **out)
{
	enum coffer_err err = ctx->streams ? op_streams_add(ctx->streams, sealer, opener, ctx->object, out) : ERR_UNSUPPORTED;
	if (err == ERR_LIMIT)
		return reason_fail(&ctx->reason, err, "this connection has %u streams open; end one first", OP_STREAMS_MAX);
	return err;
}
