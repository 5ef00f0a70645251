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

bool ttlv_next(struct ttlv_cursor *c, struct ttlv_item *out)
{
	struct view rest;
	if (!ttlv_peek(c, out, &rest)) return false;
	c->rest = rest;
	c->last = out->tag;
	return true;
}

uint32_t ttlv_peek_tag(const struct ttlv_cursor *c)
{
	struct ttlv_cursor copy = *c;
	struct ttlv_item item;
	struct view rest;
	return ttlv_peek(&copy, &item, &rest) ? item.tag : 0;
}

/* As ttlv_take: the item, or ERR_MISSING, or the failure. */
static inline enum coffer_err take(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out)
{
	struct ttlv_item item;
	struct view rest;
	if (ttlv_is_other(c, tag)) return ERR_MISSING;
	bool present = ttlv_peek(c, &item, &rest) && item.tag == tag;
	TRY(c->err);
	ENSURE(present, ERR_MISSING);
	c->rest = rest;
	c->last = tag;
	*out = item;
	return ERR_OK;
}

enum coffer_err ttlv_take_optional(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out, bool *out_present)
{
	enum coffer_err err = take(c, tag, out);
	ENSURE(err == ERR_OK || err == ERR_MISSING, err);
	*out_present = err == ERR_OK;
	return ERR_OK;
}

enum coffer_err ttlv_take(struct ttlv_cursor *c, uint32_t tag, struct ttlv_item *out)
{
	return take(c, tag, out);
}

enum coffer_err ttlv_done(struct ttlv_cursor *c)
{
	TRY(c->err);
	if (c->rest.len == 0) return ERR_OK;
	uint32_t tag = ttlv_peek_tag(c);
	if (tag == 0 || tag == c->last) return ERR_INPUT;
	return c->lenient ? ERR_OK : ERR_FIELD;
}
