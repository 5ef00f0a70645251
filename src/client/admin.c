/* Administration: init, grants, token, store. */
#include "client/admin.h"

#include <string.h>

#include "base/text.h"
#include "client/admin_fields.h"
#include "client/call.h"

#define INIT_TIMEOUT_MS 120000u /* tokens can take long to make a key */

void admin_init_answer_free(struct admin_init_answer *answer)
{
	for (size_t i = 0; i < answer->share_count; i++) secret_free(answer->shares[i]);
	answer->share_count = 0;
}

static void copy_uuid_item(const struct ttlv_item *item, char out[static COFFER_UUID_TEXT])
{
	struct view bytes;
	if (ttlv_get_bytes(item, &bytes) == ERR_OK && bytes.len == UUID_LEN) text_uuid(bytes.ptr, out);
}

static enum coffer_status take_share(const struct ttlv_item *item, struct admin_init_answer *out)
{
	if (out->share_count >= ADMIN_SHARES_MAX) return COFFER_EPROTOCOL;
	enum coffer_status st = admin_share(item, &out->shares[out->share_count]);
	if (!st) out->share_count++;
	return st;
}

static enum coffer_status read_init(struct call *call, struct admin_init_answer *out)
{
	struct ttlv_cursor *c = &call->answer.items[0].payload;
	struct ttlv_item item;
	struct view bytes;
	enum coffer_status st = COFFER_OK;
	while (!st && ttlv_next(c, &item)) {
		switch (item.tag) {
		case TAG_COFFER_INIT_ID:
			if (ttlv_get_bytes(&item, &bytes) != ERR_OK || bytes.len > sizeof out->init_id) return call_malformed(call);
			memcpy(out->init_id, bytes.ptr, bytes.len);
			out->init_id_len = bytes.len;
			break;
		case TAG_COFFER_FINGERPRINT: (void)admin_text(&item, out->fingerprint, sizeof out->fingerprint); break;
		case TAG_COFFER_TOKEN_KEY_LABEL: (void)admin_text(&item, out->token, sizeof out->token); break;
		case TAG_COFFER_DOMAIN_ID: copy_uuid_item(&item, out->domain_id); break;
		case TAG_COFFER_NODE_ID: copy_uuid_item(&item, out->node_id); break;
		case TAG_COFFER_SHARE: st = take_share(&item, out); break;
		default: break;
		}
	}
	if (!st && !out->init_id_len) return call_malformed(call);
	return st;
}

enum coffer_status admin_init(struct coffer *c, const struct admin_init *init, struct admin_init_answer *out)
{
	struct call call;
	*out = (struct admin_init_answer){ .share_count = 0 };
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_INIT, 16384);
	if (st) return st;
	call.deadline_ms += INIT_TIMEOUT_MS;
	ttlv_put_str(&call.w, TAG_COFFER_TOKEN_URI, init->token_uri);
	if (init->pin) ttlv_put_bytes(&call.w, TAG_COFFER_TOKEN_PIN, view_of(secret_bytes(init->pin), secret_len(init->pin) - 1));
	ttlv_put_i32(&call.w, TAG_COFFER_RECOVERY_MODE, (int32_t)init->recovery);
	if (init->recovery == ADMIN_RECOVERY_SHARES) {
		ttlv_put_i32(&call.w, TAG_COFFER_SHARE_COUNT, (int32_t)init->shares);
		ttlv_put_i32(&call.w, TAG_COFFER_SHARE_THRESHOLD, (int32_t)init->threshold);
	}
	if (init->passphrase)
		ttlv_put_bytes(&call.w, TAG_COFFER_PASSPHRASE, view_of(secret_bytes(init->passphrase), secret_len(init->passphrase) - 1));
	st = call_run(&call, false);
	if (!st) st = read_init(&call, out);
	if (st) admin_init_answer_free(out);
	return call_end(&call, st);
}

enum coffer_status admin_init_confirm(struct coffer *c, const struct admin_init_answer *answer, enum admin_recovery recovery,
	const struct secret *const *proofs, size_t count)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_INIT_CONFIRM, 8192 + count * 4200);
	if (st) return st;
	call.deadline_ms += INIT_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_INIT_ID, view_of(answer->init_id, answer->init_id_len));
	for (size_t i = 0; i < count; i++) {
		struct view text = view_of(secret_bytes(proofs[i]), secret_len(proofs[i]) - 1);
		if (recovery == ADMIN_RECOVERY_SHARES) ttlv_put_text(&call.w, TAG_COFFER_SHARE, text);
		else ttlv_put_bytes(&call.w, TAG_COFFER_PASSPHRASE, text);
	}
	return call_end(&call, call_run(&call, false));
}

static enum coffer_status change_grant(struct coffer *c, uint32_t operation, const char *principal, const char *role, const char *scope)
{
	struct call call;
	if (strlen(principal) > 1024 || strlen(role) > 64 || (scope && strlen(scope) > 255))
		return conn_refuse(c, COFFER_EINVAL, "the principal, role or group is too long");
	enum coffer_status st = call_begin(&call, c, operation, 4096);
	if (st) return st;
	ttlv_put_str(&call.w, TAG_COFFER_PRINCIPAL, principal);
	ttlv_put_str(&call.w, TAG_COFFER_ROLE, role);
	if (scope && scope[0]) ttlv_put_str(&call.w, TAG_COFFER_SCOPE, scope);
	return call_end(&call, call_run(&call, true));
}

