/* The built-in operation policies. */
#include "access/operation_policy.h"

#include "kmip/attr.h"
#include "kmip/enums.h"

static const char *const names[] = { [OPERATION_POLICY_DEFAULT] = "default", [OPERATION_POLICY_PUBLIC] = "public" };

static const struct {
	uint32_t operation;
	char keys, templates;
} public_operations[] = {
#define PUBLIC_OPERATION(operation, keys, templates) { OPERATION_##operation, keys, templates },
#include "access/operation_policy.def"
#undef PUBLIC_OPERATION
};

const char *operation_policy_name(enum operation_policy policy)
{
	return names[policy];
}

/* Types that hold no secret. */
static bool may_be_public(uint32_t object_type)
{
	return object_type == OBJECT_TYPE_PUBLIC_KEY || object_type == OBJECT_TYPE_CERTIFICATE || object_type == OBJECT_TYPE_TEMPLATE;
}

enum coffer_err operation_policy_parse(struct view name, uint32_t object_type, enum operation_policy *out, struct reason *reason)
{
	if (view_equal_str(name, names[OPERATION_POLICY_DEFAULT])) {
		*out = OPERATION_POLICY_DEFAULT;
		return ERR_OK;
	}
	if (!view_equal_str(name, names[OPERATION_POLICY_PUBLIC]))
		return reason_fail(reason, ERR_FIELD, "there is no such operation policy; there are 'default', and 'public' for what is no secret");
	if (!may_be_public(object_type))
		return reason_fail(reason, ERR_FIELD, "the operation policy 'public' is for public keys, certificates and templates alone; take 'default'");
	*out = OPERATION_POLICY_PUBLIC;
	return ERR_OK;
}

enum operation_policy operation_policy_of(const struct object *object)
{
	struct ttlv_item item;
	struct view name;
	enum operation_policy policy = OPERATION_POLICY_DEFAULT;
	if (!may_be_public(object->type)) return OPERATION_POLICY_DEFAULT;
	if (!attrset_item(attrset_get(&object->attrs, ATTR_OPERATION_POLICY_NAME, NULL, 0), &item) || ttlv_get_text(&item, &name) != ERR_OK ||
	    operation_policy_parse(name, object->type, &policy, NULL) != ERR_OK)
		return OPERATION_POLICY_DEFAULT;
	return policy;
}

bool policy_operation_allowed(enum operation_policy policy, uint32_t operation, uint32_t object_type, bool is_owner)
{
	if (is_owner) return true;
	if (policy != OPERATION_POLICY_PUBLIC || !may_be_public(object_type)) return false;
	for (size_t i = 0; i < sizeof public_operations / sizeof public_operations[0]; i++)
		if (public_operations[i].operation == operation)
			return (object_type == OBJECT_TYPE_TEMPLATE ? public_operations[i].templates : public_operations[i].keys) == 'A';
	return false;
}
