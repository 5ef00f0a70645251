/* What cofferd gives up before its first thread starts. */
#ifndef COFFER_DAEMON_CONFINEMENT_H
#define COFFER_DAEMON_CONFINEMENT_H

#include "daemon/daemon.h"

/* Files first, then system calls (src/confine). Main thread, before others. ERR_IO: refuse to serve. */
enum coffer_err confinement_enter(const struct daemon *d, struct reason *reason) MUST_USE;

#endif
