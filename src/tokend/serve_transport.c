/* The transport calls of the one backend that is linked in. */
#include "tokend/serve_transport.h"

static token_transport_fn *call_of(enum channel_op op)
{
	const struct token_transport_ops *ops = &token_transport_backend;
	if (op == CHANNEL_TRANSPORT_MAKE) return ops->make;
	if (op == CHANNEL_TRANSPORT_PUBLIC) return ops->public_point;
	return op == CHANNEL_TRANSPORT_ECDH ? ops->ecdh : ops->remove;
}

enum coffer_err serve_transport(struct token *token, const struct channel_request *request, struct channel_reply *reply, struct secret **out_shared)
{
	token_transport_fn *fn = call_of(request->op);
	if (!fn) return reason_fail(&reply->reason, ERR_UNSUPPORTED, "this kind of token makes no transport key");
	reply->transport = (struct token_transport_answer){ .there = false };
	TRY(fn(token, &request->transport, &reply->transport, &reply->reason));
	*out_shared = TAKE(reply->transport.shared);
	return ERR_OK;
}
