/* The attributes that the server gives every new object (KMIP 1.4 section 3). Store lane. */
#ifndef COFFER_OPS_KMIP_NEW_H
#define COFFER_OPS_KMIP_NEW_H

#include "ops/op.h"

enum kmip_origin { KMIP_MADE_HERE, KMIP_REGISTERED };

/* Digest, Random Number Generator (of what is made here), Sensitive and Extractable with their histories, Initial, Last Change and Original
 * Creation Date, Fresh, what is left of its Usage Limits: as they apply to the object's type; then its state follows from its dates. Its material, if it has any, is set.
 * ERR_LIMIT: its owner has as many objects as max_objects_per_principal allows. ERR_FIELD: dates in disorder, or a Random Number Generator asked for that is not this server's. */
enum coffer_err kmip_new_finish(struct op_ctx *ctx, struct object *o, enum kmip_origin origin, uint64_t now_s) MUST_USE;
/* Keys and secrets: what KMIP calls Managed Cryptographic Objects. */
bool kmip_is_cryptographic(const struct object *o);

#endif
