/* The nodes of a domain. */
#include "client/admin_node.h"

#include <string.h>

#include "base/text.h"
#include "client/admin_fields.h"
#include "client/call.h"

#define TOKEN_TIMEOUT_MS 120000u
#define URI_MAX 4096u

static bool is_short(const char *text)
{
	return !text || strlen(text) <= 256;
}

static void put_join(struct call *call, const struct admin_join *join)
{
	ttlv_put_str(&call->w, TAG_COFFER_TOKEN_URI, join->token_uri);
	if (join->pin) ttlv_put_bytes(&call->w, TAG_COFFER_TOKEN_PIN, view_of(secret_bytes(join->pin), secret_len(join->pin) - 1));
	ttlv_put_str(&call->w, TAG_COFFER_FINGERPRINT, join->domain);
	if (join->name) ttlv_put_str(&call->w, TAG_COFFER_NODE_NAME, join->name);
	if (join->answer) ttlv_put_str(&call->w, TAG_COFFER_ANSWER_PRINT, join->answer);
	if (join->anew) ttlv_put_bool(&call->w, TAG_COFFER_ANEW, true);
	if (join->enrolment) ttlv_put_bytes(&call->w, TAG_COFFER_ENROLMENT_TOKEN, view_of(secret_bytes(join->enrolment), secret_len(join->enrolment) - 1));
	if (join->endorsement) ttlv_put_bool(&call->w, TAG_COFFER_ENDORSEMENT, true);
}

enum coffer_status admin_node_join(struct coffer *c, const struct admin_join *join, char *text, size_t cap, size_t *out_len, char *token, size_t token_cap)
{
	struct call call;
	struct ttlv_item item;
	token[0] = '\0';
	if (strlen(join->token_uri) > URI_MAX) return conn_refuse(c, COFFER_EINVAL, "the token URI is too long");
	if (!is_short(join->domain) || !is_short(join->name) || !is_short(join->answer) || (join->pin && secret_len(join->pin) > 256) ||
		(join->enrolment && secret_len(join->enrolment) > 256))
		return conn_refuse(c, COFFER_EINVAL, "a fingerprint, a name, a PIN or an enrolment token is too long");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_NODE_JOIN, URI_MAX + 2048);
	if (st) return st;
	call.deadline_ms += TOKEN_TIMEOUT_MS;
	put_join(&call, join);
	st = call_run(&call, false);
	if (!st) st = call_take_json(&call, text, cap, out_len);
	while (!st && ttlv_next(&call.answer.items[0].payload, &item))
		if (item.tag == TAG_COFFER_TOKEN_KEY_LABEL) (void)admin_text(&item, token, token_cap);
	return call_end(&call, st);
}

static enum coffer_status list(struct coffer *c, uint32_t operation, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, operation, 64);
	if (st) return st;
	st = call_run(&call, false);
	if (!st) st = call_take_json(&call, text, cap, out_len);
	return call_end(&call, st);
}

enum coffer_status admin_node_list(struct coffer *c, char *text, size_t cap, size_t *out_len)
{
	return list(c, OPERATION_COFFER_NODE_LIST, text, cap, out_len);
}

enum coffer_status admin_node_enrolments(struct coffer *c, char *text, size_t cap, size_t *out_len)
{
	return list(c, OPERATION_COFFER_NODE_ENROLMENTS, text, cap, out_len);
}

static void take_node(struct call *call, struct admin_node *out)
{
	struct ttlv_item item;
	struct view id;
	int32_t number;
	while (ttlv_next(&call->answer.items[0].payload, &item)) {
		if (item.tag == TAG_COFFER_NODE_ID && ttlv_get_bytes(&item, &id) == ERR_OK && id.len == UUID_LEN) text_uuid(id.ptr, out->id);
		if (item.tag == TAG_COFFER_NODE_NAME) (void)admin_text(&item, out->name, sizeof out->name);
		if (item.tag == TAG_COFFER_ANSWER_PRINT) (void)admin_text(&item, out->answer, sizeof out->answer);
		if (item.tag == TAG_COFFER_LEFT_TO_DO) (void)admin_text(&item, out->left_to_do, sizeof out->left_to_do);
		if (item.tag == TAG_COFFER_GENERATION && ttlv_get_i32(&item, &number) == ERR_OK && number > 0) out->generation = (uint32_t)number;
		if (item.tag == TAG_COFFER_ENROLMENTS_REVOKED && ttlv_get_i32(&item, &number) == ERR_OK && number > 0) out->enrolments = (uint32_t)number;
		if (item.tag == TAG_COFFER_CERTIFICATES_UNLISTED && ttlv_get_i32(&item, &number) == ERR_OK && number > 0) out->certificates = (uint32_t)number;
	}
}

