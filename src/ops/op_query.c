/* Query (KMIP 1.4 section 4.25): only what works here. */
#include "kmip/enums.h"
#include "ops/dispatch.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

static void put_operations(const struct op_ctx *ctx, struct writer *out)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++)
		if (rows[i].since_minor <= ctx->version_minor) ttlv_put_enum(out, TAG_OPERATION, rows[i].operation);
}

static void put_objects(struct writer *out)
{
	ttlv_put_enum(out, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	ttlv_put_enum(out, TAG_OBJECT_TYPE, OBJECT_TYPE_TEMPLATE);
	ttlv_put_enum(out, TAG_OBJECT_TYPE, OBJECT_TYPE_SECRET_DATA);
	ttlv_put_enum(out, TAG_OBJECT_TYPE, OBJECT_TYPE_OPAQUE_OBJECT);
}

static void put_rng(struct writer *out)
{
	struct ttlv_mark mark = ttlv_begin(out, TAG_RNG_PARAMETERS);
	ttlv_put_enum(out, TAG_RNG_ALGORITHM, RNG_ALGORITHM_DRBG);
	ttlv_put_enum(out, TAG_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	ttlv_put_i32(out, TAG_CRYPTOGRAPHIC_LENGTH, 256);
	ttlv_put_enum(out, TAG_DRBG_ALGORITHM, DRBG_ALGORITHM_CTR);
	ttlv_end(out, mark);
}

static void put_capabilities(const struct op_ctx *ctx, struct writer *out)
{
	struct ttlv_mark mark = ttlv_begin(out, TAG_CAPABILITY_INFORMATION);
	ttlv_put_bool(out, TAG_STREAMING_CAPABILITY, false);
	ttlv_put_bool(out, TAG_ASYNCHRONOUS_CAPABILITY, false);
	ttlv_put_bool(out, TAG_ATTESTATION_CAPABILITY, false);
	if (ctx->version_minor >= 4) {
		ttlv_put_bool(out, TAG_BATCH_UNDO_CAPABILITY, true);
		ttlv_put_bool(out, TAG_BATCH_CONTINUE_CAPABILITY, true);
	}
	ttlv_end(out, mark);
}

static bool asked(uint32_t functions, enum kmip_query_function which)
{
	return (functions >> which) & 1;
}

enum coffer_err op_query(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	uint32_t functions = 0, function;
	TRY(ttlv_take_enum(payload, TAG_QUERY_FUNCTION, &function));
	for (;;) {
		if (function < QUERY_FUNCTION_QUERY_OPERATIONS || function > QUERY_FUNCTION_QUERY_CLIENT_REGISTRATION_METHODS)
			return reason_fail(&ctx->reason, ERR_FIELD, "this Query Function is not known");
		functions |= UINT32_C(1) << function;
		if (ttlv_peek_tag(payload) != TAG_QUERY_FUNCTION) break;
		TRY(ttlv_take_enum(payload, TAG_QUERY_FUNCTION, &function));
	}
	TRY(kmip_end(ctx, payload));
	if (asked(functions, QUERY_FUNCTION_QUERY_OPERATIONS)) put_operations(ctx, out);
	if (asked(functions, QUERY_FUNCTION_QUERY_OBJECTS)) put_objects(out);
	if (asked(functions, QUERY_FUNCTION_QUERY_SERVER_INFORMATION)) ttlv_put_str(out, TAG_VENDOR_IDENTIFICATION, "Coffer");
	if (asked(functions, QUERY_FUNCTION_QUERY_RNGS) && ctx->version_minor >= 3) put_rng(out);
	if (asked(functions, QUERY_FUNCTION_QUERY_CAPABILITIES) && ctx->version_minor >= 3) put_capabilities(ctx, out);
	return ERR_OK;
}
