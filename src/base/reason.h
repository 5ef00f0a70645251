/* The human half of an error: one sentence, filled where the failure happened (style.md 13). */
#ifndef COFFER_BASE_REASON_H
#define COFFER_BASE_REASON_H

#include "base/err.h"

#define REASON_MAX 512 /* bytes, including the terminating NUL */

struct reason {
	char text[REASON_MAX]; /* empty: use err_text() */
};

/* Formats a sentence into `reason` (truncated to REASON_MAX-1 bytes; control bytes become '?') and returns `err`.
 * `reason` may be NULL. Never pass secrets. Usage: return reason_fail(why, ERR_FIELD, "…", …); */
enum coffer_err reason_fail(struct reason *reason, enum coffer_err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* Like reason_fail, but keeps a sentence that is already there. */
enum coffer_err reason_default(struct reason *reason, enum coffer_err err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
/* The sentence to show: the recorded one, else err_text(err). Borrowed from `reason`. */
const char *reason_text(const struct reason *reason, enum coffer_err err);

#endif
