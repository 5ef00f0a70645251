/* Sealing under a given nonce, for frozen vectors alone: a caller never supplies a nonce. */
#ifndef COFFER_CRYPTO_ENVELOPE_INTERNAL_H
#define COFFER_CRYPTO_ENVELOPE_INTERNAL_H

#include "crypto/envelope.h"

/* envelope_seal with the header's nonce. */
enum coffer_err envelope_seal_header(struct xaes_key *key, const struct envelope_header *header, struct view aad,
	struct view pt, uint8_t *out) MUST_USE;

#endif
