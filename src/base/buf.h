/* A growable byte buffer in the arena, wiped on growth and on free. For requests, answers and plaintext. One owner, one
 * thread at a time. */
#ifndef COFFER_BASE_BUF_H
#define COFFER_BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct buf {
	uint8_t *ptr; /* NULL when cap is 0 */
	size_t len;   /* bytes in use */
	size_t cap;
};

#define BUF_EMPTY ((struct buf){ NULL, 0, 0 })

/* Makes room for `extra` more bytes after len. ERR_MEMORY when the arena is full. */
enum coffer_err buf_reserve(struct buf *b, size_t extra) MUST_USE;
enum coffer_err buf_append(struct buf *b, struct view bytes) MUST_USE;
/* Drops the first n bytes (n <= len) and wipes what they leave behind. */
void buf_consume(struct buf *b, size_t n);
/* Wipes what stands behind the first len bytes (len <= b->len) and drops it. */
void buf_cut(struct buf *b, size_t len);
/* Wipes the contents, keeps the memory. */
void buf_clear(struct buf *b);
/* Wipes and releases; the buffer is empty afterwards and may be used again. */
void buf_free(struct buf *b);
struct view buf_view(const struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_free)))

#endif
