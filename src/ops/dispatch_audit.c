/* The audit row of a batch item: in the transaction of what it records. */
#include <string.h>

#include "kmip/kmip_reason.h"
#include "ops/dispatch_internal.h"

bool dispatch_audit_wants(const struct op_row *row, enum coffer_err err)
{
	if (row->audit == OP_AUDIT_ALWAYS) return true;
	return row->audit == OP_AUDIT_DENIED && err == ERR_DENIED;
}

struct entry {
	struct run *run;
	const struct op_row *row;
	enum coffer_err err;
};

static enum coffer_err append(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	const struct entry *e = arg;
	const struct op_ctx *ctx = &e->run->ctx;
	const char *details = e->err ? reason_text(&ctx->reason, e->err) : ctx->detail;
	(void)reason;
	if (!engine->audit) return ERR_OK; /* before init, or sealed: the log cannot be written yet */
	struct audit_event event = { .principal = view_str(ctx->principal->text), .operation = e->row->operation,
		.status = e->err ? RESULT_STATUS_OPERATION_FAILED : RESULT_STATUS_SUCCESS, .details = view_str(details) };
	if (e->err) event.result_reason = ctx->result_reason ? ctx->result_reason : kmip_reason_of(e->err);
	if (ctx->object) event.object_id = view_of(ctx->object->id, UUID_LEN);
	else if (ctx->has_touched) event.object_id = view_of(ctx->touched, UUID_LEN);
	if (ctx->has_request_id) event.request_id = view_of(ctx->request_id, sizeof ctx->request_id);
	TRY(audit_append(engine->audit, txn, &event));
	e->run->r->audit_seq = audit_chain_length(engine->audit);
	return ERR_OK;
}

enum coffer_err dispatch_audit(struct run *run, const struct op_row *row, enum coffer_err err)
{
	struct engine *engine = run->r->engine;
	struct entry entry = { run, row, err };
	struct reason ignored = { "" };
	if (run->ctx.txn) return append(engine, run->ctx.txn, &entry, &ignored);
	ENSURE(engine->on_store, ERR_BUG);
	return engine->on_store(engine, append, &entry, &ignored);
}
