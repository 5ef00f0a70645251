/* Usage Limits (KMIP 1.4 section 3.21): how many bytes, or how many objects, a key may still protect. Each use is a durable change of the key, in
 * the transaction of the operation that uses it: what failed or was never committed spent nothing, what was answered is never counted one too few.
 *
 * Every operation that applies cryptographic protection calls one of the kmip_usage_spend functions, after all checks and before it does so. A key
 * without Usage Limits costs nothing. On the worker lane a key with Usage Limits makes the request run again on the store lane: ctx->want_store is
 * set and ERR_NOT_CACHED returned; the caller has had no side effect until then and passes the error on. On the store lane the rest becomes
 * smaller, and ctx->object (or *object) is the new snapshot from then on. The rest is too small: ERR_STATE, Result Reason Permission Denied
 * (section 4.29), nothing is spent. */
#ifndef COFFER_OPS_KMIP_USAGE_H
#define COFFER_OPS_KMIP_USAGE_H

#include "kmip/values.h"
#include "ops/op.h"

/* Bits of a Cryptographic Usage Mask that apply protection, and that process what is protected (section 3.22). */
#define KMIP_USAGE_PROTECTS (CRYPTOGRAPHIC_USAGE_MASK_SIGN | CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_WRAP_KEY | \
	CRYPTOGRAPHIC_USAGE_MASK_MAC_GENERATE | CRYPTOGRAPHIC_USAGE_MASK_DERIVE_KEY | CRYPTOGRAPHIC_USAGE_MASK_CONTENT_COMMITMENT_NON_REPUDIATION | \
	CRYPTOGRAPHIC_USAGE_MASK_KEY_AGREEMENT | CRYPTOGRAPHIC_USAGE_MASK_CERTIFICATE_SIGN | CRYPTOGRAPHIC_USAGE_MASK_CRL_SIGN | \
	CRYPTOGRAPHIC_USAGE_MASK_GENERATE_CRYPTOGRAM | CRYPTOGRAPHIC_USAGE_MASK_TRANSLATE_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_TRANSLATE_WRAP)
#define KMIP_USAGE_PROCESSES (CRYPTOGRAPHIC_USAGE_MASK_VERIFY | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT | CRYPTOGRAPHIC_USAGE_MASK_UNWRAP_KEY | \
	CRYPTOGRAPHIC_USAGE_MASK_MAC_VERIFY | CRYPTOGRAPHIC_USAGE_MASK_VALIDATE_CRYPTOGRAM | CRYPTOGRAPHIC_USAGE_MASK_TRANSLATE_DECRYPT | \
	CRYPTOGRAPHIC_USAGE_MASK_TRANSLATE_UNWRAP)

/* One object of so many bytes, protected with ctx->object. Protection in parts: the first part with this one. */
enum coffer_err kmip_usage_spend(struct op_ctx *ctx, uint64_t bytes) MUST_USE;
/* More bytes of an object that was counted before. */
enum coffer_err kmip_usage_spend_more(struct op_ctx *ctx, uint64_t bytes) MUST_USE;
/* The same for another key than the target of the operation (a wrapping key …). *object is a reference of the caller's, which may be exchanged. */
enum coffer_err kmip_usage_spend_of(struct op_ctx *ctx, struct object **object, uint64_t objects, uint64_t bytes) MUST_USE;

/* False when the object has no Usage Limits; else total, count and unit are all there. Any thread. */
bool kmip_usage_limits(const struct object *o, struct kmip_usage_limits *out);
/* Takes `units` out of the rest: in *object, a private copy that the caller writes. ERR_STATE as above; ERR_NOT_FOUND: it has no Usage Limits. */
enum coffer_err kmip_usage_take(struct op_ctx *ctx, struct object *o, uint64_t units) MUST_USE;
/* For an object that is made: the rest becomes the total that was asked for, or was copied from the key that it replaces. Nothing without Usage
 * Limits. ERR_FIELD: total or unit is missing. */
enum coffer_err kmip_usage_begin(struct op_ctx *ctx, struct object *o) MUST_USE;

#endif
