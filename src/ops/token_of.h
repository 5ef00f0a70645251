/* The token proxy of the node, for handlers that only look. Admin lane. */
#ifndef COFFER_OPS_TOKEN_OF_H
#define COFFER_OPS_TOKEN_OF_H

#include "ops/engine.h"

/* NULL before init. Once the domain is open the proxy stays the same one until the process ends; before that admin_lock guards it, which a
 * token call of the unsealing may hold for its deadline. */
struct token_proxy *token_of(struct engine *engine);

#endif
