/* Restore Commit: shares or passphrase open the archive; after all checks the domain is on this node. */
#include "kmip/tags.h"
#include "ops/archive_json.h"
#include "ops/backup_ops.h"
#include "ops/restore.h"
#include "ops/tables.h"
#include "ops/token_of.h"

#define PROOFS_MAX 255u
#define REPORT_MAX 4096u

static enum coffer_err read_proofs(struct op_ctx *ctx, struct ttlv_cursor *payload, struct view *proofs, struct restore_wish *wish)
{
	while (ttlv_peek_tag(payload) == TAG_COFFER_SHARE) {
		if (wish->proof_count == PROOFS_MAX) return reason_fail(&ctx->reason, ERR_LIMIT, "there are at most %u shares", PROOFS_MAX);
		TRY(ttlv_take_text(payload, TAG_COFFER_SHARE, &proofs[wish->proof_count]));
		wish->proof_count++;
	}
	if (wish->proof_count == 0) {
		TRY(ttlv_take_optional_bytes(payload, TAG_COFFER_PASSPHRASE, &proofs[0], &wish->passphrase));
		wish->proof_count = wish->passphrase;
	}
	TRY(ttlv_take_optional_bool(payload, TAG_COFFER_ACCEPT_OLDER, &wish->accept_older, NULL));
	TRY(ttlv_take_optional_bool(payload, TAG_COFFER_ACCEPT_DAMAGED, &wish->accept_damaged, NULL));
	return ttlv_done(payload);
}

/* In memory that was there before anything was changed: what is done must not be answered as a failure. */
static void put_report(const struct restore_result *result, char text[static REPORT_MAX], struct writer *out)
{
	struct writer w;
	writer_init(&w, text, REPORT_MAX);
	struct json_out j = { &w, false };
	archive_json_restored(&j, result);
	ttlv_put_text(out, TAG_COFFER_JSON, writer_done(&w) == ERR_OK ? writer_view(&w) : view_str("{}"));
}

static enum coffer_err run(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	char uri[TOKEN_URI_MAX + 1], report[REPORT_MAX];
	struct view id, proofs[PROOFS_MAX];
	struct restore_wish wish = { .token_uri = uri, .proofs = proofs };
	struct restore_result result = { .limited = 0 };
	TRY(ttlv_take_bytes(payload, TAG_COFFER_RESTORE_ID, &id));
	TRY(token_uri_take(ctx, payload, uri));
	TRY(read_proofs(ctx, payload, proofs, &wish));
	if (out->buf) TRY(buf_reserve(out->buf, REPORT_MAX + 64));
	TRY(restore_commit(ctx->engine, ctx->principal, id, &wish, &result, &ctx->reason));
	put_report(&result, report, out);
	return ERR_OK;
}

enum coffer_err op_restore_commit(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	return backup_locked(ctx, payload, out, run);
}
