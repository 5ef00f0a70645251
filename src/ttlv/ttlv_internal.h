/* What the readers share: one item off the front of encoded bytes. */
#ifndef COFFER_TTLV_TTLV_INTERNAL_H
#define COFFER_TTLV_TTLV_INTERNAL_H

#include "base/be.h"
#include "ttlv/ttlv.h"

#define TTLV_LEN_ANY UINT32_MAX        /* length is free, value is padded */
#define TTLV_LEN_8 (UINT32_MAX - 1)    /* a multiple of 8 */

/* A call would cost as much as what is done in it. */
#define TTLV_INLINE static inline __attribute__((always_inline))

static const uint32_t ttlv_lengths[TTLV_TYPE_END] = {
#define TTLV_TYPE(id, number, len, name) [number] = len,
#include "ttlv/types.def"
#undef TTLV_TYPE
};

/* Bytes of padding after a value of len bytes: 0 to 7. */
static inline size_t ttlv_pad(size_t len)
{
	return (0u - len) % 8u;
}
/* KMIP 1.4 section 9.1.1.1: 42 the specification's, 54 extensions. */
static inline bool ttlv_tag_allowed(uint32_t tag)
{
	return tag >> 16 == 0x42 || tag >> 16 == 0x54;
}

static inline bool ttlv_len_allowed(uint32_t type, uint32_t len)
{
	uint32_t rule = ttlv_lengths[type];
	if (rule == TTLV_LEN_ANY) return true;
	return rule == TTLV_LEN_8 ? len % 8 == 0 : len == rule;
}

/* `end` is behind the padding, and value and padding fill at least 8 bytes when there is any. */
static inline bool ttlv_is_zero(const uint8_t *end, size_t padding)
{
	return padding == 0 || be64_get(end - 8) << (64 - 8 * padding) == 0;
}

/* The only place that reads a TTLV header. Splits the first item off `bytes` (not empty): tag range, known type, length inside `bytes` raw and then padded,
 * fixed length by type, zero padding. Values are not looked at. Outputs untouched on failure. ERR_TRUNCATED,
 * ERR_INPUT. */
TTLV_INLINE enum coffer_err MUST_USE ttlv_split(struct view bytes, struct ttlv_item *out, struct view *out_rest)
{
	ENSURE(bytes.len >= TTLV_HEADER_LEN, ERR_TRUNCATED);
	uint64_t header = be64_get(bytes.ptr);
	uint32_t tag = (uint32_t)(header >> 40), type = (uint32_t)(header >> 32) & 0xff, len = (uint32_t)header;
	const uint8_t *value = bytes.ptr + TTLV_HEADER_LEN;
	size_t left = bytes.len - TTLV_HEADER_LEN, padding = ttlv_pad(len);
	ENSURE(ttlv_tag_allowed(tag), ERR_INPUT);
	ENSURE(type > TTLV_ANY && type < TTLV_TYPE_END, ERR_INPUT);
	ENSURE(ttlv_len_allowed(type, len), ERR_INPUT);
	ENSURE(len <= left && padding <= left - len, ERR_TRUNCATED); /* the raw length first, then its padding */
	size_t whole = len + padding;
	ENSURE(ttlv_is_zero(value + whole, padding), ERR_INPUT);
	*out = (struct ttlv_item){ .tag = tag, .type = (enum ttlv_type)type, .value = view_of(value, len) };
	*out_rest = view_of(value + whole, left - whole);
	return ERR_OK;
}
/* The next item and what follows it; the cursor stays. False at the end and after a failure, which sticks. */
TTLV_INLINE bool ttlv_peek(struct ttlv_cursor *c, struct ttlv_item *item, struct view *rest)
{
	if (c->err != ERR_OK || c->rest.len == 0) return false;
	c->err = ttlv_split(c->rest, item, rest);
	return c->err == ERR_OK;
}
/* Nothing is left, or another tag stands there: most optional fields are absent, and need no more than this look. False after a failure. */
static inline bool ttlv_is_other(const struct ttlv_cursor *c, uint32_t tag)
{
	if (c->rest.len == 0) return c->err == ERR_OK;
	return c->err == ERR_OK && c->rest.len >= TTLV_HEADER_LEN && (uint32_t)(be64_get(c->rest.ptr) >> 40) != tag;
}

#endif
