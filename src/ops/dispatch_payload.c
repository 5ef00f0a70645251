/* The fields of a payload before its operation reads them (KMIP 1.4 section 11.1). */
#include <string.h>

#include "kmip/alike.h"
#include "kmip/names.h"
#include "kmip/newer.h"
#include "ops/dispatch_internal.h"

#define SEEN_MAX 32u /* different fields of one payload; no operation has as many */

static bool may_repeat(uint32_t tag)
{
	static const uint32_t tags[] = { TAG_ATTRIBUTE, TAG_ATTRIBUTE_NAME, TAG_QUERY_FUNCTION, TAG_PROTOCOL_VERSION, TAG_COFFER_CONTEXT,
		TAG_COFFER_SHARE };
	for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++)
		if (tags[i] == tag) return true;
	return false;
}

static enum coffer_err twice(struct op_ctx *ctx)
{
	ctx->result_reason = RESULT_REASON_INVALID_MESSAGE;
	return reason_fail(&ctx->reason, ERR_INPUT, "a field of the request stands twice");
}

/* A field that stands twice, and one that nobody knows, are refused as what they are, wherever they stand. */
static enum coffer_err check(struct op_ctx *ctx, struct ttlv_cursor payload)
{
	uint32_t seen[SEEN_MAX];
	size_t count = 0;
	struct ttlv_item item;
	while (ttlv_next(&payload, &item)) {
		if (may_repeat(item.tag)) continue;
		for (size_t i = 0; i < count; i++)
			if (seen[i] == item.tag) return twice(ctx);
		if (kmip_tag_since(item.tag) == TAG_NOT_IN_1X || count == SEEN_MAX)
			return reason_fail(&ctx->reason, ERR_FIELD, "the request has a field that does not belong there");
		seen[count++] = item.tag;
	}
	return ERR_OK;
}

enum coffer_err dispatch_payload(struct run *run, const struct kmip_batch_item *item, struct ttlv_cursor *out)
{
	struct writer w;
	*out = item->payload;
	if (run->r->parsed->header.version.minor > KMIP_VERSION_HIGHEST.minor) {
		buf_clear(&run->newer);
		writer_init_buf(&w, &run->newer, item->payload.rest.len);
		writer_bytes(&w, item->payload.rest);
		kmip_drop_unknown(&w, 0);
		TRY(writer_done(&w));
		*out = ttlv_cursor_of(writer_view(&w));
	}
	struct kmip_alike *alike = run->r->parsed == run->r->lent_parsed ? run->r->lent_alike : NULL;
	size_t index = (size_t)(item - run->r->parsed->items);
	uint32_t bit = alike && alike->frame_len ? UINT32_C(1) << index : 0; /* what is kept has few items */
	if (bit && (alike->known_payloads & bit)) return ERR_OK;
	TRY(check(&run->ctx, *out));
	if (bit) alike->known_payloads |= bit;
	return ERR_OK;
}
