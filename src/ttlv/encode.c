/* Writing items. */
#include <string.h>

#include "base/be.h"
#include "base/checked.h"
#include "ttlv/ttlv_internal.h"

static void put_header(struct writer *w, uint32_t tag, enum ttlv_type type, size_t len)
{
	if (len > UINT32_MAX && w->err == ERR_OK) w->err = ERR_TOO_LARGE;
	uint8_t *at = writer_space(w, TTLV_HEADER_LEN);
	if (at) be64_put(at, (uint64_t)tag << 40 | (uint64_t)type << 32 | (uint32_t)len);
}

/* A header whose length is filled in later. */
static struct writer_mark reserve_header(struct writer *w, uint32_t tag, enum ttlv_type type)
{
	struct writer_mark len = { writer_len(w) + TTLV_HEADER_LEN - 4 };
	put_header(w, tag, type, 0);
	return len;
}

/* Header and a value of 8 bytes with its padding, in one piece. */
static void put_fixed(struct writer *w, uint32_t tag, enum ttlv_type type, uint32_t len, uint64_t padded)
{
	uint8_t *at = writer_space(w, 2 * TTLV_HEADER_LEN);
	if (!at) return;
	be64_put(at, (uint64_t)tag << 40 | (uint64_t)type << 32 | len);
	be64_put(at + TTLV_HEADER_LEN, padded);
}

static void put_u32(struct writer *w, uint32_t tag, enum ttlv_type type, uint32_t v)
{
	put_fixed(w, tag, type, 4, (uint64_t)v << 32);
}

static void put_u64(struct writer *w, uint32_t tag, enum ttlv_type type, uint64_t v)
{
	put_fixed(w, tag, type, 8, v);
}

static void put_view(struct writer *w, uint32_t tag, enum ttlv_type type, struct view value)
{
	size_t pad = ttlv_pad(value.len);
	put_header(w, tag, type, value.len);
	uint8_t *at = w->err == ERR_OK && value.len + pad <= SIZE_MAX - TTLV_HEADER_LEN ? writer_space(w, value.len + pad) : NULL;
	if (!at) return;
	if (value.len) memcpy(at, value.ptr, value.len);
	memset(at + value.len, 0, pad);
}

void ttlv_put_i32(struct writer *w, uint32_t tag, int32_t v)
{
	put_u32(w, tag, TTLV_INTEGER, (uint32_t)v);
}

void ttlv_put_i64(struct writer *w, uint32_t tag, int64_t v)
{
	put_u64(w, tag, TTLV_LONG_INTEGER, (uint64_t)v);
}

void ttlv_put_enum(struct writer *w, uint32_t tag, uint32_t v)
{
	put_u32(w, tag, TTLV_ENUMERATION, v);
}

void ttlv_put_bool(struct writer *w, uint32_t tag, bool v)
{
	put_u64(w, tag, TTLV_BOOLEAN, v ? 1 : 0);
}

void ttlv_put_text(struct writer *w, uint32_t tag, struct view utf8)
{
	put_view(w, tag, TTLV_TEXT, utf8);
}

void ttlv_put_str(struct writer *w, uint32_t tag, const char *s)
{
	put_view(w, tag, TTLV_TEXT, view_str(s));
}

void ttlv_put_bytes(struct writer *w, uint32_t tag, struct view bytes)
{
	put_view(w, tag, TTLV_BYTES, bytes);
}

void ttlv_put_time(struct writer *w, uint32_t tag, int64_t unix_s)
{
	put_u64(w, tag, TTLV_DATE_TIME, (uint64_t)unix_s);
}

void ttlv_put_interval(struct writer *w, uint32_t tag, uint32_t seconds)
{
	put_u32(w, tag, TTLV_INTERVAL, seconds);
}

struct writer_mark ttlv_reserve_i32(struct writer *w, uint32_t tag)
{
	struct writer_mark mark = { writer_len(w) + TTLV_HEADER_LEN };
	put_u32(w, tag, TTLV_INTEGER, 0);
	return mark;
}

void ttlv_put_bigint(struct writer *w, uint32_t tag, struct view number)
{
	size_t pad = number.len == 0 ? 8 : ttlv_pad(number.len);
	bool negative = number.len > 0 && (number.ptr[0] & 0x80) != 0;
	put_header(w, tag, TTLV_BIG_INTEGER, pad + number.len);
	for (size_t i = 0; i < pad; i++)
		writer_u8(w, negative ? 0xff : 0);
	writer_bytes(w, number);
}

void ttlv_put_item(struct writer *w, uint32_t tag, const struct ttlv_item *item)
{
	put_view(w, tag, item->type, item->value);
}

struct ttlv_mark ttlv_begin(struct writer *w, uint32_t tag)
{
	return (struct ttlv_mark){ reserve_header(w, tag, TTLV_STRUCTURE) };
}

void ttlv_end(struct writer *w, struct ttlv_mark mark)
{
	writer_fill_len(w, mark.len);
}

struct ttlv_space ttlv_reserve_bytes(struct writer *w, uint32_t tag, size_t max_len)
{
	struct ttlv_space space = { .max_len = max_len };
	size_t padded;
	if (max_len > UINT32_MAX || !size_add(max_len, ttlv_pad(max_len), &padded)) {
		if (w->err == ERR_OK) w->err = ERR_TOO_LARGE;
		return space;
	}
	space.len = reserve_header(w, tag, TTLV_BYTES);
	space.at = writer_len(w);
	space.ptr = writer_space(w, padded);
	return space;
}

void ttlv_commit_bytes(struct writer *w, struct ttlv_space space, size_t actual_len)
{
	if (w->err != ERR_OK) return;
	PRE(actual_len <= space.max_len && writer_len(w) == space.at + space.max_len + ttlv_pad(space.max_len));
	writer_rewind(w, space.at + actual_len);
	writer_zero(w, ttlv_pad(actual_len));
	writer_fill_u32(w, space.len, (uint32_t)actual_len);
}
