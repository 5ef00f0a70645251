/* The endorsement calls of the token proxy. */
#include "token/proxy_endorse.h"

#include "token/proxy_internal.h"

static enum coffer_err take(struct proxy_job *job, const struct channel_reply *reply)
{
	struct token_endorse_answer *out = job->out;
	struct secret *secret = reply->bytes.len ? secret_copy(reply->bytes.ptr, reply->bytes.len) : NULL;
	ENSURE(secret || !reply->bytes.len, ERR_MEMORY);
	*out = reply->endorse;
	out->secret = secret;
	return ERR_OK;
}

static enum coffer_err ask(struct token_proxy *p, enum channel_op op, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	struct proxy_job job = { .request = { .op = op, .endorse = *wish }, .limit_ms = p->call_ms, .take = take, .out = out };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_endorse(struct token_proxy *p, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	return ask(p, CHANNEL_ENDORSE, wish, out, reason);
}

enum coffer_err token_proxy_activate(struct token_proxy *p, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason)
{
	if (wish->auth.len != TOKEN_TRANSPORT_AUTH_LEN) return reason_fail(reason, ERR_BUG, "a transport key's authorization value has 32 bytes");
	return ask(p, CHANNEL_ACTIVATE, wish, out, reason);
}
