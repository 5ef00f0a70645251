/* The transport calls of the token channel. */
#ifndef COFFER_TOKEND_SERVE_TRANSPORT_H
#define COFFER_TOKEND_SERVE_TRANSPORT_H

#include "token/channel.h"

/* The token is attached. *out_shared: what TRANSPORT_ECDH gives, the caller's to free. ERR_UNSUPPORTED where the backend makes no such key. */
enum coffer_err serve_transport(struct token *token, const struct channel_request *request, struct channel_reply *reply, struct secret **out_shared) MUST_USE;

#endif
