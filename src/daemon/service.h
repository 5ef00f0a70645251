/* cofferd without the monitor: a service manager (systemd) started it under its own user and watches it; token helpers are reached at
 * sockets whose units start one helper for each connection. Ending a helper is closing its connection (tokend/watch.h), so this process
 * signals nobody. What it says to the service manager are single datagrams to $NOTIFY_SOCKET (sd_notify(3)), without libsystemd. */
#ifndef COFFER_DAEMON_SERVICE_H
#define COFFER_DAEMON_SERVICE_H

#include "daemon/daemon.h"
#include "store/remote.h"

/* What the monitor does for its child otherwise: closes inherited descriptors, cleans the environment, refuses root. First in main.
 * ERR_USAGE. */
enum coffer_err service_prepare(struct reason *reason) MUST_USE;

/* folder: where the sockets KIND.sock of the token helpers are; borrowed. Connects to the service manager, starts the watchdog's
 * timer (with $WATCHDOG_USEC) and sets engine.spawner. Before confinement_enter. ERR_USAGE, ERR_IO, ERR_MEMORY. */
enum coffer_err service_open(struct daemon *d, const char *folder, struct reason *reason) MUST_USE;
void service_close(struct daemon *d);
/* The helper that runs notify_command, at FOLDER/notify.sock: root, this user or user_notify must be there. ERR_CLOSED, ERR_IO. */
enum coffer_err service_start_notify(struct daemon *d, int *out_fd, uint32_t *out_instance, struct reason *reason) MUST_USE;
/* coffer-stored at the socket stored.sock of the same folder; borrowed. After service_open. */
const struct store_spawner *service_store_spawner(struct daemon *d);
/* "READY=1\nSTATUS=…". Any thread, never blocks; nothing without $NOTIFY_SOCKET, and a lost datagram is logged. */
void service_say(struct daemon *d, const char *state);

#endif
