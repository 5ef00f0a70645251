/* Which cipher an Encrypt or Decrypt of KMIP uses, and whether the key may be used so (KMIP 1.4 sections 3.6, 4.29, 4.30; docs/formats.md section 5).
 * Any thread. */
#ifndef COFFER_OPS_KMIP_CIPHER_H
#define COFFER_OPS_KMIP_CIPHER_H

#include "crypto/cipher.h"
#include "objects/lifecycle.h"
#include "ops/op.h"

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
};

struct kmip_cipher {
	struct cipher_params params;
	struct cipher_traits traits;
	bool random_iv;   /* the server makes the IV of an Encrypt */
	bool key_decides; /* Random IV stands in the key's own parameters: a client's IV is refused */
};

/* Reads the payload to its end. with_tag: the payload may end with an Authenticated Encryption Tag. */
enum coffer_err kmip_cipher_read(struct op_ctx *ctx, struct ttlv_cursor *payload, bool with_tag, struct kmip_cipher_request *out) MUST_USE;
/* Usage mask, state and dates of ctx->object. ERR_STATE, ERR_DENIED (usage mask). */
enum coffer_err kmip_cipher_check_key(struct op_ctx *ctx, enum object_use use) MUST_USE;
/* Parameters of the request against those of the key: a key that lists modes serves only these; without any in the request its first ones hold.
 * ERR_MISSING, ERR_UNSUPPORTED, ERR_FIELD, ERR_DENIED (a mode that the key does not list). */
enum coffer_err kmip_cipher_choose(struct op_ctx *ctx, const struct kmip_cipher_request *request, struct kmip_cipher *out) MUST_USE;

#endif
