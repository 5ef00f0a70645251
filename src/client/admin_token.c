/* Administration of the token's policy and PIN. */
#include <string.h>

#include "client/admin.h"
#include "client/call.h"

#define RESEAL_TIMEOUT_MS 120000u /* a slow TPM wraps a data key in two seconds */
#define CHANGES_MAX 1024u

enum coffer_status admin_token_policy(struct coffer *c, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_TOKEN_POLICY, 64);
	return st ? st : call_end_json(&call, text, cap, out_len);
}

enum coffer_status admin_token_reseal(struct coffer *c, const char *changes, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	if (strlen(changes) > CHANGES_MAX) return conn_refuse(c, COFFER_EINVAL, "what is to be changed is too long");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_TOKEN_RESEAL, CHANGES_MAX + 64);
	if (st) return st;
	call.deadline_ms += RESEAL_TIMEOUT_MS;
	ttlv_put_str(&call.w, TAG_COFFER_POLICY_CHANGES, changes);
	return call_end_json(&call, text, cap, out_len);
}

enum coffer_status admin_token_change_pin(struct coffer *c, const struct secret *pin, char *text, size_t cap, size_t *out_len)
{
	struct call call;
	struct view bytes = view_of(secret_bytes(pin), secret_len(pin) - 1); /* without its NUL */
	if (bytes.len > 255) return conn_refuse(c, COFFER_EINVAL, "a PIN has at most 255 bytes");
	enum coffer_status st = call_begin(&call, c, OPERATION_COFFER_TOKEN_CHANGE_PIN, 512);
	if (st) return st;
	call.deadline_ms += RESEAL_TIMEOUT_MS;
	ttlv_put_bytes(&call.w, TAG_COFFER_TOKEN_PIN, bytes);
	return call_end_json(&call, text, cap, out_len);
}
