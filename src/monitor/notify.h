/* The helper that runs notify_command (docs/formats.md section 24.3): one message for one event, answered when the command has ended. Both sides use this codec and distrust the
 * other. cofferd has one end of the channel; the words of the command come from whoever started the helper. */
#ifndef COFFER_MONITOR_NOTIFY_H
#define COFFER_MONITOR_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/reason.h"
#include "base/view.h"

#define NOTIFY_EVENT_MIN 2u
#define NOTIFY_EVENT_MAX 2048u  /* bytes of a line, with its newline */
#define NOTIFY_TEXT_MAX 200u    /* bytes of what the command said, without NUL */
#define NOTIFY_ANSWER_MAX (1u + 4u + NOTIFY_TEXT_MAX)
#define NOTIFY_PACE_MS 100u     /* between two runs */
#define NOTIFY_SPACING_MS 200u  /* between two starts of a helper, whatever cofferd wants */
#define NOTIFY_EXTRA_MS 10000u  /* beside notify_timeout: how long an answer may take */
#define NOTIFY_WORDS_MAX 16u

enum notify_outcome { NOTIFY_TOLD = 1, NOTIFY_EXIT, NOTIFY_SIGNAL, NOTIFY_TIMEOUT, NOTIFY_NOT_STARTED };

struct notify_answer {
	enum notify_outcome outcome;
	uint32_t number;                 /* exit status, or signal */
	char text[NOTIFY_TEXT_MAX + 1];  /* printable: what it said first */
};

/* Whether these bytes are an event: one line. */
bool notify_is_event(struct view bytes);
size_t notify_encode(const struct notify_answer *answer, uint8_t out[static NOTIFY_ANSWER_MAX]);
/* ERR_INPUT for anything that notify_encode would not write. */
enum coffer_err notify_decode(struct view bytes, struct notify_answer *out) MUST_USE;

/* One command, run by notify_run. */
struct notify_plan {
	char *const *argv;       /* the first is the path; ends in NULL */
	uint64_t timeout_ms;
	bool own_user;           /* nobody else's processes count: their number is limited */
	int channel;             /* closing its other end ends the command; -1: none */
};

/* Runs it with the line on standard input, waits for its end or kills it, and kills whatever it left. ERR_CLOSED: the channel was closed meanwhile; the command has
 * ended. The process must be single-threaded, and reaps all its children here. */
enum coffer_err notify_run(const struct notify_plan *plan, struct view event, struct notify_answer *out) MUST_USE;

#endif
