/* Sealed stream "CFRS", suite 1 (docs/formats.md section 4):
 *     "CFRS" | suite u8 | log2 segment size u8 | flags u16 | key id (16) |
 *     key version u32 | salt (32) | nonce prefix (7) | commitment (32)
 *     segment 0 | segment 1 | …          each: ciphertext || tag (16)
 * The sealer and the opener keep the segment number themselves; after the last segment, or any error, they refuse
 * everything. Their keys live in the arena. One thread at a time each. */
#ifndef COFFER_CRYPTO_STREAM_H
#define COFFER_CRYPTO_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/text.h"
#include "base/view.h"
#include "crypto/aead.h"

#define STREAM_HEADER_LEN 99u /* bytes */
#define STREAM_KEY_LEN 32u
#define STREAM_SALT_LEN 32u
#define STREAM_PREFIX_LEN 7u
#define STREAM_COMMITMENT_LEN 32u
#define STREAM_TAG_LEN AEAD_TAG_LEN
#define STREAM_BITS_MIN 16u     /* log2 of the segment size in bytes of plaintext */
#define STREAM_BITS_MAX 24u
#define STREAM_BITS_DEFAULT 20u
#define STREAM_PLAIN_MAX (UINT64_C(1) << 48) /* bytes of plaintext of a whole stream */

struct stream_header {
	unsigned segment_bits;
	uint8_t key_id[UUID_LEN];
	uint32_t key_version;
	uint8_t salt[STREAM_SALT_LEN];
	uint8_t prefix[STREAM_PREFIX_LEN];
	uint8_t commitment[STREAM_COMMITMENT_LEN];
};

/* Reads the first STREAM_HEADER_LEN bytes of `bytes`, before any key is used. ERR_FOREIGN: not our magic. ERR_VERSION:
 * unknown suite or flag. ERR_FIELD: segment size or key version out of range. ERR_TRUNCATED: fewer bytes. */
enum coffer_err stream_header_parse(struct view bytes, struct stream_header *out) MUST_USE;

struct stream_sealer;
/* Begins a stream: random salt and prefix, derived segment key and commitment. key: the seal-stream subkey (copied).
 * context: encoded, at most CONTEXT_ENCODED_MAX bytes (ERR_TOO_LARGE). ERR_FIELD: segment_bits, key version 0. Caller
 * frees. */
enum coffer_err stream_sealer_new(const uint8_t key[static STREAM_KEY_LEN], const uint8_t key_id[static UUID_LEN],
	uint32_t key_version, struct view context, unsigned segment_bits, uint8_t out_header[static STREAM_HEADER_LEN],
	struct stream_sealer **out) MUST_USE;
void stream_sealer_free(struct stream_sealer *s); /* wipes; accepts NULL */
/* Bytes of plaintext of every segment but the last. */
size_t stream_sealer_segment_size(const struct stream_sealer *s);
/* Seals the next segment: writes pt.len + STREAM_TAG_LEN bytes to out, which may be pt.ptr itself. Every segment but
 * the last has exactly the segment size, the last 1 byte to the segment size, and 0 bytes only as the first: else
 * ERR_FIELD. ERR_LIMIT: the stream is as long as a stream may be. ERR_STATE: the last segment is sealed, or a call
 * failed before. */
enum coffer_err stream_seal_segment(struct stream_sealer *s, struct view pt, bool last, uint8_t *out) MUST_USE;

struct stream_opener;
/* Begins to open: header is the first STREAM_HEADER_LEN bytes (errors of stream_header_parse). ERR_CONTEXT: the
 * commitment, compared in constant time, is not this key's and context's. That key id and version are the key's own is
 * for the caller to check. Caller frees. */
enum coffer_err stream_opener_new(const uint8_t key[static STREAM_KEY_LEN], struct view header, struct view context,
	struct stream_opener **out) MUST_USE;
void stream_opener_free(struct stream_opener *o); /* wipes; accepts NULL */
/* Bytes of plaintext of every segment but the last. */
size_t stream_opener_segment_size(const struct stream_opener *o);
/* True when the last segment has been opened: without it the stream was cut off. */
bool stream_opener_complete(const struct stream_opener *o);
/* Opens the next segment: ct is ciphertext || tag; last exactly when no byte follows it in the stream. Writes ct.len -
 * STREAM_TAG_LEN bytes to out, which may be ct.ptr itself; nothing is left there unless the tag matches. ERR_CONTEXT:
 * cut off, reordered, doubled, extended or altered. ERR_TRUNCATED: a segment too short for its place. ERR_TOO_LARGE:
 * longer than a segment. ERR_LIMIT, ERR_STATE as above. */
enum coffer_err stream_open_segment(struct stream_opener *o, struct view ct, bool last, uint8_t *out) MUST_USE;

DEFINE_AUTO(struct stream_sealer, stream_sealer_free)
DEFINE_AUTO(struct stream_opener, stream_opener_free)

#endif
