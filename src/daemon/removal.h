/* A node that was removed from its domain while it runs: it closes (docs/formats.md section 23.3). */
#ifndef COFFER_DAEMON_REMOVAL_H
#define COFFER_DAEMON_REMOVAL_H

#include "daemon/daemon.h"

/* Store thread. Whether something said already that this node is no member: it is looked at now, whenever the others' changes are read next. */
bool removal_is_near(const struct daemon *d);
/* Store thread, outside a transaction, with the others' changes. True: it was removed. From then on everything but status is refused, and the process is started anew, so that no data key and no key of an
 * application stays in its memory. */
bool removal_heed(struct daemon *d);
/* The same where it is certain already, and nothing is in the cache any more: any lane. */
void removal_close(struct daemon *d);

#endif
