/* Inside the ciphers: a row of the table, and one message on its way through OpenSSL. */
#ifndef COFFER_CRYPTO_CIPHER_INTERNAL_H
#define COFFER_CRYPTO_CIPHER_INTERNAL_H

#include "crypto/algs.h"
#include "crypto/cipher_stream.h"
#include "crypto/ossl.h"

enum cipher_kind {
	CIPHER_KIND_PLAIN, /* blocks and key streams */
	CIPHER_KIND_AEAD,  /* GCM, ChaCha20-Poly1305 */
	CIPHER_KIND_CCM,   /* a tag, and the length comes first */
	CIPHER_KIND_XTS,
	CIPHER_KIND_WRAP   /* by crypto/keywrap.h, not through a run */
};

struct cipher_row {
	uint32_t algorithm, mode;
	enum cipher_kind kind;
	bool pads;               /* takes a padding */
	const uint8_t *key_lens; /* bytes, ends with 0; the algorithm of the nth length is first + n */
	enum alg first;
	size_t tag_min;          /* bytes */
	struct cipher_traits traits;
};

/* ERR_UNSUPPORTED. *out_padding is never 0. */
enum coffer_err cipher_row_find(const struct cipher_params *params, const struct cipher_row **out, uint32_t *out_padding) MUST_USE;
/* Of the whole text, in the direction. ERR_FIELD, ERR_TOO_LARGE. */
enum coffer_err cipher_row_check_text(const struct cipher_row *row, uint32_t padding, enum cipher_way way, size_t iv_len,
	uint64_t text_len) MUST_USE;

/* Nothing secret in itself: what is lies in the arena. */
struct cipher_run {
	EVP_CIPHER_CTX *ctx;
	const struct cipher_row *row;
	struct cipher_traits traits;
	uint32_t padding;
	enum cipher_way way;
	size_t iv_len;
	uint64_t text_len;                /* so far */
	struct buf held;                  /* decrypted block that is perhaps padding: empty or block_len bytes */
};

/* Checks key and IV and makes run->ctx ready for associated data or text; not for key wrap. For CCM alone: the length of the text, and of
 * a decryption the tag. cipher_run_done also after a failure. */
enum coffer_err cipher_run_start(struct cipher_run *run, const struct cipher_params *params, enum cipher_way way,
	struct view key, struct view iv, size_t ccm_len, struct view ccm_tag) MUST_USE;
void cipher_run_done(struct cipher_run *run);
enum coffer_err cipher_run_aad(struct cipher_run *run, struct view aad) MUST_USE;
/* Appends what comes out. ERR_CONTEXT: CCM's tag. */
enum coffer_err cipher_run_text(struct cipher_run *run, struct view text, struct buf *out) MUST_USE;
/* Checks the length of the whole, then padding and tag: `tag` is what a decryption is to find. */
enum coffer_err cipher_run_end(struct cipher_run *run, struct view tag, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX],
	size_t *out_tag_len) MUST_USE;

/* ---- cipher_pad.c ---- */

/* Writes the padding (0 to block_len bytes) that follows text_len bytes. */
enum coffer_err cipher_pad_make(uint32_t padding, size_t block_len, uint64_t text_len, uint8_t out[static CIPHER_BLOCK_MAX],
	size_t *out_len) MUST_USE;
/* Whether the last block ends in right padding, in a time that does not depend on its bytes; *out_keep: bytes of text in it. */
bool cipher_pad_check(uint32_t padding, const uint8_t *block, size_t block_len, size_t *out_keep);

#endif
