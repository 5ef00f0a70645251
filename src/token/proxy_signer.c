/* The signer calls of the token proxy. */
#include <string.h>

#include "token/proxy_internal.h"

static enum coffer_err take_signer(struct proxy_job *job, const struct channel_reply *reply)
{
	*(struct token_signer_answer *)job->out = reply->signer;
	return ERR_OK;
}

static enum coffer_err ask(struct token_proxy *p, enum channel_op op, const struct token_signer_wish *wish, struct token_signer_answer *out,
	struct reason *reason)
{
	if (wish->auth.len != TOKEN_SIGNER_AUTH_LEN) return reason_fail(reason, ERR_BUG, "a signing key's authorization value has 32 bytes");
	struct proxy_job job = { .request = { .op = op, .signer = *wish }, .limit_ms = p->call_ms, .take = take_signer, .out = out };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_signer_make(struct token_proxy *p, const struct token_signer_wish *wish, struct token_signer_answer *out,
	struct reason *reason)
{
	return ask(p, CHANNEL_SIGNER, wish, out, reason);
}

enum coffer_err token_proxy_signer_drop(struct token_proxy *p, const uint8_t owner[static TOKEN_SIGNER_OWNER_LEN], struct reason *reason)
{
	static const uint8_t no_auth[TOKEN_SIGNER_AUTH_LEN];
	struct token_signer_wish wish = { .drop = true, .auth = view_of(no_auth, sizeof no_auth) };
	struct token_signer_answer ignored;
	memcpy(wish.owner, owner, sizeof wish.owner);
	return ask(p, CHANNEL_SIGNER, &wish, &ignored, reason);
}

enum coffer_err token_proxy_sign(struct token_proxy *p, const struct token_signer_wish *wish, struct token_signer_answer *out, struct reason *reason)
{
	return ask(p, CHANNEL_SIGN, wish, out, reason);
}
