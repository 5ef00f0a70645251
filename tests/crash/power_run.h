/* One run of a node over a folder, carried on from what was acknowledged, perhaps on tape; and the judging of one image. */
#ifndef COFFER_TESTS_CRASH_POWER_RUN_H
#define COFFER_TESTS_CRASH_POWER_RUN_H

#include "crash/history.h"
#include "crash/power_disk.h"

#define POWER_STEPS_MAX 128u
#define POWER_DEPTH_MAX 3u  /* cuts, one after the other, each in the recovery from the one before */
#define POWER_TRACES_MAX 256u
#define POWER_TRACE_LEN 48u

enum power_setting { POWER_FULL, POWER_SYNC_NORMAL, POWER_SYNC_OFF }; /* SQLite's synchronous; all but the first are planted */

/* Sealed bytes of an object that a later step destroyed: from that acknowledgement on no disk may hold them. */
struct power_trace {
	char id[UUID_TEXT_LEN + 1];
	uint8_t bytes[POWER_TRACE_LEN];
	unsigned gone_by; /* acknowledged steps; 0: not destroyed */
};

/* What the outside world knows. */
struct power_world {
	uint64_t seed;
	unsigned done;
	char ids[POWER_STEPS_MAX][UUID_TEXT_LEN + 1]; /* what each acknowledgement named */
	struct power_trace traces[POWER_TRACES_MAX];
	size_t trace_count;
};

/* How a run is made. */
struct power_plan {
	enum power_setting setting;
	unsigned checkpoint_pages; /* SQLite's wal_autocheckpoint; 0: as it is */
	unsigned reopen_at;        /* the store is closed and opened again after this many steps of this run; 0: not */
};

/* What is wrong goes here, one sentence; it may end the program. */
extern void (*power_complain)(const char *what);

/* Opens the folder's node, has it judged, carries the history on by `steps` steps, has it judged again with nothing under way, closes it. tape: records it
 * all, with a mark for each acknowledgement, or NULL. world is brought up to date. */
void power_run(const char *folder, struct power_world *world, unsigned steps, const struct power_plan *plan, struct power_tape *tape);
/* The acknowledged steps at a place of a tape that began with `done` of them. */
unsigned power_done_at(const struct power_tape *tape, size_t at, unsigned done);
/* Complains when the disk holds what was destroyed by then. */
void power_check_traces(const struct power_disk *disk, const struct power_world *world, unsigned done);

#endif
