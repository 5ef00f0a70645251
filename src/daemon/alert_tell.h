/* Telling notify_command: one event at a time, through a helper, with pauses that grow. The alert thread alone. */
#ifndef COFFER_DAEMON_ALERT_TELL_H
#define COFFER_DAEMON_ALERT_TELL_H

#include "daemon/daemon.h"
#include "ops/alert.h"

struct alert_tell {
	int fd;                 /* to the helper; -1: there is none */
	uint32_t instance;
	uint64_t started_ms;    /* when the last helper was; 0: none was */
	bool waiting;           /* for an answer … */
	uint64_t deadline_ms;   /* … until then */
	uint64_t number, dropped; /* of the event under way */
	unsigned failures;      /* in a row */
	uint64_t due_ms;        /* not before then */
	char said[ALERT_SENTENCE]; /* of the last failure, for the log once */
};

void alert_tell_init(struct alert_tell *t);
/* One step; never waits but while a helper is started (a few seconds at most). */
void alert_tell_step(struct alert_tell *t, struct daemon *d, const struct alert_origin *origin);
/* Ends the helper. What is under way will be told again. */
void alert_tell_end(struct alert_tell *t, struct daemon *d);
/* How long to pause after this many failures in a row. */
uint64_t alert_tell_pause_ms(uint64_t first_ms, unsigned failures);

#endif
