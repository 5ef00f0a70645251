/* The master server's part of joining by an enrolment token or an endorsement certificate: it looks for requests that show one, and challenges, answers or refuses them by itself (docs/formats.md section 23.3). */
#ifndef COFFER_DAEMON_ENROL_LOOK_H
#define COFFER_DAEMON_ENROL_LOOK_H

#include "daemon/daemon.h"

/* Store thread, outside a transaction, every STORE_NEWS_TICK_MS; looks at the store at most every half second, and answers one request at a time. Nothing on any other node. */
void enrol_look(struct daemon *d);

#endif
