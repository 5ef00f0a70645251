/* Bounded cursor over bytes from outside (style.md 20, 21). Nobody else does pointer arithmetic on wire data. All integers
 * big-endian. Every call fails with ERR_TRUNCATED past the end, and after a failure the reader stays failed. A reader and
 * what it hands out borrow the bytes; they die with them. */
#ifndef COFFER_BASE_READER_H
#define COFFER_BASE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

struct reader {
	const uint8_t *ptr;
	size_t len;
	size_t pos;
	bool failed;
};

static inline void reader_init(struct reader *r, struct view bytes)
{
	*r = (struct reader){ bytes.ptr, bytes.len, 0, false };
}

/* 0 when failed. */
static inline size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

/* Moves over len bytes, which begin at *out_at (NULL only when the reader has no bytes at all); for the readers below. */
static inline enum coffer_err reader_take(struct reader *r, size_t len, const uint8_t **out_at)
{
	if (r->failed || len > r->len - r->pos) {
		r->failed = true;
		return ERR_TRUNCATED;
	}
	PRE(r->ptr || len == 0);
	*out_at = r->ptr ? r->ptr + r->pos : NULL;
	r->pos += len;
	return ERR_OK;
}

/* Numbers are read all over a request, so they are inline. */
#define READER_UINT(name, type, len)                                                   \
	static inline enum coffer_err MUST_USE name(struct reader *r, type *out)       \
	{                                                                              \
		const uint8_t *at;                                                     \
		uint64_t v = 0;                                                        \
		TRY(reader_take(r, len, &at));                                         \
		PRE(at);                                                               \
		for (size_t i = 0; i < (len); i++) v = v << 8 | at[i];                 \
		*out = (type)v;                                                        \
		return ERR_OK;                                                         \
	}
READER_UINT(reader_u8, uint8_t, 1)
READER_UINT(reader_u16, uint16_t, 2)
READER_UINT(reader_u24, uint32_t, 3)
READER_UINT(reader_u32, uint32_t, 4)
READER_UINT(reader_u64, uint64_t, 8)
#undef READER_UINT
/* Copies exactly len bytes to out. */
enum coffer_err reader_bytes(struct reader *r, uint8_t *out, size_t len) MUST_USE;
/* A borrowed view of exactly len bytes. */
static inline enum coffer_err MUST_USE reader_view(struct reader *r, size_t len, struct view *out)
{
	const uint8_t *at;
	TRY(reader_take(r, len, &at));
	*out = view_of(at, len);
	return ERR_OK;
}
/* u32 length, then that many bytes, at most max (ERR_TOO_LARGE above it). */
enum coffer_err reader_view_u32(struct reader *r, size_t max, struct view *out) MUST_USE;
/* u16 length, then that many bytes. */
enum coffer_err reader_view_u16(struct reader *r, size_t max, struct view *out) MUST_USE;
/* A child that cannot see past len bytes; the parent moves behind them. */
enum coffer_err reader_child(struct reader *r, size_t len, struct reader *out) MUST_USE;
enum coffer_err reader_skip(struct reader *r, size_t len) MUST_USE;
/* ERR_INPUT when bytes are left over. */
enum coffer_err reader_end(struct reader *r) MUST_USE;

#endif
