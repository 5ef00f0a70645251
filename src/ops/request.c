/* The life of a request outside its run: classified, loaded for, failed, done. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "kmip/alike.h"
#include "kmip/message.h"
#include "ops/dispatch.h"

/* Room for an answer that only says what went wrong. */
#define REFUSAL_MAX (256u * 1024u)

static enum coffer_err refuse(struct request *r, struct kmip_version version, enum coffer_err err, const struct reason *reason)
{
	struct writer w;
	request_clear_answer(r);
	writer_init_buf(&w, &r->answer, REFUSAL_MAX);
	kmip_refuse(&w, version, (int64_t)clock_wall_s(), err, reason_text(reason, err));
	if (writer_done(&w) != ERR_OK) {
		request_clear_answer(r); /* half an answer is worse than none: the connection ends */
		r->close_after = true;
	}
	r->engine->refused++;
	return err;
}

void request_begin(struct request *r)
{
	r->frame = r->answer = BUF_EMPTY;
	r->lent_frame = view_of(NULL, 0);
	r->lent_parsed = r->parsed = NULL;
	r->lent_alike = NULL;
	r->answer_at = 0;
	r->wanted_name = NULL;
	r->lane = OP_LANE_WORKER;
	r->close_after = r->want_name = r->loaded_once = r->rerun_on_store = false;
	r->audit_seq = r->counted = r->counted_failed = r->exact_item = 0;
	r->work = (struct segment_work){ .sealer = NULL };
}

struct view request_answer(const struct request *r)
{
	return r->answer.len ? view_of(r->answer.ptr + r->answer_at, r->answer.len - r->answer_at) : view_of(NULL, 0);
}

void request_clear_answer(struct request *r)
{
	buf_cut(&r->answer, r->answer_at);
}

static void drop_parsed(struct request *r)
{
	struct kmip_request *parsed = TAKE(r->parsed);
	if (parsed != r->lent_parsed) free(parsed);
}

static enum coffer_err parse(struct request *r, struct kmip_request *into, struct view frame, struct reason *reason)
{
	struct ttlv_limits limits = ttlv_limits_of(r->engine->config->max_message);
	return kmip_request_parse(frame, &limits, into, reason);
}

/* Into what was lent, or into memory of its own. A message like the one before is not read again. */
static enum coffer_err parse_first(struct request *r, struct reason *reason)
{
	struct view frame = r->frame.len ? buf_view(&r->frame) : r->lent_frame;
	struct kmip_alike *alike = r->parsed == r->lent_parsed ? r->lent_alike : NULL;
	if (!alike) return parse(r, r->parsed, frame, reason);
	if (frame.len <= r->engine->config->max_message && kmip_alike_take(alike, frame, r->parsed)) return ERR_OK;
	kmip_alike_forget(alike);
	TRY(parse(r, r->parsed, frame, reason));
	kmip_alike_note(alike, frame, r->parsed);
	return ERR_OK;
}

/* Reading the same bytes once more puts the views where they belong. */
enum coffer_err request_keep(struct request *r)
{
	AUTO_FREE struct kmip_request *own = NULL;
	AUTO_BUF struct buf copy = BUF_EMPTY;
	PRE(r->parsed);
	if (!r->lent_parsed && !r->lent_frame.len) return ERR_OK;
	own = malloc(sizeof *own);
	ENSURE(own, ERR_MEMORY);
	if (!r->frame.len) TRY(buf_append(&copy, r->lent_frame));
	TRY(parse(r, own, buf_view(r->frame.len ? &r->frame : &copy), NULL));
	if (copy.len) {
		r->frame = copy;
		copy = BUF_EMPTY;
	}
	drop_parsed(r);
	r->parsed = TAKE(own);
	r->lent_parsed = NULL;
	r->lent_alike = NULL;
	r->lent_frame = view_of(NULL, 0);
	return ERR_OK;
}

static enum op_lane lane_of(const struct kmip_request *q)
{
	enum op_lane lane = q->count > 1 && q->header.error_continuation == BATCH_ERROR_CONTINUATION_OPTION_UNDO
		? OP_LANE_STORE : OP_LANE_WORKER;
	for (size_t i = 0; i < q->count; i++) {
		const struct op_row *row = q->items[i].err ? NULL : dispatch_find(q->items[i].id.operation);
		if (row && row->lane > lane) lane = row->lane;
	}
	return lane;
}

enum coffer_err request_classify(struct request *r)
{
	struct reason reason UNSET;
	reason.text[0] = '\0';
	if (!r->parsed) r->parsed = r->lent_parsed ? r->lent_parsed : malloc(sizeof *r->parsed);
	if (!r->parsed) return refuse(r, KMIP_VERSION_HIGHEST, ERR_MEMORY, &reason);
	enum coffer_err err = parse_first(r, &reason);
	if (err) {
		struct kmip_version version = r->parsed->version;
		drop_parsed(r);
		return refuse(r, version, err, &reason);
	}
	r->lane = lane_of(r->parsed);
	return ERR_OK;
}

uint32_t request_items(const struct request *r)
{
	PRE(r->parsed);
	return r->parsed->count ? (uint32_t)r->parsed->count : 1;
}

bool request_is_status(const struct request *r)
{
	PRE(r->parsed);
	return r->parsed->count == 1 && !r->parsed->items[0].err && r->parsed->items[0].id.operation == OPERATION_COFFER_STATUS;
}

