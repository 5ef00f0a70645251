/* cofferd's end of the control channel to its monitor: reports itself, has token helpers started and killed, obeys reload and stop. */
#ifndef COFFER_DAEMON_LINK_H
#define COFFER_DAEMON_LINK_H

#include "daemon/daemon.h"
#include "token/proxy.h"

/* Takes the descriptor and listens on d->base. engine.spawner is set. */
enum coffer_err link_open(struct daemon *d, int fd) MUST_USE;
void link_close(struct daemon *d);
/* Any thread. Lost messages are logged: without its monitor the daemon ends anyway. */
void link_ready(struct daemon *d);
void link_status(struct daemon *d, const char *text);
void link_stopping(struct daemon *d);

#endif
