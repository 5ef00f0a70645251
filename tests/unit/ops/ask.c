/* Requests as bytes. */
#include "unit/ops/ask.h"

#include <stdlib.h>

#include "kmip/values.h"
#include "unit/ops/fixture.h"

void ask_begin(struct ask *a, const struct ask_header *header)
{
	a->frame = BUF_EMPTY;
	a->plain = header->plain;
	writer_init_buf(&a->w, &a->frame, 4u << 20);
	a->message = ttlv_begin(&a->w, TAG_REQUEST_MESSAGE);
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_REQUEST_HEADER);
	kmip_version_put(&a->w, (struct kmip_version){ 1, header->minor || header->zero ? header->minor : 4 });
	if (header->max_response) ttlv_put_i32(&a->w, TAG_MAXIMUM_RESPONSE_SIZE, (int32_t)header->max_response);
	if (header->before) header->before(&a->w);
	if (header->continuation) ttlv_put_enum(&a->w, TAG_BATCH_ERROR_CONTINUATION_OPTION, header->continuation);
	if (header->behind) header->behind(&a->w);
	ttlv_put_i32(&a->w, TAG_BATCH_COUNT, (int32_t)header->count);
	ttlv_end(&a->w, mark);
}

void ask_item(struct ask *a, uint32_t operation, uint8_t number)
{
	a->item = ttlv_begin(&a->w, TAG_BATCH_ITEM);
	ttlv_put_enum(&a->w, TAG_OPERATION, operation);
	ttlv_put_bytes(&a->w, TAG_UNIQUE_BATCH_ITEM_ID, view_of(&number, 1));
	a->payload = ttlv_begin(&a->w, TAG_REQUEST_PAYLOAD);
}

void ask_item_end(struct ask *a, const uint8_t *request_id)
{
	ttlv_end(&a->w, a->payload);
	if (a->plain) {
		ttlv_end(&a->w, a->item);
		return;
	}
	struct ttlv_mark extension = ttlv_begin(&a->w, TAG_MESSAGE_EXTENSION);
	ttlv_put_str(&a->w, TAG_VENDOR_IDENTIFICATION, KMIP_VENDOR);
	ttlv_put_bool(&a->w, TAG_CRITICALITY_INDICATOR, false);
	struct ttlv_mark vendor = ttlv_begin(&a->w, TAG_VENDOR_EXTENSION);
	if (request_id) ttlv_put_bytes(&a->w, TAG_COFFER_REQUEST_ID, view_of(request_id, KMIP_REQUEST_ID_LEN));
	ttlv_end(&a->w, vendor);
	ttlv_end(&a->w, extension);
	ttlv_end(&a->w, a->item);
}

void ask_end(struct ask *a)
{
	ttlv_end(&a->w, a->message);
	assert_int_equal(writer_done(&a->w), ERR_OK);
}

void ask_one(struct ask *a, uint32_t operation)
{
	ask_begin(a, &(struct ask_header){ .count = 1 });
	ask_item(a, operation, 1);
}

void ask_id(struct ask *a, const char *id)
{
	if (id) ttlv_put_str(&a->w, TAG_UNIQUE_IDENTIFIER, id);
}

void ask_name(struct ask *a, const char *name)
{
	struct kmip_attr_mark mark = kmip_attr_begin(&a->w, ATTR_NAME);
	ttlv_put_str(&a->w, TAG_NAME_VALUE, name);
	ttlv_put_enum(&a->w, TAG_NAME_TYPE, NAME_TYPE_UNINTERPRETED_TEXT_STRING);
	kmip_attr_end(&a->w, mark);
}

void ask_key(struct ask *a, const struct key_wish *wish, uint64_t now_s)
{
	ttlv_put_enum(&a->w, TAG_OBJECT_TYPE, OBJECT_TYPE_SYMMETRIC_KEY);
	struct ttlv_mark mark = ttlv_begin(&a->w, TAG_TEMPLATE_ATTRIBUTE);
	kmip_attr_put_enum(&a->w, ATTR_CRYPTOGRAPHIC_ALGORITHM, CRYPTOGRAPHIC_ALGORITHM_AES);
	kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_LENGTH, 256);
	kmip_attr_put_i32(&a->w, ATTR_CRYPTOGRAPHIC_USAGE_MASK, wish->mask ? wish->mask
		: CRYPTOGRAPHIC_USAGE_MASK_ENCRYPT | CRYPTOGRAPHIC_USAGE_MASK_DECRYPT);
	if (wish->name) ask_name(a, wish->name);
	if (wish->group) kmip_attr_put_text(&a->w, ATTR_OBJECT_GROUP, view_str(wish->group));
	if (!wish->pre_active) kmip_attr_put_time(&a->w, ATTR_ACTIVATION_DATE, (int64_t)now_s);
	if (wish->random_gcm) {
		struct kmip_attr_mark params = kmip_attr_begin(&a->w, ATTR_CRYPTOGRAPHIC_PARAMETERS);
		ttlv_put_enum(&a->w, TAG_BLOCK_CIPHER_MODE, BLOCK_CIPHER_MODE_GCM);
		ttlv_put_bool(&a->w, TAG_RANDOM_IV, true);
		kmip_attr_end(&a->w, params);
	}
	ttlv_end(&a->w, mark);
}
