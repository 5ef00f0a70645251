/* The fields of a cryptographic operation in parts, and which step of it a request is (KMIP 1.4 section 4: Init Indicator, Correlation Value,
 * Final Indicator; since 1.3). A part stands alone in its message: a batch may be run again, a part must not. */
#ifndef COFFER_OPS_KMIP_PARTS_H
#define COFFER_OPS_KMIP_PARTS_H

#include "ops/op.h"
#include "ops/op_parts.h"

enum kmip_step {
	KMIP_STEP_WHOLE, /* all at once: no indicator, or Init and Final together */
	KMIP_STEP_FIRST,
	KMIP_STEP_NEXT,
	KMIP_STEP_LAST
};

struct kmip_parts {
	enum kmip_step step;
	struct view correlation;
};

/* Takes Correlation Value, Init Indicator and Final Indicator, which stand in this order; absent below 1.3. Data may be missing in the first
 * and the last step only. ERR_FIELD, ERR_MISSING, ERR_UNSUPPORTED (a step that does not stand alone). */
enum coffer_err kmip_parts_read(struct op_ctx *ctx, struct ttlv_cursor *payload, bool has_data, struct kmip_parts *out) MUST_USE;
/* What is under way with this Correlation Value for this operation, ctx->object and principal. ERR_NOT_FOUND. */
enum coffer_err kmip_parts_find(struct op_ctx *ctx, uint32_t operation, const struct kmip_parts *parts, struct op_part **out) MUST_USE;
/* Begins: takes *state on success. ERR_LIMIT, ERR_BUSY. */
enum coffer_err kmip_parts_open(struct op_ctx *ctx, uint32_t operation, void **state, op_part_free_fn *free, struct op_part **out) MUST_USE;
/* Charges what is gathered; ERR_BUSY with a sentence. */
enum coffer_err kmip_parts_charge(struct op_ctx *ctx, struct op_part *part, size_t bytes) MUST_USE;
/* The Correlation Value of what goes on. */
void kmip_parts_put(struct writer *out, const struct op_part *part);
/* After a step: ends what failed, what was the last, and what has an answer that does not fit; returns err or that of the writer. What is run
 * again on the store lane (audit, Usage Limits) ends nothing yet; a step in a transaction that does not become durable ends the whole. */
enum coffer_err kmip_parts_settle(struct op_ctx *ctx, struct op_part *part, bool last, enum coffer_err err, struct writer *out) MUST_USE;

#endif
