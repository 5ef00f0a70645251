/* Writing a request message. */
#include "kmip/extension.h"
#include "kmip/message.h"

struct kmip_request_mark kmip_request_begin(struct writer *w, struct kmip_version version, uint32_t max_response_size,
	uint32_t batch_count)
{
	int32_t max = max_response_size > INT32_MAX ? INT32_MAX : (int32_t)max_response_size;
	struct kmip_request_mark mark = { ttlv_begin(w, TAG_REQUEST_MESSAGE) };
	struct ttlv_mark header = ttlv_begin(w, TAG_REQUEST_HEADER);
	kmip_version_put(w, version);
	if (max != 0) ttlv_put_i32(w, TAG_MAXIMUM_RESPONSE_SIZE, max);
	ttlv_put_i32(w, TAG_BATCH_COUNT, (int32_t)batch_count);
	ttlv_end(w, header);
	return mark;
}

void kmip_request_end(struct writer *w, struct kmip_request_mark mark)
{
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
