/* Alert Test: an event that goes the whole way, to log, journal and notify_command. What becomes of it is in the status document. */
#include "kmip/tags.h"
#include "ops/alert.h"
#include "ops/tables.h"

enum coffer_err op_alert_test(struct op_ctx *ctx, struct ttlv_cursor *payload, struct writer *out)
{
	TRY(ttlv_done(payload));
	uint64_t number = alert_happened(ctx->engine->alerts, ALERT_TEST, "this is a test, asked for by an administrator; nothing is the matter");
	if (number == 0) return reason_fail(&ctx->reason, ERR_BUSY, "a test is under way already; 'coffer status' says what keeps it from being told");
	ttlv_put_i64(out, TAG_COFFER_ALERT_NUMBER, (int64_t)number);
	return ERR_OK;
}
