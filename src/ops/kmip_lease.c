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

enum coffer_err kmip_lease_begin(const struct engine *engine, struct object *o)
{
	uint8_t item[16];
	struct writer w;
	uint32_t lease_s = configured_s(engine);
	attrset_remove(&o->attrs, ATTR_LEASE_TIME);
	if (lease_s == 0) return ERR_OK;
	writer_init(&w, item, sizeof item);
	ttlv_put_interval(&w, TAG_LEASE_TIME, lease_s);
	TRY(writer_done(&w));
	return attrset_set(&o->attrs, ATTR_LEASE_TIME, writer_view(&w));
}

uint32_t kmip_lease_longest(const struct engine *engine, const struct object *o)
{
	struct ttlv_item item;
	uint32_t own_s = 0, lease_s = configured_s(engine);
	if (!attrset_item(attrset_get(&o->attrs, ATTR_LEASE_TIME, NULL, 0), &item) || ttlv_get_interval(&item, &own_s) != ERR_OK || own_s == 0)
		return lease_s;
	return lease_s && lease_s < own_s ? lease_s : own_s;
}

bool kmip_lease_is_given(const struct object *o, uint64_t now_s)
{
	enum object_state state = dates_state(o, now_s);
	return state == OBJECT_PRE_ACTIVE || state == OBJECT_ACTIVE || state == OBJECT_DEACTIVATED;
}
