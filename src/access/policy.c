/* The one decision: default deny, grants add, an owner may always use what is its own. */
#include "access/policy.h"

#include <string.h>


static const struct {
	bool on_object;
	const char *sentence;
} permissions[PERMISSION_COUNT] = {
#define PERMISSION(name, on_object, sentence) [PERMISSION_##name] = { on_object, sentence },
#include "access/permission.def"
#undef PERMISSION
};

#define OWNER_PERMISSIONS ((UINT32_C(1) << PERMISSION_READ) | (UINT32_C(1) << PERMISSION_USE) | \
	(UINT32_C(1) << PERMISSION_EXPORT) | (UINT32_C(1) << PERMISSION_MANAGE))

/* A scoped grant reaches the objects of its group, and of what is not on an object only status and random. */
static bool grant_covers(const struct grant *grant, enum permission permission, const struct object *object)
{
	if (!(role_permissions(grant->role) & (UINT32_C(1) << permission))) return false;
	if (grant->scope[0] == '\0') return true;
	if (!permissions[permission].on_object)
		return permission == PERMISSION_STATUS || permission == PERMISSION_RANDOM;
	return object && view_equal_str(object_group(object), grant->scope);
}

static bool allowed(const struct grants *grants, const struct principal *principal, enum permission permission,
	const struct object *object)
{
	if (permission == PERMISSION_NONE) return true;
	if (permission >= PERMISSION_COUNT) return false;
	if (object && permissions[permission].on_object && strcmp(object->owner, principal->text) == 0 &&
	    (OWNER_PERMISSIONS & (UINT32_C(1) << permission)))
		return true;
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *grant = grants_at(grants, i);
		if (strcmp(grant->principal, principal->text) == 0 && grant_covers(grant, permission, object)) return true;
	}
	return false;
}

enum coffer_err policy_check(const struct grants *grants, const struct principal *principal, enum permission permission,
	const struct object *object, struct reason *reason)
{
	if (allowed(grants, principal, permission, object)) return ERR_OK;
	const char *sentence = permission < PERMISSION_COUNT ? permissions[permission].sentence : "do this";
	return reason_fail(reason, ERR_DENIED, "%s may not %s; an administrator can allow it with 'coffer grant --to %s --role …'",
		principal->text, sentence, principal->text);
}

bool policy_sees(const struct grants *grants, const struct principal *principal, const struct object *object)
{
	return allowed(grants, principal, PERMISSION_READ, object);
}
