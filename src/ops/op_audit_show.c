/* Audit Show: rows of the audit chain, one JSON object a line. */
#include <time.h>

#include "kmip/names.h"
#include "ops/json_out.h"
#include "ops/tables.h"

#define ROWS_MAX 500
#define BYTES_MAX (512u * 1024u)

struct page {
	struct writer w;
	uint64_t next; /* sequence number behind the last row taken */
	bool full;
};

static void put_time(struct json_out *j, uint64_t time_ms)
{
	char text[32] = "";
	time_t s = (time_t)(time_ms / 1000);
	struct tm tm;
	if (gmtime_r(&s, &tm)) strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_str(j, "time", text);
}

static const char *result_of(const struct audit_event *event)
{
	if (event->status == RESULT_STATUS_SUCCESS) return "ok";
	const char *name = kmip_enum_name(ENUM_RESULT_REASON, event->result_reason);
	return name ? name : "failed";
}

static void put_row(struct writer *w, const struct audit_event *event)
{
	struct json_out j = { w, false };
	char uuid[UUID_TEXT_LEN + 1] = "";
	if (event->object_id.len == UUID_LEN) text_uuid(event->object_id.ptr, uuid);
	json_begin(&j, NULL);
	json_u64(&j, "seq", event->seq);
	put_time(&j, event->time_ms);
	json_text(&j, "principal", event->principal);
	json_str(&j, "operation", event->operation ? kmip_operation_name(event->operation) : "event");
	json_str(&j, "result", result_of(event));
	json_str(&j, "object", uuid);
	json_text(&j, "details", event->details);
	json_end(&j);
	writer_u8(w, '\n');
}

static enum coffer_err take_row(void *arg, const struct audit_event *event)
{
	struct page *page = arg;
	size_t before = writer_len(&page->w);
	put_row(&page->w, event);
	TRY(writer_done(&page->w));
	if (before > 0 && writer_len(&page->w) > BYTES_MAX) {
		writer_rewind(&page->w, before);
		page->full = true;
		return ERR_LIMIT; /* ends the scan */
	}
	page->next = event->seq + 1;
	return ERR_OK;
}

static enum coffer_err read_page(struct op_ctx *ctx, uint64_t first, size_t count, struct page *page)
{
	enum coffer_err err = count ? audit_read(ctx->engine->audit, ctx->txn, first, count, take_row, page) : ERR_OK;
	if (page->full && err == ERR_LIMIT) return ERR_OK;
	if (err == ERR_CORRUPT)
		return reason_fail(&ctx->reason, err, "the audit log does not open at record %llu; it was edited or damaged ('coffer audit verify')",
			(unsigned long long)page->next);
	return err;
}

enum coffer_err op_audit_show(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf rows = BUF_EMPTY;
	int64_t from = 1;
	int32_t count = ROWS_MAX;
	TRY(ttlv_take_optional_i64(payload, TAG_COFFER_AUDIT_FROM, &from, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_AUDIT_COUNT, &count, NULL));
	TRY(ttlv_done(payload));
	if (from < 1 || count < 0) return reason_fail(&ctx->reason, ERR_FIELD, "audit records are counted from 1");
	ENSURE(ctx->engine->audit, ERR_SEALED);
	uint64_t gone = audit_chain_base(ctx->engine->audit)->seq;
	struct page page = { .next = (uint64_t)from > gone ? (uint64_t)from : gone + 1 };
	writer_init_buf(&page.w, &rows, SIZE_MAX);
	TRY(read_page(ctx, page.next, count > ROWS_MAX ? ROWS_MAX : (size_t)count, &page));
	uint64_t length = audit_chain_length(ctx->engine->audit);
	ttlv_put_text(out, TAG_COFFER_AUDIT_ROWS, buf_view(&rows));
	if (count > 0 && page.next <= length) ttlv_put_i64(out, TAG_COFFER_AUDIT_NEXT, (int64_t)page.next);
	ttlv_put_i64(out, TAG_COFFER_AUDIT_LENGTH, (int64_t)length);
	return ERR_OK;
}
