/* The inside of the dispatcher: one run of a request, shared by dispatch.c (batch), dispatch_item.c (one item), dispatch_target.c (its object) and
 * dispatch_audit.c (its audit row). */
#ifndef COFFER_OPS_DISPATCH_INTERNAL_H
#define COFFER_OPS_DISPATCH_INTERNAL_H

#include "kmip/message.h"
#include "ops/dispatch.h"

struct run {
	struct request *r;
	enum engine_state began;  /* the engine's state when the request began */
	struct grants *grants;    /* reference, */
	bool grants_lent;         /* or the thread's */
	struct writer w;          /* into r->answer */
	struct kmip_response_mark message;
	size_t limit;             /* bytes of an answer without a failure */
	uint32_t written;         /* batch items written */
	uint64_t now_s;           /* by the wall clock, when the request began */
	char correlation[UUID_TEXT_LEN + 1]; /* Server Correlation Value of the answer; "" for none */
	bool full;                /* bulk use of keys has audit rows of its own, which only the store lane writes */
	bool again;               /* what it does is gathered for the next one like it (ops/again.h) */
	bool one_mark;            /* Undo: the batch has one mark, the items have none */
	bool has_record;          /* the client gave a request id */
	uint8_t request_id[KMIP_REQUEST_ID_LEN];
	uint8_t digest[32];       /* of what was asked */
	bool secret;              /* an answer written so far holds a secret */
	bool recorded;            /* the stored answer is the one written so far */
	bool changed;             /* an item changed something */
	struct buf newer;         /* payload of the item under way without what no version here knows; freed with the run */
	struct op_ctx ctx;        /* of the item under way; the placeholder goes from item to item */
};

/* The engine's state as it counts for this request: a node that opened since it began is still what it was, because its record was not looked for. */
enum engine_state dispatch_state(const struct run *run);
/* Runs one batch item and writes its answer. ERR_NOT_CACHED: nothing was written, leave the lane. Else the item's result. */
enum coffer_err dispatch_item(struct run *run, size_t index) MUST_USE;

/* Whatever becomes of a request, its answer says which of its items were carried out: before an item runs there is room, in bytes of the answer and
 * in memory, for a failure of it and of those that are answered after a failure (dispatch_answer.c). */

/* Ends the limit of the answer so that the failures from item `next` on still fit. */
void dispatch_limit(struct run *run, size_t next);
/* Makes sure of the memory for the failures from item `next` on. ERR_MEMORY. */
enum coffer_err dispatch_reserve(struct run *run, size_t next) MUST_USE;
/* Writes the failure of an item: with its sentence where that fits, else its Result Reason alone. */
void dispatch_failure(struct run *run, size_t index, enum coffer_err err);
/* Takes back what the writer wrote after `len`, its failure too. */
void dispatch_take_back(struct writer *w, size_t len);

/* The payload as the operation reads it: *out borrows the request, or run->newer when fields of a newer version had to be left out. ERR_INPUT: a field
 * stands twice; ERR_FIELD: one is not known. */
enum coffer_err dispatch_payload(struct run *run, const struct kmip_batch_item *item, struct ttlv_cursor *out) MUST_USE;

/* Finds the object of the item: run->ctx.object. ERR_NOT_FOUND, ERR_NOT_CACHED (ctx.wanted_*), ERR_MISSING. */
enum coffer_err dispatch_target(struct op_ctx *ctx, enum op_target target, struct ttlv_cursor *payload) MUST_USE;

/* Whether the result of this item goes into the audit log by itself. */
bool dispatch_audit_wants(const struct run *run, const struct op_row *row, enum coffer_err err);
/* Counts bulk use of a key that has ended so, where it is counted (ops/bulk.h). On the store lane: as done only when that is durable. */
void dispatch_audit_count(struct run *run, const struct op_row *row, size_t index, enum coffer_err err);
/* Whether the refusal that an item ended with is counted and has no row of its own: the first ones of an interval have one, but not those about an object
 * that the client may not see, for it would learn by the time of a write that there is one. With audit_bulk = full all have. */
bool dispatch_audit_counts_refusal(struct run *run, const struct op_row *row, size_t index);
void dispatch_audit_count_refusal(struct run *run, const struct op_row *row, size_t index);
/* Whether the object of the item is one that the client may not see. */
bool dispatch_is_hidden(const struct run *run);
/* Writes the audit row of an item, on the store lane at once, on the admin lane through engine->on_store. */
enum coffer_err dispatch_audit(struct run *run, const struct op_row *row, enum coffer_err err) MUST_USE;
/* Why it could not be written, for people. */
const char *dispatch_audit_why(const struct run *run, enum coffer_err err);
/* An answer that was given before is given again: where several nodes write, behind a commit of this transaction's own, because a row of another node can be seen whose commit
 * still waits for its standby (docs/formats.md section 23.1). */
enum coffer_err dispatch_audit_again(struct run *run) MUST_USE;

#endif
