/* Dates and states. */
#include "objects/dates.h"

#include "kmip/attr.h"
#include "kmip/enums.h"

static bool has_passed(const struct object *o, enum kmip_attr attr, uint64_t now_s)
{
	uint64_t at_s;
	return attrset_get_time(&o->attrs, attr, &at_s) && at_s <= now_s;
}

enum object_state dates_state(const struct object *o, uint64_t now_s)
{
	enum object_state state = o->state;
	if (o->type == OBJECT_TYPE_TEMPLATE || o->type == OBJECT_TYPE_OPAQUE_OBJECT) return state;
	if (state == OBJECT_PRE_ACTIVE && has_passed(o, ATTR_ACTIVATION_DATE, now_s)) state = OBJECT_ACTIVE;
	if (state == OBJECT_ACTIVE && has_passed(o, ATTR_DEACTIVATION_DATE, now_s)) state = OBJECT_DEACTIVATED;
	return state;
}

enum coffer_err dates_check_use(const struct object *o, enum object_use use, uint64_t now_s, const char *what, struct reason *reason)
{
	uint64_t start_s;
	TRY(lifecycle_check_use(dates_state(o, now_s), use, what, reason));
	if (use == OBJECT_USE_PROTECT && has_passed(o, ATTR_PROTECT_STOP_DATE, now_s))
		return reason_fail(reason, ERR_STATE, "the Protect Stop Date of %s has passed: it still decrypts, but protects nothing new", what);
	if (use == OBJECT_USE_PROCESS && attrset_get_time(&o->attrs, ATTR_PROCESS_START_DATE, &start_s) && start_s > now_s)
		return reason_fail(reason, ERR_STATE, "the Process Start Date of %s has not come yet", what);
	return ERR_OK;
}

enum coffer_err dates_check_order(const struct object *o, struct reason *reason)
{
	static const struct { enum kmip_attr early, late; } order[] = {
		{ ATTR_ACTIVATION_DATE, ATTR_PROCESS_START_DATE }, { ATTR_ACTIVATION_DATE, ATTR_PROTECT_STOP_DATE },
		{ ATTR_ACTIVATION_DATE, ATTR_DEACTIVATION_DATE }, { ATTR_PROTECT_STOP_DATE, ATTR_DEACTIVATION_DATE },
	};
	for (size_t i = 0; i < sizeof order / sizeof order[0]; i++) {
		uint64_t early_s, late_s;
		if (!attrset_get_time(&o->attrs, order[i].early, &early_s) || !attrset_get_time(&o->attrs, order[i].late, &late_s)) continue;
		if (early_s > late_s)
			return reason_fail(reason, ERR_FIELD, "the %s is after the %s", kmip_attr_row(order[i].early)->name,
				kmip_attr_row(order[i].late)->name);
	}
	return ERR_OK;
}
