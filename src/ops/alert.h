/* Alerts (docs/formats.md section 24): facts become conditions, changes of conditions become numbered events, and events wait in a bounded queue until
 * they are told. One lock, never held over input or output: whoever notices something may say so, on any thread, at no cost worth counting. Here is what is decided; who looks,
 * writes and tells is the daemon's (daemon/alert_thread.h). */
#ifndef COFFER_OPS_ALERT_H
#define COFFER_OPS_ALERT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"
#include "ops/json_out.h"

enum alert_name {
#define CONDITION(id, number, name, hold_ms, severity, message_id) ALERT_##id = (number),
#define EVENT(id, number, name, severity, message_id) ALERT_##id = (number),
#include "ops/alert.def"
	ALERT_NAMES
};

enum alert_fact { ALERT_UNKNOWN, ALERT_WELL, ALERT_BAD };
enum alert_state { ALERT_RAISED = 1, ALERT_CLEARED, ALERT_ONCE };
enum alert_severity { ALERT_CRITICAL = 2, ALERT_ERROR, ALERT_WARNING, ALERT_NOTICE, ALERT_INFO }; /* syslog's numbers */

#define ALERT_QUEUE 24u
#define ALERT_SENTENCE 256u            /* bytes with NUL; longer ones are cut */
#define ALERT_CALM_MS 2000u            /* how long a fact must be well before a condition clears, at first */
#define ALERT_CALM_MAX_MS 600000u      /* and at most; also the time between a clear and a raise that doubles it */
#define ALERT_CALM_FORGET_MS 3600000u  /* without a change, after which it is as at first */
#define ALERT_RECORD_MAX 12236u         /* bytes of alerts_save */

struct alert_event {
	uint64_t number;
	enum alert_name name;
	enum alert_state state;
	uint64_t time_s, since_s;          /* wall */
	char sentence[ALERT_SENTENCE];     /* printable */
};

struct alerts;

/* NULL when memory is short. */
struct alerts *alerts_new(void);
void alerts_free(struct alerts *a); /* accepts NULL */

const char *alert_name_text(enum alert_name name);          /* "token"; static */
const char *alert_message_id(enum alert_name name);         /* 32 hex digits; static */
const char *alert_state_text(enum alert_state state);       /* "raised", "cleared", "once" */
enum alert_severity alert_severity_of(const struct alert_event *event);
const char *alert_severity_text(enum alert_severity severity);

/* ---- any thread; `a` may be NULL ---- */

/* The fact about a condition as it is now. sentence: what is wrong and what to do, of a bad one; no secret; copied, control bytes become '?'. */
void alert_set(struct alerts *a, enum alert_name name, enum alert_fact fact, const char *sentence);
/* An event that has no duration. Its number; 0: there is nobody to tell it to, or one ALERT_TEST waits already. Wakes who tells. */
uint64_t alert_happened(struct alerts *a, enum alert_name name, const char *sentence);
/* Called, without the lock, after alert_happened. Once, before other threads. */
void alerts_on_event(struct alerts *a, void (*wake)(void *arg), void *arg);
/* Members of the status document, with a name of their own: what is raised, and how telling goes. */
void alerts_json(struct alerts *a, struct json_out *j);

/* ---- the one thread that looks and tells ---- */

/* Facts that held for long enough become events. */
void alerts_look(struct alerts *a);
/* The next event that log and journal have not had. False: there is none. */
bool alerts_take_fresh(struct alerts *a, struct alert_event *out);
/* The oldest event that was not told; it stays and is not dropped before alerts_told or alerts_not_told. *out_dropped: events that were dropped since the last told
 * one. False: there is none. */
bool alerts_begin(struct alerts *a, struct alert_event *out, uint64_t *out_dropped);
/* What became of it. dropped: the number that it told. */
void alerts_told(struct alerts *a, uint64_t dropped);
void alerts_not_told(struct alerts *a);
/* For status. trouble: why the last one failed; "" when it did not. has_command: someone is told at all. */
void alerts_note(struct alerts *a, bool has_command, const char *trouble);
/* Whether an operator asks for a try at once (alert test); asks once. */
bool alerts_is_hurried(struct alerts *a);

/* What must outlive this process, and whether it has changed since the last save. ERR_TOO_LARGE. */
bool alerts_is_dirty(struct alerts *a);
enum coffer_err alerts_save(struct alerts *a, uint8_t *out, size_t cap, size_t *out_len) MUST_USE;
/* Into an object to which facts alone were told: no event may have happened yet. ERR_INPUT: not what alerts_save writes; then nothing is taken over. */
enum coffer_err alerts_load(struct alerts *a, struct view record) MUST_USE;

/* The line that notify_command gets, with its newline. */
#define ALERT_LINE_MAX 2048u
struct alert_origin {
	const char *host, *node, *domain; /* names, UUID and fingerprint */
};
enum coffer_err alert_line(const struct alert_event *event, const struct alert_origin *origin, uint64_t dropped, char *out, size_t cap, size_t *out_len) MUST_USE;

#endif
