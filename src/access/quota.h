/* How much a principal may have: limits (of the configuration) on what the caller counts. */
#ifndef COFFER_ACCESS_QUOTA_H
#define COFFER_ACCESS_QUOTA_H

#include <stdint.h>

#include "base/reason.h"

/* Whether the owner of `count` objects (destroyed ones are not counted) may own `more` besides. most: max_objects_per_principal, 0: any number.
 * ERR_LIMIT with a sentence. Any thread. */
enum coffer_err quota_check_objects(uint32_t most, uint64_t count, uint64_t more, struct reason *reason) MUST_USE;
/* The same for one more connection, `count` of which are there. most: max_connections_per_principal. */
enum coffer_err quota_check_connections(uint32_t most, uint64_t count, struct reason *reason) MUST_USE;

#endif
