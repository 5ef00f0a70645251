/* Two administrators: how many are needed, what waits, and the yes. */
#include "client/admin_quorum.h"

#include <string.h>

#include "base/text.h"
#include "client/admin_fields.h"
#include "client/call.h"

#define ANSWER_WORDS 1700u
#define TOKEN_TIMEOUT_MS 120000u

enum coffer_status admin_quorum_set(struct coffer *c, unsigned needed)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_SET_QUORUM, 64);
	if (st) return st;
	ttlv_put_i32(&call.w, TAG_COFFER_QUORUM_NEEDED, (int32_t)needed);
	return call_end(&call, call_run(&call, true));
}

static int give_act(const struct ttlv_item *entry, int (*fn)(void *arg, const struct admin_act *act), void *arg)
{
	char id[16] = "", asker[1100] = "", words[ANSWER_WORDS] = "", approver[1100] = "";
	struct admin_act act = { id, asker, words, approver, 0 };
	struct ttlv_cursor c;
	struct ttlv_item item;
	int32_t left = 0;
	if (ttlv_enter(entry, &c) != ERR_OK) return 0;
	while (ttlv_next(&c, &item)) {
		if (item.tag == TAG_COFFER_APPROVAL_ID) (void)admin_text(&item, id, sizeof id);
		if (item.tag == TAG_COFFER_PRINCIPAL) (void)admin_text(&item, asker, sizeof asker);
		if (item.tag == TAG_COFFER_QUORUM_WORDS) (void)admin_text(&item, words, sizeof words);
		if (item.tag == TAG_COFFER_APPROVER) (void)admin_text(&item, approver, sizeof approver);
		if (item.tag == TAG_COFFER_SECONDS_LEFT && ttlv_get_i32(&item, &left) == ERR_OK && left > 0) act.seconds_left = (unsigned)left;
	}
	return fn(arg, &act);
}

enum coffer_status admin_quorum_list(struct coffer *c, unsigned *out_needed, int (*fn)(void *arg, const struct admin_act *act), void *arg)
{
	struct call call;
	struct ttlv_item item;
	int32_t needed = 0;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_LIST_APPROVALS, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st && (ttlv_take_i32(&call.answer.items[0].payload, TAG_COFFER_QUORUM_NEEDED, &needed) != ERR_OK || needed < 1)) st = call_malformed(&call);
	while (!st && fn && ttlv_next(&call.answer.items[0].payload, &item))
		if (item.tag == TAG_COFFER_QUORUM_ACT && give_act(&item, fn, arg)) break;
	if (!st) *out_needed = (unsigned)needed;
	return call_end(&call, st);
}

enum coffer_status admin_approve(struct coffer *c, const char *id, int (*fn)(void *arg, const struct admin_act *act), void *arg)
{
	struct call call;
	struct ttlv_item item;
	bool present = false;
	if (strlen(id) > 64) return conn_refuse(c, COFFER_EINVAL, "an approval's id looks like ABCD-EFGH");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_APPROVE, 256);
	if (st) return st;
	ttlv_put_str(&call.w, TAG_COFFER_APPROVAL_ID, id);
	st = call_run(&call, true);
	if (!st && (ttlv_take_optional(&call.answer.items[0].payload, TAG_COFFER_QUORUM_ACT, &item, &present) != ERR_OK || !present)) st = call_malformed(&call);
	if (!st) (void)give_act(&item, fn, arg);
	return call_end(&call, st);
}

enum coffer_status admin_zeroise(struct coffer *c, const char *fingerprint, bool without_token, char *answer, size_t cap, size_t *out_len)
{
	struct call call;
	struct view text;
	if (strlen(fingerprint) > 256) return conn_refuse(c, COFFER_EINVAL, "a fingerprint has 8 groups of 4 characters");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_ZEROISE, 512);
	if (st) return st;
	call.deadline_ms += TOKEN_TIMEOUT_MS;
	ttlv_put_str(&call.w, TAG_COFFER_FINGERPRINT, fingerprint);
	if (without_token) ttlv_put_bool(&call.w, TAG_COFFER_WITHOUT_TOKEN, true);
	st = call_run(&call, false);
	if (!st && ttlv_take_text(&call.answer.items[0].payload, TAG_COFFER_JSON, &text) != ERR_OK) st = call_malformed(&call);
	if (!st && text.len > cap) st = COFFER_ENOSPACE;
	if (!st) {
		if (text.len) memcpy(answer, text.ptr, text.len);
		*out_len = text.len;
	}
	return call_end(&call, st);
}
