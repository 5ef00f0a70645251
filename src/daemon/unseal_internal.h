/* What unsealing from the store and from the cache share. Admin lane, under admin_lock. */
#ifndef COFFER_DAEMON_UNSEAL_INTERNAL_H
#define COFFER_DAEMON_UNSEAL_INTERNAL_H

#include "daemon/unseal.h"

/* The data keys of this node from its slots, by its token; the slots from the store, or from the cache. Caller frees. */
enum coffer_err unseal_read_ring(struct engine *e, bool cached, struct ring **out, struct reason *reason) MUST_USE;
/* From the store to an open domain. */
enum coffer_err unseal_from_store(struct engine *e, struct reason *reason) MUST_USE;
/* Who may accept a store that is at fault, from the store; nothing for a fault that nobody accepts. Not while the cache serves. */
void unseal_load_for_fault(struct engine *e);

/* unseal_offline.c. While the store is away: from the cache. ERR_STATE, with a sentence: it does not open the node. */
enum coffer_err unseal_from_cache(struct engine *e, struct reason *reason) MUST_USE;
/* Main thread, every tick: a node that was opened from its cache opens from the store when that is there. */
void unseal_offline_tick(struct daemon *d);

#endif
