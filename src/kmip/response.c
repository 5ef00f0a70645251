/* Reading a response message. */
#include "kmip/extension.h"
#include "kmip/kmip_reason.h"
#include "kmip/message.h"

static enum coffer_err read_header(struct ttlv_cursor *message, struct kmip_response_header *out)
{
	struct ttlv_cursor c;
	struct ttlv_item item;
	int32_t count = 0;
	bool present;
	*out = (struct kmip_response_header){ .batch_count = 0 };
	TRY(ttlv_take_structure(message, TAG_RESPONSE_HEADER, &c));
	TRY(ttlv_take(&c, TAG_PROTOCOL_VERSION, &item));
	TRY(kmip_version_parse(&item, &out->version));
	TRY(ttlv_take_time(&c, TAG_TIME_STAMP, &out->time_stamp));
	TRY(ttlv_take_optional(&c, TAG_NONCE, &item, &present));
	do {
		TRY(ttlv_take_optional(&c, TAG_ATTESTATION_TYPE, &item, &present));
	} while (present);
	TRY(ttlv_take_optional_text(&c, TAG_CLIENT_CORRELATION_VALUE, &out->client_correlation, NULL));
	TRY(ttlv_take_optional_text(&c, TAG_SERVER_CORRELATION_VALUE, &out->server_correlation, NULL));
	TRY(ttlv_take_i32(&c, TAG_BATCH_COUNT, &count));
	TRY(ttlv_done(&c));
	ENSURE(count >= 0, ERR_FIELD);
	ENSURE(count <= (int32_t)KMIP_BATCH_MAX, ERR_LIMIT);
	out->batch_count = (uint32_t)count;
	return ERR_OK;
}

/* The error behind a failure: named in our extension, else guessed from the Result Reason. */
static enum coffer_err failure_of(const struct kmip_response_item *item, const struct kmip_extension *ext)
{
	enum coffer_err err = ext->ours ? kmip_reason_by_name(ext->error_name) : ERR_OK;
	return err != ERR_OK ? err : kmip_reason_err(item->reason);
}

static enum coffer_err read_item(const struct ttlv_item *from, struct kmip_response_item *out)
{
	struct ttlv_cursor c;
	struct ttlv_item item;
	struct kmip_extension ext = { .ours = false };
	bool present;
	*out = (struct kmip_response_item){ .err = ERR_OK };
	TRY(ttlv_enter(from, &c));
	TRY(ttlv_take_optional_enum(&c, TAG_OPERATION, &out->id.operation, NULL));
	TRY(ttlv_take_optional_bytes(&c, TAG_UNIQUE_BATCH_ITEM_ID, &out->id.unique_id, &out->id.has_unique_id));
	TRY(ttlv_take_enum(&c, TAG_RESULT_STATUS, &out->status));
	TRY(ttlv_take_optional_enum(&c, TAG_RESULT_REASON, &out->reason, NULL));
	TRY(ttlv_take_optional_text(&c, TAG_RESULT_MESSAGE, &out->message, NULL));
	TRY(ttlv_take_optional_bytes(&c, TAG_ASYNCHRONOUS_CORRELATION_VALUE, &out->correlation, NULL));
	TRY(ttlv_take_optional(&c, TAG_RESPONSE_PAYLOAD, &item, &out->has_payload));
	if (out->has_payload) TRY(ttlv_enter(&item, &out->payload));
	TRY(ttlv_take_optional(&c, TAG_MESSAGE_EXTENSION, &item, &present));
	if (present) TRY(kmip_extension_parse(&item, &ext));
	TRY(ttlv_done(&c));
	ENSURE(out->status <= RESULT_STATUS_OPERATION_UNDONE, ERR_FIELD);
	if (out->status == RESULT_STATUS_OPERATION_FAILED) out->err = failure_of(out, &ext);
	if (out->status == RESULT_STATUS_OPERATION_UNDONE) out->err = ERR_STATE;
	return ERR_OK;
}

static enum coffer_err open_message(struct view frame, struct kmip_response_header *out, struct ttlv_cursor *out_items)
{
	struct ttlv_item item;
	TRY(ttlv_root(frame, &item));
	ENSURE(item.tag == TAG_RESPONSE_MESSAGE, ERR_INPUT);
	TRY(ttlv_enter(&item, out_items));
	return read_header(out_items, out);
}

static enum coffer_err malformed(struct reason *reason, enum coffer_err err)
{
	return err == ERR_OK ? ERR_OK : reason_fail(reason, err, "the response message is malformed");
}

enum coffer_err kmip_response_open(struct view frame, const struct ttlv_limits *limits, struct kmip_response_header *out,
	struct ttlv_cursor *out_items, struct reason *reason)
{
	TRY(ttlv_check(frame, limits, reason));
	return malformed(reason, open_message(frame, out, out_items));
}

enum coffer_err kmip_response_take(struct ttlv_cursor *items, struct kmip_response_item *out)
{
	struct ttlv_item item;
	TRY(ttlv_take(items, TAG_BATCH_ITEM, &item));
	return read_item(&item, out);
}

enum coffer_err kmip_response_parse(struct view frame, const struct ttlv_limits *limits, struct kmip_response *out,
	struct reason *reason)
{
	struct kmip_response_header header;
	struct ttlv_cursor items;
	TRY(kmip_response_open(frame, limits, &header, &items, reason));
	out->version = header.version;
	out->time_stamp = header.time_stamp;
	out->client_correlation = header.client_correlation;
	out->server_correlation = header.server_correlation;
	for (out->count = 0; out->count < header.batch_count; out->count++) {
		enum coffer_err err = kmip_response_take(&items, &out->items[out->count]);
		if (err) return malformed(reason, err);
	}
	return malformed(reason, ttlv_done(&items));
}
