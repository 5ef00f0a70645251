/* The policy requests of the channel. */
#ifndef COFFER_TOKEND_SERVE_POLICY_H
#define COFFER_TOKEND_SERVE_POLICY_H

#include "token/channel.h"

/* The token is attached. bytes: for what POLICY_WRAP gives. */
enum coffer_err serve_policy(struct token *t, const struct channel_request *request, struct buf *bytes, struct channel_reply *reply) MUST_USE;

#endif
