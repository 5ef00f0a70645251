/* Open Stream: begins to open a sealed stream, or opens its next segment. */
#include "kmip/tags.h"
#include "ops/context_fields.h"
#include "ops/seal_key.h"
#include "ops/stream_fields.h"
#include "ops/tables.h"

static enum coffer_err does_not_open(struct op_ctx *ctx)
{
	return reason_fail(&ctx->reason, ERR_CONTEXT, "%s", SEAL_KEY_DOES_NOT_OPEN);
}

static enum coffer_err begin(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct context_fields context;
	struct stream_header header;
	struct view bytes;
	struct op_stream *stream;
	AUTO(auto_stream_opener_free) struct stream_opener *opener = NULL;
	const struct object *o = ctx->object;

	TRY(context_fields_take(payload, &context, &ctx->reason));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_STREAM_HEADER, &bytes));
	TRY(ttlv_done(payload));
	TRY(stream_header_parse(bytes, &header));
	if (bytes.len != STREAM_HEADER_LEN)
		return reason_fail(&ctx->reason, ERR_FIELD, "the header of a sealed stream has %u bytes, not %zu", STREAM_HEADER_LEN, bytes.len);
	TRY(seal_key_check(ctx, o, OBJECT_USE_PROCESS));
	if (header.key_version != o->key_version) return does_not_open(ctx);
	enum coffer_err err = stream_opener_new(secret_bytes(o->seal_stream), bytes, context_fields_view(&context), &opener);
	if (err == ERR_CONTEXT) return does_not_open(ctx);
	TRY(err);
	TRY(stream_add(ctx, NULL, opener, &stream));
	size_t size = stream_opener_segment_size(TAKE(opener));
	seal_key_put_id(out, o);
	ttlv_put_i32(out, TAG_COFFER_STREAM_HANDLE, (int32_t)stream->handle);
	ttlv_put_i32(out, TAG_COFFER_SEGMENT_SIZE, (int32_t)size);
	return ERR_OK;
}

static enum coffer_err open_in_ring(struct op_ctx *ctx, const struct stream_segment *segment, struct writer *out)
{
	struct stream_ticket ticket;
	size_t plain_len = segment->bytes.len - STREAM_TAG_LEN;
	enum coffer_err err = stream_opener_take(segment->stream->opener, plain_len, segment->last, &ticket);
	if (err == ERR_TRUNCATED || err == ERR_TOO_LARGE) return does_not_open(ctx);
	TRY(err);
	return stream_leave_work(ctx, segment, &ticket, plain_len, out);
}

static enum coffer_err open_segment(struct op_ctx *ctx, const struct stream_segment *segment, struct writer *out)
{
	struct stream_opener *opener = segment->stream->opener;
	if (!opener) return reason_fail(&ctx->reason, ERR_STATE, "this stream is being sealed, not opened");
	TRY(seal_key_check(ctx, ctx->object, OBJECT_USE_PROCESS));
	if (segment->bytes.len < STREAM_TAG_LEN || segment->bytes.len > stream_opener_segment_size(opener) + STREAM_TAG_LEN)
		return does_not_open(ctx);
	size_t plain_len = segment->bytes.len - STREAM_TAG_LEN;
	TRY(stream_only_if_durable(ctx, segment->stream));
	if (segment->in_ring) return open_in_ring(ctx, segment, out);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_COFFER_SEGMENT, plain_len);
	TRY(writer_done(out));
	enum coffer_err err = stream_open_segment(opener, segment->bytes, segment->last, space.ptr);
	if (err == ERR_CONTEXT || err == ERR_TRUNCATED || err == ERR_FIELD) return does_not_open(ctx);
	TRY(err);
	ttlv_commit_bytes(out, space, plain_len);
	engine_count_bytes(ctx->engine, op_local_place(ctx->local), plain_len);
	ctx->bulk_bytes = plain_len;
	return ERR_OK;
}

/* A stream ends with its last segment, and with the first one that fails. */
static enum coffer_err next(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct stream_segment segment = { .stream = NULL };
	enum coffer_err err = stream_take_segment(ctx, payload, &segment);
	if (!err) err = open_segment(ctx, &segment, out);
	if (segment.stream && (err || segment.last)) op_streams_close(ctx->streams, segment.stream);
	return err;
}

enum coffer_err op_open_stream(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return stream_is_next(payload) ? next(ctx, payload, out) : begin(ctx, payload, out);
}
