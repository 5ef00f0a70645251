/* The token proxy of the node. */
#include "ops/token_of.h"

struct token_proxy *token_of(struct engine *engine)
{
	enum engine_state state = engine_state_get(engine);
	if (state == ENGINE_UNINITIALISED || state == ENGINE_STARTING) return NULL;
	if (state == ENGINE_OPEN || state == ENGINE_DRAINING) return engine->token;
	pthread_mutex_lock(&engine->admin_lock);
	struct token_proxy *proxy = engine->token;
	pthread_mutex_unlock(&engine->admin_lock);
	return proxy;
}
