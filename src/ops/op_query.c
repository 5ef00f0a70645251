/* Query (KMIP 1.4 section 4.25): only what works here. Profiles, validations, attestation types, application namespaces and client registration
 * methods are none: no field is answered for them (docs/kmip.md section 6 says why). */
#include "kmip/enums.h"
#include "kmip/names.h"
#include "ops/dispatch.h"
#include "ops/kmip_key.h"
#include "ops/tables.h"

#ifndef COFFER_VERSION
#define COFFER_VERSION "unknown"
#endif

#define STREAMING true  /* Correlation Values of the cryptographic operations */

struct query {
	const struct op_ctx *ctx;
	uint32_t functions; /* a bit for each that is asked for */
	struct writer *out;
};

static bool asked(const struct query *q, enum kmip_query_function which)
{
	return (q->functions >> which) & 1;
}

static bool works(const struct query *q, const struct op_row *row)
{
	return row && row->since_minor <= q->ctx->version_minor;
}

static void put_operations(const struct query *q)
{
	size_t count;
	const struct op_row *rows = dispatch_rows(&count);
	for (size_t i = 0; i < count; i++)
		if (works(q, &rows[i])) ttlv_put_enum(q->out, TAG_OPERATION, rows[i].operation);
}

/* A type is there when an operation is that brings objects of it about. */
static void put_objects(const struct query *q)
{
	static const struct { enum kmip_object_type type; enum kmip_operation maker; } types[] = {
		{ OBJECT_TYPE_SYMMETRIC_KEY, OPERATION_CREATE }, { OBJECT_TYPE_TEMPLATE, OPERATION_REGISTER },
		{ OBJECT_TYPE_SECRET_DATA, OPERATION_REGISTER }, { OBJECT_TYPE_OPAQUE_OBJECT, OPERATION_REGISTER },
	};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (works(q, dispatch_find(types[i].maker))) ttlv_put_enum(q->out, TAG_OBJECT_TYPE, types[i].type);
}

static void put_server(const struct query *q)
{
	ttlv_put_str(q->out, TAG_VENDOR_IDENTIFICATION, "Coffer");
	struct ttlv_mark mark = ttlv_begin(q->out, TAG_SERVER_INFORMATION);
	ttlv_put_str(q->out, TAG_COFFER_SERVER_VERSION, COFFER_VERSION);
	ttlv_end(q->out, mark);
}

/* The map has tag and type of each, the list only the names. */
static void put_extensions(const struct query *q, bool map)
{
	size_t count;
	const struct kmip_vendor_tag *tags = kmip_vendor_tags(&count);
	for (size_t i = 0; i < count; i++) {
		if (tags[i].type == TTLV_ANY) continue;
		struct ttlv_mark mark = ttlv_begin(q->out, TAG_EXTENSION_INFORMATION);
		ttlv_put_str(q->out, TAG_EXTENSION_NAME, tags[i].name);
		if (map) ttlv_put_i32(q->out, TAG_EXTENSION_TAG, (int32_t)tags[i].tag);
		if (map) ttlv_put_i32(q->out, TAG_EXTENSION_TYPE, tags[i].type);
		ttlv_end(q->out, mark);
	}
}

/* Destroy overwrites the key material in memory, store and write-ahead log; the attributes stay. One generator serves every client. */
static void put_capabilities(const struct query *q)
{
	struct ttlv_mark mark = ttlv_begin(q->out, TAG_CAPABILITY_INFORMATION);
	ttlv_put_bool(q->out, TAG_STREAMING_CAPABILITY, STREAMING);
	ttlv_put_bool(q->out, TAG_ASYNCHRONOUS_CAPABILITY, false);
	ttlv_put_bool(q->out, TAG_ATTESTATION_CAPABILITY, false);
	if (q->ctx->version_minor >= 4) {
		ttlv_put_bool(q->out, TAG_BATCH_UNDO_CAPABILITY, true);
		ttlv_put_bool(q->out, TAG_BATCH_CONTINUE_CAPABILITY, true);
	}
	ttlv_put_enum(q->out, TAG_UNWRAP_MODE, UNWRAP_MODE_NOT_PROCESSED);
	ttlv_put_enum(q->out, TAG_DESTROY_ACTION, DESTROY_ACTION_KEY_MATERIAL_SHREDDED);
	ttlv_put_enum(q->out, TAG_SHREDDING_ALGORITHM, SHREDDING_ALGORITHM_UNSPECIFIED);
	ttlv_put_enum(q->out, TAG_RNG_MODE, RNG_MODE_SHARED_INSTANTIATION);
	ttlv_end(q->out, mark);
}

static enum coffer_err read_functions(struct op_ctx *ctx, struct ttlv_cursor *payload, struct query *q)
{
	uint32_t function;
	do {
		TRY(ttlv_take_enum(payload, TAG_QUERY_FUNCTION, &function));
		if (function < QUERY_FUNCTION_QUERY_OPERATIONS || function > QUERY_FUNCTION_QUERY_CLIENT_REGISTRATION_METHODS)
			return reason_fail(&ctx->reason, ERR_FIELD, "this Query Function is not known; KMIP 1.4 has 1 to 12");
		q->functions |= UINT32_C(1) << function;
	} while (ttlv_peek_tag(payload) == TAG_QUERY_FUNCTION);
	return kmip_end(ctx, payload);
}

/* In the order of table 223. A function that is newer than the request's version has no field that this version knows. */
enum coffer_err op_query(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	struct query q = { .ctx = ctx, .out = out };
	TRY(read_functions(ctx, payload, &q));
	if (asked(&q, QUERY_FUNCTION_QUERY_OPERATIONS)) put_operations(&q);
	if (asked(&q, QUERY_FUNCTION_QUERY_OBJECTS)) put_objects(&q);
	if (asked(&q, QUERY_FUNCTION_QUERY_SERVER_INFORMATION)) put_server(&q);
	bool map = asked(&q, QUERY_FUNCTION_QUERY_EXTENSION_MAP);
	if ((map || asked(&q, QUERY_FUNCTION_QUERY_EXTENSION_LIST)) && ctx->version_minor >= 1) put_extensions(&q, map);
	if (asked(&q, QUERY_FUNCTION_QUERY_RNGS) && ctx->version_minor >= 3) kmip_put_rng(out, TAG_RNG_PARAMETERS);
	if (asked(&q, QUERY_FUNCTION_QUERY_CAPABILITIES) && ctx->version_minor >= 3) put_capabilities(&q);
	return ERR_OK;
}
