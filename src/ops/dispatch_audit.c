/* The audit row of a batch item: in the transaction of what it records. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/held.h"
#include "kmip/kmip_reason.h"
#include "ops/attend.h"
#include "ops/dispatch_internal.h"

bool dispatch_audit_wants(const struct run *run, const struct op_row *row, enum coffer_err err)
{
	if (row->audit == OP_AUDIT_ALWAYS || (row->audit == OP_AUDIT_COUNTED && run->full)) return true;
	if (row->audit == OP_AUDIT_FAILED) return err != ERR_OK;
	return row->audit != OP_AUDIT_NEVER && err == ERR_DENIED;
}

/* A row of bulk use that succeeded says how much it was. A segment in a ring is only asked for yet. */
static void describe_bulk(struct op_ctx *ctx)
{
	bool later = ctx->work && segment_work_pending(ctx->work);
	uint64_t bytes = later ? ctx->work->ticket.plain_len : ctx->bulk_bytes;
	snprintf(ctx->detail, sizeof ctx->detail, "%s%" PRIu64 " bytes%s", ctx->bulk_part ? "a further part, " : "", bytes,
		later ? " asked for in shared memory" : ctx->bulk_invalid ? ", did not verify" : "");
}

/* Use of a key in a transaction: the client learns that it was done when that is durable. */
struct staged {
	struct bulk *bulk;
	struct request *request; /* it is answered behind the transaction */
	uint64_t bit;            /* of its item */
	struct principal principal;
	uint8_t id[UUID_LEN];
	struct bulk_use use;
};

static void was_done(void *arg)
{
	struct staged *s = arg;
	bulk_note_shared(s->bulk, &s->use);
	free(s);
}

static void was_undone(void *arg)
{
	struct staged *s = arg;
	s->request->counted_failed |= s->bit; /* when the same request is run again, what it does then counts */
	s->use.kind = BULK_FAILED;
	s->use.bytes = 0;
	was_done(s);
}

static void count_when_durable(struct run *run, size_t index, const struct bulk_use *use)
{
	const struct op_ctx *ctx = &run->ctx;
	struct staged *s = malloc(sizeof *s);
	if (s) {
		*s = (struct staged){ .bulk = ctx->engine->bulk, .request = run->r, .bit = UINT64_C(1) << index, .principal = *use->principal, .use = *use };
		memcpy(s->id, use->id, UUID_LEN);
		s->use.id = s->id;
		s->use.principal = &s->principal;
	}
	if (s && txn_on_commit(ctx->txn, was_done, was_undone, s) == ERR_OK) return;
	free(s);
	op_local_count(ctx->local, ctx->engine->bulk, use); /* memory is short: at once */
}

static enum bulk_kind kind_of(const struct op_ctx *ctx, enum coffer_err err)
{
	if (err == ERR_CONTEXT || (!err && ctx->bulk_invalid)) return BULK_UNOPENED;
	if (err) return BULK_FAILED;
	return ctx->bulk_part ? BULK_PARTS : BULK_DONE;
}

/* A segment in a ring is done later, or does not open then: who has it done counts it. */
static bool leave_to_work(const struct run *run, const struct op_row *row)
{
	const struct op_ctx *ctx = &run->ctx;
	if (!ctx->work || !ctx->object || !segment_work_pending(ctx->work)) return false;
	memcpy(ctx->work->key_id, ctx->object->id, sizeof ctx->work->key_id);
	ctx->work->operation = row->operation;
	ctx->work->has_row = run->full;
	return true;
}

bool dispatch_is_hidden(const struct run *run)
{
	const struct op_ctx *ctx = &run->ctx;
	return ctx->object && !policy_sees(run->grants, ctx->principal, ctx->object);
}

bool dispatch_audit_counts_refusal(struct run *run, const struct op_row *row, size_t index)
{
	struct op_ctx *ctx = &run->ctx;
	struct request *r = run->r;
	if (!ctx->engine->bulk || run->full || row->audit == OP_AUDIT_NEVER || engine_state_get(ctx->engine) != ENGINE_OPEN) return false;
	if (index < r->counted || dispatch_is_hidden(run)) return true;
	if (r->exact_item == index + 1) return false;
	if (!bulk_exact(ctx->engine->bulk, ctx->principal, row->operation)) return true;
	r->exact_item = index + 1;
	return false;
}

