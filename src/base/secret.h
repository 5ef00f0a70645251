/* struct secret: the only home of key bytes, PINs and passphrases (style.md 17, 18). Lives in the arena; length fixed at
 * creation; wiped on free. There is no formatter for it on purpose. */
#ifndef COFFER_BASE_SECRET_H
#define COFFER_BASE_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/view.h"

struct secret;

#define SECRET_MAX (64u * 1024u) /* bytes */

/* A zeroed secret of len bytes (1..SECRET_MAX); NULL when the arena is full. Caller frees. */
struct secret *secret_new(size_t len);
/* A copy of len bytes. Caller frees, and wipes its own source. */
struct secret *secret_copy(const void *bytes, size_t len);
/* Wipes and frees; accepts NULL. */
void secret_free(struct secret *s);

size_t secret_len(const struct secret *s);
const uint8_t *secret_bytes(const struct secret *s); /* borrowed */
uint8_t *secret_mut(struct secret *s);               /* borrowed, writable */
struct view secret_view(const struct secret *s);     /* borrowed */
/* Constant time in the contents. */
bool secret_equal(const struct secret *a, const struct secret *b);

DEFINE_AUTO(struct secret, secret_free)
#define AUTO_SECRET AUTO(auto_secret_free)

#endif
