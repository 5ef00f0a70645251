/* Audit Export: lines of the audit chain with a signed checkpoint behind them (docs/formats.md section 20). */
#include "audit/line.h"
#include "audit/page.h"
#include "kmip/tags.h"
#include "ops/tables.h"

#define ROWS_MAX 500
#define BYTES_MAX (512u * 1024u)
#define SHORT_LINE 1024u /* header, checkpoint */

struct export {
	struct writer w;
	uint64_t next; /* sequence number behind the last row taken */
	bool full;
};

static enum coffer_err take_row(void *arg, const struct audit_event *event, const struct audit_links *links)
{
	struct export *x = arg;
	size_t before = writer_len(&x->w);
	audit_line_record(event, links, &x->w);
	writer_u8(&x->w, '\n');
	TRY(writer_done(&x->w));
	if (before > 0 && writer_len(&x->w) > BYTES_MAX) {
		writer_rewind(&x->w, before);
		x->full = true;
		return ERR_LIMIT; /* ends the scan */
	}
	x->next = event->seq + 1;
	return ERR_OK;
}

struct place_line {
	uint64_t seq;
	enum kmip_tag tag;
	bool is_checkpoint; /* else a header */
};

static enum coffer_err write_line(struct op_ctx *ctx, const struct place_line *line, struct writer *w)
{
	const struct domain_id *domain = ring_domain(txn_ring(ctx->txn));
	struct audit_checkpoint checkpoint;
	struct audit_place place;
	if (line->is_checkpoint) {
		TRY(audit_page_checkpoint(ctx->txn, line->seq, &checkpoint));
		audit_line_checkpoint(domain, &checkpoint, w);
	} else {
		TRY(audit_page_place(ctx->txn, line->seq, &place));
		audit_line_header(domain, &place, w);
	}
	return writer_done(w);
}

static enum coffer_err put_line(struct op_ctx *ctx, const struct place_line *line, struct writer *out)
{
	uint8_t text[SHORT_LINE];
	struct writer w;
	writer_init(&w, text, sizeof text);
	TRY(write_line(ctx, line, &w));
	ttlv_put_text(out, line->tag, writer_view(&w));
	return ERR_OK;
}

static enum coffer_err damaged(struct op_ctx *ctx, uint64_t seq)
{
	return reason_fail(&ctx->reason, ERR_CORRUPT, "the audit log does not open at record %llu; it was edited or damaged ('coffer audit verify')",
		(unsigned long long)seq);
}

static enum coffer_err read_rows(struct op_ctx *ctx, size_t count, struct export *x)
{
	enum coffer_err err = count ? audit_page_rows(ctx->txn, x->next, count, take_row, x) : ERR_OK;
	if (x->full && err == ERR_LIMIT) return ERR_OK;
	return err == ERR_CORRUPT ? damaged(ctx, x->next) : err;
}

enum coffer_err op_audit_export(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf rows = BUF_EMPTY;
	int64_t from = 0;
	int32_t count = ROWS_MAX;
	TRY(ttlv_take_optional_i64(payload, TAG_COFFER_AUDIT_FROM, &from, NULL));
	TRY(ttlv_take_optional_i32(payload, TAG_COFFER_AUDIT_COUNT, &count, NULL));
	TRY(ttlv_done(payload));
	ENSURE(ctx->engine->audit, ERR_SEALED);
	uint64_t length = audit_chain_length(ctx->engine->audit), gone = audit_chain_base(ctx->engine->audit)->seq;
	if (from == 0) from = (int64_t)gone + 1;
	if (from > 0 && (uint64_t)from <= gone)
		return reason_fail(&ctx->reason, ERR_FIELD, "records 1 to %llu were taken out of the store; the export to a file and its archives have them: begin with record %llu",
			(unsigned long long)gone, (unsigned long long)gone + 1);
	if (from < 1 || count < 0 || (uint64_t)from > length + 1)
		return reason_fail(&ctx->reason, ERR_FIELD, "the audit log has the records 1 to %llu; begin with one of them", (unsigned long long)length);
	struct export x = { .next = (uint64_t)from };
	writer_init_buf(&x.w, &rows, SIZE_MAX);
	TRY(read_rows(ctx, count > ROWS_MAX ? ROWS_MAX : (size_t)count, &x));
	const struct place_line header = { (uint64_t)from - 1, TAG_COFFER_AUDIT_HEADER, false }, checkpoint = { x.next - 1, TAG_COFFER_AUDIT_CHECKPOINT, true };
	enum coffer_err err = put_line(ctx, &header, out);
	if (!err) {
		ttlv_put_text(out, TAG_COFFER_AUDIT_ROWS, buf_view(&rows));
		err = put_line(ctx, &checkpoint, out);
	}
	if (err == ERR_CORRUPT) return damaged(ctx, x.next - 1);
	TRY(err);
	if (count > 0 && x.next <= length) ttlv_put_i64(out, TAG_COFFER_AUDIT_NEXT, (int64_t)x.next);
	ttlv_put_i64(out, TAG_COFFER_AUDIT_LENGTH, (int64_t)length);
	ttlv_put_i64(out, TAG_COFFER_AUDIT_FROM, from);
	return ERR_OK;
}
