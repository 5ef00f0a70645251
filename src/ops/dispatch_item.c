/* One batch item: gates, target, policy, handler, audit. */
#include <string.h>

#include "base/cleanup.h"
#include "kmip/newer.h"
#include "ops/attend.h"
#include "ops/bulk_rows.h"
#include "ops/dispatch_internal.h"
#include "ops/grant_change.h"
#include "ops/kmip_key.h"
#include "ops/quorum_ask.h"
#include "ops/regroup.h"
#include "ops/request_record.h"
#include "ops/seat.h"

enum engine_state dispatch_state(const struct run *run)
{
	enum engine_state now = engine_state_get(run->r->engine);
	return now == ENGINE_OPEN ? run->began : now;
}

/* What mends a fault, and what ends the node, is carried out at a fault. */
static bool serves_at_fault(struct engine *e, uint32_t operation)
{
	switch (operation) {
	case OPERATION_COFFER_STATUS: case OPERATION_COFFER_ZEROISE: return true;
	case OPERATION_COFFER_UNSEAL: return e->slot_fault;
	case OPERATION_COFFER_STORE_CHECK: case OPERATION_COFFER_STORE_ACCEPT: return e->integrity_fault;
	case OPERATION_COFFER_ANCHOR_ACCEPT: return e->anchor_fault;
	case OPERATION_COFFER_NODE_ACCEPT: return e->twin_fault;
	case OPERATION_COFFER_APPROVE: case OPERATION_COFFER_LIST_APPROVALS: return e->integrity_fault || e->anchor_fault || e->twin_fault;
	default: return false;
	}
}

static enum coffer_err check_state(struct run *run, const struct op_row *row)
{
	struct reason *reason = &run->ctx.reason;
	switch (dispatch_state(run)) {
	case ENGINE_OPEN:
		return ERR_OK;
	case ENGINE_UNINITIALISED:
		if (!(row->flags & OP_UNINITIALISED_OK)) return ERR_UNINITIALISED;
		if (principal_is_own(run->ctx.principal)) return ERR_OK;
		return reason_fail(reason, ERR_UNINITIALISED, "the domain is not initialised; root or the daemon's user can run 'coffer init'");
	case ENGINE_SEALED:
		if (run->r->engine->moving && row->operation != OPERATION_COFFER_STATUS && row->operation != OPERATION_COFFER_ZEROISE)
			return reason_fail(reason, ERR_BUSY, "the store is being moved; 'coffer status' says how far that is");
		if (row->flags & OP_SEALED_OK) return ERR_OK;
		return reason_fail(reason, ERR_SEALED, "the node is sealed: its token has not opened the data key; 'coffer status' says why");
	case ENGINE_STARTING:
		return reason_fail(reason, ERR_BUSY, "the daemon is starting; try again in a moment");
	case ENGINE_DRAINING:
		return reason_fail(reason, ERR_BUSY, "the daemon is stopping; try again when it runs again");
	case ENGINE_FAULT:
		if (serves_at_fault(run->r->engine, row->operation)) return ERR_OK;
		if (run->r->engine->removed) return reason_fail(reason, ERR_STATE, "%s", engine_removed_note);
		if (row->operation == OPERATION_COFFER_STORE_ACCEPT && run->r->engine->anchor_fault)
			return reason_fail(reason, ERR_STATE, "the node stopped serving because of a rollback, which this does not accept; read 'coffer status', then run 'coffer store accept --rollback --yes'");
		if (row->operation == OPERATION_COFFER_ANCHOR_ACCEPT && run->r->engine->integrity_fault)
			return reason_fail(reason, ERR_STATE, "the node stopped serving because the store is not whole, which this does not accept; read 'coffer store check', then run 'coffer store accept --yes'");
		return reason_fail(reason, ERR_STATE, "the node stopped serving after a fault; 'coffer status' says which");
	}
	return ERR_BUG;
}

