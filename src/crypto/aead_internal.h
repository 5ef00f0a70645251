/* Re-keying of a warm AES-GCM context, for constructions with one key per message. */
#ifndef COFFER_CRYPTO_AEAD_INTERNAL_H
#define COFFER_CRYPTO_AEAD_INTERNAL_H

#include "crypto/aead.h"

/* aead_seal and aead_open under another key of the same length, which stays in the context. new_key NULL: the key that
 * is there. */
enum coffer_err aead_seal_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view pt, uint8_t *out_ct,
	uint8_t out_tag[static AEAD_TAG_LEN]) MUST_USE;
enum coffer_err aead_open_rekeyed(struct aead_key *k, const uint8_t *new_key, const uint8_t nonce[static AEAD_NONCE_LEN],
	const struct view *aad, size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN],
	uint8_t *out_pt) MUST_USE;

#endif
