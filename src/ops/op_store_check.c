/* Store Check: asks for a pass over the whole store, or for what a pass found. */
#include "kmip/tags.h"
#include "ops/store_check.h"
#include "ops/tables.h"

#define REPORT_MAX (64u * 1024u) /* bytes */

enum coffer_err op_store_check(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	AUTO_BUF struct buf text = BUF_EMPTY;
	struct engine *e = ctx->engine;
	struct writer w;
	int64_t wanted = 0;
	bool follows = false;
	TRY(ttlv_take_optional_i64(payload, TAG_COFFER_CHECK_PASS, &wanted, &follows));
	TRY(ttlv_done(payload));
	if (!e->check || !e->want_check) return reason_fail(&ctx->reason, ERR_UNSUPPORTED, "this store is not checked");
	if (!follows) wanted = (int64_t)store_check_next_pass(e->check);
	/* Again while it has not come: the pass that was under way may have ended between number and wish. */
	if (!follows || store_check_awaits(e->check, (uint64_t)wanted)) e->want_check(e);
	writer_init_buf(&w, &text, REPORT_MAX);
	struct json_out j = { &w, false };
	json_begin(&j, NULL);
	json_u64(&j, "wanted", (uint64_t)wanted);
	store_check_json(e->check, &j);
	json_end(&j);
	TRY(writer_done(&w));
	ttlv_put_text(out, TAG_COFFER_JSON, buf_view(&text));
	return ERR_OK;
}
