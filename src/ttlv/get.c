/* Typed values of items, alone and taken from a cursor. */
#include "base/reader.h"
#include "ttlv/ttlv_internal.h"

static enum coffer_err get_u32(const struct ttlv_item *item, enum ttlv_type type, uint32_t *out)
{
	struct reader r;
	ENSURE(item->type == type && item->value.len == 4, ERR_INPUT);
	reader_init(&r, item->value);
	return reader_u32(&r, out);
}

static enum coffer_err get_u64(const struct ttlv_item *item, enum ttlv_type type, uint64_t *out)
{
	struct reader r;
	ENSURE(item->type == type && item->value.len == 8, ERR_INPUT);
	reader_init(&r, item->value);
	return reader_u64(&r, out);
}

static enum coffer_err get_view(const struct ttlv_item *item, enum ttlv_type type, struct view *out)
{
	ENSURE(item->type == type, ERR_INPUT);
	*out = item->value;
	return ERR_OK;
}

enum coffer_err ttlv_get_i32(const struct ttlv_item *item, int32_t *out)
{
	uint32_t v;
	TRY(get_u32(item, TTLV_INTEGER, &v));
	*out = (int32_t)v;
	return ERR_OK;
}

enum coffer_err ttlv_get_i64(const struct ttlv_item *item, int64_t *out)
{
	uint64_t v;
	TRY(get_u64(item, TTLV_LONG_INTEGER, &v));
	*out = (int64_t)v;
	return ERR_OK;
}

enum coffer_err ttlv_get_enum(const struct ttlv_item *item, uint32_t *out)
{
	return get_u32(item, TTLV_ENUMERATION, out);
}

enum coffer_err ttlv_get_bool(const struct ttlv_item *item, bool *out)
{
	uint64_t v;
	TRY(get_u64(item, TTLV_BOOLEAN, &v));
	ENSURE(v <= 1, ERR_INPUT);
	*out = v == 1;
	return ERR_OK;
}

enum coffer_err ttlv_get_text(const struct ttlv_item *item, struct view *out)
{
	return get_view(item, TTLV_TEXT, out);
}

enum coffer_err ttlv_get_bytes(const struct ttlv_item *item, struct view *out)
{
	return get_view(item, TTLV_BYTES, out);
}

enum coffer_err ttlv_get_time(const struct ttlv_item *item, int64_t *out)
{
	uint64_t v;
	TRY(get_u64(item, TTLV_DATE_TIME, &v));
	*out = (int64_t)v;
	return ERR_OK;
}

enum coffer_err ttlv_get_interval(const struct ttlv_item *item, uint32_t *out)
{
	return get_u32(item, TTLV_INTERVAL, out);
}

enum coffer_err ttlv_get_bigint(const struct ttlv_item *item, struct view *out)
{
	return get_view(item, TTLV_BIG_INTEGER, out);
}

enum coffer_err ttlv_take_structure(struct ttlv_cursor *c, uint32_t tag, struct ttlv_cursor *out)
{
	struct ttlv_item item;
	struct ttlv_cursor inner;
	TRY(ttlv_take(c, tag, &item));
	TRY(ttlv_enter(&item, &inner));
	inner.lenient = c->lenient;
	*out = inner;
	return ERR_OK;
}

/* ttlv_take_<kind> and ttlv_take_optional_<kind> */
#define TAKE_KIND(kind, ctype)                                                                                              \
	enum coffer_err ttlv_take_##kind(struct ttlv_cursor *c, uint32_t tag, ctype *out)                                   \
	{                                                                                                                   \
		struct ttlv_item item;                                                                                      \
		TRY(ttlv_take(c, tag, &item));                                                                              \
		return ttlv_get_##kind(&item, out);                                                                         \
	}                                                                                                                   \
	enum coffer_err ttlv_take_optional_##kind(struct ttlv_cursor *c, uint32_t tag, ctype *out, bool *out_present)       \
	{                                                                                                                   \
		if (ttlv_is_other(c, tag)) {                                                                                \
			if (out_present) *out_present = false;                                                              \
			return ERR_OK;                                                                                      \
		}                                                                                                           \
		struct ttlv_item item;                                                                                      \
		bool present;                                                                                               \
		TRY(ttlv_take_optional(c, tag, &item, &present));                                                           \
		if (present) TRY(ttlv_get_##kind(&item, out));                                                              \
		if (out_present) *out_present = present;                                                                    \
		return ERR_OK;                                                                                              \
	}

TAKE_KIND(i32, int32_t)
TAKE_KIND(i64, int64_t)
TAKE_KIND(enum, uint32_t)
TAKE_KIND(bool, bool)
TAKE_KIND(text, struct view)
TAKE_KIND(bytes, struct view)
TAKE_KIND(time, int64_t)
TAKE_KIND(interval, uint32_t)
