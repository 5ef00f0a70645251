/* Sealed stream "CFRS", suite 1 (docs/formats.md section 4):
 *     "CFRS" | suite u8 | log2 segment size u8 | flags u16 | key id (16) |
 *     key version u32 | salt (32) | nonce prefix (7) | commitment (32)
 *     segment 0 | segment 1 | …          each: ciphertext || tag (16)
 * The sealer and the opener keep the segment number themselves; after the last segment, or any error, they refuse
 * everything. Their keys live in the arena. One thread at a time each, but for what is said to take any. */
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
void stream_sealer_free(struct stream_sealer *s); /* gives a reference back, the last one wipes; accepts NULL */
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
void stream_opener_free(struct stream_opener *o); /* gives a reference back, the last one wipes; accepts NULL */
/* Bytes of plaintext of every segment but the last. */
size_t stream_opener_segment_size(const struct stream_opener *o);
/* True when the last segment has been opened: without it the stream was cut off. */
bool stream_opener_complete(const struct stream_opener *o);
/* Opens the next segment: ct is ciphertext || tag; last exactly when no byte follows it in the stream. Writes ct.len -
 * STREAM_TAG_LEN bytes to out, which may be ct.ptr itself; nothing is left there unless the tag matches. ERR_CONTEXT:
 * cut off, reordered, doubled, extended or altered. ERR_TRUNCATED: a segment too short for its place. ERR_TOO_LARGE:
 * longer than a segment. ERR_LIMIT, ERR_STATE as above. */
enum coffer_err stream_open_segment(struct stream_opener *o, struct view ct, bool last, uint8_t *out) MUST_USE;

/* Several segments of one stream at once: in the order of the stream each takes its place, which is all that moves the
 * stream on; the cipher's work on it may then be done by any thread, also while others work on other places. */
struct stream_ticket {
	uint32_t number;
	bool last;
	size_t plain_len; /* bytes */
};
/* Takes the place of the next segment, with the checks and errors of stream_seal_segment and stream_open_segment. */
enum coffer_err stream_sealer_take(struct stream_sealer *s, size_t plain_len, bool last, struct stream_ticket *out) MUST_USE;
enum coffer_err stream_opener_take(struct stream_opener *o, size_t plain_len, bool last, struct stream_ticket *out) MUST_USE;
/* Does the work on a place that was taken, once: a second plaintext at one place gives the key away. Any thread, several
 * at once. pt.len is the ticket's. The first writes pt.len + STREAM_TAG_LEN bytes, in place allowed, also in memory that
 * another process may change meanwhile: then one ciphertext of bytes of its choice comes out. The second reads ciphertext
 * and tag (ticket's length + STREAM_TAG_LEN) that another process may change meanwhile, and makes the plaintext in
 * scratch, which nobody else maps and which is wiped on failure (aead_open_shared). ERR_CONTEXT, ERR_MEMORY, ERR_CRYPTO;
 * what a failure means to the stream is for the caller to say (stream_sealer_end). */
enum coffer_err stream_seal_taken(struct stream_sealer *s, const struct stream_ticket *ticket, struct view pt, uint8_t *out) MUST_USE;
enum coffer_err stream_open_taken(struct stream_opener *o, const struct stream_ticket *ticket, struct view shared_ct,
	uint8_t *scratch) MUST_USE;
/* From now on no place is to be had. */
void stream_sealer_end(struct stream_sealer *s);
void stream_opener_end(struct stream_opener *o);
/* Whether a call failed or the stream was ended (not: its last segment is done). */
bool stream_sealer_ended(const struct stream_sealer *s);
bool stream_opener_ended(const struct stream_opener *o);
/* Another reference, to be given back with stream_sealer_free or stream_opener_free; any thread. */
struct stream_sealer *stream_sealer_ref(struct stream_sealer *s);
struct stream_opener *stream_opener_ref(struct stream_opener *o);

DEFINE_AUTO(struct stream_sealer, stream_sealer_free)
DEFINE_AUTO(struct stream_opener, stream_opener_free)

#endif
