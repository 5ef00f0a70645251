/* How much a principal may have: limits of the configuration that are counted by whoever calls. */
#ifndef COFFER_ACCESS_QUOTA_H
#define COFFER_ACCESS_QUOTA_H

#include <stdint.h>

#include "base/reason.h"
#include "config/config.h"

/* Whether the owner of `count` objects (destroyed ones are not counted) may own `more` besides: max_objects_per_principal, 0: any number.
 * ERR_LIMIT with a sentence. Any thread. */
enum coffer_err quota_check_objects(const struct config *config, uint64_t count, uint64_t more, struct reason *reason) MUST_USE;
/* The same for connections: max_connections_per_principal, `count` of which are there. */
enum coffer_err quota_check_connections(const struct config *config, uint64_t count, struct reason *reason) MUST_USE;

#endif
