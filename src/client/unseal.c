/* Unseal. */
#include "client/unseal.h"

#include "base/text.h"
#include "client/call.h"

#define UNSEAL_TIMEOUT_MS 120000u /* a token that is slow to open, scrypt on a slow processor */

static enum coffer_status read_answer(struct call *call, struct unseal_answer *out)
{
	struct ttlv_item item;
	struct view text;
	int32_t mode = UNSEAL_BY_NOTHING, n = 0, k = 0, given = 0, missing = 0;
	bool has_sealed = false, well = true;
	while (well && ttlv_next(&call->answer.items[0].payload, &item)) {
		switch (item.tag) {
		case TAG_COFFER_SEALED: well = ttlv_get_bool(&item, &out->sealed) == ERR_OK; has_sealed = true; break;
		case TAG_COFFER_RECOVERY_MODE: well = ttlv_get_i32(&item, &mode) == ERR_OK; break;
		case TAG_COFFER_SHARE_COUNT: well = ttlv_get_i32(&item, &n) == ERR_OK; break;
		case TAG_COFFER_SHARE_THRESHOLD: well = ttlv_get_i32(&item, &k) == ERR_OK; break;
		case TAG_COFFER_SHARES_GIVEN: well = ttlv_get_i32(&item, &given) == ERR_OK; break;
		case TAG_COFFER_SHARES_MISSING: well = ttlv_get_i32(&item, &missing) == ERR_OK; break;
		case TAG_COFFER_RECOVERY_SET:
			well = ttlv_get_text(&item, &text) == ERR_OK;
			if (well) text_printable(text, out->set, sizeof out->set);
			break;
		default: break;
		}
	}
	if (!well || !has_sealed || n < 0 || k < 0 || given < 0 || missing < 0 || mode < UNSEAL_BY_SHARES || mode > UNSEAL_BY_NOTHING)
		return call_malformed(call);
	out->recovery = (enum unseal_recovery)mode;
	out->shares = (unsigned)n;
	out->threshold = (unsigned)k;
	out->given = (unsigned)given;
	out->missing = (unsigned)missing;
	return COFFER_OK;
}

enum coffer_status unseal_call(struct coffer *c, enum unseal_way way, const struct secret *secret, struct unseal_answer *out)
{
	struct call call;
	*out = (struct unseal_answer){ .sealed = false };
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_UNSEAL, 8192);
	if (st) return st;
	call.deadline_ms += UNSEAL_TIMEOUT_MS;
	ttlv_put_i32(&call.w, TAG_COFFER_UNSEAL_WAY, (int32_t)way);
	struct view text = secret ? view_of(secret_bytes(secret), secret_len(secret) - 1) : view_of(NULL, 0);
	if (way == UNSEAL_PIN) ttlv_put_bytes(&call.w, TAG_COFFER_TOKEN_PIN, text);
	if (way == UNSEAL_SHARES) ttlv_put_text(&call.w, TAG_COFFER_SHARE, text);
	if (way == UNSEAL_PASSPHRASE) ttlv_put_bytes(&call.w, TAG_COFFER_PASSPHRASE, text);
	st = call_run(&call, false);
	if (!st) st = read_answer(&call, out);
	return call_end(&call, st);
}
