/* Limits for one principal. */
#include "access/quota.h"

enum coffer_err quota_check_objects(uint32_t most, uint64_t count, uint64_t more, struct reason *reason)
{
	if (most == 0 || (count <= most && more <= most - count)) return ERR_OK;
	return reason_fail(reason, ERR_LIMIT, "you own %llu objects, and max_objects_per_principal is %u; destroy some, or have the limit raised",
		(unsigned long long)count, (unsigned)most);
}

enum coffer_err quota_check_connections(uint32_t most, uint64_t count, struct reason *reason)
{
	if (count < most) return ERR_OK;
	return reason_fail(reason, ERR_LIMIT, "you have %llu connections, and max_connections_per_principal is %u; close some, or have the limit raised",
		(unsigned long long)count, (unsigned)most);
}
