/* Writing a response message. */
#include "base/text.h"
#include "kmip/extension.h"
#include "kmip/kmip_reason.h"
#include "kmip/message.h"

#define ENUM_LEN (TTLV_HEADER_LEN + 8u) /* bytes of an enumeration with its padding */

struct kmip_response_mark kmip_response_begin(struct writer *w, struct kmip_version version, int64_t now_s,
	struct view client_correlation, struct view server_correlation)
{
	struct kmip_response_mark mark;
	bool correlation = version.minor >= 4;
	mark.message = ttlv_begin(w, TAG_RESPONSE_MESSAGE);
	struct ttlv_mark header = ttlv_begin(w, TAG_RESPONSE_HEADER);
	kmip_version_put(w, version);
	ttlv_put_time(w, TAG_TIME_STAMP, now_s);
	if (correlation && client_correlation.len) ttlv_put_text(w, TAG_CLIENT_CORRELATION_VALUE, client_correlation);
	if (correlation && server_correlation.len) ttlv_put_text(w, TAG_SERVER_CORRELATION_VALUE, server_correlation);
	mark.batch_count = ttlv_reserve_i32(w, TAG_BATCH_COUNT);
	ttlv_end(w, header);
	return mark;
}

void kmip_response_end(struct writer *w, struct kmip_response_mark mark, uint32_t batch_count)
{
	writer_fill_u32(w, mark.batch_count, batch_count);
	ttlv_end(w, mark.message);
}

/* What every batch item of a response begins with; mark.payload is left to the caller. */
static struct kmip_item_mark begin(struct writer *w, const struct kmip_item_id *id, uint32_t status)
{
	struct kmip_item_mark mark = { .start = writer_len(w), .fits = writer_done(w) == ERR_OK };
	mark.item = ttlv_begin(w, TAG_BATCH_ITEM);
	if (id->operation) ttlv_put_enum(w, TAG_OPERATION, id->operation);
	if (id->has_unique_id) ttlv_put_bytes(w, TAG_UNIQUE_BATCH_ITEM_ID, id->unique_id);
	ttlv_put_enum(w, TAG_RESULT_STATUS, status);
	return mark;
}

struct kmip_item_mark kmip_item_begin(struct writer *w, const struct kmip_item_id *id)
{
	struct kmip_item_mark mark = begin(w, id, RESULT_STATUS_SUCCESS);
	mark.payload = ttlv_begin(w, TAG_RESPONSE_PAYLOAD);
	return mark;
}

void kmip_item_end(struct writer *w, struct kmip_item_mark mark)
{
	ttlv_end(w, mark.payload);
	ttlv_end(w, mark.item);
}

void kmip_item_rewind(struct writer *w, struct kmip_item_mark mark)
{
	writer_rewind(w, mark.start);
	if (mark.fits && w->err == ERR_TOO_LARGE) w->err = ERR_OK;
}

void kmip_item_fail_payload(struct writer *w, const struct kmip_item_id *id, uint32_t result_reason, const char *text,
	enum coffer_err named, struct view payload)
{
	char shown[REASON_MAX];
	struct kmip_item_mark mark = begin(w, id, RESULT_STATUS_OPERATION_FAILED);
	ttlv_put_enum(w, TAG_RESULT_REASON, result_reason);
	if (text) {
		text_printable(view_str(text), shown, sizeof shown); /* well-formed UTF-8 whatever it was made from */
		ttlv_put_str(w, TAG_RESULT_MESSAGE, shown);
	}
	if (payload.len) {
		mark.payload = ttlv_begin(w, TAG_RESPONSE_PAYLOAD);
		writer_bytes(w, payload);
		ttlv_end(w, mark.payload);
	}
	if (named) kmip_extension_put(w, NULL, err_name(named));
	ttlv_end(w, mark.item);
}

void kmip_item_fail_reason(struct writer *w, const struct kmip_item_id *id, uint32_t result_reason, const char *text,
	enum coffer_err named)
{
	kmip_item_fail_payload(w, id, result_reason, text, named, view_of(NULL, 0));
}

void kmip_item_fail(struct writer *w, const struct kmip_item_id *id, enum coffer_err err, const char *text, bool name_error)
{
	kmip_item_fail_reason(w, id, kmip_reason_of(err), text ? text : err_text(err), name_error ? err : ERR_OK);
}

size_t kmip_item_fail_size(const struct kmip_item_id *id)
{
	size_t size = TTLV_HEADER_LEN + 2 * ENUM_LEN; /* Batch Item, Result Status, Result Reason */
	if (id->operation) size += ENUM_LEN;
	if (id->has_unique_id) size += TTLV_HEADER_LEN + (id->unique_id.len + 7) / 8 * 8;
	return size;
}

void kmip_item_undone(struct writer *w, const struct kmip_item_id *id)
{
	struct kmip_item_mark mark = begin(w, id, RESULT_STATUS_OPERATION_UNDONE);
	ttlv_end(w, mark.item);
}

void kmip_item_pending(struct writer *w, const struct kmip_item_id *id, struct view correlation)
{
	struct kmip_item_mark mark = begin(w, id, RESULT_STATUS_OPERATION_PENDING);
	ttlv_put_bytes(w, TAG_ASYNCHRONOUS_CORRELATION_VALUE, correlation);
	ttlv_end(w, mark.item);
}

void kmip_refuse(struct writer *w, struct kmip_version version, int64_t now_s, enum coffer_err err, const char *text)
{
	struct kmip_item_id nothing = { .operation = 0 };
	struct kmip_response_mark mark = kmip_response_begin(w, version, now_s, view_of(NULL, 0), view_of(NULL, 0));
	kmip_item_fail(w, &nothing, err, text, false);
	kmip_response_end(w, mark, 1);
}
