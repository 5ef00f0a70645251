/* A worker without a thread, and a connection of it: the test runs its event loop, and holds the client's end. */
#ifndef COFFER_TESTS_DAEMON_WORKER_SETTING_H
#define COFFER_TESTS_DAEMON_WORKER_SETTING_H

#include "daemon/conn_internal.h"
#include "daemon/daemon.h"

#define WINDOW_US 1000u /* the clock below has whole milliseconds */

struct setting {
	struct config config;
	struct daemon daemon;
	struct worker workers[2]; /* the second one does nothing */
	struct peer *peer;
	struct conn *conn;
	int client;
	uint64_t now_ms;
	unsigned asked, step_every; /* the clock goes on by 1 ms each time it was asked so often */
};

/* A frame that is never whole: the setting's client has sent it. */
static const uint8_t worker_setting_header[] = { 0x42, 0x00, 0x78, 0x01, 0x00, 0x00, 0x10, 0x00 };

/* For cmocka: *state is a struct setting. The clock is the setting's. */
int worker_setting_start(void **state);
int worker_setting_stop(void **state);
/* Another connection than that of the setting, of this type of socket; the client's end. */
int worker_setting_connect(struct setting *s, int type);

#endif