static enum coffer_err check_row(struct run *run, const struct op_row *row)
{
	struct reason *reason = &run->ctx.reason;
	if (!row || row->since_minor > run->ctx.version_minor) {
		run->ctx.result_reason = RESULT_REASON_OPERATION_NOT_SUPPORTED;
		return reason_fail(reason, ERR_UNSUPPORTED, "this operation is not supported%s", row ? " in this protocol version" : "");
	}
	TRY(check_state(run, row));
	bool alone = run->r->parsed->count == 1;
	if (!alone && ((row->flags & OP_ALONE) || row->lane == OP_LANE_ADMIN || run->r->lane == OP_LANE_ADMIN))
		return reason_fail(reason, ERR_UNSUPPORTED, "%s cannot share a batch with these operations; send it alone", row->name);
	if (row->lane == OP_LANE_STORE && !run->ctx.txn)
		return reason_fail(reason, ERR_BUG, "%s runs on the store thread only", row->name);
	return ERR_OK;
}

/* Init belongs to no role. Before the grants can be read, root and the daemon's user may look and test. When damage left no administrator, which no
 * operation does, they may make one. */
static enum coffer_err check_policy(struct run *run, const struct op_row *row)
{
	struct op_ctx *ctx = &run->ctx;
	bool open = dispatch_state(run) == ENGINE_OPEN;
	bool asks = !open || row->permission == PERMISSION_INIT || row->permission == PERMISSION_ZEROISE || row->operation == OPERATION_COFFER_GRANT;
	bool own = asks && principal_is_own(ctx->principal); /* which may be a system call */
	if ((row->permission == PERMISSION_INIT || row->permission == PERMISSION_ZEROISE) && own) return ERR_OK;
	if (row->permission == PERMISSION_UNSEAL) return attend_may(ctx->engine->config, ctx->principal, &ctx->reason);
	if (own && !open &&
	    (row->permission == PERMISSION_STATUS || row->permission == PERMISSION_TOKEN || row->operation == OPERATION_COFFER_STORE_CHECK))
		return ERR_OK;
	if (own && row->operation == OPERATION_COFFER_GRANT && !grants_have_administrator(run->grants)) return ERR_OK;
	return policy_check(run->grants, ctx->principal, row->permission, ctx->object, &ctx->reason);
}

static enum coffer_err too_large(struct run *run)
{
	struct op_ctx *ctx = &run->ctx;
	ctx->result_reason = RESULT_REASON_RESPONSE_TOO_LARGE;
	if (run->r->parsed->header.has_max_response_size)
		return reason_fail(&ctx->reason, ERR_TOO_LARGE, "the answer is larger than the Maximum Response Size of the request");
	return reason_fail(&ctx->reason, ERR_TOO_LARGE, "the answer is larger than this server sends (configuration key max_message); ask for less");
}

/* Rows that a request brought along say, like its own, whether its commit became durable: Audit Show has none of its own. */
static enum coffer_err tell_bulk(struct run *run)
{
	struct op_ctx *ctx = &run->ctx;
	if (!ctx->engine->audit) return ERR_OK;
	uint64_t before = audit_chain_length(ctx->engine->audit);
	TRY(bulk_tell(ctx->engine, ctx->txn, ctx->object ? ctx->object->id : NULL, BULK_ROWS_AT_ONCE));
	uint64_t newest = audit_chain_length(ctx->engine->audit);
	if (newest != before) run->r->audit_seq = newest;
	return ERR_OK;
}

static enum coffer_err call(const struct op_row *row, struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	if (!(row->flags & OP_ADMIN_LOCK)) return row->run(ctx, payload, out);
	pthread_mutex_lock(&ctx->engine->admin_lock);
	enum coffer_err err = row->run(ctx, payload, out);
	pthread_mutex_unlock(&ctx->engine->admin_lock);
	return err;
}

