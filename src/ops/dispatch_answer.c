/* The room of an answer: what fails can always be said, within the size that the client takes and the memory that there is. */
#include "kmip/kmip_reason.h"
#include "ops/dispatch_internal.h"

#define SENTENCE_ROOM (REASON_MAX + 128u) /* bytes: text, Coffer's own error, their headers */

/* Bytes of the failures from item `from` on: of all when the batch goes on after one, else of one. */
static size_t room(const struct run *run, size_t from)
{
	const struct kmip_request *q = run->r->parsed;
	bool go_on = q->header.error_continuation == BATCH_ERROR_CONTINUATION_OPTION_CONTINUE;
	size_t bytes = 0;
	for (size_t i = from; i < q->count && (go_on || i == from); i++) bytes += kmip_item_fail_size(&q->items[i].id);
	return bytes;
}

void dispatch_limit(struct run *run, size_t next)
{
	size_t left = room(run, next), end = run->limit > left ? run->limit - left : 0;
	run->w.max = end > run->w.len ? end : run->w.len;
}

/* With room for the sentence of the first failure, too, where there is memory for it now: later there may be none. */
enum coffer_err dispatch_reserve(struct run *run, size_t next)
{
	size_t bytes = room(run, next);
	if (bytes && buf_reserve(&run->r->answer, bytes + SENTENCE_ROOM) == ERR_OK) return ERR_OK;
	return buf_reserve(&run->r->answer, bytes);
}

void dispatch_take_back(struct writer *w, size_t len)
{
	w->err = ERR_OK;
	writer_rewind(w, len);
}

void dispatch_failure(struct run *run, size_t index, enum coffer_err err)
{
	const struct kmip_batch_item *item = &run->r->parsed->items[index];
	const struct op_ctx *ctx = &run->ctx;
	uint32_t why = kmip_reason_known(ctx->result_reason ? ctx->result_reason : kmip_reason_of(err), ctx->version_minor);
	size_t start = writer_len(&run->w);
	dispatch_limit(run, index + 1);
	kmip_item_fail_payload(&run->w, &item->id, why, reason_text(&ctx->reason, err), item->from_coffer ? err : ERR_OK,
		view_of(ctx->refused, ctx->refused_len));
	if (writer_done(&run->w) == ERR_OK && buf_reserve(&run->r->answer, room(run, index + 1)) == ERR_OK) return;
	dispatch_take_back(&run->w, start);
	run->w.max = SIZE_MAX; /* a client that takes less than this is told nevertheless */
	kmip_item_fail_reason(&run->w, &item->id, why, NULL, ERR_OK);
}
