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

enum coffer_err stream_take_segment(struct op_ctx *ctx, struct ttlv_cursor *payload, struct stream_segment *out)
{
	TRY(stream_take_handle(ctx, payload, &out->stream));
	TRY(ttlv_take_bytes(payload, TAG_COFFER_SEGMENT, &out->bytes));
	TRY(ttlv_take_bool(payload, TAG_COFFER_LAST_SEGMENT, &out->last));
	return ttlv_done(payload);
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
	enum coffer_err err = ctx->streams ? op_streams_add(ctx->streams, sealer, opener, ctx->object, out) : ERR_UNSUPPORTED;
	if (err == ERR_LIMIT)
		return reason_fail(&ctx->reason, err, "this connection has %u streams open; end one first", OP_STREAMS_MAX);
	TRY(err);
	err = stream_only_if_durable(ctx, *out);
	if (!err) return ERR_OK;
	(*out)->sealer = NULL; /* the caller's */
	(*out)->opener = NULL;
	op_streams_close(ctx->streams, *out);
	return err;
}
