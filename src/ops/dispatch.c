/* A whole request: its batch in order, error continuation, repeated request ids. */
#include "ops/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/text.h"
#include "crypto/crypto_err.h"
#include "ops/dispatch_internal.h"
#include "ops/request_record.h"

/* The request id is the whole message's: every item that carries one carries the same. */
static enum coffer_err take_request_id(struct run *run)
{
	const struct kmip_request *q = run->r->parsed;
	for (size_t i = 0; i < q->count; i++) {
		const struct kmip_batch_item *item = &q->items[i];
		if (!item->has_request_id) continue;
		if (run->has_record && memcmp(run->request_id, item->request_id, sizeof run->request_id) != 0)
			return reason_fail(&run->ctx.reason, ERR_FIELD, "the items of this batch carry different request ids; use one");
		run->has_record = true;
		memcpy(run->request_id, item->request_id, sizeof run->request_id);
	}
	if (!run->has_record) return ERR_OK;
	return request_record_digest(q, run->digest);
}

static enum coffer_err begin_answer(struct run *run)
{
	const struct kmip_request *q = run->r->parsed;
	request_clear_answer(run->r);
	writer_init_buf(&run->w, &run->r->answer, SIZE_MAX); /* the header is always there, however little the client takes */
	run->now_s = clock_wall_s();
	run->message = kmip_response_begin(&run->w, q->version, (int64_t)run->now_s, q->header.client_correlation, view_str(run->correlation));
	TRY(writer_done(&run->w));
	return dispatch_reserve(run, 0);
}

/* KMIP 1.4 sections 6.18 and 6.19: to a client that names its requests the answer has a name of its own, and the log knows both. Other clients get
 * none: some of them do not expect the field. */
static void name_answer(struct run *run)
{
	const struct kmip_request *q = run->r->parsed;
	char client[KMIP_CORRELATION_MAX + 1];
	uint8_t id[UUID_LEN];
	if (q->version.minor < 4 || q->header.client_correlation.len == 0) return;
	if (rng_pool_bytes(run->ctx.local ? op_local_rng(run->ctx.local) : NULL, id, sizeof id) != ERR_OK) return;
	text_uuid(id, run->correlation);
	text_printable(q->header.client_correlation, client, sizeof client);
	log_debug("answer %s to %s, client correlation value '%s'", run->correlation, run->r->principal->text, client);
}

static void start_run(struct run *run, struct request *r, struct op_local *local, struct txn *txn)
{
	const struct kmip_request *q = r->parsed;
	memset(run, 0, sizeof *run);
	run->r = r;
	r->anchored = false;
	run->began = engine_state_get(r->engine);
	run->grants = txn || !local ? engine_grants(r->engine) : op_local_grants(local, r->engine);
	run->grants_lent = !txn && local;
	const struct config *config = r->engine->config;
	run->full = config->audit_bulk == CONFIG_BULK_FULL;
	run->limit = config->max_message;
	if (q->header.has_max_response_size && q->header.max_response_size < run->limit) run->limit = q->header.max_response_size;
	run->ctx.engine = r->engine;
	run->ctx.principal = r->principal;
	run->ctx.local = local;
	run->ctx.streams = r->streams;
	run->ctx.work = &r->work;
	run->ctx.txn = txn;
	run->ctx.alone = q->count == 1;
	run->ctx.version_major = q->version.major;
	run->ctx.version_minor = q->version.minor;
	name_answer(run);
}

/* Everything that was done is undone: the answer says so item by item, the failed one last. It takes less than what it replaces. */
static enum coffer_err answer_undone(struct run *run, size_t failed, enum coffer_err err)
{
	const struct kmip_request *q = run->r->parsed;
	TRY(begin_answer(run));
	for (size_t i = 0; i < failed; i++) kmip_item_undone(&run->w, &q->items[i].id);
	dispatch_failure(run, failed, err);
	run->written = (uint32_t)failed + 1;
	run->changed = run->recorded = run->r->anchored = false;
	return ERR_OK;
}

static enum coffer_err run_items(struct run *run, size_t *out_failed, enum coffer_err *out_err)
{
	const struct kmip_request *q = run->r->parsed;
	bool go_on = q->header.error_continuation == BATCH_ERROR_CONTINUATION_OPTION_CONTINUE;
	for (size_t i = 0; i < q->count; i++) {
		enum coffer_err err = dispatch_item(run, i);
		if (err == ERR_NOT_CACHED && !run->ctx.txn) return err;
		if (!err) continue;
		*out_failed = i;
		*out_err = err;
		if (!go_on) break;
	}
	return ERR_OK;
}

