/* From a node's own file into the log. */
#include "ops/held_rows.h"

#include <inttypes.h>
#include <stdio.h>

#include "audit/line.h"
#include "base/clock.h"
#include "base/log.h"
#include "kmip/attr.h"
#include "kmip/enums.h"

#define ROWS_PER_COMMIT 128u

struct moving {
	struct engine *engine;
	struct txn *txn;
};

static enum coffer_err append_lost(struct moving *m, uint64_t from, uint64_t lost)
{
	char details[256];
	snprintf(details, sizeof details, "%" PRIu64 " records of the time without the database are missing or were changed, from number %" PRIu64 " on: what this node held of them was damaged, cut, or another copy "
		"was put in its place", lost, from);
	log_error("audit: %s", details);
	const struct audit_event event = { .principal = view_str("node"), .status = RESULT_STATUS_OPERATION_FAILED, .result_reason = RESULT_REASON_GENERAL_FAILURE, .details = view_str(details) };
	return audit_append(m->engine->audit, m->txn, &event);
}

/* KMIP 1.4 section 3.34. An object that is gone or does not open by now is none any more. */
static enum coffer_err note_served(struct moving *m, const struct audit_event *event)
{
	AUTO_OBJECT struct object *found = NULL;
	AUTO_OBJECT struct object *o = NULL;
	bool fresh = false;
	if (event->operation != OPERATION_GET || event->status != RESULT_STATUS_SUCCESS || event->object_id.len != UUID_LEN) return ERR_OK;
	enum coffer_err err = txn_object(m->txn, event->object_id.ptr, &found);
	if (err == ERR_NOT_FOUND || err == ERR_CORRUPT) return ERR_OK;
	TRY(err);
	attrset_get_bool(&found->attrs, ATTR_FRESH, &fresh);
	if (!fresh) return ERR_OK;
	o = object_copy(found);
	ENSURE(o, ERR_MEMORY);
	TRY(attrset_set_bool(&o->attrs, ATTR_FRESH, false));
	TRY(attrset_set_time(&o->attrs, ATTR_LAST_CHANGE_DATE, clock_date_s()));
	return txn_update(m->txn, o, NULL);
}

static enum coffer_err append(void *arg, const struct audit_event *event, uint64_t lost)
{
	struct moving *m = arg;
	char details[AUDIT_DETAILS_MAX + 1], when[AUDIT_TIME_TEXT];
	struct audit_event e = *event;
	if (lost) return append_lost(m, event->seq, lost);
	audit_time_text(event->time_ms, when);
	int len = snprintf(details, sizeof details, "without the database, at %s%s%.*s", when, event->details.len ? ": " : "", (int)event->details.len, (const char *)event->details.ptr);
	e.details = view_of(details, len < (int)sizeof details ? (size_t)len : sizeof details - 1);
	TRY(audit_append(m->engine->audit, m->txn, &e));
	return note_served(m, event);
}

enum coffer_err held_rows_move(struct engine *engine, struct txn *txn, void *arg, struct reason *reason)
{
	struct moving m = { engine, txn };
	(void)reason;
	ENSURE(engine->audit, ERR_SEALED);
	return audit_held_move(engine->held, txn, ROWS_PER_COMMIT, append, &m, arg);
}
