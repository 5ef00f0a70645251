/* Who may have how many descriptors. */
#include "daemon/descriptors.h"

#include <sys/resource.h>

#include "base/log.h"

#define FIXED 14u      /* standard ones, control channel, lock, store and its log, listening socket, event loop, threads' wake-ups */
#define PER_WORKER 5u  /* its event loop and its inbox */
#define SHARED 4u      /* of a node that shares its store: its cache and what it holds of the audit log, with their logs */
#define RESERVE 4u     /* a new token helper, a temporary file of the store, the configuration, a connection that is refused */
#define CONNECTIONS_MIN 4u
#define SPARE 256u     /* above max_connections, where the limit can be raised */

/* ulimit -n 32 is enough for two workers. */
_Static_assert(FIXED + 2 * PER_WORKER + RESERVE + CONNECTIONS_MIN <= 32, "a small limit is enough for a small daemon");

static rlim_t raise_limit(rlim_t wanted)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
	if (limit.rlim_cur >= wanted) return limit.rlim_cur;
	rlim_t before = limit.rlim_cur;
	limit.rlim_cur = limit.rlim_max == RLIM_INFINITY || limit.rlim_max > wanted ? wanted : limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

enum coffer_err descriptors_prepare(struct daemon *d, unsigned workers, struct reason *reason)
{
	unsigned wanted = d->config->max_connections, own = FIXED + PER_WORKER * workers + RESERVE + (d->config->store_shared ? SHARED : 0);
	unsigned long long limit = raise_limit((rlim_t)wanted + own + SPARE);
	if (limit < own + CONNECTIONS_MIN)
		return reason_fail(reason, ERR_USAGE, "only %llu descriptors are allowed and %u are needed for %u workers: raise LimitNOFILE= in the systemd "
			"unit (ulimit -n), or lower workers", limit, own + CONNECTIONS_MIN, workers);
	d->connection_room = limit - own;
	if (d->connection_room < wanted)
		log_warn("only %llu descriptors are allowed, so at most %llu connections are taken: raise LimitNOFILE for max_connections = %u", limit,
			(unsigned long long)d->connection_room, wanted);
	return ERR_OK;
}