/* Undo (KMIP 1.4 section 6.13): one mark around the batch. The item that fails undoes it, before its refusal is audited (dispatch_item.c). */
static enum coffer_err run_or_undo(struct run *run)
{
	size_t failed = 0;
	enum coffer_err err = ERR_OK;
	TRY(txn_mark(run->ctx.txn));
	run->one_mark = true;
	TRY(run_items(run, &failed, &err)); /* on the store lane every item ends here */
	if (err) return answer_undone(run, failed, err);
	txn_keep(run->ctx.txn);
	return ERR_OK;
}

static enum coffer_err end_answer(struct run *run)
{
	kmip_response_end(&run->w, run->message, run->written);
	TRY(writer_done(&run->w));
	if (!run->has_record || !run->changed || run->recorded || !run->ctx.txn) return ERR_OK;
	/* The record says that something was changed, or has an answer to which something was added: it becomes the whole one. */
	struct view answer = run->secret ? view_of(NULL, 0) : request_answer(run->r);
	if (txn_mark(run->ctx.txn) != ERR_OK) return ERR_OK; /* that stays */
	enum coffer_err err = request_record_put(run->ctx.txn, &run->ctx.engine->request_records, run->ctx.principal, run->request_id, run->digest, answer);
	if (err) txn_undo(run->ctx.txn); /* likewise */
	else txn_keep(run->ctx.txn);
	return ERR_OK;
}

static bool has_anchored(const struct kmip_request *q)
{
	for (size_t i = 0; i < q->count; i++) {
		const struct op_row *row = dispatch_find(q->items[i].id.operation);
		if (row && (row->flags & OP_ANCHORED)) return true;
	}
	return false;
}

static enum coffer_err run_batch(struct run *run)
{
	bool found = false, undo = run->r->parsed->header.error_continuation == BATCH_ERROR_CONTINUATION_OPTION_UNDO;
	size_t failed;
	enum coffer_err item_err;
	TRY(take_request_id(run));
	if (run->has_record && run->ctx.txn && run->began == ENGINE_OPEN) {
		request_clear_answer(run->r);
		TRY(request_record_find(run->ctx.txn, &run->ctx.engine->request_records, run->ctx.principal, run->request_id, run->digest,
			&run->r->answer, &found, &run->ctx.reason));
	}
	if (found) {
		run->r->anchored = has_anchored(run->r->parsed); /* what was answered before may not be anchored yet */
		return dispatch_audit_again(run);
	}
	TRY(begin_answer(run));
	if (undo && run->ctx.txn) TRY(run_or_undo(run));
	else TRY(run_items(run, &failed, &item_err));
	return end_answer(run);
}

static void go_to_store(struct request *r)
{
	r->rerun_on_store = true;
	r->lane = OP_LANE_STORE;
}

/* Off the store lane: what must be loaded first. A second different miss goes to the store lane, which needs nothing loaded. */
static void leave_lane(struct run *run)
{
	struct request *r = run->r;
	const struct op_ctx *ctx = &run->ctx;
	if (r->rerun_on_store) return;
	if (r->loaded_once) {
		go_to_store(r);
		return;
	}
	r->want_name = ctx->want_name;
	memcpy(r->wanted_id, ctx->wanted_id, sizeof r->wanted_id);
	if (!ctx->want_name) return;
	free(r->wanted_name);
	r->wanted_name = strndup((const char *)ctx->wanted_name.ptr, ctx->wanted_name.len);
	if (!r->wanted_name) go_to_store(r); /* there it is not wanted */
}

enum coffer_err request_run(struct request *r, struct op_local *local, struct txn *txn)
{
	struct run run UNSET; /* start_run */
	PRE(r->parsed);
	crypto_err_begin();
	if (local && !txn && again_run(local, r)) return ERR_OK;
	start_run(&run, r, local, txn);
	run.again = local && !txn && again_begin(local, r);
	enum coffer_err err = run_batch(&run);
	if (!err && run.again && !run.has_record) again_end(local, r);
	if (!run.grants_lent) grants_unref(run.grants);
	if (err == ERR_NOT_CACHED && !txn) {
		leave_lane(&run);
		request_clear_answer(r);
		buf_free(&run.newer);
		return err;
	}
	buf_free(&run.newer);
	if (err) request_fail(r, err, &run.ctx.reason);
	return ERR_OK;
}
