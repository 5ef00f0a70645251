/* The signer calls of the one backend that is linked in. */
#include "tokend/serve_signer.h"

enum coffer_err serve_signer(struct token *token, const struct channel_request *request, struct channel_reply *reply)
{
	const struct token_signer_ops *ops = &token_signer_backend;
	token_signer_fn *fn = request->op == CHANNEL_SIGN ? ops->sign : request->signer.drop ? ops->drop : ops->make;
	if (!fn) return reason_fail(&reply->reason, ERR_UNSUPPORTED, "this kind of token makes no signing key");
	reply->signer = (struct token_signer_answer){ .there = false };
	return fn(token, &request->signer, &reply->signer, &reply->reason);
}
