/* Requests about the token's counter (token/counter.h). */
#ifndef COFFER_TOKEND_SERVE_COUNTER_H
#define COFFER_TOKEND_SERVE_COUNTER_H

#include "token/channel.h"

/* COUNTER_MAKE, COUNTER_READ or COUNTER_RAISE of an attached token, COUNTER_DROP of an open one. ERR_UNSUPPORTED where the backend has no counters. */
enum coffer_err serve_counter(struct token *token, const struct channel_request *request, struct channel_reply *reply) MUST_USE;

#endif
