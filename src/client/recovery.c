/* A new recovery key, and the drill. */
#include "client/recovery.h"

#include <string.h>

#include "base/text.h"
#include "client/admin_fields.h"
#include "client/call.h"

#define RECOVERY_TIMEOUT_MS 120000u /* scrypt on a slow processor */

void recovery_new_answer_free(struct recovery_new_answer *answer)
{
	for (size_t i = 0; i < answer->share_count; i++) secret_free(answer->shares[i]);
	answer->share_count = 0;
}

static enum coffer_status take_share(const struct ttlv_item *item, struct recovery_new_answer *out)
{
	if (out->share_count >= ADMIN_SHARES_MAX) return COFFER_EPROTOCOL;
	enum coffer_status st = admin_share(item, &out->shares[out->share_count]);
	if (!st) out->share_count++;
	return st;
}

static enum coffer_status read_new(struct call *call, struct recovery_new_answer *out)
{
	struct ttlv_item item;
	struct view bytes;
	enum coffer_status st = COFFER_OK;
	bool well = true;
	while (!st && well && ttlv_next(&call->answer.items[0].payload, &item)) {
		switch (item.tag) {
		case TAG_COFFER_RECOVERY_CHANGE_ID:
			well = ttlv_get_bytes(&item, &bytes) == ERR_OK && bytes.len > 0 && bytes.len <= sizeof out->id;
			if (!well) break;
			memcpy(out->id, bytes.ptr, bytes.len);
			out->id_len = bytes.len;
			break;
		case TAG_COFFER_FINGERPRINT: well = admin_text(&item, out->fingerprint, sizeof out->fingerprint); break;
		case TAG_COFFER_RECOVERY_SET: well = admin_text(&item, out->set, sizeof out->set); break;
		case TAG_COFFER_SHARE: st = take_share(&item, out); break;
		default: break;
		}
	}
	if (!well || (!st && !out->id_len)) return call_malformed(call);
	return st;
}

static void put_proof(struct call *call, bool is_passphrase, const struct secret *proof)
{
	struct view text = view_of(secret_bytes(proof), secret_len(proof) - 1);
	if (is_passphrase) ttlv_put_bytes(&call->w, TAG_COFFER_PASSPHRASE, text);
	else ttlv_put_text(&call->w, TAG_COFFER_SHARE, text);
}

enum coffer_status recovery_new(struct coffer *c, unsigned shares, unsigned threshold, const struct secret *passphrase, struct recovery_new_answer *out)
{
	struct call call;
	*out = (struct recovery_new_answer){ .share_count = 0 };
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RECOVERY_NEW, 8192);
	if (st) return st;
	call.deadline_ms += RECOVERY_TIMEOUT_MS;
	ttlv_put_i32(&call.w, TAG_COFFER_RECOVERY_MODE, passphrase ? ADMIN_RECOVERY_PASSPHRASE : ADMIN_RECOVERY_SHARES);
	if (!passphrase) {
		ttlv_put_i32(&call.w, TAG_COFFER_SHARE_COUNT, (int32_t)shares);
		ttlv_put_i32(&call.w, TAG_COFFER_SHARE_THRESHOLD, (int32_t)threshold);
	} else {
		put_proof(&call, true, passphrase);
	}
	st = call_run(&call, false);
	if (!st) st = read_new(&call, out);
	if (st) recovery_new_answer_free(out);
	return call_end(&call, st);
}

enum coffer_status recovery_confirm(struct coffer *c, const struct recovery_new_answer *answer, bool is_passphrase, const struct secret *const *proofs,
	size_t count)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RECOVERY_CONFIRM, 8192 + count * 4200);
	if (st) return st;
	call.deadline_ms += RECOVERY_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_RECOVERY_CHANGE_ID, view_of(answer->id, answer->id_len));
	for (size_t i = 0; i < count; i++) put_proof(&call, is_passphrase, proofs[i]);
	return call_end(&call, call_run(&call, false));
}

static enum coffer_status read_test(struct call *call, struct recovery_test_answer *out)
{
	struct ttlv_item item;
	int32_t mode = 0, n = 0, k = 0, generation = 0;
	bool well = true;
	while (well && ttlv_next(&call->answer.items[0].payload, &item)) {
		switch (item.tag) {
		case TAG_COFFER_RECOVERY_MODE: well = ttlv_get_i32(&item, &mode) == ERR_OK; break;
		case TAG_COFFER_SHARE_COUNT: well = ttlv_get_i32(&item, &n) == ERR_OK; break;
		case TAG_COFFER_SHARE_THRESHOLD: well = ttlv_get_i32(&item, &k) == ERR_OK; break;
		case TAG_COFFER_GENERATION: well = ttlv_get_i32(&item, &generation) == ERR_OK; break;
		case TAG_COFFER_RECOVERY_SET: well = admin_text(&item, out->set, sizeof out->set); break;
		default: break;
		}
	}
	if (!well || n < 0 || k < 0 || generation < 0 || (mode != ADMIN_RECOVERY_SHARES && mode != ADMIN_RECOVERY_PASSPHRASE)) return call_malformed(call);
	out->is_passphrase = mode == ADMIN_RECOVERY_PASSPHRASE;
	out->shares = (unsigned)n;
	out->threshold = (unsigned)k;
	out->generation = (unsigned)generation;
	return COFFER_OK;
}

enum coffer_status recovery_test(struct coffer *c, bool is_passphrase, const struct secret *const *proofs, size_t count, struct recovery_test_answer *out)
{
	struct call call;
	*out = (struct recovery_test_answer){ .shares = 0 };
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_RECOVERY_TEST, 8192 + count * 4200);
	if (st) return st;
	call.deadline_ms += RECOVERY_TIMEOUT_MS;
	for (size_t i = 0; i < count; i++) put_proof(&call, is_passphrase, proofs[i]);
	st = call_run(&call, false);
	if (!st) st = read_test(&call, out);
	return call_end(&call, st);
}
