/* Rows of what was counted. */
#include "ops/bulk_rows.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "audit/held.h"
#include "base/clock.h"
#include "kmip/enums.h"

#define TIME_MAX 32u

struct sentence {
	char *at;
	size_t room;
};

static void say(struct sentence *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sentence *s, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(s->at, s->room, fmt, args);
	va_end(args);
	size_t len = n < 0 ? 0 : (size_t)n < s->room ? (size_t)n : s->room - 1;
	s->at += len;
	s->room -= len;
}

static void time_text(uint64_t wall_s, char out[static TIME_MAX])
{
	time_t s = (time_t)wall_s;
	struct tm tm;
	out[0] = '\0';
	if (gmtime_r(&s, &tm)) strftime(out, TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

void bulk_row_details(const struct bulk_row *row, char out[static BULK_DETAILS_MAX])
{
	char from[TIME_MAX], to[TIME_MAX];
	const uint64_t *n = row->counts.n;
	struct sentence s = { out, BULK_DETAILS_MAX };
	if (!row->principal) say(&s, "operations of principals beyond the %u that are told apart: ", BULK_PRINCIPALS);
	else if (!row->operation) say(&s, "operations on at most %" PRIu64 " more keys: ", row->keys);
	bool allowed = n[BULK_DONE] || n[BULK_PARTS] || n[BULK_UNOPENED] || n[BULK_FAILED];
	if (allowed) say(&s, "%" PRIu64 " done", n[BULK_DONE]);
	if (n[BULK_PARTS]) say(&s, ", %" PRIu64 " further parts", n[BULK_PARTS]);
	if (allowed) say(&s, ", %" PRIu64 " bytes", n[BULK_BYTES]);
	if (n[BULK_UNOPENED]) say(&s, ", %" PRIu64 " did not %s", n[BULK_UNOPENED], row->operation == OPERATION_MAC_VERIFY ? "verify" : "open");
	if (n[BULK_FAILED]) say(&s, ", %" PRIu64 " failed", n[BULK_FAILED]);
	if (n[BULK_REFUSED]) say(&s, "%s%" PRIu64 " refused", allowed ? ", " : "", n[BULK_REFUSED]);
	time_text(row->counts.first_s, from);
	time_text(row->counts.last_s, to);
	say(&s, "; from %s to %s", from, to);
}

const char *bulk_row_principal(const struct bulk_row *row)
{
	return row->principal ? row->principal : "node";
}

/* A failure is what nothing good stands beside. */
static uint32_t reason_of(const struct bulk_counts *counts)
{
	if (counts->n[BULK_DONE] || counts->n[BULK_PARTS]) return 0;
	if (counts->n[BULK_UNOPENED]) return RESULT_REASON_CRYPTOGRAPHIC_FAILURE;
	return counts->n[BULK_FAILED] ? RESULT_REASON_GENERAL_FAILURE : RESULT_REASON_PERMISSION_DENIED;
}

/* details lives as long as the event is used. */
static struct audit_event event_of(const struct bulk_row *row, char details[static BULK_DETAILS_MAX])
{
	static const uint8_t none[UUID_LEN];
	bulk_row_details(row, details);
	struct audit_event event = { .principal = view_str(bulk_row_principal(row)), .operation = row->operation,
		.result_reason = reason_of(&row->counts), .details = view_str(details) };
	event.status = event.result_reason ? RESULT_STATUS_OPERATION_FAILED : RESULT_STATUS_SUCCESS;
	if (row->operation && memcmp(row->id, none, UUID_LEN) != 0) event.object_id = view_of(row->id, UUID_LEN);
	return event;
}

enum coffer_err bulk_append(struct engine *engine, struct txn *txn, const struct bulk_batch *batch)
{
	char details[BULK_DETAILS_MAX];
	ENSURE(engine->audit, ERR_SEALED);
	for (size_t i = 0; i < batch->count; i++) {
		struct audit_event event = event_of(&batch->rows[i], details);
		TRY(audit_append(engine->audit, txn, &event));
	}
	return ERR_OK;
}

enum coffer_err bulk_hold(struct engine *engine, const struct bulk_batch *batch, struct reason *reason)
{
	char details[BULK_DETAILS_MAX];
	enum coffer_err err = ERR_OK;
	for (size_t i = 0; i < batch->count && !err; i++) {
		struct audit_event event = event_of(&batch->rows[i], details);
		err = audit_held_append(engine->held, NULL, &event);
	}
	if (!err) err = audit_held_commit(engine->held, reason);
	if (err) audit_held_drop(engine->held);
	return err;
}

static void written(void *batch)
{
	bulk_drop(batch);
}

static void not_written(void *batch)
{
	bulk_give_back(batch);
}

enum coffer_err bulk_tell(struct engine *engine, struct txn *txn, const uint8_t *id, size_t most)
{
	if (!engine->bulk || !engine->audit || engine_store_health(engine) != STORE_WELL) return ERR_OK;
	bulk_collect(engine->bulk, clock_wall_s());
	struct bulk_batch *batch = bulk_take(engine->bulk, id, most);
	if (!batch) return ERR_OK;
	enum coffer_err err = txn_on_commit(txn, written, not_written, batch);
	if (err) bulk_give_back(batch);
	TRY(err);
	return bulk_append(engine, txn, batch);
}
