/* The transport calls of the token proxy. */
#include "token/proxy_transport.h"

#include <string.h>

#include "token/proxy_internal.h"

static enum coffer_err take(struct proxy_job *job, const struct channel_reply *reply)
{
	struct token_transport_answer *out = job->out;
	struct secret *shared = NULL;
	if (reply->bytes.len) {
		shared = secret_copy(reply->bytes.ptr, reply->bytes.len);
		ENSURE(shared, ERR_MEMORY);
	}
	*out = reply->transport;
	out->shared = shared;
	return ERR_OK;
}

static enum coffer_err ask(struct token_proxy *p, enum channel_op op, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason)
{
	if (wish->auth.len != TOKEN_TRANSPORT_AUTH_LEN) return reason_fail(reason, ERR_BUG, "a transport key's authorization value has 32 bytes");
	struct proxy_job job = { .request = { .op = op, .transport = *wish }, .limit_ms = p->call_ms, .take = take, .out = out };
	return proxy_run(p, &job, reason);
}

enum coffer_err token_proxy_transport_make(struct token_proxy *p, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason)
{
	return ask(p, CHANNEL_TRANSPORT_MAKE, wish, out, reason);
}

enum coffer_err token_proxy_transport_ecdh(struct token_proxy *p, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason)
{
	return ask(p, CHANNEL_TRANSPORT_ECDH, wish, out, reason);
}

static const uint8_t no_auth[TOKEN_TRANSPORT_AUTH_LEN];

enum coffer_err token_proxy_transport_public(struct token_proxy *p, const struct token_transport_ref *ref, struct token_transport_answer *out,
	struct reason *reason)
{
	struct token_transport_wish wish = { .auth = view_of(no_auth, sizeof no_auth), .ref = *ref };
	return ask(p, CHANNEL_TRANSPORT_PUBLIC, &wish, out, reason);
}

enum coffer_err token_proxy_transport_remove(struct token_proxy *p, const uint8_t owner[static TOKEN_TRANSPORT_OWNER_LEN], struct reason *reason)
{
	struct token_transport_wish wish = { .auth = view_of(no_auth, sizeof no_auth) };
	struct token_transport_answer ignored;
	memcpy(wish.owner, owner, sizeof wish.owner);
	return ask(p, CHANNEL_TRANSPORT_REMOVE, &wish, &ignored, reason);
}
