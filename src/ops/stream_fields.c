/* Fields of a stream that is open. */
#include "ops/stream_fields.h"

#include <stdlib.h>

#include "kmip/tags.h"
#include "objects/txn.h"

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

/* Where in the ring. What it says there is nobody's word: all that is decided is decided by the message. */
static enum coffer_err take_slot(struct op_ctx *ctx, struct ttlv_cursor *payload, struct stream_segment *out)
{
	int32_t len;
	const struct op_ring *ring = op_streams_ring(ctx->streams);
	TRY(ttlv_take_i32(payload, TAG_COFFER_RING_SLOT, &out->slot));
	TRY(ttlv_take_i32(payload, TAG_COFFER_SEGMENT_LENGTH, &len));
	if (!ring->memory) return reason_fail(&ctx->reason, ERR_STATE, "this connection has no ring; ask for one with Map Ring, or send the segment itself");
	if (out->slot < 0 || (unsigned)out->slot >= ring->slots)
		return reason_fail(&ctx->reason, ERR_FIELD, "this ring has no slot %d; take one from 0 to %u", (int)out->slot, ring->slots - 1);
	size_t room = ring->slot_bytes - (out->stream->sealer ? STREAM_TAG_LEN : 0); /* sealing adds the tag */
	if (len < 0 || (size_t)len > room)
		return reason_fail(&ctx->reason, ERR_FIELD, "a segment of %d bytes cannot be in a slot of this ring; it takes 0 to %zu", (int)len, room);
	if (ring->under_way & UINT32_C(1) << out->slot)
		return reason_fail(&ctx->reason, ERR_STATE, "slot %d is being worked on; name it again after its answer", (int)out->slot);
	out->bytes = view_of(ring->memory + (size_t)out->slot * ring->slot_bytes, (size_t)len);
	return ERR_OK;
}

enum coffer_err stream_take_segment(struct op_ctx *ctx, struct ttlv_cursor *payload, struct stream_segment *out)
{
	ctx->bulk_part = true;
	TRY(stream_take_handle(ctx, payload, &out->stream));
	out->in_ring = ttlv_peek_tag(payload) == TAG_COFFER_RING_SLOT;
	if (out->in_ring) TRY(take_slot(ctx, payload, out));
	else TRY(ttlv_take_bytes(payload, TAG_COFFER_SEGMENT, &out->bytes));
	TRY(ttlv_take_bool(payload, TAG_COFFER_LAST_SEGMENT, &out->last));
	return ttlv_done(payload);
}

enum coffer_err stream_leave_work(struct op_ctx *ctx, const struct stream_segment *segment, const struct stream_ticket *ticket, size_t len,
	struct writer *out)
{
	const struct op_stream *s = segment->stream;
	ttlv_put_i32(out, TAG_COFFER_RING_SLOT, segment->slot);
	ttlv_put_i32(out, TAG_COFFER_SEGMENT_LENGTH, (int32_t)len);
	TRY(writer_done(out));
	const struct op_ring *ring = op_streams_ring(ctx->streams);
	*ctx->work = (struct segment_work){ .ticket = *ticket, .handle = s->handle, .slot = (unsigned)segment->slot,
		.bytes = ring->memory + (size_t)segment->slot * ring->slot_bytes, .len = segment->bytes.len };
	if (s->sealer) ctx->work->sealer = stream_sealer_ref(s->sealer);
	else ctx->work->opener = stream_opener_ref(s->opener);
	return ERR_OK;
}

/* A stream of a connection that waits for the transaction. */
struct waiting {
	struct op_streams *streams;
	uint32_t handle;
};

static void end_stream(void *arg)
{
	struct waiting *w = arg;
	struct op_stream *stream;
	if (op_streams_find(w->streams, w->handle, &stream) == ERR_OK) op_streams_close(w->streams, stream);
	free(w);
}

enum coffer_err stream_only_if_durable(struct op_ctx *ctx, const struct op_stream *stream)
{
	if (!ctx->txn) return ERR_OK;
	struct waiting *w = calloc(1, sizeof *w);
	ENSURE(w, ERR_MEMORY);
	*w = (struct waiting){ ctx->streams, stream->handle };
	enum coffer_err err = txn_on_commit(ctx->txn, free, end_stream, w);
	if (err) free(w);
	return err;
}

enum coffer_err stream_add(struct op_ctx *ctx, struct stream_sealer *sealer, struct stream_opener *opener, struct op_stream **out)
{
	enum coffer_err err = ctx->streams ? op_streams_add(ctx->streams, sealer, opener, ctx->principal->text, ctx->object->id, out) : ERR_UNSUPPORTED;
	if (err == ERR_LIMIT)
		return reason_fail(&ctx->reason, err, "this connection has %u streams open; end one first", OP_STREAMS_MAX);
	if (err == ERR_BUSY)
		return reason_fail(&ctx->reason, ERR_LIMIT, "open streams and operations in parts take all the secret memory that is for them; end some first, or raise secret_memory");
	TRY(err);
	err = stream_only_if_durable(ctx, *out);
	if (!err) return ERR_OK;
	(*out)->sealer = NULL; /* the caller's */
	(*out)->opener = NULL;
	op_streams_close(ctx->streams, *out);
	return err;
}
