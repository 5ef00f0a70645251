/* What was counted of bulk operations goes to the audit log: every audit_interval, and at the end. The store thread writes it, some rows a transaction, so
 * that others come in between. While the store takes no changes it is kept in memory, where counts of one key become one sum; so it is also when a
 * write fails, and when it is not known whether it did, until the log can be read again. */
#ifndef COFFER_DAEMON_BULK_FLUSH_H
#define COFFER_DAEMON_BULK_FLUSH_H

#include "daemon/daemon.h"

/* Before the threads: engine.bulk. ERR_MEMORY. */
enum coffer_err bulk_flush_start(struct daemon *d) MUST_USE;
/* Main thread, at each STORE_CARE_TICK_MS: begins a round when the interval is over. */
void bulk_flush_tick(struct daemon *d);
/* Main thread, when no request is answered any more, before the store thread ends: all there is, and a record that nothing is missing. Waits, at
 * most so long; what cannot be written is told to the log. */
void bulk_flush_end(struct daemon *d, uint64_t most_ms);
/* After all threads that count. */
void bulk_flush_stop(struct daemon *d);

#endif