enum coffer_status admin_grant(struct coffer *c, const char *principal, const char *role, const char *scope)
{
	return change_grant(c, OPERATION_COFFER_GRANT, principal, role, scope);
}

enum coffer_status admin_revoke_grant(struct coffer *c, const char *principal, const char *role, const char *scope)
{
	return change_grant(c, OPERATION_COFFER_REVOKE_GRANT, principal, role, scope);
}

static int give_grant(const struct ttlv_item *entry, int (*fn)(void *arg, const struct admin_grant *grant), void *arg)
{
	char principal[1100] = "", role[64] = "", scope[300] = "", by[1100] = "";
	struct admin_grant grant = { principal, role, scope, by, 0 };
	struct ttlv_cursor c;
	struct ttlv_item item;
	int64_t t = 0;
	if (ttlv_enter(entry, &c) != ERR_OK) return 0;
	while (ttlv_next(&c, &item)) {
		if (item.tag == TAG_COFFER_PRINCIPAL) (void)admin_text(&item, principal, sizeof principal);
		if (item.tag == TAG_COFFER_ROLE) (void)admin_text(&item, role, sizeof role);
		if (item.tag == TAG_COFFER_SCOPE) (void)admin_text(&item, scope, sizeof scope);
		if (item.tag == TAG_COFFER_GRANTED_BY) (void)admin_text(&item, by, sizeof by);
		if (item.tag == TAG_COFFER_GRANTED_AT && ttlv_get_time(&item, &t) == ERR_OK && t > 0) grant.created_s = (uint64_t)t;
	}
	return fn(arg, &grant);
}

enum coffer_status admin_grants(struct coffer *c, int (*fn)(void *arg, const struct admin_grant *grant), void *arg)
{
	struct call call;
	struct ttlv_item item;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_LIST_GRANTS, 64);
	if (st) return st;
	st = call_run(&call, false);
	while (!st && ttlv_next(&call.answer.items[0].payload, &item))
		if (item.tag == TAG_COFFER_GRANT_ENTRY && give_grant(&item, fn, arg)) break;
	return call_end(&call, st);
}

enum coffer_status admin_token_test(struct coffer *c, uint32_t *out_ms)
{
	struct call call;
	int32_t ms = -1;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_TOKEN_TEST, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st && (ttlv_take_i32(&call.answer.items[0].payload, TAG_COFFER_ELAPSED_MS, &ms) != ERR_OK || ms < 0)) st = call_malformed(&call);
	if (!st) *out_ms = (uint32_t)ms;
	return call_end(&call, st);
}

enum coffer_status admin_token_provision(struct coffer *c, const char *token_uri, char *line, size_t line_cap)
{
	struct call call;
	struct ttlv_item item;
	bool present = false;
	if (strlen(token_uri) > 4096) return conn_refuse(c, COFFER_EINVAL, "the token URI is too long");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_TOKEN_PROVISION, 8192);
	if (st) return st;
	call.deadline_ms += INIT_TIMEOUT_MS;
	ttlv_put_str(&call.w, TAG_COFFER_TOKEN_URI, token_uri);
	st = call_run(&call, false);
	if (!st && (ttlv_take_optional(&call.answer.items[0].payload, TAG_COFFER_TOKEN_KEY_LABEL, &item, &present) != ERR_OK || !present))
		st = call_malformed(&call);
	if (!st) (void)admin_text(&item, line, line_cap);
	return call_end(&call, st);
}

enum coffer_status admin_store_check(struct coffer *c, uint64_t pass, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_STORE_CHECK, 64);
	if (st) return st;
	if (pass) ttlv_put_i64(&call.w, TAG_COFFER_CHECK_PASS, (int64_t)pass);
	return call_end_json(&call, text, cap, out_len);
}

/* Without fields; it may take as long as an init. */
static enum coffer_status run_bare(struct coffer *c, uint32_t operation)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, operation, 64);
	if (st) return st;
	call.deadline_ms += INIT_TIMEOUT_MS;
	return call_end(&call, call_run(&call, false));
}

enum coffer_status admin_store_accept(struct coffer *c)
{
	return run_bare(c, OPERATION_COFFER_STORE_ACCEPT);
}

enum coffer_status admin_anchor_accept(struct coffer *c)
{
	return run_bare(c, OPERATION_COFFER_ANCHOR_ACCEPT);
}

enum coffer_status admin_store_migrate(struct coffer *c, const char *to, char *json, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_STORE_MIGRATE, 128);
	if (st) return st;
	call.deadline_ms += INIT_TIMEOUT_MS;
	ttlv_put_str(&call.w, TAG_COFFER_STORE_KIND, to);
	return call_end_json(&call, json, cap, out_len);
}
