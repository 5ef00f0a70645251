/* The endorsement calls of the one backend that is linked in. */
#include "tokend/serve_endorse.h"

enum coffer_err serve_endorse(struct token *token, const struct channel_request *request, struct channel_reply *reply, struct secret **out_secret)
{
	const struct token_endorse_ops *ops = &token_endorse_backend;
	token_endorse_fn *fn = request->op == CHANNEL_ACTIVATE ? ops->activate : ops->describe;
	if (!fn) return reason_fail(&reply->reason, ERR_UNSUPPORTED, "this kind of token has no endorsement certificate; join by the fingerprint, or with an enrolment token");
	reply->endorse = (struct token_endorse_answer){ .there = false };
	TRY(fn(token, &request->endorse, &reply->endorse, &reply->reason));
	if (reply->endorse.secret) *out_secret = TAKE(reply->endorse.secret);
	return ERR_OK;
}