/* Where several nodes write the store: what needs a master server, and what only that one may do. */
static enum coffer_err check_seat(struct op_ctx *ctx, const struct op_row *row)
{
	if (row->flags & OP_SEALS) TRY(seat_ask_sealing(ctx->engine, &ctx->reason));
	if (!(row->flags & OP_FENCED)) return ERR_OK;
	return ctx->txn ? seat_check_master(ctx->engine, &ctx->reason) : seat_ask_master(ctx->engine, &ctx->reason);
}

static enum coffer_err attempt(struct run *run, const struct op_row *row, size_t index)
{
	const struct kmip_batch_item *item = &run->r->parsed->items[index];
	struct op_ctx *ctx = &run->ctx;
	struct ttlv_cursor payload;
	PRE(row);
	TRY(dispatch_payload(run, item, &payload));
	TRY(dispatch_target(ctx, row->target, &payload));
	TRY(check_policy(run, row));
	TRY(check_seat(ctx, row));
	if ((row->flags & OP_TELLS_BULK) && ctx->txn) TRY(tell_bulk(run));
	if (ctx->object && !(row->flags & OP_ARCHIVED_OK)) TRY(kmip_check_online(ctx, ctx->object));
	dispatch_limit(run, index + 1);
	struct kmip_item_mark mark = kmip_item_begin(&run->w, &item->id);
	size_t fields = writer_len(&run->w);
	ctx->again = run->again ? again_next(ctx->local, run->r) : NULL;
	enum coffer_err err = call(row, ctx, &payload, &run->w);
	if (!err) err = op_check_groups(ctx, row);
	size_t whole = writer_len(&run->w);
	if (!err) kmip_drop_newer(&run->w, fields, ctx->version_minor);
	bool stays = writer_len(&run->w) == whole;
	if (!err) kmip_item_end(&run->w, mark);
	if ((!err || err == ERR_TOO_LARGE) && writer_done(&run->w) == ERR_TOO_LARGE) return too_large(run);
	TRY(err);
	TRY(writer_done(&run->w));
	TRY(dispatch_reserve(run, index + 1));
	if (ctx->again) again_took(ctx->local, run->r, row, stays);
	return ERR_OK;
}

static bool changes(const struct op_row *row)
{
	return row->lane == OP_LANE_STORE && row->audit == OP_AUDIT_ALWAYS && !(row->flags & OP_SECRET_ANSWER);
}

/* The first item that changes something leaves a record that says so, without an answer; the last one, or end_answer, makes it whole. A whole one after each
 * item would be as much work as the square of their number. */
static enum coffer_err record(struct run *run, const struct op_row *row, size_t index)
{
	bool ends = index + 1 == run->r->parsed->count;
	if (row->flags & OP_SECRET_ANSWER) run->secret = true;
	run->recorded = false;
	if (!changes(row)) return ERR_OK;
	if (!run->has_record || run->began == ENGINE_FAULT) { /* nothing is looked for at a fault, and where the version root is gone nothing can be written */
		run->changed = true;
		return ERR_OK;
	}
	if (!ends && run->changed) return ERR_OK;
	kmip_response_end(&run->w, run->message, run->written + 1);
	TRY(writer_done(&run->w));
	struct view answer = run->secret || !ends ? view_of(NULL, 0) : request_answer(run->r);
	TRY(request_record_put(run->ctx.txn, &run->ctx.engine->request_records, run->ctx.principal, run->request_id, run->digest, answer));
	run->recorded = ends;
	run->changed = true; /* not before: an item that is undone for want of this changed nothing */
	return ERR_OK;
}

