/* Context pairs: kept sorted, one encoding. */
#include "crypto/context.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"

/* Order of unsigned bytes, a prefix before what it begins. */
static int compare(struct view a, struct view b)
{
	size_t len = a.len < b.len ? a.len : b.len;
	int order = len != 0 ? memcmp(a.ptr, b.ptr, len) : 0; /* context is not secret */
	if (order != 0) return order;
	return (a.len > b.len) - (a.len < b.len);
}

void context_init(struct context *c)
{
	c->count = 0;
	c->encoded_len = 0;
}

static enum coffer_err check_pair(const struct context *c, struct view name, struct view value, struct reason *reason)
{
	if (name.len < 1 || name.len > CONTEXT_NAME_MAX || !text_is_utf8(name))
		return reason_fail(reason, ERR_FIELD, "a context name must be 1 to %u bytes of UTF-8 text without NUL", CONTEXT_NAME_MAX);
	if (value.len > CONTEXT_VALUE_MAX)
		return reason_fail(reason, ERR_TOO_LARGE, "the value of context '%.*s' is longer than %u bytes; shorten it",
			(int)name.len, (const char *)name.ptr, CONTEXT_VALUE_MAX);
	if (c->count == CONTEXT_PAIRS_MAX)
		return reason_fail(reason, ERR_LIMIT, "a context has at most %u pairs; leave some out", CONTEXT_PAIRS_MAX);
	if (c->encoded_len + 8 + name.len + value.len > CONTEXT_ENCODED_MAX)
		return reason_fail(reason, ERR_TOO_LARGE, "the context is larger than %u bytes; shorten it", CONTEXT_ENCODED_MAX);
	return ERR_OK;
}

enum coffer_err context_add(struct context *c, struct view name, struct view value, struct reason *reason)
{
	TRY(check_pair(c, name, value, reason));
	size_t at = c->count;
	while (at > 0 && compare(c->pairs[at - 1].name, name) > 0) at--;
	if (at > 0 && view_equal(c->pairs[at - 1].name, name))
		return reason_fail(reason, ERR_FIELD, "context '%.*s' is given twice; give it once",
			(int)name.len, (const char *)name.ptr);
	memmove(&c->pairs[at + 1], &c->pairs[at], (c->count - at) * sizeof c->pairs[0]);
	c->pairs[at] = (struct context_pair){ name, value };
	c->count++;
	c->encoded_len += 8 + name.len + value.len;
	return ERR_OK;
}

void context_encode(const struct context *c, struct writer *w)
{
	for (size_t i = 0; i < c->count; i++) {
		writer_view_u32(w, c->pairs[i].name);
		writer_view_u32(w, c->pairs[i].value);
	}
}

enum coffer_err context_parse(struct view encoded, struct context *out, struct reason *reason)
{
	struct reader r;
	struct context c;
	context_init(&c);
	reader_init(&r, encoded);
	ENSURE(encoded.len <= CONTEXT_ENCODED_MAX, ERR_TOO_LARGE);
	while (reader_left(&r) != 0) {
		struct view name, value;
		TRY(reader_view_u32(&r, CONTEXT_NAME_MAX, &name));
		TRY(reader_view_u32(&r, CONTEXT_VALUE_MAX, &value));
		if (c.count != 0 && compare(c.pairs[c.count - 1].name, name) > 0)
			return reason_fail(reason, ERR_FIELD, "the names of the context are not sorted");
		TRY(context_add(&c, name, value, reason));
	}
	out->count = c.count;
	out->encoded_len = c.encoded_len;
	memcpy(out->pairs, c.pairs, c.count * sizeof c.pairs[0]);
	return ERR_OK;
}
