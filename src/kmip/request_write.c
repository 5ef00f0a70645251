/* Writing a request message. */
#include "kmip/extension.h"
#include "kmip/message.h"

static struct kmip_request_mark begin(struct writer *w, struct kmip_version version, int32_t max_response_size, uint32_t continuation)
{
	struct kmip_request_mark mark = { .message = ttlv_begin(w, TAG_REQUEST_MESSAGE) };
	struct ttlv_mark header = ttlv_begin(w, TAG_REQUEST_HEADER);
	kmip_version_put(w, version);
	if (max_response_size != 0) ttlv_put_i32(w, TAG_MAXIMUM_RESPONSE_SIZE, max_response_size);
	if (continuation) ttlv_put_enum(w, TAG_BATCH_ERROR_CONTINUATION_OPTION, continuation);
	mark.batch_count = ttlv_reserve_i32(w, TAG_BATCH_COUNT);
	ttlv_end(w, header);
	return mark;
}

struct kmip_request_mark kmip_request_begin(struct writer *w, struct kmip_version version, uint32_t max_response_size,
	uint32_t batch_count)
{
	struct kmip_request_mark mark = begin(w, version, max_response_size > INT32_MAX ? INT32_MAX : (int32_t)max_response_size, 0);
	writer_fill_u32(w, mark.batch_count, batch_count);
	return mark;
}

void kmip_request_end(struct writer *w, struct kmip_request_mark mark)
{
	ttlv_end(w, mark.message);
}

struct kmip_request_mark kmip_request_begin_batch(struct writer *w, struct kmip_version version)
{
	return begin(w, version, 0, BATCH_ERROR_CONTINUATION_OPTION_CONTINUE);
}

void kmip_request_end_batch(struct writer *w, struct kmip_request_mark mark, uint32_t batch_count)
{
	writer_fill_u32(w, mark.batch_count, batch_count);
	ttlv_end(w, mark.message);
}

struct kmip_item_mark kmip_request_item_begin(struct writer *w, const struct kmip_item_id *id)
{
	struct kmip_item_mark mark = { .start = writer_len(w), .fits = writer_done(w) == ERR_OK };
	mark.item = ttlv_begin(w, TAG_BATCH_ITEM);
	ttlv_put_enum(w, TAG_OPERATION, id->operation);
	if (id->has_unique_id) ttlv_put_bytes(w, TAG_UNIQUE_BATCH_ITEM_ID, id->unique_id);
	mark.payload = ttlv_begin(w, TAG_REQUEST_PAYLOAD);
	return mark;
}

void kmip_request_item_end(struct writer *w, struct kmip_item_mark mark, const uint8_t *request_id)
{
	ttlv_end(w, mark.payload);
	kmip_extension_put(w, request_id, NULL);
	ttlv_end(w, mark.item);
}
