/* The thread that looks at what is the matter twice a second, keeps what was told, and tells (docs/formats.md section 24). Nothing waits for it. */
#ifndef COFFER_DAEMON_ALERT_THREAD_H
#define COFFER_DAEMON_ALERT_THREAD_H

#include "daemon/daemon.h"

/* After link_open and the engine; engine.alerts is there from then on. ERR_MEMORY, ERR_LIMIT. */
enum coffer_err alert_thread_start(struct daemon *d) MUST_USE;
/* Reads what outlives the process, where that is not done yet: before the node opens, so that no event happens in front of it. The identity is there. Admin lane. */
void alert_thread_know(struct daemon *d);
/* An event under way has a second to be told; what was not told is told after the next start. */
void alert_thread_stop(struct daemon *d);
/* When nobody says anything to engine.alerts any more. */
void alert_thread_free(struct daemon *d);

#endif
