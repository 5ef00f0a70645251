/* cofferd and whoever watches it: reports itself, has token helpers started and ended. That is the monitor at the other end of the control
 * channel, which also asks for reload and stop, or a service manager (service.h). */
#ifndef COFFER_DAEMON_LINK_H
#define COFFER_DAEMON_LINK_H

#include "daemon/daemon.h"
#include "daemon/options.h"
#include "store/remote.h"
#include "token/proxy.h"

/* Takes options->control_fd and listens on d->base, or opens the service. engine.spawner is set. Errors of service_open. */
enum coffer_err link_open(struct daemon *d, const struct options *options, struct reason *reason) MUST_USE;
void link_close(struct daemon *d);
/* Any thread. Lost messages are logged: without its monitor the daemon ends anyway. */
void link_ready(struct daemon *d);
void link_reloading(struct daemon *d); /* link_ready follows */
void link_status(struct daemon *d, const char *text);
void link_stopping(struct daemon *d);
/* A fresh helper that runs notify_command (monitor/notify.h): *out_fd is a SOCK_SEQPACKET socket to it, the caller's; *out_instance names it in link_kill_notify, which ends it even
 * when it hangs. Under a service manager closing the socket ends it. Waits for a few seconds at most; not the main thread. */
enum coffer_err link_start_notify(struct daemon *d, int *out_fd, uint32_t *out_instance, struct reason *reason) MUST_USE;
void link_kill_notify(struct daemon *d, uint32_t instance);
/* Who starts coffer-stored. Any thread may use it, also before the main loop runs; borrowed from the link. */
const struct store_spawner *link_store_spawner(struct daemon *d);
/* The main loop begins: it reads the monitor's messages from now on. False: the monitor has asked for the end already, or is gone. */
bool link_looping(struct daemon *d);
/* The main loop, which reads the monitor's answers, has ended: who waits for a token helper to be started does not wait any longer. */
void link_no_answers(struct daemon *d);

#endif