bool request_is_ring_segment(const struct request *r)
{
	struct ttlv_item item;
	PRE(r->parsed);
	const struct kmip_batch_item *only = &r->parsed->items[0];
	if (r->parsed->count != 1 || only->err) return false;
	if (only->id.operation != OPERATION_COFFER_SEAL_STREAM && only->id.operation != OPERATION_COFFER_OPEN_STREAM) return false;
	struct ttlv_cursor payload = only->payload;
	while (ttlv_next(&payload, &item))
		if (item.tag == TAG_COFFER_RING_SLOT) return true;
	return false;
}

enum coffer_err request_load(struct request *r, struct txn *txn)
{
	AUTO_OBJECT struct object *o = NULL;
	r->loaded_once = true;
	enum coffer_err err = r->want_name ? txn_object_by_name(txn, view_str(r->wanted_name), &o)
		: txn_object(txn, r->wanted_id, &o);
	return err == ERR_NOT_FOUND ? ERR_OK : err;
}

static enum coffer_err write_failure(const struct request *r, enum coffer_err err, const char *text, struct buf *out)
{
	const struct kmip_request *q = r->parsed;
	struct writer w;
	writer_init_buf(&w, out, REFUSAL_MAX);
	struct kmip_response_mark mark = kmip_response_begin(&w, q->version, (int64_t)clock_wall_s(), q->header.client_correlation,
		view_of(NULL, 0));
	for (size_t i = 0; i < q->count; i++) kmip_item_fail(&w, &q->items[i].id, err, text, q->items[i].from_coffer);
	kmip_response_end(&w, mark, (uint32_t)q->count);
	return writer_done(&w);
}

enum coffer_err request_failure(const struct request *r, enum coffer_err err, const char *text, struct buf *out)
{
	PRE(r->parsed && out->len == 0);
	return write_failure(r, err, text, out);
}

void request_fail(struct request *r, enum coffer_err err, const struct reason *reason)
{
	static const struct reason none = { "" };
	const char *text = reason_text(reason ? reason : &none, err);
	const struct kmip_request *q = r->parsed;
	segment_work_abandon(&r->work);
	if (!q) {
		enum coffer_err same = refuse(r, KMIP_VERSION_HIGHEST, err, reason ? reason : &none);
		(void)same;
		return;
	}
	request_clear_answer(r);
	r->engine->refused++;
	if (write_failure(r, err, text, &r->answer) == ERR_OK) return;
	enum coffer_err same = refuse(r, q->version, err, reason ? reason : &none); /* shorter: for the message as a whole */
	(void)same;
}

void request_refuse(struct request *r, enum coffer_err err, const struct reason *reason)
{
	segment_work_abandon(&r->work);
	enum coffer_err same = refuse(r, r->parsed ? r->parsed->version : KMIP_VERSION_HIGHEST, err, reason);
	(void)same;
}

enum coffer_err request_was_durable(struct request *r, struct txn *txn, bool *out)
{
	uint8_t id[UUID_LEN + 8];
	struct store_row row;
	struct writer w;
	*out = false;
	if (r->audit_seq == 0) return ERR_OK;
	writer_init(&w, id, sizeof id);
	writer_bytes(&w, view_of(r->engine->domain.node_id, UUID_LEN));
	writer_u64(&w, r->audit_seq);
	TRY(writer_done(&w));
	enum coffer_err err = store_get(txn_store(txn), STORE_AUDIT, view_of(id, sizeof id), &row);
	if (err == ERR_NOT_FOUND) return ERR_OK;
	TRY(err);
	*out = true;
	return ERR_OK;
}

/* Bulk use of a key with an audit row of its own must not take the room that is left for what ends a use. */
static bool writes(const struct engine *engine, const struct op_row *row)
{
	return (row->lane == OP_LANE_STORE && row->audit == OP_AUDIT_ALWAYS) ||
		(row->audit == OP_AUDIT_COUNTED && engine->config->audit_bulk == CONFIG_BULK_FULL);
}

enum request_write request_write_kind(const struct request *r)
{
	enum request_write kind = REQUEST_READS;
	PRE(r->parsed);
	for (size_t i = 0; i < r->parsed->count; i++) {
		const struct op_row *row = r->parsed->items[i].err ? NULL : dispatch_find(r->parsed->items[i].id.operation);
		if (!row || !writes(r->engine, row)) continue;
		enum request_write of_item = row->flags & OP_WHEN_FULL ? REQUEST_ENDS : REQUEST_CHANGES;
		if (of_item > kind) kind = of_item;
	}
	return kind;
}

bool request_is_of_cache(const struct request *r)
{
	PRE(r->parsed);
	for (size_t i = 0; i < r->parsed->count; i++) {
		const struct op_row *row = r->parsed->items[i].err ? NULL : dispatch_find(r->parsed->items[i].id.operation);
		if (!row || (row->lane != OP_LANE_WORKER && !(row->flags & OP_FROM_CACHE))) return false;
	}
	return true;
}

bool request_only_reads(const struct request *r)
{
	PRE(r->parsed);
	for (size_t i = 0; i < r->parsed->count; i++) {
		const struct op_row *row = r->parsed->items[i].err ? NULL : dispatch_find(r->parsed->items[i].id.operation);
		if (!row || !(row->flags & OP_ONLY_READS)) return false;
	}
	return r->parsed->count > 0;
}

void request_done(struct request *r)
{
	segment_work_abandon(&r->work); /* the daemon took it out, or it is not done */
	free(TAKE(r->wanted_name));
	buf_free(&r->frame);
	buf_free(&r->answer);
	drop_parsed(r);
	r->lent_parsed = NULL;
	r->lent_alike = NULL;
	r->lent_frame = view_of(NULL, 0);
}
