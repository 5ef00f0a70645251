/* Context pairs off the wire. */
#include "ops/context_fields.h"

#include "base/cleanup.h"
#include "kmip/tags.h"

static enum coffer_err take_pair(struct ttlv_cursor *payload, struct context *context, struct reason *reason)
{
	struct ttlv_cursor pair;
	struct view name, value;
	TRY(ttlv_take_structure(payload, TAG_COFFER_CONTEXT, &pair));
	TRY(ttlv_take_text(&pair, TAG_COFFER_CONTEXT_NAME, &name));
	TRY(ttlv_take_bytes(&pair, TAG_COFFER_CONTEXT_VALUE, &value));
	TRY(ttlv_done(&pair));
	return context_add(context, name, value, reason);
}

enum coffer_err context_fields_take(struct ttlv_cursor *payload, struct context_fields *out, struct reason *reason)
{
	struct context context UNSET;
	struct writer w;
	out->len = 0;
	if (ttlv_peek_tag(payload) != TAG_COFFER_CONTEXT) return ERR_OK; /* encodes to nothing */
	context_init(&context);
	while (ttlv_peek_tag(payload) == TAG_COFFER_CONTEXT) TRY(take_pair(payload, &context, reason));
	writer_init(&w, out->bytes, sizeof out->bytes);
	context_encode(&context, &w);
	TRY(writer_done(&w));
	out->len = writer_len(&w);
	return ERR_OK;
}

struct view context_fields_view(const struct context_fields *fields)
{
	return view_of(fields->bytes, fields->len);
}
