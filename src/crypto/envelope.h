/* Sealed message "CFR1", suite 1 = XAES-256-GCM (docs/formats.md sections 3 and 6):
 *     "CFR1" | suite u8 | flags u8 | reserved u16 | key id (16) | key version u32 | nonce (24) | ciphertext | tag (16)
 * Associated data: the header, then the context (message) or the row binding R (record of the store). */
#ifndef COFFER_CRYPTO_ENVELOPE_H
#define COFFER_CRYPTO_ENVELOPE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/text.h"
#include "base/view.h"
#include "crypto/rng.h"
#include "crypto/xaes.h"

#define ENVELOPE_HEADER_LEN 52u /* bytes */
#define ENVELOPE_OVERHEAD (ENVELOPE_HEADER_LEN + XAES_TAG_LEN)
#define ENVELOPE_MESSAGE_MAX (1024u * 1024u)     /* bytes of plaintext of a message */
#define ENVELOPE_RECORD_MAX (2u * 1024u * 1024u) /* bytes of plaintext of a record */

/* The flags byte: a record is refused where a message is asked for, and the other way round. */
enum envelope_kind { ENVELOPE_MESSAGE = 0x00, ENVELOPE_RECORD = 0x01 };

struct envelope_header {
	enum envelope_kind kind;
	uint8_t key_id[UUID_LEN]; /* message: UUID of the key version's object; record: domain id */
	uint32_t key_version;     /* 1 and up; record: generation */
	uint8_t nonce[XAES_NONCE_LEN];
};

/* Bytes of the sealed form of pt_len bytes. */
static inline size_t envelope_size(size_t pt_len) { return pt_len + ENVELOPE_OVERHEAD; }
/* Bytes of plaintext in a sealed form of sealed_len bytes; 0 when it is too short. */
static inline size_t envelope_plain_size(size_t sealed_len)
{
	return sealed_len > ENVELOPE_OVERHEAD ? sealed_len - ENVELOPE_OVERHEAD : 0;
}

/* Reads the header of a whole sealed message or record, before any key is used. ERR_FOREIGN: not our magic.
 * ERR_VERSION: unknown suite, flag or reserved byte. ERR_TRUNCATED: shorter than header and tag. ERR_TOO_LARGE: more
 * than the kind allows. ERR_FIELD: key version 0. */
enum coffer_err envelope_parse_header(struct view sealed, struct envelope_header *out) MUST_USE;

/* Seals pt under a fresh random nonce from pool (NULL: from the generator). Writes envelope_size(pt.len) bytes to out;
 * pt may already stand at out + ENVELOPE_HEADER_LEN, no other overlap. aad: the encoded context, or R. ERR_TOO_LARGE,
 * ERR_FIELD (key version 0). */
enum coffer_err envelope_seal(struct xaes_key *key, struct rng_pool *pool, enum envelope_kind kind,
	const uint8_t key_id[static UUID_LEN],
	uint32_t key_version, struct view aad, struct view pt, uint8_t *out) MUST_USE;
/* Parses the header (errors above; another kind than asked for: ERR_VERSION) and opens. Writes
 * envelope_plain_size(sealed.len) bytes to out; out may be sealed.ptr + ENVELOPE_HEADER_LEN. That key id and version
 * are the key's own is for the caller to check first. ERR_CONTEXT: key, context, header or bytes are others; out is
 * wiped. */
enum coffer_err envelope_open(struct xaes_key *key, enum envelope_kind kind, struct view sealed, struct view aad,
	uint8_t *out) MUST_USE;

#endif
