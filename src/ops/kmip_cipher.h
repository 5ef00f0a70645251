/* Encrypt and Decrypt of KMIP: their fields, which cipher they use, and whether the key may be used so (KMIP 1.4 sections 3.6, 4.29, 4.30;
 * docs/formats.md section 5). Any thread. */
#ifndef COFFER_OPS_KMIP_CIPHER_H
#define COFFER_OPS_KMIP_CIPHER_H

#include "crypto/cipher_stream.h"
#include "ops/kmip_parts.h"

/* The fields of both payloads, behind the Unique Identifier. Views into the request. */
struct kmip_cipher_request {
	bool has_params;
	struct ttlv_item params;
	struct view data;
	bool has_iv;
	struct view iv;
	struct view aad;
	bool has_tag;
	struct view tag;
	struct kmip_parts parts;
};

struct kmip_cipher {
	struct cipher_params params;
	struct cipher_traits traits;
	size_t made_iv_len; /* bytes of an IV that the server makes: the IV Length, else what the mode likes best */
	bool random_iv;     /* the server makes the IV of an Encrypt */
	bool key_decides;   /* Random IV stands in the key's own parameters: a client's IV is refused */
};

/* Reads the payload to its end. A decryption may end with an Authenticated Encryption Tag. */
enum coffer_err kmip_cipher_read(struct op_ctx *ctx, struct ttlv_cursor *payload, enum cipher_way way, struct kmip_cipher_request *out) MUST_USE;
/* kmip_use_check for encryption or decryption. */
enum coffer_err kmip_cipher_check_key(struct op_ctx *ctx, enum cipher_way way) MUST_USE;
/* Parameters of the request against those of the key: a key that lists parameters serves only these; without any in the request its first
 * ones hold. ERR_MISSING, ERR_UNSUPPORTED, ERR_FIELD, ERR_DENIED (a mode that the key does not list). */
enum coffer_err kmip_cipher_choose(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_cipher *out) MUST_USE;
/* The thread's warm context of ctx->object, when it serves this cipher (AES-GCM with a nonce of 12 bytes and a whole tag); else *out is NULL, and
 * crypto/cipher.h does it. Borrowed. Errors of aead_key_new. */
enum coffer_err kmip_cipher_warm(struct op_ctx *ctx, const struct kmip_cipher *c, struct view iv, struct aead_key **out) MUST_USE;
/* The sentence and the Result Reason of what crypto/cipher.h refused; passes other errors on. */
enum coffer_err kmip_cipher_explain(struct op_ctx *ctx, enum coffer_err err) MUST_USE;

/* ---- in parts (kmip_cipher_parts.c) ---- */

/* The first part, with all that was chosen: writes the fields of the answer. */
enum coffer_err kmip_cipher_first(struct op_ctx *ctx, enum cipher_way way, const struct kmip_cipher_request *q, const struct kmip_cipher *c,
	struct view iv, struct writer *out) MUST_USE;
/* Every other part; checks the key again. */
enum coffer_err kmip_cipher_next(struct op_ctx *ctx, enum cipher_way way, const struct kmip_cipher_request *q, struct writer *out) MUST_USE;

#endif
