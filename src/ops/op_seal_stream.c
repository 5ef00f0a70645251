/* Seal Stream: begins a sealed stream, or seals the next segment of one (docs/formats.md section 4). */
#include "kmip/tags.h"
#include "ops/context_fields.h"
#include "ops/kmip_usage.h"
#include "ops/seal_key.h"
#include "ops/stream_fields.h"
#include "ops/tables.h"

/* log2 of a segment size; 0 when it is not a power of two in range. */
static unsigned bits_of(int32_t size)
{
	for (unsigned bits = STREAM_BITS_MIN; bits <= STREAM_BITS_MAX; bits++)
		if (size == INT32_C(1) << bits) return bits;
	return 0;
}

static enum coffer_err begin(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct context_fields context;
	uint8_t header[STREAM_HEADER_LEN];
	struct op_stream *stream;
	AUTO(auto_stream_sealer_free) struct stream_sealer *sealer = NULL;
	int32_t size = INT32_C(1) << STREAM_BITS_DEFAULT;

	TRY(context_fields_take(payload, &context, &ctx->reason));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_SEGMENT_SIZE, &size, NULL));
	TRY(ttlv_done(payload));
	if (!bits_of(size))
		return reason_fail(&ctx->reason, ERR_FIELD, "a segment size of %d bytes cannot be: take a power of two from 65536 to 16777216",
			(int)size);
	TRY(seal_key_check(ctx, ctx->object, OBJECT_USE_PROTECT));
	TRY(kmip_usage_spend(ctx, 0));
	const struct object *o = ctx->object;
	TRY(stream_sealer_new(secret_bytes(o->seal_stream), o->id, o->key_version, context_fields_view(&context), bits_of(size), header,
		&sealer));
	TRY(stream_add(ctx, sealer, NULL, &stream));
	sealer = NULL;
	seal_key_put_id(out, o);
	ttlv_put_i32(out, TAG_COFFER_STREAM_HANDLE, (int32_t)stream->handle);
	ttlv_put_bytes(out, TAG_COFFER_STREAM_HEADER, view_of(header, sizeof header));
	ttlv_put_i32(out, TAG_COFFER_SEGMENT_SIZE, size);
	return ERR_OK;
}

static enum coffer_err seal_in_ring(struct op_ctx *ctx, const struct stream_segment *segment, struct writer *out)
{
	struct stream_ticket ticket;
	TRY(stream_sealer_take(segment->stream->sealer, segment->bytes.len, segment->last, &ticket));
	return stream_leave_work(ctx, segment, &ticket, segment->bytes.len + STREAM_TAG_LEN, out);
}

static enum coffer_err seal_segment(struct op_ctx *ctx, const struct stream_segment *segment, struct writer *out)
{
	struct stream_sealer *sealer = segment->stream->sealer;
	if (!sealer) return reason_fail(&ctx->reason, ERR_STATE, "this stream is being opened, not sealed");
	TRY(seal_key_check(ctx, ctx->object, OBJECT_USE_PROTECT));
	if (segment->bytes.len > stream_sealer_segment_size(sealer))
		return reason_fail(&ctx->reason, ERR_FIELD, "a segment of this stream has at most %zu bytes", stream_sealer_segment_size(sealer));
	TRY(kmip_usage_spend_more(ctx, segment->bytes.len));
	TRY(stream_only_if_durable(ctx, segment->stream));
	if (segment->in_ring) return seal_in_ring(ctx, segment, out);
	struct ttlv_space space = ttlv_reserve_bytes(out, TAG_COFFER_SEGMENT, segment->bytes.len + STREAM_TAG_LEN);
	TRY(writer_done(out));
	TRY(stream_seal_segment(sealer, segment->bytes, segment->last, space.ptr));
	ttlv_commit_bytes(out, space, segment->bytes.len + STREAM_TAG_LEN);
	engine_count_bytes(ctx->engine, op_local_place(ctx->local), segment->bytes.len);
	ctx->bulk_bytes = segment->bytes.len;
	return ERR_OK;
}

/* A stream ends with its last segment, and with the first one that fails; one that has to run on the store lane has not begun. */
static enum coffer_err next(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct stream_segment segment = { .stream = NULL };
	enum coffer_err err = stream_take_segment(ctx, payload, &segment);
	if (!err) err = seal_segment(ctx, &segment, out);
	bool later = err == ERR_NOT_CACHED && ctx->want_store;
	if (segment.stream && !later && (err || segment.last)) op_streams_close(ctx->streams, segment.stream);
	return err;
}

enum coffer_err op_seal_stream(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return stream_is_next(payload) ? next(ctx, payload, out) : begin(ctx, payload, out);
}
