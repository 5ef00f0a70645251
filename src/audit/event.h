/* What one row of the audit log says. Views are borrowed. */
#ifndef COFFER_AUDIT_EVENT_H
#define COFFER_AUDIT_EVENT_H

#include <stdint.h>

#include "base/view.h"
#include "base/writer.h"
#include "keyring/domain.h"

#define AUDIT_ID_MAX 64u        /* bytes of an object id or request id */
#define AUDIT_DETAILS_MAX 4096u
#define AUDIT_ROW_FORMAT 1u
#define AUDIT_ROW_MAX (16u * 1024u) /* bytes of a row */

struct audit_event {
	uint64_t seq;          /* set by audit_append */
	uint64_t time_ms;      /* set by audit_append */
	uint64_t epoch;        /* set by audit_append; 0: one node has none */
	struct view principal;
	uint32_t operation;    /* KMIP operation, vendor ones too; 0: an event of the daemon itself (details say which) */
	uint32_t status;       /* KMIP Result Status: 0 success, 1 failed */
	uint32_t result_reason; /* KMIP Result Reason, 0 on success */
	struct view object_id; /* 0 or 16 bytes */
	struct view request_id;
	struct view details;   /* UTF-8 for people; never a secret */
};

/* The bytes of the row (docs/formats.md section 8); the caller asks writer_done. Limits are not checked. */
void audit_event_write(const struct domain_id *domain, const struct audit_event *event, struct writer *w);

#endif
