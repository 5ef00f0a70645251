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

void reader_init(struct reader *r, struct view bytes);
size_t reader_left(const struct reader *r); /* 0 when failed */
enum coffer_err reader_u8(struct reader *r, uint8_t *out) MUST_USE;
enum coffer_err reader_u16(struct reader *r, uint16_t *out) MUST_USE;
enum coffer_err reader_u24(struct reader *r, uint32_t *out) MUST_USE;
enum coffer_err reader_u32(struct reader *r, uint32_t *out) MUST_USE;
enum coffer_err reader_u64(struct reader *r, uint64_t *out) MUST_USE;
/* Copies exactly len bytes to out. */
enum coffer_err reader_bytes(struct reader *r, uint8_t *out, size_t len) MUST_USE;
/* A borrowed view of exactly len bytes. */
enum coffer_err reader_view(struct reader *r, size_t len, struct view *out) MUST_USE;
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
