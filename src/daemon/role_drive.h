/* The store thread drives this node's role (docs/domain.md): it looks at the lease, takes, renews and gives it back, between its transactions. Nothing without a seat. Store thread. */
#ifndef COFFER_DAEMON_ROLE_DRIVE_H
#define COFFER_DAEMON_ROLE_DRIVE_H

#include "daemon/daemon.h"

/* Outside a transaction, often: carries out what is due, and returns when there is something to do again (clock_mono_ms; UINT64_MAX: after an event alone). */
uint64_t role_drive(struct daemon *d);
/* The store is away, or there again. */
void role_drive_store(struct daemon *d, bool here);
/* What was opened again is older than what this node saw. */
void role_drive_behind(struct daemon *d);
/* What was opened again lacks nothing that this node saw. */
void role_drive_well(struct daemon *d);
/* The process ends in order: a lease that this node holds is given back, so that another one need not wait. */
void role_drive_end(struct daemon *d);

#endif
