/* One item off the front of encoded bytes; the only place that reads a TTLV header. */
#include "base/reader.h"
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

static bool all_zero(struct view bytes)
{
	uint8_t any = 0;
	for (size_t i = 0; i < bytes.len; i++) any |= bytes.ptr[i];
	return any == 0;
}

enum coffer_err ttlv_split(struct view bytes, struct ttlv_item *out, struct view *out_rest)
{
	struct reader r;
	uint32_t tag, len;
	uint8_t type;
	struct view value, padding, rest;
	reader_init(&r, bytes);
	TRY(reader_u24(&r, &tag));
	TRY(reader_u8(&r, &type));
	TRY(reader_u32(&r, &len));
	ENSURE(tag_allowed(tag), ERR_INPUT);
	ENSURE(type > TTLV_ANY && type < TTLV_TYPE_END, ERR_INPUT);
	ENSURE(len_allowed(type, len), ERR_INPUT);
	TRY(reader_view(&r, len, &value)); /* the raw length first, then its padding */
	TRY(reader_view(&r, ttlv_pad(len), &padding));
	ENSURE(all_zero(padding), ERR_INPUT);
	TRY(reader_view(&r, reader_left(&r), &rest));
	*out = (struct ttlv_item){ .tag = tag, .type = (enum ttlv_type)type, .value = value };
	*out_rest = rest;
	return ERR_OK;
}
