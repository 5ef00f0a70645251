/* Walking over the children of a structure. */
#include "ttlv/ttlv_internal.h"

enum coffer_err ttlv_root(struct view message, struct ttlv_item *out)
{
	struct ttlv_item item;
	struct view rest;
	TRY(ttlv_split(message, &item, &rest));
	ENSURE(rest.len == 0, ERR_INPUT);
	*out = item;
	return ERR_OK;
}

struct ttlv_cursor ttlv_cursor_of(struct view items)
{
	return (struct ttlv_cursor){ .rest = items, .err = ERR_OK };
}

enum coffer_err ttlv_enter(const struct ttlv_item *item, struct ttlv_cursor *out)
{
	ENSURE(item->type == TTLV_STRUCTURE, ERR_INPUT);
	*out = ttlv_cursor_of(item->value);
	return ERR_OK;
}

/* The next item and what follows it; the cursor stays. */
static bool peek(struct ttlv_cursor *c, struct ttlv_item *item, struct view *rest)
{
	if (c->err != ERR_OK || c->rest.len == 0) return false;
	c->err = ttlv_split(c->rest, item, rest);
	return c->err == ERR_OK;
}

bool ttlv_next(struct ttlv_cursor *c, struct ttlv_item *out)
{
	struct view rest;
	if (!peek(c, out, &rest)) return false;
	c->rest = rest;
	c->last = out->tag;
	return true;
}

uint32_t ttlv_peek_tag(const struct ttlv_cursor *c)
{
	struct ttlv_cursor copy = *c;
	struct ttlv_item item;
	struct view rest;
	return peek(&copy, &item, &rest) ? item.tag : 0;
}

enum coffer_err ttlv_take_optional(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out, bool *out_present)
{
	struct ttlv_item item;
	struct view rest;
	if (ttlv_is_other(c, tag)) {
		*out_present = false;
		return ERR_OK;
	}
	bool present = peek(c, &item, &rest) && item.tag == tag;
	TRY(c->err);
	if (present) {
		c->rest = rest;
		c->last = tag;
		*out = item;
	}
	*out_present = present;
	return ERR_OK;
}

enum coffer_err ttlv_take(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out)
{
	bool present;
	TRY(ttlv_take_optional(c, tag, out, &present));
	return present ? ERR_OK : ERR_MISSING;
}

enum coffer_err ttlv_done(struct ttlv_cursor *c)
{
	TRY(c->err);
	if (c->rest.len == 0) return ERR_OK;
	uint32_t tag = ttlv_peek_tag(c);
	if (tag == 0 || tag == c->last) return ERR_INPUT;
	return c->lenient ? ERR_OK : ERR_FIELD;
}
