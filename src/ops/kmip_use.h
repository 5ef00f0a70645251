/* Whether a key may be used for a cryptographic operation, in the order of KMIP 1.4 sections 11.30 to 11.35. Any thread. */
#ifndef COFFER_OPS_KMIP_USE_H
#define COFFER_OPS_KMIP_USE_H

#include "kmip/values.h"
#include "objects/lifecycle.h"
#include "ops/op.h"

struct kmip_use {
	enum object_use use;  /* what state and dates must allow */
	uint32_t mask;        /* Cryptographic Usage Mask bit that the key must have */
	const char *what;     /* "encryption": for the sentence */
};

/* ctx->object: archived, without its Key Value, no symmetric key whose bytes are known here, in a state or at a time that forbids it, not meant
 * for it by its Cryptographic Usage Mask. ERR_STATE, ERR_DENIED, ERR_FIELD. */
enum coffer_err kmip_use_check(struct op_ctx *ctx, const struct kmip_use *use) MUST_USE;
/* Outdated algorithms need leave of the configuration. ERR_UNSUPPORTED with a sentence. */
enum coffer_err kmip_use_legacy(struct op_ctx *ctx, bool legacy, const char *what) MUST_USE;
/* The object's Cryptographic Parameters one by one, lowest Attribute Index first: *at begins at 0. False after the last one. */
bool kmip_use_params(const struct object *o, size_t *at, struct kmip_params *out);

#endif
