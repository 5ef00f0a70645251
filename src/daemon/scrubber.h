/* The scrub: passes over the store, in small steps on the store thread, at a rate; and at once when somebody asks. */
#ifndef COFFER_DAEMON_SCRUBBER_H
#define COFFER_DAEMON_SCRUBBER_H

#include "daemon/daemon.h"

/* With the store thread running, on the main thread; sets engine.want_check. */
enum coffer_err scrubber_start(struct daemon *d) MUST_USE;
/* After the store thread has ended. */
void scrubber_stop(struct daemon *d);

#endif
