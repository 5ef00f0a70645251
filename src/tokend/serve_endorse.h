/* The endorsement calls of the token channel. */
#ifndef COFFER_TOKEND_SERVE_ENDORSE_H
#define COFFER_TOKEND_SERVE_ENDORSE_H

#include "token/channel.h"

/* *out_secret: what ACTIVATE gave out, the caller's to free; else as it was. */
enum coffer_err serve_endorse(struct token *token, const struct channel_request *request, struct channel_reply *reply, struct secret **out_secret) MUST_USE;

#endif
