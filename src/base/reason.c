/* The sentence beside an error. */
#include "base/reason.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void set(struct reason *reason, const char *fmt, va_list args) __attribute__((format(printf, 2, 0)));
static void set(struct reason *reason, const char *fmt, va_list args)
{
	char text[REASON_MAX] = ""; /* apart from `reason`, whose old text may be among the arguments */
	vsnprintf(text, sizeof text, fmt, args);
	memcpy(reason->text, text, sizeof text);
	for (char *c = reason->text; *c; c++)
		if ((unsigned char)*c < 0x20 || *c == 0x7f) *c = '?';
}

enum coffer_err reason_fail(struct reason *reason, enum coffer_err err, const char *fmt, ...)
{
	va_list args;
	if (!reason) return err;
	va_start(args, fmt);
	set(reason, fmt, args);
	va_end(args);
	return err;
}

enum coffer_err reason_default(struct reason *reason, enum coffer_err err, const char *fmt, ...)
{
	va_list args;
	if (!reason || reason->text[0]) return err;
	va_start(args, fmt);
	set(reason, fmt, args);
	va_end(args);
	return err;
}

const char *reason_text(const struct reason *reason, enum coffer_err err)
{
	return reason && reason->text[0] ? reason->text : err_text(err);
}
