/* Copies of the audit log outside the store: file, syslog, journal (docs/formats.md section 20.4). Each has a thread of its own, which reads what is durable in pages on
 * the store thread and puts it there. Nothing waits for one: the queue is the audit log itself. */
#ifndef COFFER_DAEMON_AUDIT_EXPORT_H
#define COFFER_DAEMON_AUDIT_EXPORT_H

#include "daemon/daemon.h"

/* What the configuration asks for; behind the start of the store thread. ERR_MEMORY, ERR_LIMIT. */
enum coffer_err audit_export_start(struct daemon *d) MUST_USE;
/* Store thread, outside a transaction: the log may have grown. */
void audit_export_note(struct daemon *d);
/* Main thread, the store thread is still there: what is in the log until now goes out, with a checkpoint behind it, and the threads end. Waits at most so long for all
 * of them. False: one of them hangs in its target; the process must end without its memory being given back. */
bool audit_export_end(struct daemon *d, uint64_t most_ms);

#endif
