/* Keys wrapped by keys (KMIP 1.4 sections 2.1.5, 2.1.6, 4.11): AES Key Wrap (RFC 3394) and AES Key Wrap with Padding (RFC 5649) by a symmetric
 * key in the store. Store lane where nothing else is said. */
#ifndef COFFER_OPS_KMIP_WRAP_H
#define COFFER_OPS_KMIP_WRAP_H

#include "base/buf.h"
#include "kmip/keyblock.h"
#include "kmip/wrapping.h"
#include "ops/op.h"

/* Bytes of a wrapped or unwrapped key; what a block made from it refers to. Wiped by its owner. */
struct kmip_wrap_bytes {
	struct buf value;           /* the wrapped Key Value, or the plain one */
	struct buf data;            /* the encoded Key Wrapping Data */
};
void kmip_wrap_bytes_free(struct kmip_wrap_bytes *bytes);
#define AUTO_WRAP_BYTES __attribute__((cleanup(kmip_wrap_bytes_free)))

/* Reads a Key Wrapping Specification that can be carried out. ERR_UNSUPPORTED: MAC or signature, other wrapping methods; ERR_MISSING, ERR_FIELD,
 * ERR_INPUT, ERR_LIMIT. */
enum coffer_err kmip_wrap_read(struct op_ctx *ctx, const struct ttlv_item *specification, struct kmip_wrapping *out) MUST_USE;
/* Wraps the plain *block of ctx->object as the specification says: *block then is the wrapped one and borrows from *bytes. ERR_NOT_FOUND,
 * ERR_DENIED, ERR_STATE: the wrapping key; ERR_FIELD: an Encoding Option that this key cannot have; ERR_UNSUPPORTED: a Block Cipher Mode. */
enum coffer_err kmip_wrap(struct op_ctx *ctx, const struct kmip_wrapping *spec, struct kmip_key_block *block, struct kmip_wrap_bytes *bytes)
	MUST_USE;
/* Unwraps the *block of a key that was registered wrapped, by a key in the store that may unwrap: *block then is the plain one and borrows from
 * *bytes. A key that may also wrap is refused: else who may use it could get a sensitive key wrapped, register that, and get it in clear. Errors as above; ERR_CONTEXT: the bytes do not open with that key. */
enum coffer_err kmip_unwrap(struct op_ctx *ctx, struct kmip_key_block *block, struct kmip_wrap_bytes *bytes) MUST_USE;
/* Decrypt by ctx->object, any lane: a key that may wrap does not decrypt in a mode that would open what it wrapped. ERR_DENIED with a sentence. */
enum coffer_err kmip_wrap_check_decrypt(struct op_ctx *ctx, uint32_t mode) MUST_USE;

#endif
