/* AES Key Wrap (RFC 3394) and AES Key Wrap with Padding (RFC 5649), default IVs. */
#ifndef COFFER_CRYPTO_KEYWRAP_H
#define COFFER_CRYPTO_KEYWRAP_H

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum keywrap_kind { KEYWRAP_RFC3394, KEYWRAP_RFC5649 };

#define KEYWRAP_TEXT_MAX (64u * 1024u) /* bytes */

/* Appends the wrapped bytes to *out. key of 16, 24, 32 bytes. RFC 3394 takes 16 bytes and more in multiples of 8, RFC
 * 5649 takes 1 byte and more; else ERR_FIELD. Any thread. */
enum coffer_err keywrap_wrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out) MUST_USE;
/* Appends the unwrapped bytes. ERR_CONTEXT: the integrity check fails, or the length is none that wrapping makes. */
enum coffer_err keywrap_unwrap(struct view key, enum keywrap_kind kind, struct view in, struct buf *out) MUST_USE;

#endif
