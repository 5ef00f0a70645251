/* The bounded cursor over bytes from outside. */
#include "base/reader.h"

#include <string.h>

void reader_init(struct reader *r, struct view bytes)
{
	*r = (struct reader){ bytes.ptr, bytes.len, 0, false };
}

size_t reader_left(const struct reader *r)
{
	return r->failed ? 0 : r->len - r->pos;
}

static enum coffer_err fail(struct reader *r, enum coffer_err err)
{
	r->failed = true;
	return err;
}

/* Moves over len bytes; *out_at is where they begin (NULL only when the reader has no bytes at all). */
static enum coffer_err take(struct reader *r, size_t len, const uint8_t **out_at)
{
	if (r->failed || len > r->len - r->pos) return fail(r, ERR_TRUNCATED);
	PRE(r->ptr || len == 0);
	*out_at = r->ptr ? r->ptr + r->pos : NULL;
	r->pos += len;
	return ERR_OK;
}

static enum coffer_err take_uint(struct reader *r, size_t len, uint64_t *out)
{
	const uint8_t *at;
	uint64_t v = 0;
	TRY(take(r, len, &at));
	for (size_t i = 0; i < len; i++)
		v = v << 8 | at[i];
	*out = v;
	return ERR_OK;
}

enum coffer_err reader_u8(struct reader *r, uint8_t *out)
{
	uint64_t v;
	TRY(take_uint(r, 1, &v));
	*out = (uint8_t)v;
	return ERR_OK;
}

enum coffer_err reader_u16(struct reader *r, uint16_t *out)
{
	uint64_t v;
	TRY(take_uint(r, 2, &v));
	*out = (uint16_t)v;
	return ERR_OK;
}

enum coffer_err reader_u24(struct reader *r, uint32_t *out)
{
	uint64_t v;
	TRY(take_uint(r, 3, &v));
	*out = (uint32_t)v;
	return ERR_OK;
}

enum coffer_err reader_u32(struct reader *r, uint32_t *out)
{
	uint64_t v;
	TRY(take_uint(r, 4, &v));
	*out = (uint32_t)v;
	return ERR_OK;
}

enum coffer_err reader_u64(struct reader *r, uint64_t *out)
{
	return take_uint(r, 8, out);
}

enum coffer_err reader_bytes(struct reader *r, uint8_t *out, size_t len)
{
	const uint8_t *at;
	TRY(take(r, len, &at));
	if (len) memcpy(out, at, len);
	return ERR_OK;
}

enum coffer_err reader_view(struct reader *r, size_t len, struct view *out)
{
	const uint8_t *at;
	TRY(take(r, len, &at));
	*out = view_of(at, len);
	return ERR_OK;
}

enum coffer_err reader_view_u32(struct reader *r, size_t max, struct view *out)
{
	uint32_t len;
	TRY(reader_u32(r, &len));
	if (len > max) return fail(r, ERR_TOO_LARGE);
	return reader_view(r, len, out);
}

enum coffer_err reader_view_u16(struct reader *r, size_t max, struct view *out)
{
	uint16_t len;
	TRY(reader_u16(r, &len));
	if (len > max) return fail(r, ERR_TOO_LARGE);
	return reader_view(r, len, out);
}

enum coffer_err reader_child(struct reader *r, size_t len, struct reader *out)
{
	struct view bytes;
	TRY(reader_view(r, len, &bytes));
	reader_init(out, bytes);
	return ERR_OK;
}

enum coffer_err reader_skip(struct reader *r, size_t len)
{
	const uint8_t *at;
	return take(r, len, &at);
}

enum coffer_err reader_end(struct reader *r)
{
	if (r->failed) return ERR_TRUNCATED;
	return r->pos == r->len ? ERR_OK : fail(r, ERR_INPUT);
}
