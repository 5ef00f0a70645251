/* The one decision: default deny, grants add, an owner may always use what is its own, and an object may be public. */
#include "access/policy.h"

#include <string.h>

#include "access/operation_policy.h"
#include "objects/names.h"

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

static bool gives(const struct grant *grant, const struct principal *principal, enum permission permission)
{
	return (role_permissions(grant->role) & (UINT32_C(1) << permission)) && strcmp(grant->principal, principal->text) == 0;
}

static bool in_group(const struct object *object, struct view group)
{
	struct view have;
	for (size_t i = 0; names_group_at(&object->attrs, i, &have); i++)
		if (view_equal(have, group)) return true;
	return false;
}

/* A scoped grant reaches the objects of its group, whichever other groups they are in. Of what is not on an object it gives status and random, and
 * the making of objects: in which group is judged when they are known (policy_may_regroup). */
static bool reaches(const struct grant *grant, enum permission permission, const struct object *object)
{
	if (grant->scope[0] == '\0') return true;
	if (!permissions[permission].on_object)
		return permission == PERMISSION_STATUS || permission == PERMISSION_RANDOM || permission == PERMISSION_CREATE;
	return object && in_group(object, view_str(grant->scope));
}

/* What the operation policy "public" gives to all: READ is for Locate, Check, Get Attributes, Get Attribute List and Obtain Lease, EXPORT for Get. */
static bool is_public(enum permission permission, const struct object *object)
{
	return object && (permission == PERMISSION_READ || permission == PERMISSION_EXPORT) && operation_policy_of(object) == OPERATION_POLICY_PUBLIC;
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
		if (gives(grant, principal, permission) && reaches(grant, permission, object)) return true;
	}
	return is_public(permission, object);
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

bool policy_everywhere(const struct grants *grants, const struct principal *principal, enum permission permission)
{
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *grant = grants_at(grants, i);
		if (gives(grant, principal, permission) && grant->scope[0] == '\0') return true;
	}
	return false;
}

/* A grant on this group, or one without a scope. */
static bool has_in(const struct grants *grants, const struct principal *principal, enum permission permission, struct view group)
{
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *grant = grants_at(grants, i);
		if (gives(grant, principal, permission) && (grant->scope[0] == '\0' || view_equal_str(group, grant->scope))) return true;
	}
	return false;
}

/* Every group that `from` has and `other` (may be NULL) has not. */
static bool may_differ(const struct grants *grants, const struct principal *principal, enum permission permission, const struct object *from,
	const struct object *other, struct view *out_group)
{
	for (size_t i = 0; names_group_at(&from->attrs, i, out_group); i++)
		if (!(other && in_group(other, *out_group)) && !has_in(grants, principal, permission, *out_group)) return false;
	return true;
}

static bool stays(const struct grants *grants, const struct principal *principal, enum permission permission, const struct object *object)
{
	struct view group;
	for (size_t i = 0; names_group_at(&object->attrs, i, &group); i++)
		if (has_in(grants, principal, permission, group)) return true;
	return false;
}

static bool same_groups(const struct object *a, const struct object *b)
{
	struct view group;
	for (size_t i = 0; names_group_at(&a->attrs, i, &group); i++)
		if (!in_group(b, group)) return false;
	for (size_t i = 0; names_group_at(&b->attrs, i, &group); i++)
		if (!in_group(a, group)) return false;
	return true;
}

enum coffer_err policy_may_regroup(const struct grants *grants, const struct principal *principal, const struct object *before,
	const struct object *after, struct reason *reason)
{
	enum permission permission = before ? PERMISSION_MANAGE : PERMISSION_CREATE;
	char name[GRANT_SCOPE_MAX + 1];
	struct view group = { NULL, 0 };
	if (before && same_groups(before, after)) return ERR_OK;
	if (policy_everywhere(grants, principal, permission)) return ERR_OK;
	if (!may_differ(grants, principal, permission, after, before, &group) ||
	    (before && !may_differ(grants, principal, permission, before, after, &group))) {
		text_printable(group, name, sizeof name);
		return reason_fail(reason, ERR_DENIED, "%s has no role that lets it put keys into the group '%s' or take them out; ask an administrator",
			principal->text, name);
	}
	if (stays(grants, principal, permission, after)) return ERR_OK;
	return reason_fail(reason, ERR_DENIED, "%s may make and keep keys in the groups of its roles alone; give the key such an Object Group",
		principal->text);
}
