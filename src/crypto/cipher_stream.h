/* One message through a cipher of crypto/cipher.h in parts: what comes out is what cipher_encrypt and cipher_decrypt
 * make of the parts together. The state lives in the arena; one thread at a time.
 *
 * ECB, CBC, CTR, CFB, OFB and ChaCha20 give out text as it comes, and so do GCM and ChaCha20-Poly1305 when they
 * encrypt. Where the whole text is needed first, nothing leaves before cipher_stream_final: decryption under a tag (no
 * plaintext before it is verified), CCM (its length goes into the first block), XTS and key wrap. Such a stream gathers
 * at most CIPHER_GATHER_MAX bytes. */
#ifndef COFFER_CRYPTO_CIPHER_STREAM_H
#define COFFER_CRYPTO_CIPHER_STREAM_H

#include "base/cleanup.h"
#include "crypto/cipher.h"

#define CIPHER_GATHER_MAX (1024u * 1024u)                    /* bytes */
#define CIPHER_STREAM_MAX ((UINT64_C(1) << 36) - 32)         /* bytes of one stream that gives out text as it comes: those of GCM (SP 800-38D) */

struct cipher_stream;

enum cipher_way { CIPHER_DECRYPT, CIPHER_ENCRYPT };

/* Copies key and IV. ERR_UNSUPPORTED, ERR_FIELD as cipher_encrypt. *out is freed by the caller. */
enum coffer_err cipher_stream_new(const struct cipher_params *params, enum cipher_way way, struct view key,
	struct view iv, struct cipher_stream **out) MUST_USE;
void cipher_stream_free(struct cipher_stream *s); /* accepts NULL; wipes */
/* Whether all text is gathered until the end. */
bool cipher_stream_gathers(const struct cipher_stream *s);
/* More associated data, before the first text. ERR_FIELD: a mode without a tag. ERR_STATE: text has come, or the end.
 * ERR_TOO_LARGE: CIPHER_GATHER_MAX bytes in all. */
enum coffer_err cipher_stream_aad(struct cipher_stream *s, struct view aad) MUST_USE;
/* The tag that a decryption is to find, any time before the end. ERR_FIELD: its length, or an encryption. ERR_STATE. */
enum coffer_err cipher_stream_tag(struct cipher_stream *s, struct view tag) MUST_USE;
/* Appends to *out what can be given out already. ERR_TOO_LARGE: more than CIPHER_STREAM_MAX, or than is gathered. ERR_STATE:
 * after the end or after a failure, which ends the stream. */
enum coffer_err cipher_stream_update(struct cipher_stream *s, struct view text, struct buf *out) MUST_USE;
/* The rest of the text; the tag of an encryption (*out_tag_len is 0 otherwise). Nothing but cipher_stream_free may
 * follow. ERR_FIELD: the whole text has a length that does not suit; a decryption without its tag. ERR_CONTEXT: tag or
 * padding does not match, nothing is appended. */
enum coffer_err cipher_stream_final(struct cipher_stream *s, struct buf *out, uint8_t out_tag[static CIPHER_TAG_MAX],
	size_t *out_tag_len) MUST_USE;

DEFINE_AUTO(struct cipher_stream, cipher_stream_free)

#endif