static enum coffer_err attempt_and_note(struct run *run, const struct op_row *row, size_t index)
{
	TRY(attempt(run, row, index));
	enum coffer_err err = dispatch_audit_wants(run, row, ERR_OK) ? dispatch_audit(run, row, ERR_OK) : ERR_OK;
	/* Off the store lane what was done is durable by now. */
	if (err && !run->ctx.txn) return reason_fail(&run->ctx.reason, err, "this was done, but the audit log could not be written: %s", err_text(err));
	if (err) return reason_fail(&run->ctx.reason, err, "the audit log could not be written, and without it nothing is done: %s", dispatch_audit_why(run, err));
	return run->ctx.txn ? record(run, row, index) : ERR_OK;
}

/* On the store lane: effect, audit row and stored answer stay together or go together. */
static enum coffer_err run_marked(struct run *run, const struct op_row *row, size_t index)
{
	struct txn *txn = run->ctx.txn;
	if (!txn || run->one_mark) return attempt_and_note(run, row, index);
	TRY(txn_mark(txn));
	enum coffer_err err = attempt_and_note(run, row, index);
	if (err) txn_undo(txn);
	else txn_keep(txn);
	return err;
}

/* What has an audit row of its own belongs on the store lane. */
static enum coffer_err run_on_lane(struct run *run, const struct op_row *row, size_t index)
{
	PRE(row);
	if (run->ctx.txn || !run->full || row->audit != OP_AUDIT_COUNTED) return run_marked(run, row, index);
	run->ctx.want_store = true;
	return ERR_NOT_CACHED;
}

/* An earlier item, or an earlier request of this transaction, may have changed the grants: what comes after it is judged by what it left. */
static void fresh_grants(struct run *run)
{
	if (run->ctx.txn) {
		struct grants *now = grant_change_current(run->r->engine);
		grants_unref(run->grants);
		run->grants = now;
	}
	run->ctx.grants = run->grants;
}

static void fresh_ctx(struct run *run, const struct kmip_batch_item *item)
{
	struct op_ctx *ctx = &run->ctx;
	ctx->object = NULL;
	ctx->has_touched = ctx->want_name = ctx->want_store = ctx->forget_placeholder = false;
	ctx->refused_len = 0;
	ctx->quorum_id[0] = ctx->detail[0] = ctx->reason.text[0] = '\0';
	ctx->bulk_bytes = 0;
	ctx->bulk_part = ctx->bulk_invalid = false;
	ctx->result_reason = 0;
	ctx->has_request_id = item->has_request_id;
	memcpy(ctx->request_id, item->request_id, sizeof ctx->request_id);
}

/* What the client learns: nothing about objects that it may not see. */
static enum coffer_err shown(struct run *run, enum coffer_err err)
{
	struct op_ctx *ctx = &run->ctx;
	if (err != ERR_DENIED || !dispatch_is_hidden(run)) return err;
	ctx->reason.text[0] = '\0';
	ctx->result_reason = 0;
	return ERR_NOT_FOUND;
}

/* An object that is not there is looked for on the store thread, in its table and then in a transaction. One that the client may not see takes the same
 * way, or the time of the answer would tell; and so does a further part, which ends what it belongs to there (ops/kmip_parts.h). */
static bool goes_the_long_way(struct run *run)
{
	struct op_ctx *ctx = &run->ctx;
	if (ctx->txn || run->r->lane != OP_LANE_WORKER || (!ctx->bulk_part && !dispatch_is_hidden(run))) return false;
	ctx->want_name = ctx->want_store = false;
	memset(ctx->wanted_id, 0, sizeof ctx->wanted_id);
	return true;
}

/* A refusal belongs into the audit log, which only the store thread writes. */
static bool wants_store(const struct run *run, const struct op_row *row, enum coffer_err err)
{
	return err == ERR_DENIED && row && !run->ctx.txn && run->r->lane == OP_LANE_WORKER && dispatch_audit_wants(run, row, err) &&
		engine_state_get(run->r->engine) == ENGINE_OPEN;
}

