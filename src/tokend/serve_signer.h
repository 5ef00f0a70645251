/* The signer calls of the token channel. */
#ifndef COFFER_TOKEND_SERVE_SIGNER_H
#define COFFER_TOKEND_SERVE_SIGNER_H

#include "token/channel.h"

enum coffer_err serve_signer(struct token *token, const struct channel_request *request, struct channel_reply *reply) MUST_USE;

#endif
