/* The bounded cursor over bytes from outside. */
#include "base/reader.h"

#include <string.h>

static enum coffer_err fail(struct reader *r, enum coffer_err err)
{
	r->failed = true;
	return err;
}

enum coffer_err reader_bytes(struct reader *r, uint8_t *out, size_t len)
{
	const uint8_t *at;
	TRY(reader_take(r, len, &at));
	if (len) memcpy(out, at, len);
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
	return reader_take(r, len, &at);
}

enum coffer_err reader_end(struct reader *r)
{
	if (r->failed) return ERR_TRUNCATED;
	return r->pos == r->len ? ERR_OK : fail(r, ERR_INPUT);
}
