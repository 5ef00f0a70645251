/* After a change of the data key: the re-seal of every record, in small steps on the store thread, at a rate; then the proof, and the end of the old key.
 * And keys that are due by their schedule are replaced (ops/key_rotation.h). */
#ifndef COFFER_DAEMON_ROTATOR_H
#define COFFER_DAEMON_ROTATOR_H

#include "daemon/daemon.h"

/* With the store thread running, on the main thread. */
enum coffer_err rotator_start(struct daemon *d) MUST_USE;
/* After the store thread has ended. */
void rotator_stop(struct daemon *d);

#endif
