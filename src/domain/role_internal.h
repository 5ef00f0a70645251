/* What role.c and role_row.c share. */
#ifndef COFFER_DOMAIN_ROLE_INTERNAL_H
#define COFFER_DOMAIN_ROLE_INTERNAL_H

#include "domain/role.h"

/* lease_time is the promise: the last renewal is seen within POLL, then HOLDS and the jitter pass; the rest is for the taking itself. */
#define ROLE_HOLDS(R) ((R)->config.lease_time_ms / 5 * 3)
#define ROLE_RENEW_EVERY(R) (ROLE_HOLDS(R) / 3)
#define ROLE_POLL(R) (ROLE_HOLDS(R) / 6)
#define ROLE_RETRY(R) (ROLE_HOLDS(R) / 12)
#define ROLE_GAP(R) (ROLE_HOLDS(R) / 2) /* who did not look for so long begins to wait anew */
#define ROLE_LOSSES_MAX 3u
#define ROLE_STEADY_LEASES 10u          /* a lead that lasted so many lease times was a good one */
#define ROLE_STEPPED_LEASES 20u

/* 0 … below */
uint64_t role_jitter(struct domain_role *r, uint64_t below);
/* The last write that is known to be there stands, and is held. */
bool role_holds(const struct domain_role *r);
/* Does not believe any more; said when it did. */
void role_disbelieve(struct domain_role *r);
bool role_is_me(const struct domain_role *r, const struct lease *l);

#endif
