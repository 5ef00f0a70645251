/* node.alerts: what of the alerts outlives the process (docs/formats.md section 24.4). The alert thread alone. */
#ifndef COFFER_DAEMON_ALERT_FILE_H
#define COFFER_DAEMON_ALERT_FILE_H

#include "ops/alert.h"

#define ALERT_FILE_NAME "node.alerts"

struct alert_file {
	int fd;         /* -1: it cannot be had; nothing is kept */
	uint64_t turn;  /* of the newest valid slot; 0: there is none */
	unsigned slot;  /* the one that is written next */
	bool failed;    /* said once */
};

/* Opens it or makes it, with the room that it will ever take, and loads what is valid. Failures are logged, and it goes on without. */
void alert_file_open(struct alert_file *f, const char *state_dir, struct alerts *alerts);
/* What the alerts hold now is on the disk when this returns true. */
bool alert_file_save(struct alert_file *f, struct alerts *alerts);
void alert_file_close(struct alert_file *f);

#endif
