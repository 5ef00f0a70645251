/* Leases (KMIP 1.4 sections 3.20, 4.17): for how long a client may use what it knows of a key before it asks again. The server keeps no account of
 * who holds one; that a key was revoked reaches a client at the latest when its lease ends. Any thread. */
#ifndef COFFER_OPS_KMIP_LEASE_H
#define COFFER_OPS_KMIP_LEASE_H

#include "ops/op.h"

/* Gives a new key its Lease Time: that of the configuration (lease_time); none when that is 0. */
enum coffer_err kmip_lease_begin(const struct engine *engine, struct object *o) MUST_USE;
/* The longest lease of this object in seconds, 0: without end. Its Lease Time and the configuration's, whichever is shorter. */
uint32_t kmip_lease_longest(const struct engine *engine, const struct object *o);
/* Whether a lease is given at now_s: not for what is compromised or destroyed. */
bool kmip_lease_is_given(const struct object *o, uint64_t now_s);

#endif
