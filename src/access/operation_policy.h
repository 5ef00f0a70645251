/* Operation policies (KMIP 1.4 section 3.18): the rules that an object names in its attribute Operation Policy Name. There are two, both built in. */
#ifndef COFFER_ACCESS_OPERATION_POLICY_H
#define COFFER_ACCESS_OPERATION_POLICY_H

#include "base/reason.h"
#include "base/view.h"
#include "objects/object.h"

enum operation_policy {
	OPERATION_POLICY_DEFAULT, /* "default", also where the attribute is absent: the owner, and whoever has a role for it */
	OPERATION_POLICY_PUBLIC   /* "public": public keys, certificates and templates are there for everybody to find and to read */
};

const char *operation_policy_name(enum operation_policy policy);
/* The policy with this name, for an object of this type that is to have it. ERR_FIELD with a sentence: there is none, or it is not for secrets. */
enum coffer_err operation_policy_parse(struct view name, uint32_t object_type, enum operation_policy *out, struct reason *reason) MUST_USE;
/* The policy of an object. Whatever does not stand there as it should is "default". */
enum operation_policy operation_policy_of(const struct object *object);
/* Whether the policy lets somebody without any role do the operation (enum kmip_operation) on an object of this type. Owners are always let. Roles add to
 * this, here nothing is known of them. */
bool policy_operation_allowed(enum operation_policy policy, uint32_t operation, uint32_t object_type, bool is_owner);

#endif
