/* Forms of requests and answers. */
#include "client/form.h"

#include <string.h>

#include "base/be.h"

/* An item is 8 bytes at least: a batch of kept items has no more of them than a message may have. */
_Static_assert((FORM_HEADER_MAX + KMIP_BATCH_MAX * FORM_ANSWER_MAX) / TTLV_HEADER_LEN < TTLV_ITEMS_MAX, "a batch may have too many TTLV items");

static size_t padded(size_t len)
{
	return (len + 7) / 8 * 8;
}

static void put_header(uint8_t *at, uint32_t tag, enum ttlv_type type, size_t len)
{
	be64_put(at, (uint64_t)tag << 40 | (uint64_t)type << 32 | (uint32_t)len);
}

/* ---- requests ---- */

void request_form_keep(struct request_form *f, const struct writer *w, const struct request_places *at, struct view key)
{
	size_t len = at->context - at->start, tail_len = writer_len(w) - at->tail;
	f->len = 0;
	if (writer_done(w) != ERR_OK || len > sizeof f->head || tail_len > sizeof f->tail) return;
	memcpy(f->head, writer_view(w).ptr + at->start, len);
	memcpy(f->tail, writer_view(w).ptr + at->tail, tail_len);
	f->len = (uint16_t)len;
	f->tail_len = (uint8_t)tail_len;
	f->item_at = (uint16_t)(at->item - at->start);
	f->payload_at = (uint16_t)(at->payload - at->start);
	f->key_len = (uint16_t)key.len;
}

bool request_form_is_for(const struct request_form *f, struct view key)
{
	if (f->len == 0 || f->key_len != key.len) return false;
	return key.len == 0 || memcmp(f->head + f->payload_at + 2 * TTLV_HEADER_LEN, key.ptr, key.len) == 0;
}

void request_form_fill(const struct request_form *f, uint8_t *head, size_t more, uint8_t number)
{
	size_t item_len = f->len - f->item_at - TTLV_HEADER_LEN + more + f->tail_len;
	memcpy(head, f->head, f->len);
	put_header(head + f->item_at, TAG_BATCH_ITEM, TTLV_STRUCTURE, item_len);
	put_header(head + f->payload_at, TAG_REQUEST_PAYLOAD, TTLV_STRUCTURE, f->len - f->payload_at - TTLV_HEADER_LEN + more);
	if (f->item_at) put_header(head, TAG_REQUEST_MESSAGE, TTLV_STRUCTURE, f->item_at + item_len);
	else head[f->payload_at - 8] = number;
}

/* ---- answers ---- */

void answer_header_keep(struct answer_header_form *f, struct view frame)
{
	struct ttlv_item message, header, field;
	struct ttlv_cursor c;
	f->len = f->time_at = f->count_at = 0;
	if (ttlv_root(frame, &message) != ERR_OK || ttlv_enter(&message, &c) != ERR_OK || !ttlv_next(&c, &header)) return;
	size_t len = (size_t)(header.value.ptr - frame.ptr) + header.value.len;
	if (len > sizeof f->head || ttlv_enter(&header, &c) != ERR_OK) return;
	while (ttlv_next(&c, &field)) {
		uint16_t at = (uint16_t)(field.value.ptr - frame.ptr);
		if (field.tag == TAG_TIME_STAMP) f->time_at = at;
		if (field.tag == TAG_BATCH_COUNT) f->count_at = at;
	}
	if (!f->time_at || !f->count_at) return;
	memcpy(f->head, frame.ptr, len);
	f->len = (uint16_t)len;
}

bool answer_header_is_like(struct answer_header_form *f, struct view frame, uint32_t count)
{
	if (f->len == 0 || frame.len < f->len) return false;
	put_header(f->head, TAG_RESPONSE_MESSAGE, TTLV_STRUCTURE, frame.len - TTLV_HEADER_LEN);
	memcpy(f->head + f->time_at, frame.ptr + f->time_at, 8);
	be64_put(f->head + f->count_at, (uint64_t)count << 32);
	return memcmp(f->head, frame.ptr, f->len) == 0;
}

void answer_form_keep(struct answer_form *f, struct view from, const struct kmip_response_item *item, struct view fields, uint32_t tag, struct view result)
{
	f->len = 0;
	if (item->status != RESULT_STATUS_SUCCESS || (item->id.has_unique_id && item->id.unique_id.len != 1)) return;
	size_t len = (size_t)(result.ptr - from.ptr);
	if (len > sizeof f->head || len + padded(result.len) != from.len) return;
	memcpy(f->head, from.ptr, len);
	f->payload_at = (uint16_t)((size_t)(fields.ptr - from.ptr) - TTLV_HEADER_LEN);
	f->number_at = item->id.has_unique_id ? (uint16_t)(item->id.unique_id.ptr - from.ptr) : 0;
	f->tag = tag;
	f->len = (uint16_t)len;
}

bool answer_form_is_head(struct answer_form *f, const uint8_t *head, size_t total, uint8_t number, size_t *out_result_len)
{
	size_t len = f->len;
	if (len == 0 || total < len) return false;
	size_t result_len = (uint32_t)be64_get(head + len - TTLV_HEADER_LEN), left = total - len;
	if (result_len > left) return false; /* so that it can be padded, however few bits size_t has */
	size_t result_padded = padded(result_len);
	if (result_padded > left) return false;
	put_header(f->head, TAG_BATCH_ITEM, TTLV_STRUCTURE, len - TTLV_HEADER_LEN + result_padded);
	put_header(f->head + f->payload_at, TAG_RESPONSE_PAYLOAD, TTLV_STRUCTURE, len - f->payload_at - TTLV_HEADER_LEN + result_padded);
	put_header(f->head + len - TTLV_HEADER_LEN, f->tag, TTLV_BYTES, result_len);
	if (f->number_at) f->head[f->number_at] = number;
	*out_result_len = result_len;
	return memcmp(f->head, head, len) == 0;
}

size_t answer_form_match(struct answer_form *f, struct view rest, uint8_t number, size_t *out_result_len)
{
	size_t result_len;
	if (!answer_form_is_head(f, rest.ptr, rest.len, number, &result_len)) return 0;
	for (size_t i = result_len; i < padded(result_len); i++)
		if (rest.ptr[f->len + i] != 0) return 0;
	*out_result_len = result_len;
	return f->len + padded(result_len);
}
