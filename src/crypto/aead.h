/* AES-GCM (SP 800-38D) with 12-byte nonces and 16-byte tags over a warm context: no allocation per call. */
#ifndef COFFER_CRYPTO_AEAD_H
#define COFFER_CRYPTO_AEAD_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

#define AEAD_NONCE_LEN 12u /* bytes */
#define AEAD_TAG_LEN 16u
#define AEAD_TEXT_MAX (1024u * 1024u * 1024u) /* bytes of plaintext or of associated data per call */

/* One key and its cipher context, in the arena. One thread at a time. */
struct aead_key;

/* key_len 16, 24 or 32, else ERR_FIELD. The key is copied. Caller frees. */
enum coffer_err aead_key_new(const uint8_t *key, size_t key_len, struct aead_key **out) MUST_USE;
void aead_key_free(struct aead_key *k); /* wipes; accepts NULL */

/* Seals pt under nonce; associated data is the parts, one after another. out_ct has pt.len bytes and may be pt.ptr
 * itself; no other overlap. The caller answers for the nonce being new. ERR_TOO_LARGE over AEAD_TEXT_MAX. On failure
 * out_ct is wiped. */
enum coffer_err aead_seal(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view pt, uint8_t *out_ct, uint8_t out_tag[static AEAD_TAG_LEN]) MUST_USE;
/* Opens ct. out_pt has ct.len bytes and may be ct.ptr itself. ERR_CONTEXT when the tag does not match: then out_pt is
 * wiped, so that nothing unproven stays (in place: the ciphertext is gone as well). */
enum coffer_err aead_open(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], const struct view *aad,
	size_t aad_count, struct view ct, const uint8_t tag[static AEAD_TAG_LEN], uint8_t *out_pt) MUST_USE;
/* Opens ciphertext || tag in memory that another process may change at any moment; no associated data. Every byte is
 * fetched into memory of our own before it is used, and never looked at there again: the tag first, then the ciphertext
 * in pieces of AEAD_SHARED_PIECE. The plaintext, ct_and_tag.len - AEAD_TAG_LEN bytes, is made in scratch: the caller's
 * own memory, which nobody else maps and which does not overlap. ERR_TRUNCATED: shorter than a tag. ERR_TOO_LARGE.
 * ERR_CONTEXT: the tag does not match what was fetched; scratch is wiped, also on any other failure after the fetch. */
#define AEAD_SHARED_PIECE 4096u /* bytes; stays in the first-level cache between copy and decryption */
enum coffer_err aead_open_shared(struct aead_key *k, const uint8_t nonce[static AEAD_NONCE_LEN], struct view ct_and_tag,
	uint8_t *scratch) MUST_USE;
/* Gives what was opened that way, and whose tag was right, to the other process: len bytes. */
void aead_copy_back(uint8_t *shared, const uint8_t *scratch, size_t len);

DEFINE_AUTO(struct aead_key, aead_key_free)

#endif
