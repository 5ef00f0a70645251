/* Lease times. */
#include "ops/kmip_lease.h"

#include "kmip/attr.h"
#include "objects/dates.h"

/* Whole seconds, rounded up: less than one is not without end. */
static uint32_t configured_s(const struct engine *engine)
{
	uint64_t ms = engine->config->lease_time_ms;
	return (uint32_t)((ms + 999) / 1000);
}

uint32_t kmip_lease_longest(const struct engine *engine, const struct object *o)
{
	return kmip_attr_applies(ATTR_LEASE_TIME, o->type) ? configured_s(engine) : 0;
}

bool kmip_lease_is_given(const struct object *o, uint64_t now_s)
{
	enum object_state state = dates_state(o, now_s);
	return state == OBJECT_PRE_ACTIVE || state == OBJECT_ACTIVE || state == OBJECT_DEACTIVATED;
}