/* False: it was counted when the batch was run before. What changed meanwhile may let pass what was refused. */
static bool counts_now(struct request *r, size_t index, bool failed)
{
	uint64_t bit = UINT64_C(1) << index;
	_Static_assert(KMIP_BATCH_MAX <= 64, "a bit for each item");
	if (index < r->counted && (failed || !(r->counted_failed & bit))) return false;
	if (failed) r->counted_failed |= bit;
	else r->counted_failed &= ~bit;
	if (index >= r->counted) r->counted = index + 1;
	return true;
}

void dispatch_audit_count_refusal(struct run *run, const struct op_row *row, size_t index)
{
	static const uint8_t none[UUID_LEN];
	const struct op_ctx *ctx = &run->ctx;
	if (!counts_now(run->r, index, true)) return;
	struct bulk_use use = { .id = ctx->object ? ctx->object->id : none, .principal = ctx->principal, .operation = row->operation, .kind = BULK_REFUSED,
		.now_s = run->now_s };
	op_local_count(ctx->local, ctx->engine->bulk, &use);
}

/* Not what was refused, and not what found no key. */
void dispatch_audit_count(struct run *run, const struct op_row *row, size_t index, enum coffer_err err)
{
	struct op_ctx *ctx = &run->ctx;
	if (row->audit == OP_AUDIT_COUNTED && !err && leave_to_work(run, row)) return;
	if (row->audit != OP_AUDIT_COUNTED || run->full || !ctx->engine->bulk || !ctx->object || err == ERR_DENIED) return;
	if (!counts_now(run->r, index, err != ERR_OK)) return;
	struct bulk_use use = { .id = ctx->object->id, .principal = ctx->principal, .operation = row->operation, .kind = kind_of(ctx, err),
		.bytes = err ? 0 : ctx->bulk_bytes, .now_s = run->now_s };
	if (ctx->txn && !err) count_when_durable(run, index, &use);
	else op_local_count(ctx->local, ctx->engine->bulk, &use);
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
	if (!e->err && e->row->audit == OP_AUDIT_COUNTED) describe_bulk(&e->run->ctx);
	const char *details = e->err ? reason_text(&ctx->reason, e->err) : ctx->detail;
	bool held = engine_is_cached(engine, txn); /* the database does not answer */
	(void)reason;
	if (!engine->audit && !held) { /* before init, or sealed: the log cannot be written yet */
		if (e->err && engine->attend && attend_wanted(engine))
			attend_note(engine->attend, ctx->principal, e->row->operation, e->err, details);
		return ERR_OK;
	}
	struct audit_event event = { .principal = view_str(ctx->principal->text), .operation = e->row->operation,
		.status = e->err ? RESULT_STATUS_OPERATION_FAILED : RESULT_STATUS_SUCCESS, .details = view_str(details) };
	if (e->err) event.result_reason = ctx->result_reason ? ctx->result_reason : kmip_reason_of(e->err);
	if (ctx->object) event.object_id = view_of(ctx->object->id, UUID_LEN);
	else if (ctx->has_touched) event.object_id = view_of(ctx->touched, UUID_LEN);
	if (ctx->has_request_id) event.request_id = view_of(ctx->request_id, sizeof ctx->request_id);
	if (held) return engine->held ? audit_held_append(engine->held, txn, &event) : ERR_STATE;
	TRY(audit_append(engine->audit, txn, &event));
	e->run->r->audit_seq = audit_chain_length(engine->audit);
	return ERR_OK;
}

const char *dispatch_audit_why(const struct run *run, enum coffer_err err)
{
	if (!engine_is_cached(run->r->engine, run->ctx.txn))
		return err == ERR_STATE ? "a newer data key is on its way to this node from the master server; try again in a moment" : err_text(err);
	if (err == ERR_FULL) return "this node holds as many records as it can until the database is back";
	return err == ERR_STATE ? "what this node holds of it without the database is not whole, and goes on when the database is back" : err_text(err);
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

enum coffer_err dispatch_audit_again(struct run *run)
{
	struct engine *engine = run->r->engine;
	const struct kmip_batch_item *first = &run->r->parsed->items[0];
	if (!engine->seat || !engine->audit) return ERR_OK;
	const struct audit_event event = { .principal = view_str(run->ctx.principal->text), .operation = first->id.operation, .status = RESULT_STATUS_SUCCESS,
		.details = view_str("asked again under the same request id, and answered as then"), .request_id = view_of(run->request_id, sizeof run->request_id) };
	TRY(audit_append(engine->audit, run->ctx.txn, &event));
	run->r->audit_seq = audit_chain_length(engine->audit);
	return ERR_OK;
}
