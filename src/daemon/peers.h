/* The principals that are connected, or were lately: what each has of the daemon over all its connections. A bounded table: who has no connection goes
 * when room is needed, the one that left first. */
#ifndef COFFER_DAEMON_PEERS_H
#define COFFER_DAEMON_PEERS_H

#include <stdatomic.h>
#include <stddef.h>

#include "access/principal.h"
#include "access/rate.h"
#include "daemon/job.h"

#define PEERS_MAX 4096u

enum peer_lane { PEER_STORE, PEER_ADMIN, PEER_LANES };

/* Lives as long as it has a connection; then as long as there is room. */
struct peer {
	struct peer *chain;                 /* of the table, like the three below */
	struct peer *newer, *older;
	unsigned connections;
	struct rate rate;                   /* any thread */
	_Atomic size_t held;                /* secret memory set aside for it (conn_budget.c) */
	size_t ring_bytes;                  /* of its rings; guarded by daemon->budget_lock */
	unsigned large;                     /* large requests under way; guarded by daemon->budget_lock */
	struct job_turn turns[PEER_LANES];  /* guarded by the locks of the two queues */
	struct principal principal;         /* as of its first connection */
};

struct peers;

/* NULL when memory is short. max: principals at a time, 1 and up. */
struct peers *peers_new(size_t max);
/* No connection is left. Accepts NULL. */
void peers_free(struct peers *peers);
/* One more connection of the principal, of which it may have `most`. ERR_LIMIT with a sentence for the principal; ERR_MEMORY. Any thread. */
enum coffer_err peers_enter(struct peers *peers, const struct principal *principal, uint32_t most, struct peer **out, struct reason *reason)
	MUST_USE;
/* The connection is gone. Any thread. */
void peers_leave(struct peers *peers, struct peer *peer);
/* How many are remembered; for tests. */
size_t peers_count(struct peers *peers);

#endif
