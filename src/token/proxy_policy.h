/* The proxy's calls about policies (token/policy.h). Rules of token/proxy.h: they block, and wait for their turn. */
#ifndef COFFER_TOKEN_PROXY_POLICY_H
#define COFFER_TOKEN_PROXY_POLICY_H

#include "token/policy.h"
#include "token/proxy.h"

enum coffer_err token_proxy_policy_status(struct token_proxy *p, struct token_policy_status *out, struct reason *reason) MUST_USE;
/* changes: at most TOKEN_CHANGES_MAX bytes; pin: at most TOKEN_PIN_MAX_LEN, or NULL. */
enum coffer_err token_proxy_policy_make(struct token_proxy *p, const char *changes, const struct secret *pin, struct token_policy_made *out,
	struct reason *reason) MUST_USE;
enum coffer_err token_proxy_policy_wrap(struct token_proxy *p, const struct token_binding *under, const struct secret *plain, struct buf *out,
	struct reason *reason) MUST_USE;
/* From now on, and for every helper that is started, URI and binding are these, also when the present helper fails to go over (it is then
 * ended and started again): call it when they are written down. */
enum coffer_err token_proxy_policy_adopt(struct token_proxy *p, const struct token_policy_made *made, struct reason *reason) MUST_USE;

#endif
