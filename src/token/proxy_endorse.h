/* The endorsement calls of the token proxy (token/endorse.h), each with the deadline of a call. Threads as token/proxy.h says. ERR_UNSUPPORTED: this kind of token has no such certificate. */
#ifndef COFFER_TOKEN_PROXY_ENDORSE_H
#define COFFER_TOKEN_PROXY_ENDORSE_H

#include "token/endorse.h"
#include "token/proxy.h"

enum coffer_err token_proxy_endorse(struct token_proxy *p, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason) MUST_USE;
/* out->secret is the caller's to free. */
enum coffer_err token_proxy_activate(struct token_proxy *p, const struct token_endorse_wish *wish, struct token_endorse_answer *out, struct reason *reason) MUST_USE;

#endif
