/* What Seal, Open, Rewrap and the streams ask of a managed key before they use it. Any lane. */
#ifndef COFFER_OPS_SEAL_KEY_H
#define COFFER_OPS_SEAL_KEY_H

#include "crypto/xaes.h"
#include "ops/op.h"

#define SEAL_KEY_DOES_NOT_OPEN "the data does not open: it was altered, or the context or key is another"

/* Usage mask, state, dates and kind of key; ctx->reason says what is wrong. ERR_STATE: usage mask, state or dates;
 * ERR_UNSUPPORTED: not an AES-256 key. */
enum coffer_err seal_key_check(struct op_ctx *ctx, const struct object *o, enum object_use use) MUST_USE;

/* A message context of the key: the thread's warm one, or (the object is a snapshot that only this transaction sees) one of its own, which
 * the caller frees with xaes_key_free(own) either way. Borrowed until the next use of ctx->local. */
enum coffer_err seal_key_message(struct op_ctx *ctx, const struct object *o, struct xaes_key **out, struct xaes_key **own) MUST_USE;

/* Unique Identifier and key version, as every answer about sealed data begins. */
void seal_key_put_id(struct writer *out, const struct object *o);
/* For ops/again.h, when ctx wants to know and the key was the thread's warm one: `in` was worked on in `context`; what it gave stands at out_at. */
void seal_key_tell(struct op_ctx *ctx, enum again_kind kind, const struct xaes_key *used, struct view in, struct view context, size_t out_at, size_t out_len);

#endif
