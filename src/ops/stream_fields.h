/* The segment of an open stream: what Seal Stream and Open Stream have in common. On the connection's own lane. */
#ifndef COFFER_OPS_STREAM_FIELDS_H
#define COFFER_OPS_STREAM_FIELDS_H

#include "ops/op.h"

struct stream_segment {
	struct op_stream *stream;
	struct view bytes;      /* in the ring: its place there, which the client changes as it likes */
	bool last;
	bool in_ring;
	int32_t slot;           /* in the ring */
};

/* True when the payload is about a stream that is open: it begins with a handle. */
bool stream_is_next(const struct ttlv_cursor *payload);
/* Reads handle, segment (or slot and length of one in the ring) and last flag. ERR_NOT_FOUND: this connection has no such stream. ERR_STATE: it has no
 * ring, or the slot is under way; ERR_FIELD: slot or length out of range. */
enum coffer_err stream_take_segment(struct op_ctx *ctx, struct ttlv_cursor *payload, struct stream_segment *out) MUST_USE;
/* For a segment in the ring whose place in the stream is taken: writes the answer, for a result of `len` bytes, and leaves the work to the daemon. */
enum coffer_err stream_leave_work(struct op_ctx *ctx, const struct stream_segment *segment, const struct stream_ticket *ticket, size_t len,
	struct writer *out) MUST_USE;
enum coffer_err stream_take_handle(struct op_ctx *ctx, struct ttlv_cursor *payload, struct op_stream **out) MUST_USE;
/* Adds to the connection's streams, with a sentence when there are too many. On failure the caller keeps sealer and opener. */
enum coffer_err stream_add(struct op_ctx *ctx, struct stream_sealer *sealer, struct stream_opener *opener, struct op_stream **out) MUST_USE;

/* On the store lane: the stream ends when the transaction under way does not become durable, for then the client never learns what was done in it. On
 * other lanes nothing. */
enum coffer_err stream_only_if_durable(struct op_ctx *ctx, const struct op_stream *stream) MUST_USE;

#endif
