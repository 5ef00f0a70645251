/* The sticky output cursor. */
#include "base/writer.h"

#include <string.h>

#include "base/ct.h"

void writer_init(struct writer *w, void *ptr, size_t cap)
{
	*w = (struct writer){ .ptr = ptr, .max = cap, .err = ERR_OK };
}

void writer_init_buf(struct writer *w, struct buf *buf, size_t max)
{
	*w = (struct writer){ .buf = buf, .max = max, .base = buf->len, .err = ERR_OK };
}

static void fail(struct writer *w, enum coffer_err err)
{
	if (w->err == ERR_OK) w->err = err;
}

static uint8_t *start(const struct writer *w)
{
	if (!w->buf) return w->ptr;
	return w->buf->ptr ? w->buf->ptr + w->base : NULL;
}

uint8_t *writer_space_found(struct writer *w, size_t len)
{
	if (w->err != ERR_OK) return NULL;
	if (len > w->max - w->len) {
		fail(w, ERR_TOO_LARGE);
		return NULL;
	}
	if (w->buf) {
		/* An empty space still needs an address that is not NULL. */
		size_t need = len ? len : 1;
		enum coffer_err err = need <= w->buf->cap - w->buf->len ? ERR_OK : buf_reserve(w->buf, need);
		if (err != ERR_OK) {
			fail(w, err);
			return NULL;
		}
		w->buf->len += len;
	}
	uint8_t *at = start(w) + w->len;
	w->len += len;
	return at;
}

static inline void put(uint8_t *at, uint64_t v, size_t len)
{
	for (size_t i = len; i-- > 0; v >>= 8)
		at[i] = (uint8_t)v;
}

static inline void write_uint(struct writer *w, uint64_t v, size_t len)
{
	uint8_t *at = writer_space(w, len);
	if (at) put(at, v, len);
}

void writer_u8(struct writer *w, uint8_t v)
{
	write_uint(w, v, 1);
}

void writer_u16(struct writer *w, uint16_t v)
{
	write_uint(w, v, 2);
}

void writer_u24(struct writer *w, uint32_t v)
{
	if (v > 0xffffffu) fail(w, ERR_TOO_LARGE);
	write_uint(w, v, 3);
}

void writer_u32(struct writer *w, uint32_t v)
{
	write_uint(w, v, 4);
}

void writer_u64(struct writer *w, uint64_t v)
{
	write_uint(w, v, 8);
}

void writer_bytes(struct writer *w, struct view bytes)
{
	uint8_t *at;
	if (bytes.len == 0) return;
	at = writer_space(w, bytes.len);
	if (at) memcpy(at, bytes.ptr, bytes.len);
}

void writer_zero(struct writer *w, size_t len)
{
	uint8_t *at;
	if (len == 0) return;
	at = writer_space(w, len);
	if (at) memset(at, 0, len);
}

void writer_view_u32(struct writer *w, struct view bytes)
{
	if (bytes.len > UINT32_MAX) fail(w, ERR_TOO_LARGE);
	writer_u32(w, (uint32_t)bytes.len);
	writer_bytes(w, bytes);
}

void writer_view_u16(struct writer *w, struct view bytes)
{
	if (bytes.len > UINT16_MAX) fail(w, ERR_TOO_LARGE);
	writer_u16(w, (uint16_t)bytes.len);
	writer_bytes(w, bytes);
}

struct writer_mark writer_reserve_u32(struct writer *w)
{
	struct writer_mark mark = { w->len };
	writer_u32(w, 0);
	return mark;
}

void writer_fill_u32(struct writer *w, struct writer_mark mark, uint32_t value)
{
	if (w->err != ERR_OK) return;
	PRE(mark.at <= w->len && w->len - mark.at >= 4);
	put(start(w) + mark.at, value, 4);
}

void writer_fill_len(struct writer *w, struct writer_mark mark)
{
	if (w->err != ERR_OK) return;
	PRE(mark.at <= w->len && w->len - mark.at >= 4);
	size_t len = w->len - mark.at - 4;
	if (len > UINT32_MAX) fail(w, ERR_TOO_LARGE);
	writer_fill_u32(w, mark, (uint32_t)len);
}

size_t writer_len(const struct writer *w)
{
	return w->len;
}

void writer_rewind(struct writer *w, size_t len)
{
	PRE(len <= w->len);
	if (len == w->len) return;
	wipe(start(w) + len, w->len - len);
	if (w->buf) w->buf->len = w->base + len;
	w->len = len;
}

void writer_cut(struct writer *w, size_t at, size_t len)
{
	PRE(at <= w->len && len <= w->len - at);
	if (len == 0) return;
	memmove(start(w) + at, start(w) + at + len, w->len - at - len);
	writer_rewind(w, w->len - len);
}

enum coffer_err writer_done(const struct writer *w)
{
	return w->err;
}

struct view writer_view(const struct writer *w)
{
	return view_of(start(w), w->len);
}
