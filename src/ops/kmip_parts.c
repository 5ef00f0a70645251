/* Steps of operations in parts. */
#include "ops/kmip_parts.h"

#include <stdlib.h>
#include <string.h>

#include "kmip/enums.h"
#include "kmip/tags.h"
#include "objects/txn.h"

#define PARTS_MINOR 3u /* first KMIP 1.x version that has the fields */

static enum coffer_err choose_step(struct op_ctx *ctx, bool correlation, bool init, bool final, enum kmip_step *out)
{
	if (correlation && init)
		return reason_fail(&ctx->reason, ERR_FIELD, "a first part has no Correlation Value yet; leave it or the Init Indicator out");
	if (!correlation && final && !init)
		return reason_fail(&ctx->reason, ERR_MISSING, "the Correlation Value of the parts before is missing");
	if (correlation) *out = final ? KMIP_STEP_LAST : KMIP_STEP_NEXT;
	else *out = init && !final ? KMIP_STEP_FIRST : KMIP_STEP_WHOLE;
	return ERR_OK;
}

enum coffer_err kmip_parts_read(struct op_ctx *ctx, struct ttlv_cursor *payload, bool has_data, struct kmip_parts *out)
{
	bool correlation = false, init = false, final = false;
	*out = (struct kmip_parts){ .step = KMIP_STEP_WHOLE };
	if (ctx->version_minor >= PARTS_MINOR) {
		TRY(ttlv_take_optional_bytes(payload, TAG_CORRELATION_VALUE, &out->correlation, &correlation));
		TRY(ttlv_take_optional_bool(payload, TAG_INIT_INDICATOR, &init, NULL));
		TRY(ttlv_take_optional_bool(payload, TAG_FINAL_INDICATOR, &final, NULL));
	}
	TRY(choose_step(ctx, correlation, init, final, &out->step));
	ctx->bulk_part = out->step == KMIP_STEP_NEXT || out->step == KMIP_STEP_LAST;
	if (!has_data && !init && !final) return reason_fail(&ctx->reason, ERR_MISSING, "the Data is missing");
	if (out->step == KMIP_STEP_WHOLE || ctx->alone) return ERR_OK;
	ctx->result_reason = RESULT_REASON_FEATURE_NOT_SUPPORTED;
	return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "a part of a cryptographic operation cannot share a batch; send it alone");
}

static struct op_part_owner owner_of(const struct op_ctx *ctx, uint32_t operation)
{
	return (struct op_part_owner){ operation, ctx->object ? ctx->object->id : NULL, ctx->principal->text };
}

enum coffer_err kmip_parts_find(struct op_ctx *ctx, uint32_t operation, const struct kmip_parts *parts, struct op_part **out)
{
	struct op_part_owner owner = owner_of(ctx, operation);
	struct op_parts *all = ctx->streams ? op_streams_parts(ctx->streams) : NULL;
	if (all && op_parts_find(all, &owner, parts->correlation, out) == ERR_OK) return ERR_OK;
	ctx->result_reason = RESULT_REASON_ITEM_NOT_FOUND; /* section 11.30 and after */
	return reason_fail(&ctx->reason, ERR_NOT_FOUND, "this connection has nothing under way with this Correlation Value; begin again");
}

static enum coffer_err busy(struct op_ctx *ctx, enum coffer_err err)
{
	if (err != ERR_BUSY) return err;
	return reason_fail(&ctx->reason, err, "operations in parts take all the memory that they may; try again, or send the data at once");
}

enum coffer_err kmip_parts_open(struct op_ctx *ctx, uint32_t operation, void **state, op_part_free_fn *free, struct op_part **out)
{
	struct op_part_owner owner = owner_of(ctx, operation);
	struct op_parts *all = ctx->streams ? op_streams_parts(ctx->streams) : NULL;
	ENSURE(all, ERR_MEMORY);
	enum coffer_err err = op_parts_open(all, &owner, state, free, out);
	if (err == ERR_LIMIT)
		return reason_fail(&ctx->reason, err, "this connection has %u operations in parts under way; end one first", OP_PARTS_MAX);
	return busy(ctx, err);
}

enum coffer_err kmip_parts_charge(struct op_ctx *ctx, struct op_part *part, size_t bytes)
{
	return busy(ctx, op_part_charge(part, bytes));
}

void kmip_parts_put(struct writer *out, const struct op_part *part)
{
	ttlv_put_bytes(out, TAG_CORRELATION_VALUE, view_of(part->id, OP_PART_ID_LEN));
}

/* A part of a connection that waits for the transaction. */
struct waiting {
	struct op_parts *parts;
	uint8_t id[OP_PART_ID_LEN];
};

static void end_part(void *arg)
{
	struct waiting *w = arg;
	op_parts_end(w->parts, w->id);
	free(w);
}

/* What the client is not told of (the commit failed) must not go on. */
static enum coffer_err only_if_durable(struct op_ctx *ctx, const struct op_part *part)
{
	if (!ctx->txn) return ERR_OK;
	struct waiting *w = calloc(1, sizeof *w);
	ENSURE(w, ERR_MEMORY);
	w->parts = op_streams_parts(ctx->streams);
	memcpy(w->id, part->id, sizeof w->id);
	enum coffer_err err = txn_on_commit(ctx->txn, free, end_part, w);
	if (err) free(w);
	return err;
}

enum coffer_err kmip_parts_settle(struct op_ctx *ctx, struct op_part *part, bool last, enum coffer_err err, struct writer *out)
{
	if (!err) err = writer_done(out);
	if (!err && part && !last) err = only_if_durable(ctx, part);
	bool again = !ctx->txn && (err == ERR_NOT_CACHED || err == ERR_DENIED);
	if (part && (last || err) && !again) op_part_close(part);
	return err;
}
