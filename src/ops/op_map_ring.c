/* Map Ring: memory that client and daemon share, for the segments of this connection's streams (docs/formats.md section 15). */
#include "kmip/tags.h"
#include "ops/tables.h"

#define PLAIN_MAX (INT32_C(1) << STREAM_BITS_MAX) /* bytes of plaintext of the largest segment that there is */

static enum coffer_err take_shape(struct op_ctx *ctx, struct ttlv_cursor *payload, size_t *out_slot_bytes, unsigned *out_slots)
{
	int32_t plain, slots;
	TRY(ttlv_take_i32(payload, TAG_COFFER_RING_SLOT_SIZE, &plain));
	TRY(ttlv_take_i32(payload, TAG_COFFER_RING_SLOTS, &slots));
	TRY(ttlv_done(payload));
	if (plain < 1 || plain > PLAIN_MAX)
		return reason_fail(&ctx->reason, ERR_FIELD, "a slot for %d bytes of plaintext cannot be: take 1 to %d", (int)plain, (int)PLAIN_MAX);
	if (slots < 1 || slots > (int32_t)OP_RING_SLOTS_MAX)
		return reason_fail(&ctx->reason, ERR_FIELD, "a ring of %d slots cannot be: take 1 to %u", (int)slots, OP_RING_SLOTS_MAX);
	*out_slot_bytes = ((size_t)plain + STREAM_TAG_LEN + OP_RING_PAGE - 1) / OP_RING_PAGE * OP_RING_PAGE;
	*out_slots = (unsigned)slots;
	return ERR_OK;
}

enum coffer_err op_map_ring(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	size_t slot_bytes = 0;
	unsigned slots = 0;
	const struct op_ring_host *host = ctx->streams ? op_streams_host(ctx->streams) : NULL;
	TRY(take_shape(ctx, payload, &slot_bytes, &slots));
	if (!host) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "there are no rings on this connection; send the segments in messages");
	if (!op_streams_any(ctx->streams))
		return reason_fail(&ctx->reason, ERR_STATE, "a ring is for the segments of a stream, and this connection has none open; begin it first");
	struct op_ring *ring = op_streams_ring(ctx->streams);
	if (ring->memory) return reason_fail(&ctx->reason, ERR_STATE, "this connection has a ring already; it keeps it until it ends");
	ttlv_put_i32(out, TAG_COFFER_RING_SLOT_SIZE, (int32_t)slot_bytes);
	ttlv_put_i32(out, TAG_COFFER_RING_SLOTS, (int32_t)slots);
	TRY(writer_done(out)); /* a ring whose answer does not go out would be nobody's */
	return host->map(host->arg, slot_bytes, slots, ring, &ctx->reason);
}
