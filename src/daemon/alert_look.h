/* What there is to be told: the node's own facts, put before the alerts. The alert thread alone. */
#ifndef COFFER_DAEMON_ALERT_LOOK_H
#define COFFER_DAEMON_ALERT_LOOK_H

#include "daemon/daemon.h"

struct alert_gaps {
	uint64_t seen;     /* records lost to the exports when it was told last */
	bool told;
	uint64_t told_ms;
};

/* Every fact that this process can judge at any time; backup_look says its own. Nothing while the node has no domain. */
void alert_look(struct daemon *d, struct alert_gaps *gaps);

#endif
