/* Leases (KMIP 1.4 sections 3.20, 4.17): for how long a client may use what it knows of a key before it asks again. The server keeps no account of
 * who holds one; that a key was revoked reaches a client at the latest when its lease ends. Any thread. */
#ifndef COFFER_OPS_KMIP_LEASE_H
#define COFFER_OPS_KMIP_LEASE_H

#include "ops/op.h"

/* The longest lease in seconds, as configured (kmip_lease_time): the Lease Time of every key and secret. 0: without end, and none is shown. */
uint32_t kmip_lease_time_s(const struct engine *engine);
/* Whether a lease is given at now_s: not for what is compromised or destroyed. */
bool kmip_lease_is_given(const struct object *o, uint64_t now_s);

#endif
