/* Ciphers that a KMIP client chooses for a key (docs/formats.md section 5). The values are KMIP's, so they are copied
 * and not mapped; what the table in cipher.c does not list is refused. */
#ifndef COFFER_CRYPTO_CIPHER_H
#define COFFER_CRYPTO_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

/* KMIP Cryptographic Algorithm, Block Cipher Mode, Padding Method (KMIP 2.1, 11.13, 11.5, 11.36). */
#define CIPHER_AES 0x03u
#define CIPHER_CBC 0x01u
#define CIPHER_ECB 0x02u
#define CIPHER_CTR 0x06u
#define CIPHER_GCM 0x09u
#define CIPHER_PAD_NONE 0x01u
#define CIPHER_PAD_PKCS5 0x03u

#define CIPHER_TAG_MAX 16u /* bytes */
#define CIPHER_IV_MAX 128u
#define CIPHER_TEXT_MAX (1024u * 1024u * 1024u)

struct cipher_params {
	uint32_t algorithm;
	uint32_t mode;
	uint32_t padding; /* 0: none */
	uint32_t tag_len; /* bytes; modes with a tag alone: 12 to 16, or 0 for 16. Other modes: 0 */
};

/* What a choice needs. */
struct cipher_traits {
	size_t iv_len;    /* bytes of the IV that the server makes; 0: none */
	size_t iv_min;    /* bytes that a client's IV may have */
	size_t iv_max;
	size_t tag_len;   /* bytes, after the default; 0: no tag */
	size_t block_len; /* without padding the text is a multiple of this */
};

/* ERR_UNSUPPORTED: the table has no such row. ERR_FIELD: tag length. */
enum coffer_err cipher_traits(const struct cipher_params *params, struct cipher_traits *out) MUST_USE;

/* Appends the ciphertext to *out (borrowed; taken back on failure). key of 16, 24, 32 bytes, else ERR_FIELD. ERR_FIELD:
 * IV length, associated data in a mode without a tag, a text that is no multiple of the block without padding.
 * ERR_TOO_LARGE: text over CIPHER_TEXT_MAX. *out_tag_len is 0 in a mode without a tag. Any thread. */
enum coffer_err cipher_encrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view pt, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len) MUST_USE;
/* Appends the plaintext to *out. tag of exactly params' length (empty in a mode without). ERR_CONTEXT: tag or padding
 * does not match (one error for all that depends on the bytes); then nothing is appended and what was decrypted is
 * wiped. */
enum coffer_err cipher_decrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view ct, struct view tag, struct buf *out) MUST_USE;

#endif
