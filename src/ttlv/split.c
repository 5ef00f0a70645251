/* One item off the front of encoded bytes; the only place that reads a TTLV header. */
#include "base/be.h"
#include "ttlv/ttlv_internal.h"

#define TTLV_LEN_ANY UINT32_MAX        /* length is free, value is padded */
#define TTLV_LEN_8 (UINT32_MAX - 1)    /* a multiple of 8 */

struct type_row {
	uint32_t len;
	const char *name;
};

static const struct type_row types[TTLV_TYPE_END] = {
#define TTLV_TYPE(id, number, len, name) [number] = { len, name },
#include "ttlv/types.def"
#undef TTLV_TYPE
};

const char *ttlv_type_name(enum ttlv_type type)
{
	return type > TTLV_ANY && type < TTLV_TYPE_END ? types[type].name : "?";
}

/* KMIP 1.4 section 9.1.1.1: 42 the specification's, 54 extensions. */
static bool tag_allowed(uint32_t tag)
{
	return tag >> 16 == 0x42 || tag >> 16 == 0x54;
}

static bool len_allowed(uint32_t type, uint32_t len)
{
	uint32_t rule = types[type].len;
	if (rule == TTLV_LEN_ANY) return true;
	return rule == TTLV_LEN_8 ? len % 8 == 0 : len == rule;
}

/* `end` is behind the padding, and value and padding fill at least 8 bytes when there is any. */
static bool is_zero(const uint8_t *end, size_t padding)
{
	return padding == 0 || be64_get(end - 8) << (64 - 8 * padding) == 0;
}

enum coffer_err ttlv_split(struct view bytes, struct ttlv_item *out, struct view *out_rest)
{
	ENSURE(bytes.len >= TTLV_HEADER_LEN, ERR_TRUNCATED);
	uint64_t header = be64_get(bytes.ptr);
	uint32_t tag = (uint32_t)(header >> 40), type = (uint32_t)(header >> 32) & 0xff, len = (uint32_t)header;
	const uint8_t *value = bytes.ptr + TTLV_HEADER_LEN;
	size_t left = bytes.len - TTLV_HEADER_LEN, padding = ttlv_pad(len);
	ENSURE(tag_allowed(tag), ERR_INPUT);
	ENSURE(type > TTLV_ANY && type < TTLV_TYPE_END, ERR_INPUT);
	ENSURE(len_allowed(type, len), ERR_INPUT);
	ENSURE(len <= left && padding <= left - len, ERR_TRUNCATED); /* the raw length first, then its padding */
	size_t whole = len + padding;
	ENSURE(is_zero(value + whole, padding), ERR_INPUT);
	*out = (struct ttlv_item){ .tag = tag, .type = (enum ttlv_type)type, .value = view_of(value, len) };
	*out_rest = view_of(value + whole, left - whole);
	return ERR_OK;
}
