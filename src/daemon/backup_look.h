/* Looks from time to time whether a backup is missing, and tells it once a day (ops/backup_watch.h). */
#ifndef COFFER_DAEMON_BACKUP_LOOK_H
#define COFFER_DAEMON_BACKUP_LOOK_H

#include "daemon/daemon.h"

enum coffer_err backup_look_start(struct daemon *d) MUST_USE;
/* Main thread, every STORE_CARE_TICK_MS. */
void backup_look_tick(struct daemon *d);
/* When the store thread has ended. */
void backup_look_stop(struct daemon *d);

#endif
