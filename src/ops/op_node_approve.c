/* Node Approve: the master server answers the request whose fingerprint an operator typed from the new node's screen. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "domain/waiting.h"
#include "kmip/tags.h"
#include "ops/admit_answer.h"
#include "ops/nodes.h"
#include "ops/quorum_ask.h"
#include "ops/tables.h"

static enum coffer_err take_fingerprint(struct op_ctx *ctx, struct ttlv_cursor *payload, uint8_t out[static DOMAIN_FINGERPRINT_LEN])
{
	struct view text;
	char typed[64];
	TRY(ttlv_take_text(payload, TAG_COFFER_FINGERPRINT, &text));
	TRY(ttlv_done(payload));
	if (text.len >= sizeof typed) return reason_fail(&ctx->reason, ERR_INPUT, "a fingerprint has 8 groups of 4 letters and digits");
	text_printable(text, typed, sizeof typed);
	return admission_fingerprint_parse(typed, out, &ctx->reason);
}

/* The act in words is the request itself: another one needs another yes. */
static enum coffer_err ask_quorum(struct op_ctx *ctx, struct view row, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct admission_request *q)
{
	struct admission_row asked;
	char print[DOMAIN_FINGERPRINT_TEXT], act[ADMISSION_NAME_MAX + 160];
	TRY(admission_row_read(row, &asked, &ctx->reason));
	TRY(admission_request_read(asked.request, q, &ctx->reason));
	domain_fingerprint_format(typed, print);
	snprintf(act, sizeof act, "let node '%s' with fingerprint %s join", q->name, print);
	return quorum_ask(ctx, act);
}

static enum coffer_err answer(struct op_ctx *ctx, struct view row, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct admitted *out)
{
	AUTO_BUF struct buf answered = BUF_EMPTY;
	TRY(admit_answer(ctx->engine, ctx->txn, row, typed, ctx->principal->text, out, &answered, &ctx->reason));
	return waiting_put(txn_store(ctx->txn), out->record.node_id, buf_view(&answered));
}

static void put_result(struct op_ctx *ctx, const struct admitted *done, const uint8_t typed[static DOMAIN_FINGERPRINT_LEN], struct writer *out)
{
	char node[UUID_TEXT_LEN + 1], request[DOMAIN_FINGERPRINT_TEXT], print[DOMAIN_FINGERPRINT_TEXT];
	text_uuid(done->record.node_id, node);
	domain_fingerprint_format(typed, request);
	domain_fingerprint_format(done->answer_print, print);
	ttlv_put_bytes(out, TAG_COFFER_NODE_ID, view_of(done->record.node_id, UUID_LEN));
	ttlv_put_str(out, TAG_COFFER_NODE_NAME, done->record.name);
	ttlv_put_str(out, TAG_COFFER_ANSWER_PRINT, print);
	size_t len = strlen(ctx->detail); /* who approved it */
	snprintf(ctx->detail + len, sizeof ctx->detail - len, "%snode %s '%s' may join%s: fingerprint %s, answer %s", len ? "; " : "", node, done->record.name,
		done->again ? " (answered again)" : "", request, print);
	log_info("node '%s' may join: approved by %s", done->record.name, ctx->principal->text);
}

enum coffer_err op_node_approve(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	uint8_t typed[DOMAIN_FINGERPRINT_LEN];
	AUTO_BUF struct buf row = BUF_EMPTY;
	struct admission_request q = { .created_ms = 0 };
	struct admitted done = { .again = false };
	TRY(take_fingerprint(ctx, payload, typed));
	TRY(nodes_check_master(ctx->engine, &ctx->reason));
	TRY(waiting_find(txn_store(ctx->txn), typed, &row, &ctx->reason));
	TRY(ask_quorum(ctx, buf_view(&row), typed, &q));
	TRY(answer(ctx, buf_view(&row), typed, &done));
	TRY(waiting_clear(txn_store(ctx->txn), clock_wall_s() * 1000));
	put_result(ctx, &done, typed, out);
	return ERR_OK;
}
