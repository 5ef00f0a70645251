/* Policy requests, handed to the backend. */
#include "tokend/serve_policy.h"

#include <string.h>

#include "token/policy.h"

static enum coffer_err make(struct token *t, const struct channel_request *request, struct channel_reply *reply)
{
	struct token_policy_made made;
	AUTO_SECRET struct secret *pin = NULL;
	if (request->bytes.len) {
		pin = secret_copy(request->bytes.ptr, request->bytes.len);
		ENSURE(pin, ERR_MEMORY);
	}
	TRY(token_policy_backend.make(t, request->changes, pin, &made, &reply->reason));
	reply->binding = made.binding;
	memcpy(reply->uri, made.uri, sizeof reply->uri);
	return ERR_OK;
}

static enum coffer_err wrap(struct token *t, const struct channel_request *request, struct buf *bytes, struct channel_reply *reply)
{
	AUTO_SECRET struct secret *plain = secret_copy(request->bytes.ptr, request->bytes.len);
	ENSURE(plain, ERR_MEMORY);
	return token_policy_backend.wrap(t, &request->binding, plain, bytes, &reply->reason);
}

enum coffer_err serve_policy(struct token *t, const struct channel_request *request, struct buf *bytes, struct channel_reply *reply)
{
	struct token_policy_made made = { .binding = request->binding };
	switch (request->op) {
	case CHANNEL_POLICY_STATUS:
		return token_policy_backend.status(t, &reply->policy, &reply->reason);
	case CHANNEL_POLICY_MAKE:
		return make(t, request, reply);
	case CHANNEL_POLICY_WRAP:
		return wrap(t, request, bytes, reply);
	default:
		memcpy(made.uri, request->uri, sizeof made.uri);
		return token_policy_backend.adopt(t, &made, &reply->reason);
	}
}
