/* Shared by the writer and the reader of lines. */
#ifndef COFFER_AUDIT_LINE_INTERNAL_H
#define COFFER_AUDIT_LINE_INTERNAL_H

#include "audit/line.h"

/* With names as they were read. */
void audit_line_record_named(const struct audit_event *event, const struct audit_links *links, struct view operation, struct view result,
	struct writer *w);

#define AUDIT_NO_OPERATION "event"
#define AUDIT_UNKNOWN_OPERATION "unknown operation"
#define AUDIT_RESULT_OK "ok"
#define AUDIT_RESULT_FAILED "failed"

#endif
