/* The counter calls of the one backend that is linked in. */
#include "tokend/serve_counter.h"

enum coffer_err serve_counter(struct token *token, const struct channel_request *request, struct channel_reply *reply)
{
	const struct token_counter_ops *ops = &token_counter_backend;
	token_counter_fn *fn = request->op == CHANNEL_COUNTER_MAKE ? ops->make : request->op == CHANNEL_COUNTER_READ ? ops->read
		: request->op == CHANNEL_COUNTER_RAISE ? ops->raise : ops->drop;
	if (!fn) return reason_fail(&reply->reason, ERR_UNSUPPORTED, "this kind of token has no counter");
	reply->counter = (struct token_counter_answer){ .value = 0 };
	return fn(token, &request->counter, &reply->counter, &reply->reason);
}
