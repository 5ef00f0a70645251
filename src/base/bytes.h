/* A growable byte buffer in ordinary memory, for what is no secret (sealed rows, archives). One owner, one thread at a time. */
#ifndef COFFER_BASE_BYTES_H
#define COFFER_BASE_BYTES_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct bytes {
	uint8_t *ptr; /* NULL when cap is 0 */
	size_t len, cap;
};

#define BYTES_EMPTY ((struct bytes){ NULL, 0, 0 })

/* Room for `extra` more bytes behind len. ERR_MEMORY. */
enum coffer_err bytes_reserve(struct bytes *b, size_t extra) MUST_USE;
enum coffer_err bytes_append(struct bytes *b, struct view more) MUST_USE;
/* Drops the first n bytes (n <= len). */
void bytes_consume(struct bytes *b, size_t n);
void bytes_free(struct bytes *b);
struct view bytes_view(const struct bytes *b);

#define AUTO_BYTES __attribute__((cleanup(bytes_free)))

#endif