enum coffer_status admin_node_approve(struct coffer *c, const char *fingerprint, struct admin_node *out)
{
	struct call call;
	*out = (struct admin_node){ .generation = 0 };
	if (!is_short(fingerprint)) return conn_refuse(c, COFFER_EINVAL, "a fingerprint has 8 groups of 4 characters");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_NODE_APPROVE, 512);
	if (st) return st;
	ttlv_put_str(&call.w, TAG_COFFER_FINGERPRINT, fingerprint);
	st = call_run(&call, true);
	if (!st) take_node(&call, out);
	return call_end(&call, st);
}

static enum coffer_status ask_about(struct coffer *c, uint32_t operation, const char *name_or_id, uint64_t more_ms, struct admin_node *out)
{
	struct call call;
	*out = (struct admin_node){ .generation = 0 };
	if (!is_short(name_or_id)) return conn_refuse(c, COFFER_EINVAL, "a node's name has at most 64 bytes");
	enum coffer_status st = call_begin(&call, c, operation, 512);
	if (st) return st;
	call.deadline_ms += more_ms;
	ttlv_put_str(&call.w, TAG_COFFER_NODE_NAME, name_or_id);
	st = call_run(&call, false);
	if (!st) take_node(&call, out);
	return call_end(&call, st);
}

enum coffer_status admin_node_remove(struct coffer *c, const char *name_or_id, struct admin_node *out)
{
	return ask_about(c, OPERATION_COFFER_NODE_REMOVE, name_or_id, TOKEN_TIMEOUT_MS, out);
}

enum coffer_status admin_node_accept(struct coffer *c, const char *name_or_id, struct admin_node *out)
{
	return ask_about(c, OPERATION_COFFER_NODE_ACCEPT, name_or_id, 0, out);
}

/* ---- enrolment tokens ---- */

static enum coffer_status take_token(struct call *call, struct secret **out)
{
	struct view token;
	if (ttlv_take_bytes(&call->answer.items[0].payload, TAG_COFFER_ENROLMENT_TOKEN, &token) != ERR_OK || token.len == 0 || token.len > 256) return call_malformed(call);
	struct secret *text = secret_new(token.len + 1);
	if (!text) return COFFER_EMEMORY;
	memcpy(secret_mut(text), token.ptr, token.len);
	secret_mut(text)[token.len] = '\0';
	*out = text;
	return COFFER_OK;
}

enum coffer_status admin_node_enrol(struct coffer *c, const struct admin_enrol *wish, struct secret **out_token, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	struct secret *token = NULL;
	if (!is_short(wish->name) || wish->uses > INT32_MAX || wish->life_s > INT32_MAX)
		return conn_refuse(c, COFFER_EINVAL, "an enrolment token's name has at most 64 bytes, its uses and seconds are numbers");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_NODE_ENROL, 512);
	if (st) return st;
	if (wish->name) ttlv_put_str(&call.w, TAG_COFFER_ENROLMENT_NAME, wish->name);
	if (wish->uses) ttlv_put_i32(&call.w, TAG_COFFER_ENROLMENT_USES, (int32_t)wish->uses);
	if (wish->life_s) ttlv_put_i32(&call.w, TAG_COFFER_ENROLMENT_LIFE, (int32_t)wish->life_s);
	st = call_run(&call, false);
	if (!st) st = take_token(&call, &token);
	if (!st) st = call_take_json(&call, text, cap, out_len);
	if (!st) *out_token = TAKE(token);
	secret_free(token);
	return call_end(&call, st);
}

enum coffer_status admin_node_end_named(struct coffer *c, uint32_t operation, uint32_t tag, const char *name_or_id, char *name, size_t cap)
{
	struct call call;
	struct ttlv_item item;
	name[0] = '\0';
	if (!is_short(name_or_id)) return conn_refuse(c, COFFER_EINVAL, "a name has at most 64 bytes");
	enum coffer_status st = call_begin(&call, c, operation, 512);
	if (st) return st;
	ttlv_put_str(&call.w, tag, name_or_id);
	st = call_run(&call, false);
	while (!st && ttlv_next(&call.answer.items[0].payload, &item))
		if (item.tag == tag) (void)admin_text(&item, name, cap);
	return call_end(&call, st);
}

enum coffer_status admin_node_enrol_revoke(struct coffer *c, const char *name_or_id, char *name, size_t cap)
{
	return admin_node_end_named(c, OPERATION_COFFER_NODE_ENROL_REVOKE, TAG_COFFER_ENROLMENT_NAME, name_or_id, name, cap);
}
