/* Lease times. */
#include "ops/kmip_lease.h"

#include "objects/dates.h"

/* Whole seconds, rounded up: less than one is not without end. */
uint32_t kmip_lease_time_s(const struct engine *engine)
{
	const struct config *config = engine->config;
	return (uint32_t)((config->kmip_lease_time_ms + 999) / 1000);
}

bool kmip_lease_is_given(const struct object *o, uint64_t now_s)
{
	enum object_state state = dates_state(o, now_s);
	return state == OBJECT_PRE_ACTIVE || state == OBJECT_ACTIVE || state == OBJECT_DEACTIVATED;
}
