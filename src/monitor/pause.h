/* How long the monitor waits before it starts cofferd again. */
#ifndef COFFER_MONITOR_PAUSE_H
#define COFFER_MONITOR_PAUSE_H

#include <stdint.h>

#define PAUSE_FIRST_MS 100u    /* before the second restart; the first is at once */
#define PAUSE_CRASH_MS 5000u   /* longest while cofferd ends in different ways, or has not ended alike for long */
#define PAUSE_ALIKE 12u        /* ends alike in a row from which on the next start is not expected to go better */
#define PAUSE_MAX_MS 300000u   /* longest after these */

struct pause {
	uint32_t crashes;     /* in a row */
	uint32_t alike;       /* of these, the last ones with the same wait status */
	int last_status;
};

/* After an end with this status (as of waitpid(2); any other number for a start that failed): at once, 100 ms, 200 ms … 5 s; after
 * PAUSE_ALIKE ends alike 10 s, 20 s … 5 min. */
uint64_t pause_next_ms(struct pause *p, int wait_status);
/* cofferd ran for long enough: the next end is the first one. */
void pause_reset(struct pause *p);

#endif
