/* The transport calls of the token proxy (token/transport.h), each with the deadline of a call. Threads as token/proxy.h says. ERR_UNSUPPORTED: this kind of token
 * makes no such key. ERR_STATE while there is no binding. */
#ifndef COFFER_TOKEN_PROXY_TRANSPORT_H
#define COFFER_TOKEN_PROXY_TRANSPORT_H

#include "token/proxy.h"
#include "token/transport.h"

enum coffer_err token_proxy_transport_make(struct token_proxy *p, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_transport_public(struct token_proxy *p, const struct token_transport_ref *ref, struct token_transport_answer *out,
	struct reason *reason) MUST_USE;
/* out->shared is the caller's to free. */
enum coffer_err token_proxy_transport_ecdh(struct token_proxy *p, const struct token_transport_wish *wish, struct token_transport_answer *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_transport_remove(struct token_proxy *p, const uint8_t owner[static TOKEN_TRANSPORT_OWNER_LEN], struct reason *reason) MUST_USE;

#endif
