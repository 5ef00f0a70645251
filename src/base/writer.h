/* Sticky output cursor: writes go to caller's memory or into a struct buf; the first failure (our own limit, memory) sticks
 * and writer_done reports it once. All integers big-endian. */
#ifndef COFFER_BASE_WRITER_H
#define COFFER_BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

struct writer {
	uint8_t *ptr;      /* fixed memory; unused with buf */
	struct buf *buf;   /* NULL for fixed memory */
	size_t len;        /* bytes written by this writer */
	size_t max;        /* most bytes this writer may write */
	size_t base;       /* buf->len when the writer began */
	enum coffer_err err;
};

/* Into caller's memory of cap bytes. */
void writer_init(struct writer *w, void *ptr, size_t cap);
/* Appends to `buf` (borrowed), at most max bytes. */
void writer_init_buf(struct writer *w, struct buf *buf, size_t max);
void writer_u8(struct writer *w, uint8_t v);
void writer_u16(struct writer *w, uint16_t v);
void writer_u24(struct writer *w, uint32_t v);
void writer_u32(struct writer *w, uint32_t v);
void writer_u64(struct writer *w, uint64_t v);
void writer_bytes(struct writer *w, struct view bytes);
void writer_zero(struct writer *w, size_t len);
/* u32 length, then the bytes. */
void writer_view_u32(struct writer *w, struct view bytes);
/* u16 length, then the bytes; too long is ERR_TOO_LARGE. */
void writer_view_u16(struct writer *w, struct view bytes);
/* Hands out len writable bytes to be filled by the caller at once (before the next call); NULL after a failure. */
static inline uint8_t *writer_space(struct writer *w, size_t len);
/* The same where it is not simply there: fixed memory, no bytes, a failure, or the buffer must grow. */
uint8_t *writer_space_found(struct writer *w, size_t len);

static inline uint8_t *writer_space(struct writer *w, size_t len)
{
	struct buf *b = w->buf;
	if (!b || w->err != ERR_OK || len == 0 || len > w->max - w->len || len > b->cap - b->len) return writer_space_found(w, len);
	uint8_t *at = b->ptr + w->base + w->len;
	b->len += len;
	w->len += len;
	return at;
}

/* A length that is written later: reserve, then fill with the number of bytes written since (style.md 23). */
struct writer_mark { size_t at; };
struct writer_mark writer_reserve_u32(struct writer *w);
/* Fills the reservation with the count of bytes written after it. */
void writer_fill_len(struct writer *w, struct writer_mark mark);
void writer_fill_u32(struct writer *w, struct writer_mark mark, uint32_t value);

/* Takes back everything written after `len` (a value of writer_len of this writer); clears no error. */
size_t writer_len(const struct writer *w);
void writer_rewind(struct writer *w, size_t len);
/* Takes out the `len` bytes that stand at `at`; what follows moves up, and what it leaves behind is wiped. at + len <= writer_len. */
void writer_cut(struct writer *w, size_t at, size_t len);
/* ERR_OK, or the first failure: ERR_TOO_LARGE, ERR_MEMORY. */
enum coffer_err writer_done(const struct writer *w) MUST_USE;
struct view writer_view(const struct writer *w); /* borrowed */

#endif
