/* Lines of an audit export (docs/formats.md section 20.3): each line is one header, record, checkpoint or gap, and says it in one way only. No
 * allocation, no arena; any thread. */
#ifndef COFFER_AUDIT_LINE_H
#define COFFER_AUDIT_LINE_H

#include "audit/digest.h"
#include "audit/event.h"
#include "base/reason.h"
#include "base/writer.h"

#define AUDIT_LINE_MAX 36864u /* bytes, without its newline */
#define AUDIT_NAME_MAX 64u    /* of an operation or a result */
#define AUDIT_PRINCIPAL_MAX 1024u
#define AUDIT_TIME_TEXT 24u   /* with NUL */

/* The writers put one line without its newline; the caller asks writer_done. */
void audit_line_header(const struct domain_id *domain, const struct audit_place *before, struct writer *w);
void audit_line_record(const struct audit_event *event, const struct audit_links *links, struct writer *w);
void audit_line_checkpoint(const struct domain_id *domain, const struct audit_checkpoint *checkpoint, struct writer *w);
void audit_line_gap(const struct domain_id *domain, const struct audit_gap *gap, struct writer *w);

/* "2026-01-31T12:00:00Z"; "" behind the year 9999. */
void audit_time_text(uint64_t time_ms, char out[static AUDIT_TIME_TEXT]);
/* Names as a record line has them. Never NULL. */
const char *audit_operation_text(uint32_t operation);
const char *audit_result_text(uint32_t status, uint32_t reason);

enum audit_line_kind { AUDIT_LINE_HEADER, AUDIT_LINE_RECORD, AUDIT_LINE_CHECKPOINT, AUDIT_LINE_GAP };

/* What a line says; views point into its own memory. Large: not for the stack. */
struct audit_line {
	enum audit_line_kind kind;
	struct domain_id domain;         /* header: all of it; checkpoint and gap: without the key */
	struct audit_place before;       /* header */
	struct audit_event event;        /* record, with … */
	struct audit_links links;
	struct view operation, result;
	struct audit_checkpoint checkpoint;
	struct audit_gap gap;
	uint8_t text[AUDIT_PRINCIPAL_MAX + AUDIT_DETAILS_MAX + 2 * AUDIT_ID_MAX + 2 * AUDIT_NAME_MAX]; /* what the views point to */
	size_t text_len;
	uint8_t again[AUDIT_LINE_MAX];   /* the line written once more */
};

/* line: without its newline. ERR_CORRUPT: not a line of this format, or not the one way to write it. */
enum coffer_err audit_line_read(struct view line, struct audit_line *out) MUST_USE;

#endif
