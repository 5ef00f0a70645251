/* Close Stream: forgets a stream of this connection. */
#include "ops/stream_fields.h"
#include "ops/tables.h"

enum coffer_err op_close_stream(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct op_stream *stream;
	(void)out;
	TRY(stream_take_handle(ctx, payload, &stream));
	TRY(ttlv_done(payload));
	op_streams_close(ctx->streams, stream);
	return ERR_OK;
}
