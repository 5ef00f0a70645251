/* The core of sealed streams: Tink's AES-GCM-HKDF streaming construction, one segment at a time.
 *     nonce = prefix (7) | segment number u32 | last u8        associated data empty
 * Keeps no state: number and flag come from the caller (stream.c, and the published vectors). */
#ifndef COFFER_CRYPTO_STREAM_CORE_H
#define COFFER_CRYPTO_STREAM_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "crypto/aead.h"
#include "crypto/kdf.h"

#define STREAM_CORE_PREFIX_LEN 7u /* bytes */

/* Derives out_len bytes for one stream from the input key: HKDF(hash, key, salt, info). */
enum coffer_err stream_core_derive(enum kdf_hash hash, struct view key, struct view salt, struct view info,
	uint8_t *out, size_t out_len) MUST_USE;
/* Writes pt.len + 16 bytes; in place allowed. */
enum coffer_err stream_core_seal(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view pt, uint8_t *out) MUST_USE;
/* Writes ct.len - 16 bytes; in place allowed. ERR_TRUNCATED: shorter than a tag. ERR_CONTEXT: the tag does not match;
 * out is wiped. */
enum coffer_err stream_core_open(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view ct, uint8_t *out) MUST_USE;
/* The same of ciphertext || tag that another process may change meanwhile; the plaintext is made in scratch, which must
 * not be shared (aead_open_shared). */
enum coffer_err stream_core_open_shared(struct aead_key *k, const uint8_t prefix[static STREAM_CORE_PREFIX_LEN],
	uint32_t number, bool last, struct view shared_ct, uint8_t *scratch) MUST_USE;

#endif
