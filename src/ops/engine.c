/* The engine's shared state: small accessors. */
#include "ops/engine.h"

#include <stdarg.h>
#include <stdio.h>

enum engine_state engine_state_get(struct engine *engine)
{
	return (enum engine_state)atomic_load(&engine->state);
}

const char *engine_state_name(enum engine_state state)
{
	static const char *const names[] = { "starting", "uninitialised", "sealed", "open", "draining", "fault" };
	return (unsigned)state < sizeof names / sizeof names[0] ? names[state] : "?";
}

struct grants *engine_grants(struct engine *engine)
{
	pthread_rwlock_rdlock(&engine->grants_lock);
	struct grants *g = grants_ref(engine->grants);
	pthread_rwlock_unlock(&engine->grants_lock);
	return g;
}

void engine_set_grants(struct engine *engine, struct grants *grants)
{
	pthread_rwlock_wrlock(&engine->grants_lock);
	struct grants *old = engine->grants;
	engine->grants = grants;
	pthread_rwlock_unlock(&engine->grants_lock);
	grants_unref(old);
}

void engine_note(struct engine *engine, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	pthread_mutex_lock(&engine->note_lock);
	vsnprintf(engine->note, sizeof engine->note, fmt, args);
	pthread_mutex_unlock(&engine->note_lock);
	va_end(args);
}
