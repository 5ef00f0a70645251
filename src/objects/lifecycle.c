/* The state table of managed objects. */
#include "objects/lifecycle.h"

#include "base/sm.h"

/* Index = KMIP State; 0 is no state. */
static const struct sm_state states[] = {
	{ "none", 0 },
	[OBJECT_PRE_ACTIVE] = { "pre-active", SM_TO(OBJECT_ACTIVE) | SM_TO(OBJECT_COMPROMISED) | SM_TO(OBJECT_DESTROYED) },
	[OBJECT_ACTIVE] = { "active", SM_TO(OBJECT_DEACTIVATED) | SM_TO(OBJECT_COMPROMISED) },
	[OBJECT_DEACTIVATED] = { "deactivated", SM_TO(OBJECT_COMPROMISED) | SM_TO(OBJECT_DESTROYED) },
	[OBJECT_COMPROMISED] = { "compromised", SM_TO(OBJECT_DESTROYED_COMPROMISED) },
	[OBJECT_DESTROYED] = { "destroyed", SM_TO(OBJECT_DESTROYED_COMPROMISED) },
	[OBJECT_DESTROYED_COMPROMISED] = { "destroyed-compromised", 0 },
};

static const struct sm_table table = { "object", states, sizeof states / sizeof states[0] };

bool lifecycle_allows(enum object_state from, enum object_state to)
{
	return sm_allows(&table, from, to);
}

const char *lifecycle_name(enum object_state state)
{
	return state >= OBJECT_PRE_ACTIVE && state <= OBJECT_DESTROYED_COMPROMISED ? sm_name(&table, state) : "?";
}

bool lifecycle_may_use(enum object_state state, enum object_use use)
{
	if (state == OBJECT_ACTIVE) return true;
	return use == OBJECT_USE_PROCESS && (state == OBJECT_DEACTIVATED || state == OBJECT_COMPROMISED);
}

enum coffer_err lifecycle_check_use(enum object_state state, enum object_use use, const char *what, struct reason *reason)
{
	if (lifecycle_may_use(state, use)) return ERR_OK;
	switch (state) {
	case OBJECT_PRE_ACTIVE:
		return reason_fail(reason, ERR_STATE, "%s is not active yet; activate it first", what);
	case OBJECT_DESTROYED:
	case OBJECT_DESTROYED_COMPROMISED:
		return reason_fail(reason, ERR_STATE, "%s is destroyed; what it protects cannot be opened any more", what);
	default:
		return reason_fail(reason, ERR_STATE, "%s is %s: it still decrypts, but protects nothing new; use its newest version or another key",
			what, lifecycle_name(state));
	}
}
