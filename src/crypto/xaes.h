/* XAES-256-GCM (C2SP XAES-256-GCM): 24-byte random nonces, a fresh AES-256-GCM key derived for each message. */
#ifndef COFFER_CRYPTO_XAES_H
#define COFFER_CRYPTO_XAES_H

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

#define XAES_KEY_LEN 32u   /* bytes */
#define XAES_NONCE_LEN 24u
#define XAES_TAG_LEN 16u

/* Warm contexts of one key: AES-256 for the derivation, and one AES-256-GCM context re-keyed for each message; all in
 * the arena. No allocation per message. One thread at a time. The last message's derived key stays in the GCM context
 * (in the arena, beside the key it came from) until the next message or xaes_key_free; every other copy is wiped at
 * once. */
struct xaes_key;

/* The key is copied into the contexts. Caller frees. ERR_MEMORY, ERR_CRYPTO. */
enum coffer_err xaes_key_new(const uint8_t key[static XAES_KEY_LEN], struct xaes_key **out) MUST_USE;
void xaes_key_free(struct xaes_key *k); /* wipes; accepts NULL */

/* Writes pt.len + 16 bytes (ciphertext, then tag). out may be pt.ptr itself. ERR_TOO_LARGE over AEAD_TEXT_MAX. */
enum coffer_err xaes_seal(struct xaes_key *k, const uint8_t nonce[static XAES_NONCE_LEN], const struct view *aad_parts,
	size_t aad_count, struct view pt, uint8_t *out_ct_and_tag) MUST_USE;
/* Writes ct_and_tag.len - 16 bytes. out may be ct_and_tag.ptr itself. ERR_TRUNCATED: shorter than a tag. ERR_CONTEXT:
 * the tag does not match; out_pt is wiped. */
enum coffer_err xaes_open(struct xaes_key *k, const uint8_t nonce[static XAES_NONCE_LEN], const struct view *aad_parts,
	size_t aad_count, struct view ct_and_tag, uint8_t *out_pt) MUST_USE;

DEFINE_AUTO(struct xaes_key, xaes_key_free)

#endif
