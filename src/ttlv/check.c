/* One pass over a whole message from outside, before anybody reads it. */
#include "base/reader.h"
#include "base/text.h"
#include "ttlv/ttlv_internal.h"

struct ttlv_limits ttlv_limits_of(size_t max_len)
{
	return (struct ttlv_limits){ .max_len = max_len, .max_items = TTLV_ITEMS_MAX, .max_depth = TTLV_DEPTH_MAX };
}

/* The values that a length does not settle. */
static enum coffer_err check_value(const struct ttlv_item *item)
{
	bool ignored;
	if (item->type == TTLV_BOOLEAN) return ttlv_get_bool(item, &ignored);
	if (item->type == TTLV_TEXT) ENSURE(text_is_utf8(item->value), ERR_INPUT);
	return ERR_OK;
}

static enum coffer_err check_limits(struct view message, const struct ttlv_limits *limits, struct reason *reason)
{
	PRE(limits->max_depth <= TTLV_DEPTH_MAX);
	if (message.len > limits->max_len)
		return reason_fail(reason, ERR_TOO_LARGE, "the message has %zu bytes; at most %zu are allowed", message.len,
			limits->max_len);
	if (message.len == 0) return reason_fail(reason, ERR_TRUNCATED, "the message is empty");
	return ERR_OK;
}

/* levels[d] holds what is still to come at depth d; an item at depth d is a child of the structures above it. */
static enum coffer_err check_items(struct view message, const struct ttlv_limits *limits, struct reason *reason)
{
	struct view levels[TTLV_DEPTH_MAX + 1] = { message };
	uint32_t depth = 0, items = 0;
	for (;;) {
		while (levels[depth].len == 0) {
			if (depth == 0) return ERR_OK;
			depth--;
		}
		struct ttlv_item item;
		size_t at = (size_t)(levels[depth].ptr - message.ptr);
		enum coffer_err err = ttlv_split(levels[depth], &item, &levels[depth]);
		if (err == ERR_OK) err = check_value(&item);
		if (err != ERR_OK)
			return reason_fail(reason, err, "the message is malformed at byte %zu: %s", at,
				err == ERR_TRUNCATED ? "a length points past the end" : "tag, type, length, padding or value is not allowed");
		if (++items > limits->max_items)
			return reason_fail(reason, ERR_LIMIT, "the message has more than %u items", (unsigned)limits->max_items);
		if (depth == 0 && levels[0].len != 0)
			return reason_fail(reason, ERR_INPUT, "%zu bytes stand behind the message", levels[0].len);
		if (item.type != TTLV_STRUCTURE) continue;
		if (depth + 1 > limits->max_depth)
			return reason_fail(reason, ERR_DEPTH, "the message nests more than %u structures (byte %zu)",
				(unsigned)limits->max_depth, at);
		levels[++depth] = item.value;
	}
}

enum coffer_err ttlv_check(struct view message, const struct ttlv_limits *limits, struct reason *reason)
{
	struct ttlv_limits defaults = ttlv_limits_of(TTLV_MESSAGE_MAX);
	if (!limits) limits = &defaults;
	TRY(check_limits(message, limits, reason));
	return check_items(message, limits, reason);
}

enum coffer_err ttlv_frame_size(struct view first8, uint32_t tag, size_t max, size_t *out)
{
	struct reader r;
	uint32_t found, len;
	uint8_t type;
	reader_init(&r, first8);
	TRY(reader_u24(&r, &found));
	TRY(reader_u8(&r, &type));
	TRY(reader_u32(&r, &len));
	ENSURE(found == tag && type == TTLV_STRUCTURE && len % 8 == 0, ERR_FOREIGN);
	ENSURE(max >= TTLV_HEADER_LEN && len <= max - TTLV_HEADER_LEN, ERR_TOO_LARGE);
	*out = TTLV_HEADER_LEN + (size_t)len;
	return ERR_OK;
}
