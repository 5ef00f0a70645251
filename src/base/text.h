/* Hex, base32, UUID text, numbers and strings shown to people. Not constant time: never for secrets, except the
 * base32 pair, which uses no secret-dependent table look-ups or branches (recovery shares). */
#ifndef COFFER_BASE_TEXT_H
#define COFFER_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

#define UUID_LEN 16u      /* bytes */
#define UUID_TEXT_LEN 36u /* characters without NUL */

/* Lower-case hex; out has 2*len+1 bytes and is NUL-terminated. */
void text_hex(struct view bytes, char *out);
/* Exactly out_len bytes from 2*out_len hex digits of either case; else ERR_INPUT. */
enum coffer_err text_unhex(struct view text, uint8_t *out, size_t out_len) MUST_USE;
/* RFC 4122 text, lower case; out has UUID_TEXT_LEN+1 bytes. */
void text_uuid(const uint8_t uuid[static UUID_LEN], char out[static UUID_TEXT_LEN + 1]);
/* Accepts exactly the 36-character form; else ERR_INPUT. */
enum coffer_err text_parse_uuid(struct view text, uint8_t out[static UUID_LEN]) MUST_USE;
/* RFC 4648 base32 alphabet without padding; out has (len*8+4)/5+1 bytes, NUL-terminated. */
void text_base32(struct view bytes, char *out);
/* Accepts either case; ignores nothing else; *out_len = bytes written, at most out_cap; else ERR_INPUT. The
 * spare bits of the last character must be zero, so that each byte string has one text. */
enum coffer_err text_unbase32(struct view text, uint8_t *out, size_t out_cap, size_t *out_len) MUST_USE;
/* Decimal u64 without sign or spaces; ERR_INPUT when it is not one or does not fit. */
enum coffer_err text_parse_u64(struct view text, uint64_t *out) MUST_USE;
/* True when the bytes are well-formed UTF-8 without NUL (RFC 3629: no surrogates, no overlong forms). */
bool text_is_utf8(struct view bytes);
/* Reads the character that the bytes begin with. Its length in bytes; 0 when they are none or not well-formed. */
size_t text_utf8_char(struct view bytes, uint32_t *out_code);
/* Copies text for a log line or terminal: control characters, ESC, marks that reorder text and broken UTF-8 become '?';
 * NUL-terminated, truncated to whole characters. */
void text_printable(struct view bytes, char *out, size_t out_cap);

#endif
