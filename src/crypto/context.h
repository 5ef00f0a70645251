/* The caller's context of sealed messages and streams: name=value pairs and their one encoding (docs/formats.md
 * section 3).
 *     for each pair, sorted by name as unsigned bytes: u32 length, name, u32 length, value
 * Not secret. A value type: no allocation, names and values are borrowed. */
#ifndef COFFER_CRYPTO_CONTEXT_H
#define COFFER_CRYPTO_CONTEXT_H

#include <stddef.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"
#include "base/writer.h"

#define CONTEXT_PAIRS_MAX 64u
#define CONTEXT_NAME_MAX 255u      /* bytes; at least 1; UTF-8 without NUL */
#define CONTEXT_VALUE_MAX 4096u    /* bytes; may be empty */
#define CONTEXT_ENCODED_MAX 16384u /* bytes */

struct context_pair {
	struct view name;
	struct view value;
};

struct context {
	struct context_pair pairs[CONTEXT_PAIRS_MAX]; /* sorted by name */
	size_t count;
	size_t encoded_len; /* bytes; 0 without pairs */
};

void context_init(struct context *c);
/* Adds a pair at its place; any order will do. ERR_FIELD: bad or doubled name. ERR_TOO_LARGE: value, name or the whole.
 * ERR_LIMIT: too many pairs. The sentence names the pair; reason may be NULL. The context is unchanged on failure. */
enum coffer_err context_add(struct context *c, struct view name, struct view value, struct reason *reason) MUST_USE;
/* Writes encoded_len bytes. */
void context_encode(const struct context *c, struct writer *w);
/* Reads an encoding; the views borrow from it. Strict: unsorted or doubled names, leftover bytes and all that
 * context_add refuses are ERR_FIELD, ERR_TOO_LARGE, ERR_LIMIT; an end too early is ERR_TRUNCATED. */
enum coffer_err context_parse(struct view encoded, struct context *out, struct reason *reason) MUST_USE;

#endif
