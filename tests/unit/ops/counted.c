/* Audit rows of what was counted. */
#include "unit/ops/counted.h"

#include <stdio.h>
#include <string.h>

#include "kmip/names.h"
#include "ops/bulk_rows.h"

enum coffer_err counted_keep(void *arg, const struct audit_event *event)
{
	struct newest *n = arg;
	snprintf(n->text, sizeof n->text, "%s %.*s %s: %.*s", event->operation ? kmip_operation_name(event->operation) : "event", (int)event->principal.len,
		(const char *)event->principal.ptr, event->status ? "failed" : "ok", (int)event->details.len, (const char *)event->details.ptr);
	if (event->object_id.len) memcpy(n->object, event->object_id.ptr, UUID_LEN);
	return ERR_OK;
}

void counted_look(struct fix *f, struct newest *out)
{
	*out = (struct newest){ .rows = fix_audit_rows(f) };
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(audit_read(f->engine.audit, f->engine.txn, out->rows, 1, counted_keep, out), ERR_OK);
	txn_abort(f->engine.txn);
}

void counted_begins(const struct newest *n, const char *text)
{
	if (strncmp(n->text, text, strlen(text)) != 0) fail_msg("'%s' is not '%s…'", n->text, text);
}

/* Writes all that was counted; how many rows it was. */
uint64_t counted_tell(struct fix *f)
{
	uint64_t before = fix_audit_rows(f);
	assert_int_equal(txn_begin(f->engine.txn, NULL), ERR_OK);
	assert_int_equal(bulk_tell(&f->engine, f->engine.txn, NULL, BULK_ROWS), ERR_OK);
	assert_int_equal(txn_commit(f->engine.txn, NULL), ERR_OK);
	return fix_audit_rows(f) - before;
}