/* A refusal that cannot be audited is told as what stood in its way, which is the graver fault. */
static enum coffer_err note_refusal(struct run *run, const struct op_row *row, enum coffer_err err)
{
	enum coffer_err failed = dispatch_audit(run, row, err);
	if (!failed) return err;
	run->ctx.result_reason = 0;
	run->ctx.refused_len = 0;
	if (!run->ctx.txn) return reason_default(&run->ctx.reason, failed, "%s", err_text(failed)); /* what was done before is told */
	return reason_fail(&run->ctx.reason, failed, "the audit log could not be written, and without it nothing is done: %s", dispatch_audit_why(run, failed));
}

/* KMIP 1.4 section 4: these leave the ID Placeholder behind, or empty it. */
static bool moves_placeholder(const struct op_row *row)
{
	static const uint32_t operations[] = { OPERATION_CREATE, OPERATION_CREATE_KEY_PAIR, OPERATION_REGISTER, OPERATION_DERIVE_KEY,
		OPERATION_RE_KEY, OPERATION_RE_KEY_KEY_PAIR, OPERATION_CERTIFY, OPERATION_RE_CERTIFY, OPERATION_LOCATE, OPERATION_CHECK,
		OPERATION_RECOVER, OPERATION_CREATE_SPLIT_KEY, OPERATION_JOIN_SPLIT_KEY, OPERATION_EXPORT, OPERATION_IMPORT };
	for (size_t i = 0; i < sizeof operations / sizeof operations[0]; i++)
		if (row->operation == operations[i]) return true;
	return false;
}

enum coffer_err dispatch_item(struct run *run, size_t index)
{
	const struct kmip_batch_item *item = &run->r->parsed->items[index];
	struct op_ctx *ctx = &run->ctx;
	size_t start = writer_len(&run->w);
	bool had_placeholder = ctx->has_placeholder;
	uint8_t placeholder[UUID_LEN];
	memcpy(placeholder, ctx->placeholder, UUID_LEN);

	fresh_ctx(run, item);
	fresh_grants(run);
	const struct op_row *row = item->err ? NULL : dispatch_find(item->id.operation);
	enum coffer_err err = item->err;
	if (err && item->why) err = reason_fail(&ctx->reason, err, "%s", item->why);
	if (!err) err = check_row(run, row);
	bool checked = err == ERR_OK;
	if (checked) err = run_on_lane(run, row, index);
	if (!ctx->txn) quorum_give_back(ctx); /* with a transaction its end does that */
	if (err) {
		dispatch_take_back(&run->w, start);
		segment_work_abandon(ctx->work);
	}
	if (err || !moves_placeholder(row)) {
		ctx->has_placeholder = had_placeholder && !ctx->forget_placeholder;
		memcpy(ctx->placeholder, placeholder, UUID_LEN);
	}
	bool counted = checked && err == ERR_DENIED && dispatch_audit_counts_refusal(run, row, index);
	if (counted && goes_the_long_way(run)) err = ERR_NOT_CACHED;
	if ((!counted && wants_store(run, row, err)) || (err == ERR_NOT_CACHED && ctx->want_store && !ctx->txn)) {
		run->r->rerun_on_store = true;
		run->r->lane = OP_LANE_STORE;
		err = ERR_NOT_CACHED;
	}
	bool leave = err == ERR_NOT_CACHED && !ctx->txn;
	if (counted && !leave) dispatch_audit_count_refusal(run, row, index);
	else if (checked && !leave) dispatch_audit_count(run, row, index, err);
	if (err && !leave) {
		if (run->one_mark) txn_undo(ctx->txn);
		if (checked && !counted && dispatch_audit_wants(run, row, err)) err = note_refusal(run, row, err);
		err = shown(run, err);
		dispatch_failure(run, index, err);
		run->recorded = false;
		run->r->engine->refused++;
	}
	object_unref(TAKE(ctx->object));
	if (!leave) run->written++;
	if (!err && row && (row->flags & OP_ANCHORED)) run->r->anchored = true;
	return err;
}
