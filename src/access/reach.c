/* How far a principal sees, for searches that need not look further. */
#include "access/policy.h"

#include <string.h>

static bool has_scope(const char *const *scopes, size_t count, const char *scope)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(scopes[i], scope) == 0) return true;
	return false;
}

bool policy_reach(const struct grants *grants, const struct principal *principal, size_t max, const char **scopes, size_t *out_count)
{
	size_t count = 0;
	for (size_t i = 0; i < grants_count(grants); i++) {
		const struct grant *grant = grants_at(grants, i);
		bool reads = role_permissions(grant->role) & (UINT32_C(1) << PERMISSION_READ);
		if (!reads || strcmp(grant->principal, principal->text) != 0) continue;
		if (grant->scope[0] == '\0') return false;
		if (has_scope(scopes, count, grant->scope)) continue;
		if (count == max) return false;
		scopes[count++] = grant->scope;
	}
	*out_count = count;
	return true;
}
