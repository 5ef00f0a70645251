/* Ciphers that a KMIP client chooses for a key (docs/formats.md section 5). The values are KMIP's, so they are copied
 * and not mapped; what the table in cipher_table.c does not list is refused.
 *
 * The rows, and what each standard asks of its lengths:
 *   AES       ECB CBC (SP 800-38A)      every padding below; IV 16 bytes (CBC)
 *             CTR CFB OFB (SP 800-38A)  any length, IV 16 bytes; CFB is CFB128
 *             GCM (SP 800-38D)          IV 1 to 128 bytes, tag 12 to 16
 *             CCM (SP 800-38C)          nonce 7 to 13 bytes, tag 4 to 16 and even, text under 2^(8 * (15 - nonce)) bytes
 *             XTS (SP 800-38E)          key of 32 or 64 bytes whose halves differ, tweak 16 bytes, text 16 bytes to 16 MiB
 *             NISTKeyWrap (RFC 3394), AESKeyWrapPadding (RFC 5649): no IV; lengths as in crypto/keywrap.h
 *   3DES      ECB CBC                   every padding below; key of 16 or 24 bytes; IV 8 bytes (CBC); legacy
 *   ChaCha20  no mode                   IV of 16 bytes (RFC 8439 section 2.3: counter, little endian, and nonce) or of 8
 *                                       bytes (a nonce under a 64-bit counter that begins at 0)
 *   ChaCha20-Poly1305 (RFC 8439)        no mode or AEAD; nonce 12 bytes, tag 12 to 16
 *
 * Zeros fills the last block with zeros when it is not full; decryption leaves them, since nothing tells them from
 * text. Every other padding adds 1 to a block's length of bytes. A wrong padding and a wrong tag are one error. */
#ifndef COFFER_CRYPTO_CIPHER_H
#define COFFER_CRYPTO_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

/* KMIP Cryptographic Algorithm, Block Cipher Mode, Padding Method (KMIP 1.4, 9.1.3.2.13 to 9.1.3.2.15). */
#define CIPHER_3DES 0x02u
#define CIPHER_AES 0x03u
#define CIPHER_CHACHA20 0x1cu
#define CIPHER_CHACHA20_POLY1305 0x1eu
#define CIPHER_CBC 0x01u
#define CIPHER_ECB 0x02u
#define CIPHER_CFB 0x04u
#define CIPHER_OFB 0x05u
#define CIPHER_CTR 0x06u
#define CIPHER_CMAC 0x07u /* of crypto/mac.h */
#define CIPHER_CCM 0x08u
#define CIPHER_GCM 0x09u
#define CIPHER_XTS 0x0bu
#define CIPHER_KEY_WRAP_PADDING 0x0cu
#define CIPHER_NIST_KEY_WRAP 0x0du
#define CIPHER_AEAD 0x12u
#define CIPHER_PAD_NONE 0x01u
#define CIPHER_PAD_PKCS5 0x03u
#define CIPHER_PAD_ZEROS 0x05u
#define CIPHER_PAD_ANSI_X9_23 0x06u
#define CIPHER_PAD_ISO_10126 0x07u

#define CIPHER_TAG_MAX 16u /* bytes */
#define CIPHER_BLOCK_MAX 16u
#define CIPHER_IV_MAX 128u
#define CIPHER_TEXT_MAX (1024u * 1024u * 1024u)
#define CIPHER_XTS_MAX (16u * 1024u * 1024u)    /* one data unit: 2^20 blocks (SP 800-38E) */

struct cipher_params {
	uint32_t algorithm;
	uint32_t mode;    /* 0: none (ChaCha20 alone has none) */
	uint32_t padding; /* 0: none */
	uint32_t tag_len; /* bytes; 0: the longest of the mode. Modes without a tag: 0 */
};

/* What a choice needs. */
struct cipher_traits {
	size_t iv_len;    /* bytes of the IV that the server makes; 0: none */
	size_t iv_min;    /* bytes that a client's IV may have */
	size_t iv_max;
	size_t tag_len;   /* bytes, after the default; 0: no tag */
	size_t block_len; /* without padding the text is a multiple of this */
	bool legacy;      /* refuse it unless the configuration allows legacy algorithms */
};

/* ERR_UNSUPPORTED: the table has no such row. ERR_FIELD: tag length. Any thread. */
enum coffer_err cipher_traits(const struct cipher_params *params, struct cipher_traits *out) MUST_USE;

/* Appends the ciphertext to *out (borrowed; taken back on failure). ERR_FIELD: length of key or IV, equal halves of an
 * XTS key, associated data in a mode without a tag, a text whose length does not suit mode and padding. ERR_TOO_LARGE:
 * text over CIPHER_TEXT_MAX or over what the mode carries. *out_tag_len is 0 in a mode without a tag. Any thread. */
enum coffer_err cipher_encrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view pt, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX], size_t *out_tag_len) MUST_USE;
/* Appends the plaintext to *out. tag of exactly params' length (empty in a mode without). ERR_CONTEXT: tag, padding or
 * the check of a key wrap does not match (one error for all that depends on the bytes); then nothing is appended and
 * what was decrypted is wiped. */
enum coffer_err cipher_decrypt(const struct cipher_params *params, struct view key, struct view iv, struct view aad,
	struct view ct, struct view tag, struct buf *out) MUST_USE;

#endif
