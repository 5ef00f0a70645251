/* What the readers share: one item off the front of encoded bytes. */
#ifndef COFFER_TTLV_TTLV_INTERNAL_H
#define COFFER_TTLV_TTLV_INTERNAL_H

#include "base/be.h"
#include "ttlv/ttlv.h"

/* Splits the first item off `bytes` (not empty): tag range, known type, length inside `bytes` raw and then padded,
 * fixed length by type, zero padding. Values are not looked at. Outputs untouched on failure. ERR_TRUNCATED,
 * ERR_INPUT. */
enum coffer_err ttlv_split(struct view bytes, struct ttlv_item *out, struct view *out_rest) MUST_USE;
/* Bytes of padding after a value of len bytes: 0 to 7. */
static inline size_t ttlv_pad(size_t len)
{
	return (0u - len) % 8u;
}
/* Nothing is left, or another tag stands there: most optional fields are absent, and need no more than this look. False after a failure. */
static inline bool ttlv_is_other(const struct ttlv_cursor *c, uint32_t tag)
{
	if (c->rest.len == 0) return c->err == ERR_OK;
	return c->err == ERR_OK && c->rest.len >= TTLV_HEADER_LEN && (uint32_t)(be64_get(c->rest.ptr) >> 40) != tag;
}

#endif
